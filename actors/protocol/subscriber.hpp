#pragma once

#include "actors/protocol/local_message.hpp"
#include "actors/protocol/steps.hpp"
#include "libbroker/log_interests.hpp"
#include "libbroker/message/delivery.hpp"
#include "libbroker/router/router.hpp"
#include "libbroker/shard_requests.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Who subscribes and publishes at shards, and what passes between them.
namespace troupe {

/// What is under way between one session or share group and the shards, in bytes. The sender of
/// either kind adds, the receiver takes off, and who has sent too much waits.
struct session_flow {
  explicit session_flow(std::string whose) : client_id(std::move(whose)) {}

  const std::string client_id;
  std::atomic<std::size_t> publishing{0};  ///< blocks that shards have not routed yet
  std::atomic<std::size_t> delivering{0};  ///< deliveries that the session has not handled yet
  std::atomic<std::size_t> lent{0};        ///< of a node: what share groups have not handled yet
};
using session_flow_ptr = std::shared_ptr<session_flow>;

/// Messages that match. `epoch`: of the session, as of the subscription; `from`: unless a share
/// group sends it; `after`: to a node, the last message of the log before these that was not sent.
struct deliver {
  delivery_ptr messages;
  delivery_options options;
  std::uint32_t epoch = 0;
  shard_index from = 0;
  log_offset after = 0;
};
/// Messages that are in the log were not sent, as the session has too many under way;
/// it is not live any more.
struct deliveries_missed {
  shard_index from = 0;
  std::uint32_t epoch = 0;
};
/// The session is, or is not, live from now on.
struct live_set {
  shard_index from = 0;
  request_number number = 0;
  std::uint32_t epoch = 0;
  /// What matched and lies in the log at or below it was sent before, unless the session
  /// was not live.
  log_offset through = 0;
};
/// A share group sets no more than the number and the epoch.
struct subscriptions_added {
  shard_index shard = 0;
  request_number number = 0;
  std::uint32_t epoch = 0;
  std::uint64_t retained_sequence = 0;
  std::vector<std::uint32_t> with_retained;  ///< positions of filters with retained messages
  /// What the shard routed before lies in the log at or below it, what it routes later above.
  log_offset through = 0;
};
struct subscriptions_removed {
  request_number number = 0;
  std::uint32_t epoch = 0;
  log_offset through = 0;  ///< as in `subscriptions_added`; a share group does not set it
};
/// What was asked for of the log.
struct log_read {
  request_number number = 0;
  std::uint32_t epoch = 0;
  log_page page;
  bool failed = false;  ///< nothing could be read; the answer took its time
};
/// What is still needed of the log at or below `head`, all of which has been handed out by
/// the shards? Answered with `interest`.
struct ask_interest {
  log_offset head = 0;
};
struct interest {
  std::optional<log_interest> needed;
};

/// Who subscribes at shards: a session, or a share group.
using subscriber_handle = caf::typed_actor<
    // Messages for the client or the members.
    caf::reacts_to<deliver>,
    // Read from the log what was not sent.
    caf::reacts_to<deliveries_missed>,
    // A shard sends what is in the log, or does not any more.
    caf::reacts_to<live_set>,
    // A page of the log.
    caf::reacts_to<log_read>,
    // One shard, or a share group, has done its part of a SUBSCRIBE.
    caf::reacts_to<subscriptions_added>,
    // The same of an UNSUBSCRIBE.
    caf::reacts_to<subscriptions_removed>,
    // What is still needed of the log?
    caf::replies_to<ask_interest>::with<interest>,
    // Send what was collected.
    caf::reacts_to<flush>>;

/// `ask_interest` for all other nodes, or all sessions and share groups of a directory; answered
/// with `interests`.
struct ask_interests {
  log_offset head = 0;
};
struct interests {
  std::shared_ptr<const log_interests> needed;
};

// -- publishers -----------------------------------------------------------------------

/// All messages of the block, some of which the client wants acknowledged, are routed
/// and, where they are to survive a crash, on the disk.
struct accepted {
  message_block_ptr block;
  std::uint32_t epoch = 0;  ///< as in `route`
  bool kept = true;         ///< false: the disk failed
};
/// Everything that the publisher had sent before it asked is routed.
struct credit_returned {};

/// Who publishes to shards: a session, or a peer for another node.
using publisher_handle = caf::typed_actor<
    // A block is routed.
    caf::reacts_to<accepted>,
    // Publish what waited for credit.
    caf::reacts_to<credit_returned>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(deliver)
TROUPE_LOCAL_MESSAGE(deliveries_missed)
TROUPE_LOCAL_MESSAGE(live_set)
TROUPE_LOCAL_MESSAGE(log_read)
TROUPE_LOCAL_MESSAGE(accepted)
TROUPE_LOCAL_MESSAGE(credit_returned)
TROUPE_LOCAL_MESSAGE(subscriptions_added)
TROUPE_LOCAL_MESSAGE(subscriptions_removed)
TROUPE_LOCAL_MESSAGE(ask_interest)
TROUPE_LOCAL_MESSAGE(interest)
TROUPE_LOCAL_MESSAGE(ask_interests)
TROUPE_LOCAL_MESSAGE(interests)
