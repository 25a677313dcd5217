#include "apps/troupe/control.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace troupe {

std::unique_ptr<control_server> open_control(const database& store, const log_streams& streams,
                                             cluster_inspector cluster) {
  try {
    return std::make_unique<control_server>(
        store.directory(), [log = log_inspector(store, streams), cluster = std::move(cluster)](
                               const std::string& request, line_sink& answer) {
          const auto parsed = nlohmann::json::parse(request, nullptr, false);
          if (cluster_inspector::is_meant(parsed)) return cluster.answer(parsed, answer);
          const auto now = std::chrono::system_clock::now();
          log.answer(request, std::chrono::floor<std::chrono::milliseconds>(now), answer);
        });
  } catch (const std::runtime_error& failed) {
    spdlog::error("event=control_unavailable reason=\"{}\"", failed.what());
    return nullptr;
  }
}

}  // namespace troupe
