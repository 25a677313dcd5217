#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/text_hash.hpp"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe {

/// What another node wants, as far as it has said so. It says everything, a snapshot, when it
/// knows nothing of what was said before, and what changes from then on.
class route_table {
public:
  /// What comes until `end_snapshot` is all that the node wants.
  void begin_snapshot() noexcept { ++snapshot_; }
  /// Returns what goes because it was not said again.
  [[nodiscard]] std::vector<route_change> end_snapshot();

  /// Takes changes in and leaves in `changes` what differs from what was known.
  void apply(std::vector<route_change>& changes);

  /// Only what is lasting stays; returns what goes.
  [[nodiscard]] std::vector<route_change> drop_unless_lasting();
  /// Everything goes; returns what there was.
  [[nodiscard]] std::vector<route_change> clear();

  [[nodiscard]] std::size_t size() const noexcept { return routes_.size(); }

private:
  struct route {
    route_interest interest = route_interest::none;
    std::uint32_t snapshot = 0;  ///< in or after which it was said
  };

  std::unordered_map<std::string, route, text_hash, std::equal_to<>> routes_;
  std::uint32_t snapshot_ = 0;
};

}  // namespace troupe
