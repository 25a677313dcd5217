#include "apps/troupe/logging.hpp"

#include <spdlog/pattern_formatter.h>
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

/// The message as the inside of a JSON string: `%*` in a pattern.
class json_message final : public spdlog::custom_flag_formatter {
public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    for (const char c : message.payload) {
      if (c == '"' || c == '\\') out.push_back('\\');
      if (static_cast<unsigned char>(c) < 0x20)
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
      else
        out.push_back(c);
    }
  }

  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<json_message>();
  }
};

std::unique_ptr<spdlog::pattern_formatter> formatter(log_format format) {
  auto result = std::make_unique<spdlog::pattern_formatter>();
  result->add_flag<json_message>('*');
  result->set_pattern(format == log_format::json
                          ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%*"})"
                          : "%Y-%m-%dT%H:%M:%S.%e %l %v");
  return result;
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
  spdlog::set_formatter(formatter(settings.format));
}

}  // namespace troupe
