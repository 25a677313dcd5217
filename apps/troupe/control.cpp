#include "apps/troupe/control.hpp"

#include <chrono>

namespace troupe {

std::unique_ptr<control_server> open_control(const database& store, const log_streams& streams) {
  return std::make_unique<control_server>(
      store.directory(),
      [inspector = log_inspector(store, streams)](const std::string& request, line_sink& answer) {
        const auto now = std::chrono::system_clock::now();
        inspector.answer(request, std::chrono::floor<std::chrono::milliseconds>(now), answer);
      });
}

}  // namespace troupe
