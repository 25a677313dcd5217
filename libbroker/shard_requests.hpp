#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/message/log_page.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/replay_start.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What sessions and share groups want of shards, of the log and of the store.
namespace troupe {

using shard_index = std::uint32_t;

/// Numbers the requests of one session or share group, so that replies find them.
using request_number = std::uint32_t;

/// Numbers the writes of one session or share group, so that their completion finds what waits
/// for it.
using write_number = std::uint32_t;

/// One filter of a SUBSCRIBE, for one shard.
struct filter_request {
  std::string filter;  ///< without `$share/…`
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
  /// Of a share group, `$share/…`, which other nodes hear of with this interest: that of its
  /// members here. Empty: of a session.
  std::string share{};
  route_interest announced = route_interest::none;
};

struct shard_unsubscribe {
  shard_index shard = 0;
  request_number number = 0;  ///< 0: nobody waits for it
  std::vector<std::string> filters;
  std::string share{};  ///< of a share group, as above
};

struct shard_publish {
  shard_index shard = 0;
  message_block_ptr block;
};

/// From now on the session is, or is not, sent what is in the log. Answered with the
/// offset up to which everything was sent before.
struct shard_set_live {
  shard_index shard = 0;
  request_number number = 0;
  bool live = false;
};

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

}  // namespace troupe
