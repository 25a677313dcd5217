#pragma once

#include "libbroker/cluster/connect_plan.hpp"
#include "libbroker/cluster/node_identity.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

struct member_event {
  enum class kind : std::uint8_t {
    joined,    ///< seen for the first time, or after it left or was forgotten
    up,        ///< this node has a link with it
    down,      ///< and has not any more
    dead,      ///< see member_state; once until it returned
    returned,  ///< somebody has a link with it that was dead
    left,
    replaced,  ///< `node` has a new incarnation or home
    forgotten
  };
  kind what;
  node_identity node;
  friend bool operator==(const member_event&, const member_event&) = default;
};

/// What a membership wants done after it handled an input; the caller owns and reuses it,
/// carries everything out in the order of the fields and calls `clear`.
struct membership_effects {
  std::vector<member_event> events;  ///< in order
  struct message {
    std::vector<std::string> to;  ///< names of linked members
    std::string bytes;            ///< for `membership::gossip` there
  };
  std::vector<message> messages;
  /// Links to end, after the messages; for the membership they are down already.
  std::vector<node_identity> disconnects;
  /// Each is under way until `link_up`, `connect_failed` or `seed_is_self`.
  std::vector<connect_request> connects;
  bool records_changed = false;  ///< `records` are to be written down

  void clear() noexcept {
    disconnects.clear();
    events.clear();
    messages.clear();
    connects.clear();
    records_changed = false;
  }
};

}  // namespace troupe
