#pragma once

#include "libbroker/cluster/hybrid_clock.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/session/origin_cut.hpp"
#include "libbroker/shard_requests.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What of a session outlives the process. Times are the broker's monotonic ones;
/// whoever writes them down turns them into calendar time.
namespace troupe {

/// How a session and its will are to go on.
struct kept_login {
  std::uint32_t expiry = 0;  ///< seconds, or `never_ends`
  /// Of the claim by which its client has it, in a cluster; 0: none.
  hybrid_stamp stamp = 0;
  bool began_clean = false;  ///< nothing that came before it counts
  bool connected = false;    ///< the two times below are still to be fixed
  std::optional<time_point> expires_at;
  std::optional<time_point> will_due;
  std::uint32_t will_delay = 0;  ///< seconds
  message_block_ptr will;        ///< alone in its block; null = none
};

struct kept_subscription {
  std::string filter;  ///< as the client wrote it, `$share/…` included
  subscription_options options;
  std::uint32_t identifier = 0;  ///< 0 = none
  /// What lies in the log at or below it came before. Of a replay: the first offset that was
  /// not sent; 0: not known yet where it begins.
  log_offset begin = 0;
  /// It came with the session from another node, where an end has what was published before.
  bool adopted = false;
};

/// A QoS 1 or 2 message on its way to the client.
struct kept_in_flight {
  packet_id id = 0;
  log_offset offset = 0;  ///< 0: not in the log
  troupe::qos qos = qos::at_least_once;
  bool retain = false;           ///< as sent
  bool released = false;         ///< PUBREC came
  bool replayed = false;         ///< for a `$replay/` subscription
  std::uint32_t identifier = 0;  ///< of that subscription; 0 = none
  std::string share;             ///< `$share/…` whose group waits for the end; else empty
};

/// What the client was sent of the log.
struct kept_progress {
  std::vector<log_offset> positions;      ///< see log_cursor.hpp
  std::vector<kept_in_flight> in_flight;  ///< in the order in which they were sent
};

/// What a session has left on a node that its client went from.
struct session_end {
  std::string node;                ///< its name
  std::uint64_t number = 0;        ///< which of them there; not 0
  bool is_late = false;            ///< there is nothing now, but nodes are away that may have some
  std::vector<origin_cut> cuts{};  ///< up to where it is the end's

  friend bool operator==(const session_end& left, const session_end& right) noexcept {
    return left.number == right.number && left.node == right.node;
  }
};

/// Where else messages of the session are, and, of an end, up to where it has some here.
struct kept_moves {
  std::optional<log_offset> log_end{};  ///< none: it is no end, or that is not known yet
  std::vector<session_end> ends;
  std::vector<packet_id> relayed{};  ///< that the client may know of what ends have sent
  log_offset first_end = 0;  ///< of an end with late cuts: what lies above it is of these only
  std::vector<origin_cut> begins{};  ///< up to there ends have it
  std::vector<origin_cut> cuts{};    ///< of an end: up to there it has it
};

struct kept_session {
  std::string client_id;
  kept_login login;
  std::vector<kept_subscription> subscriptions;
  std::vector<packet_id> inbound_qos2;  ///< received and not released
  kept_progress progress;
  kept_moves moves;
};

// What changes of it.
struct dropped_subscription {
  std::string filter;
};
struct kept_packet_id {
  packet_id id = 0;
};
struct dropped_packet_id {
  packet_id id = 0;
};
/// Nothing of the session is left; what was kept of it goes.
struct dropped_session {
  std::vector<std::string> filters;
  std::vector<packet_id> inbound_qos2;
};

/// It has another name from now on, under which it is written anew.
struct renamed_session {
  std::string earlier_name;
  dropped_session earlier;
};

using session_change =
    std::variant<kept_login, kept_subscription, dropped_subscription, kept_packet_id,
                 dropped_packet_id, kept_progress, kept_moves, dropped_session, renamed_session>;

/// Changes that are to be written together, in order.
struct session_write {
  write_number number = 0;  ///< 0 = nothing is to be written
  std::vector<session_change> changes;
};

}  // namespace troupe
