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

  /// From now on changes are waited for until this node has them; what it was told before it went
  /// down is still on its way to it. `tells_all`: it is told everything anew, and has nothing
  /// before it says that it has `last_ticket()`.
  void node_up(std::uint64_t node, bool tells_all) {
    const auto [at, is_new] = nodes_.try_emplace(node, state{last_ticket_, true});
    at->second.is_up = true;
    if (tells_all) at->second.known = last_ticket_ - 1;
  }
  void node_down(std::uint64_t node) {
    if (const auto found = nodes_.find(node); found != nodes_.end()) found->second.is_up = false;
  }
  /// The node has all that was told with tickets up to `ticket`.
  void announced(std::uint64_t node, std::uint64_t ticket) {
    const auto found = nodes_.find(node);
    if (found != nodes_.end() && ticket > found->second.known) found->second.known = ticket;
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
    for (const auto& [node, at] : nodes_)
      if (at.is_up && at.known < ticket) return false;
    return true;
  }

private:
  struct state {
    std::uint64_t known = 0;  ///< ticket
    bool is_up = false;
  };
  std::unordered_map<std::uint64_t, state> nodes_;
  std::vector<route_change> untold_;
  std::uint64_t last_ticket_ = 1;
};

}  // namespace troupe
