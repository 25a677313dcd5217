#include "apps/troupe/logging.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

namespace troupe {

namespace {

spdlog::level::level_enum converted(log_level level) noexcept {
  switch (level) {
    case log_level::trace: return spdlog::level::trace;
    case log_level::debug: return spdlog::level::debug;
    case log_level::info: return spdlog::level::info;
    case log_level::warn: return spdlog::level::warn;
    case log_level::error: return spdlog::level::err;
    case log_level::off: break;
  }
  return spdlog::level::off;
}

}  // namespace

void set_up_logging(const log_config& settings) {
  try {
    spdlog::set_default_logger(settings.file.empty()
                                   ? spdlog::stderr_color_mt("troupe")
                                   : spdlog::basic_logger_mt("troupe", settings.file));
  } catch (const spdlog::spdlog_ex& failed) {
    throw std::runtime_error(failed.what());
  }
  spdlog::set_level(converted(settings.level));
  spdlog::flush_on(spdlog::level::warn);
  spdlog::flush_every(std::chrono::seconds(1));
  spdlog::set_pattern(settings.format == log_format::json
                          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})"
                          : "%Y-%m-%dT%H:%M:%S.%e %l %v");
}

}  // namespace troupe
