#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/result.hpp"
#include "libbroker/router/retained_store.hpp"
#include "libbroker/session/kept_session.hpp"
#include "libbroker/shard_requests.hpp"
#include "libbroker/share/share_request.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe {

/// Asks for the next retained messages of a subscription.
struct shard_read_retained {
  shard_index shard = 0;
  request_number number = 0;
  std::string filter;  ///< without `$share/…`
  retained_store::cursor from;
};

/// What changes or uses the routing; order matters among these.
using routing_request =
    std::variant<shard_publish, shard_subscribe, shard_unsubscribe, shard_set_live, share_call>;

/// Where a replay begins.
struct replay_beginning {
  log_offset after = 0;   ///< what is wanted lies above
  log_offset oldest = 0;  ///< nothing at or below it is left
  bool failed = false;    ///< the log could not be read
};

/// What a session wants done after it handled an input; the caller owns and
/// reuses it, carries everything out and calls `clear`.
struct session_effects {
  std::vector<routing_request> requests;  ///< to be sent in this order
  /// What became of messages of share groups; no request has to be sent before.
  std::vector<share_call> reports;
  std::optional<shard_read_retained> read_retained;
  session_write write;
  std::vector<log_request> read_log;

  /// Write what is queued, then close the connection.
  bool close_connection = false;
  /// Why, if the session closed it for a reason worth a log line.
  std::optional<error> close_reason;
  /// Share groups have to know: this session is on- or offline now.
  bool presence_changed = false;
  /// Nothing of the session is left to keep.
  bool session_ended = false;

  /// What another node had is subscribed here: `session::cut` is to be told how far nodes are.
  bool wants_cuts = false;
  /// Ends are to hear of cuts that were not known before.
  bool tell_cuts = false;
  /// What another node had is subscribed here, and written: it may go there.
  std::optional<session_end> adopted;
  /// The relay to the first of `session::next_end` is to be opened.
  bool open_relay = false;
  /// Acknowledgements of the client for the end whose relay is open.
  byte_buffer relayed;
  /// An end: no message comes any more.
  bool has_left = false;
  /// An end: the client has all of it.
  bool nothing_left = false;
  /// Ends on other nodes that nobody wants any more.
  std::vector<session_end> dropped_ends;
  /// A node whose session was being adopted, and is not wanted any more; empty: none.
  std::string dropped_at;

  struct counters {
    std::uint64_t publishes_received = 0;
    std::uint64_t publishes_sent = 0;
    std::uint64_t publish_bytes_received = 0;  ///< payload
    std::uint64_t publish_bytes_sent = 0;      ///< payload
    std::uint64_t packets_received = 0;
    std::uint64_t packets_sent = 0;
    std::uint64_t dropped_output_full = 0;  ///< QoS 0 to a slow subscriber
    std::uint64_t dropped_queue_full = 0;   ///< QoS 1 and 2 over a queue limit
    std::uint64_t dropped_expired = 0;
    std::uint64_t dropped_too_large = 0;  ///< for the client's Maximum Packet Size
  } counted;

  /// Whether there is nothing to carry out; what was counted does not count.
  [[nodiscard]] bool is_clear() const noexcept {
    return requests.empty() && reports.empty() && !read_retained && write.number == 0 &&
           read_log.empty() && !close_connection && !presence_changed && !session_ended &&
           !wants_cuts && !tell_cuts && !adopted && !open_relay && relayed.empty() && !has_left &&
           !nothing_left && dropped_ends.empty() && dropped_at.empty();
  }

  void clear() noexcept {
    requests.clear();
    reports.clear();
    read_retained.reset();
    write.number = 0;
    write.changes.clear();
    read_log.clear();
    close_connection = presence_changed = session_ended = false;
    adopted.reset();
    wants_cuts = tell_cuts = open_relay = has_left = nothing_left = false;
    relayed.clear();
    dropped_ends.clear();
    dropped_at.clear();
    close_reason.reset();
    counted = {};
  }
};

}  // namespace troupe
