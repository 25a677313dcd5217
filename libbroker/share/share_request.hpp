#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/shard_requests.hpp"
#include "libbroker/share/share_id.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What the group of a shared subscription is told: by sessions, and by the groups of the same
/// subscription on other nodes. Source: MQTT5 §4.8.2.
namespace troupe {

// -- members ------------------------------------------------------------------------------

/// A member subscribes, or does so again with other options. A node is a member, too, if it has
/// some: it stands for all of them.
struct share_join {
  request_number number = 0;  ///< 0: nobody waits for it
  std::uint32_t epoch = 0;    ///< of the session, when the client asked
  subscription_options options;
  std::uint32_t identifier = 0;  ///< subscription identifier; 0 = none
  std::uint32_t room = 0;        ///< as in `share_room`
  /// Its session outlives the process; of a node: it has members at QoS 1 or 2, and there is a log
  /// here.
  bool lasting = false;
};

/// How many messages of the log a member takes at a time. 0: its client is away; of a node: it can
/// take nothing now, though its members may be online.
struct share_room {
  std::uint32_t room = 0;
  std::uint32_t members = 1;  ///< that are online, of a node
};

/// What became of messages of the log that were handed to a session, or lent to a node.
struct share_report {
  request_number number = 0;         ///< wants to be told when `done` is on the disk; 0: does not
  bool is_away = false;              ///< the session's client is; word of that may come later
  std::vector<log_offset> done;      ///< no other member may get them
  std::vector<log_offset> returned;  ///< others are to get them, for the client is away
  std::vector<log_offset> held;      ///< of an earlier life: they are still on their way

  [[nodiscard]] bool empty() const noexcept {
    return done.empty() && returned.empty() && held.empty();
  }
};

/// A member leaves. With the last one a group may give up what it still has of others: what the
/// member says of its messages comes with it.
struct share_leave {
  request_number number = 0;  ///< 0: nobody waits for it
  share_report last{};
};

/// Messages that are not in the log and that the session cannot deliver any more.
struct share_return {
  message_block_ptr block;
};

// -- nodes with members, of what this one has lent to them ----------------------------------

/// There is a link with the node (again): what does it have of this one, and this one of it?
struct share_link_up {
  std::uint64_t home = 0;  ///< number of its data directory
};
/// The link is gone: nothing more is lent to it.
struct share_link_down {};
/// What it has: the answer to the question `number`. All else that was lent to it is returned.
struct share_holds {
  request_number number = 0;
  std::vector<log_offset> offsets;
};

// -- nodes that lend to this one --------------------------------------------------------------

/// Messages for one of the members here.
struct share_lend {
  message_block_ptr block;
  std::uint64_t lender = 0;  ///< home of the node
  std::string lender_name{};
  std::vector<log_offset> offsets;  ///< in that node's log, ascending; empty: it keeps no count
};
/// What of that node's is here? Answered with what it has to be told again, and `share_holds`.
struct share_ask {
  std::uint64_t lender = 0;
  request_number number = 0;  ///< for the answer
};
/// It has loans of this node's: it is to be asked.
struct share_ask_me {};
/// The lender has written down what report `number` said.
struct share_confirmed {
  std::uint64_t lender = 0;
  request_number number = 0;
};

using share_request = std::variant<share_join, share_leave, share_room, share_report, share_return,
                                   share_link_up, share_link_down, share_holds, share_lend,
                                   share_ask, share_ask_me, share_confirmed>;

struct share_call {
  std::string share;  ///< `$share/…`
  share_request what;
};

}  // namespace troupe
