#include "apps/troupe/control.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <stdexcept>

namespace troupe {

std::unique_ptr<control_server> open_control(const database& store, const log_streams& streams) {
  try {
    return std::make_unique<control_server>(
        store.directory(),
        [inspector = log_inspector(store, streams)](const std::string& request, line_sink& answer) {
          const auto now = std::chrono::system_clock::now();
          inspector.answer(request, std::chrono::floor<std::chrono::milliseconds>(now), answer);
        });
  } catch (const std::runtime_error& failed) {
    spdlog::error("event=control_unavailable reason=\"{}\"", failed.what());
    return nullptr;
  }
}

}  // namespace troupe
