#include "libbroker/session/origin_cut.hpp"

#include <algorithm>

namespace troupe {

origin_cut* find_cut(std::vector<origin_cut>& cuts, std::uint64_t home) noexcept {
  const auto found = std::ranges::find(cuts, home, &origin_cut::home);
  return found == cuts.end() ? nullptr : &*found;
}

bool complete_cuts(std::vector<origin_cut>& cuts, const std::vector<origin_cut>& found) {
  bool is_changed = false;
  for (const origin_cut& each : found) {
    origin_cut* const waiting = find_cut(cuts, each.home);
    if (waiting == nullptr || waiting->last != origin_cut::unknown) continue;
    waiting->last = each.last;
    is_changed |= each.last != origin_cut::unknown;
  }
  return is_changed;
}

}  // namespace troupe
