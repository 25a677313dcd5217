#pragma once

#include "libbroker/message/log_page.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/replay_start.hpp"
#include "libbroker/result.hpp"
#include "libbroker/router/retained_store.hpp"
#include "libbroker/session/kept_session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace troupe {

using shard_index = std::uint32_t;

/// Numbers the requests of one session, so that replies find them.
using request_number = std::uint32_t;

/// One filter of a SUBSCRIBE, for one shard.
struct filter_request {
  std::string filter;  ///< as the client wrote it, `$share/…` included
  subscription_options options;
  std::uint32_t identifier = 0;  ///< subscription identifier; 0 = none
  std::uint32_t position = 0;    ///< in the SUBSCRIBE packet
};

struct shard_subscribe {
  shard_index shard = 0;
  request_number number = 0;  ///< 0: nobody waits for it
  std::uint32_t epoch = 0;    ///< of the session, when the client asked
  bool lasting = false;       ///< the session outlives the process
  bool live = true;           ///< what is in the log is to be sent, too
  std::vector<filter_request> filters;
};

struct shard_unsubscribe {
  shard_index shard = 0;
  request_number number = 0;  ///< 0: nobody waits for it
  std::vector<std::string> filters;
};

/// Asks for the next retained messages of a subscription.
struct shard_read_retained {
  shard_index shard = 0;
  request_number number = 0;
  std::string filter;  ///< without `$share/…`
  retained_store::cursor from;
};

struct shard_publish {
  shard_index shard = 0;
  message_block_ptr block;
};

/// Messages of a shared subscription that the session cannot deliver any more.
struct shard_redeliver {
  shard_index shard = 0;
  std::string filter;  ///< `$share/…`
  message_block_ptr block;
};

/// From now on the session is, or is not, sent what is in the log. Answered with the
/// offset up to which everything was sent before.
struct shard_set_live {
  shard_index shard = 0;
  request_number number = 0;
  bool live = false;
};

/// What changes or uses a shard's routing; order matters among these.
using shard_request = std::variant<shard_publish, shard_subscribe, shard_unsubscribe,
                                   shard_redeliver, shard_set_live>;

/// Asks the log for a page, for single messages, or where a replay begins.
struct log_request {
  request_number number = 0;
  log_query page;                     ///< unless one of the next two says something else
  std::vector<log_offset> offsets;    ///< of single messages
  std::optional<replay_start> start;  ///< of a replay of `page.filters`
  /// The page ends at the head of the log, and its answer waits until something matches, if
  /// not for ever.
  bool follows = false;
};

/// Where a replay begins.
struct replay_beginning {
  log_offset after = 0;   ///< what is wanted lies above
  log_offset oldest = 0;  ///< nothing at or below it is left
  bool failed = false;    ///< the log could not be read
};

/// What a session wants done after it handled an input; the caller owns and
/// reuses it, carries everything out and calls `clear`.
struct session_effects {
  std::vector<shard_request> requests;  ///< to be sent in this order
  std::optional<shard_read_retained> read_retained;
  session_write write;
  std::vector<log_request> read_log;

  /// Write what is queued, then close the connection.
  bool close_connection = false;
  /// Why, if the session closed it for a reason worth a log line.
  std::optional<error> close_reason;
  /// Shards have to know: this session is on- or offline now.
  bool presence_changed = false;
  /// Nothing of the session is left to keep.
  bool session_ended = false;

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

  void clear() noexcept {
    requests.clear();
    read_retained.reset();
    write.number = 0;
    write.changes.clear();
    read_log.clear();
    close_connection = presence_changed = session_ended = false;
    close_reason.reset();
    counted = {};
  }
};

}  // namespace troupe
