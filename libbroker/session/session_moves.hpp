#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/session/kept_session.hpp"
#include "libbroker/session/packet_id_set.hpp"
#include "libbroker/shard_requests.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

/// What `session` keeps of its moves between nodes. See moved_session.hpp.
namespace troupe {

/// Whose messages the client is sent: another node's from `wanted` on, none of our own.
enum class relay_stage : std::uint8_t {
  none,
  expected,  ///< if the end's node can be reached, which is not known
  wanted,    ///< as soon as nothing of our own is in flight
  open
};

/// A session of another node is being subscribed here, and written.
struct adoption {
  request_number number = 0;
  std::uint32_t waiting_for = 0;  ///< shards, share groups, the write, and the call
  write_number write = 0;         ///< 0: none
  session_end from;
  bool is_new = false;  ///< something was subscribed for it
  bool is_cut = false;  ///< it is known up to where of each node it is the end's
};

/// Output of an end from a QoS 2 message on that the disk does not know of yet.
struct held_packets {
  write_number number = 0;  ///< 0: not asked for yet
  byte_buffer bytes;
};

/// What a session that moves between nodes needs; most never have any.
struct moves_state {
  // An end.
  std::uint64_t end_number = 0;  ///< 0: it is none
  request_number leaving = 0;    ///< number of the request to all shards
  std::uint32_t unanswered = 0;  ///< shards and share groups
  log_offset leaving_through = 0;
  std::optional<log_offset> log_end;  ///< what lies above it is not the end's
  bool is_read = false;               ///< up to there
  bool is_held = false;               ///< it does not expire
  bool has_left = false;              ///< it subscribes to nothing
  log_offset first_end = 0;           ///< see `kept_moves`; counts if `has_late_cuts()`
  std::vector<origin_cut> cuts;       ///< likewise
  // A session that came.
  std::vector<session_end> ends;  ///< the oldest first
  std::optional<adoption> adopting;
  bool has_adopted = false;        ///< just now: what waited may be sent
  std::vector<origin_cut> begins;  ///< see `kept_moves`; an end has them, too
  write_number cuts_write = 0;     ///< of new ones, of which ends are to hear
  std::uint32_t asked = 0;         ///< times that nodes were asked and have not answered
  relay_stage relay = relay_stage::none;
  session_end read;        ///< the end whose relay is open
  packet_id_set relayed;   ///< that the client may know of what ends have sent
  packet_id_set declined;  ///< of these, what it does not get, and the end is not done with
  packet_id_set orphans;   ///< of these, what no end goes on with: it is for us to complete
  // Of `relayed`, over this connection and not completed.
  packet_id_set sent;
  packet_id_set received;  ///< PUBREC came
  packet_id_set at_qos1;   ///< the end may have lost for what the identifier stood
  byte_buffer partial;     ///< start of a packet of the end
  std::deque<held_packets> held;

  /// An end: its client has gone on without what some nodes have for it.
  [[nodiscard]] bool has_late_cuts() const noexcept {
    return std::ranges::any_of(cuts, &origin_cut::is_late);
  }
};

}  // namespace troupe
