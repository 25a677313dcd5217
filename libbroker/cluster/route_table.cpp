#include "libbroker/cluster/route_table.hpp"

#include <utility>

namespace troupe {

void route_table::apply(std::vector<route_change>& changes) {
  std::erase_if(changes, [this](const route_change& change) {
    if (change.interest == route_interest::none) return routes_.erase(change.filter) == 0;
    route& at = routes_[change.filter];
    at.snapshot = snapshot_;
    return std::exchange(at.interest, change.interest) == change.interest;
  });
}

std::vector<route_change> route_table::end_snapshot() {
  std::vector<route_change> gone;
  std::erase_if(routes_, [&](const auto& each) {
    if (each.second.snapshot == snapshot_) return false;
    gone.push_back({each.first, route_interest::none});
    return true;
  });
  return gone;
}

std::vector<route_change> route_table::drop_unless_lasting() {
  std::vector<route_change> gone;
  std::erase_if(routes_, [&](const auto& each) {
    if (each.second.interest == route_interest::lasting) return false;
    gone.push_back({each.first, route_interest::none});
    return true;
  });
  return gone;
}

std::vector<route_change> route_table::clear() {
  ++snapshot_;
  return end_snapshot();
}

}  // namespace troupe
