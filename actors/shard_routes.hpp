#pragma once

#include "actors/node_context.hpp"
#include "actors/protocol.hpp"
#include "libbroker/cluster/route_announcer.hpp"
#include "libbroker/router/router.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe {

/// What a shard does for other nodes: it tells them which filters this node wants, forwards what
/// they want, and has subscribers wait until they know.
///
/// A filter is announced by the shard that its text hashes to, also if it stands in all of them.
class shard_routes {
public:
  shard_routes(shard_handle::base& shard, const node_context& house, shard_index number);

  // -- what others want

  void install(const install_routes& request);
  /// Whether there is somebody to forward to.
  [[nodiscard]] bool has_nodes() const noexcept { return !nodes_.empty(); }
  [[nodiscard]] router& forwards() noexcept { return forwards_; }
  /// Adds to `which` (ascending) the messages of `block` that are to be in the log before they are
  /// forwarded: those that a node wants lasting, and all of QoS 1 and 2 for one that is behind:
  /// else they would overtake what it has yet to read.
  void add_logged(const message_block& block, std::vector<std::uint32_t>& which);
  /// Returns whether it is a node's.
  bool change_live(const set_live& request);
  void handle(const node_caught_up& event);
  /// Appends what was collected for nodes to their mailboxes.
  void hand_out();

  // -- what this node wants

  /// `from` has the filters that the node is told of first.
  void watch(const watch_routes& request, const router& from);
  void unwatch(const unwatch_routes& request);
  void handle(const routes_announced& answer);
  /// The most demanding subscription to `filter`, which this shard may have to announce, was
  /// `before` and is `after` now.
  void changed(std::string_view filter, route_interest before, route_interest after);
  /// Members of the group `share`, of `filter`, want `after` now.
  void share_changed(const std::string& share, std::string_view filter, route_interest after);
  /// Answers a subscriber as soon as all nodes know what has changed so far, or have had time.
  void answer_when_known(subscriber_handle subscriber, subscriptions_added&& answer);
  /// Tells the nodes what has changed.
  void tell();
  void handle(const announcing_timer&);

  void clear();

private:
  struct node {
    peer_handle peer;
    session_flow_ptr flow;
    subscriber_index index = 0;
    bool live = true;       ///< is sent what is in the log, too
    bool caught_up = true;  ///< has nothing to read there
    log_offset passed = 0;  ///< the last message of the log that it was not sent
  };
  struct held_answer {
    std::uint64_t ticket = 0;
    time_point since{};
    subscriber_handle subscriber;
    subscriptions_added answer;
  };

  void hand_out(const routed& match);
  void release_answers();
  [[nodiscard]] bool is_announced_here(std::string_view filter) const noexcept;

  shard_handle::base& shard_;
  const node_context& house_;
  const shard_index number_;
  router forwards_;
  std::unordered_map<std::uint64_t, node> nodes_;           ///< by number
  std::vector<node*> node_at_;                              ///< by `subscriber_index`
  std::vector<routed> deliveries_;                          // scratch
  std::vector<std::uint32_t> found_;                        // scratch
  std::unordered_map<std::string, route_interest> shares_;  ///< that are announced here
  route_announcer announcer_;
  std::deque<held_answer> held_;
  bool timer_set_ = false;
};

}  // namespace troupe
