#pragma once

#include "libbroker/cluster/route.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {

/// Which changes of one shard's filters the other nodes have heard of, so that a subscription is
/// acknowledged when all of them forward for it. Changes are told in order, in batches with
/// rising tickets; nodes say up to which they have taken them in.
class route_announcer {
public:
  // -- nodes, by the number of their peer actor

  /// From now on changes are waited for until this node has them.
  void node_up(std::uint64_t node) { nodes_[node] = last_ticket_; }
  void node_down(std::uint64_t node) { nodes_.erase(node); }
  /// The node has all that was told with tickets up to `ticket`.
  void announced(std::uint64_t node, std::uint64_t ticket) {
    const auto found = nodes_.find(node);
    if (found != nodes_.end() && ticket > found->second) found->second = ticket;
  }

  // -- changes

  void add(route_change change) { untold_.push_back(std::move(change)); }
  [[nodiscard]] bool has_untold() const noexcept { return !untold_.empty(); }
  /// What is to be told with `last_ticket()` now. REQUIRES: has_untold().
  [[nodiscard]] std::vector<route_change> tell() {
    ++last_ticket_;
    return std::exchange(untold_, {});
  }
  [[nodiscard]] std::uint64_t last_ticket() const noexcept { return last_ticket_; }

  /// Whether all nodes that are up have what was told with `ticket` and before.
  [[nodiscard]] bool is_known_everywhere(std::uint64_t ticket) const noexcept {
    for (const auto& [node, known] : nodes_)
      if (known < ticket) return false;
    return true;
  }

private:
  std::unordered_map<std::uint64_t, std::uint64_t> nodes_;  ///< ticket that each has
  std::vector<route_change> untold_;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace troupe
