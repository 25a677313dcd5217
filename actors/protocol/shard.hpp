#pragma once

#include "actors/protocol/cluster.hpp"
#include "actors/protocol/local_message.hpp"
#include "actors/protocol/session.hpp"

#include <cstdint>
#include <memory>
#include <vector>

/// Routing.
namespace troupe {

/// Messages of one publisher for topics of this shard.
struct route {
  message_block_ptr block;
  session_flow_ptr flow;       ///< the publisher's; null: the broker itself publishes
  publisher_handle publisher;  ///< gets `accepted`; null: nobody waits for it
  std::uint32_t epoch = 0;     ///< of the session
  bool lasting = false;        ///< the publisher's session outlives the process
  bool forwarded = false;      ///< another node sent it here, and to all others who want it
  bool is_state = false;       ///< forwarded as what is retained there: not for subscribers
  /// Of a forwarded block: rises when the node sends again what was refused. Behind a refused
  /// block all of the same attempt are refused, so that nothing comes out of order or twice.
  std::uint32_t attempt = 0;
  /// Of a forwarded block whose messages lie in that node's log: kept with what is appended.
  std::shared_ptr<const origin_progress> progress;
};
/// Answered with `credit_returned` when all that was sent before is routed.
struct ask_credit {
  publisher_handle publisher;
};
/// Tell the node of all filters that this shard announces, and from then on of changes.
struct watch_routes {
  peer_handle peer;
  std::uint64_t node = 0;  ///< number of the peer
  session_flow_ptr flow;
  std::uint32_t snapshot = 0;  ///< 0: it knows everything that it was told
};
/// The node has everything of the log: messages for it alone need not be there any more.
struct node_caught_up {
  std::uint64_t node = 0;
};
/// The link is down: do not wait for the node, and do not send it retained messages that nobody
/// there has subscribed to. What changes it is still told.
struct unwatch_routes {
  std::uint64_t node = 0;
};
/// The node has what was told with `ticket`.
struct routes_announced {
  std::uint64_t node = 0;
  std::uint64_t ticket = 0;
};
/// What another node wants; answered with `routes_installed` if `ticket` is not 0.
struct install_routes {
  std::vector<route_change> changes;
  std::uint64_t node = 0;
  std::uint64_t ticket = 0;
};
/// To itself: who waits for other nodes has waited long enough.
struct announcing_timer {};
/// Answered with `subscriptions_added`.
struct add_subscriptions {
  shard_subscribe request;
  subscriber_handle subscriber;
  std::uint64_t session = 0;  ///< its number, or a share group's
  session_flow_ptr flow;
};
/// The answer of a share group to a session, which gets it as soon as all nodes know that the group
/// has members here. The group itself does not wait for them: two that have their first members at
/// the same time would wait for each other.
struct answer_when_known {
  subscriber_handle subscriber;
  subscriptions_added answer;
};
/// Answered with `subscriptions_removed`.
struct remove_subscriptions {
  shard_unsubscribe request;
  subscriber_handle subscriber;
  std::uint64_t session = 0;
  std::uint32_t epoch = 0;
};
/// Answered with `live_set`.
struct set_live {
  shard_set_live request;
  subscriber_handle subscriber;
  std::uint64_t session = 0;
  std::uint32_t epoch = 0;
};
/// Answered with `retained_read`.
struct read_retained {
  shard_read_retained request;
  session_handle reader;
  std::uint32_t epoch = 0;
  std::uint32_t connection_epoch = 0;
};
/// What is retained here, as another node is to have it, too; answered with `retained_answered`.
struct ask_retained {
  retained_question what;
  peer_handle peer;
  std::uint64_t ticket = 0;
};
/// Before the first client: retained messages of an earlier life.
struct restore_retained {
  std::vector<message_block_ptr> messages;  ///< each alone in its block
};
/// The blocks that the store got with `ticket` are in the log, or could not be written.
struct appended {
  std::uint64_t ticket = 0;
  bool done = false;
  std::vector<log_offset> first;  ///< offsets of the first message of each block; 0: refused
};
/// The store has written, or could not write, what it got with `ticket`.
struct kept {
  std::uint64_t ticket = 0;
  bool done = false;
};

/// Asks for figures.
struct describe_shard {};
struct shard_description {
  std::size_t subscriptions = 0;
  std::size_t filters = 0;
  std::size_t remote_filters = 0;  ///< that other nodes want
  std::size_t retained_messages = 0;
  std::size_t retained_bytes = 0;
  std::uint64_t retained_refused = 0;
  std::uint64_t deliveries_dropped = 0;  ///< messages over a session's delivery credit
};

/// Routing of the topics that hash to it: their subscriptions and retained messages.
using shard_handle = caf::typed_actor<
    // Match, collect per subscriber, acknowledge.
    caf::reacts_to<route>,
    // Tell a publisher that may not send more when it may.
    caf::reacts_to<ask_credit>,
    // Filters that other nodes want, and are told of.
    caf::reacts_to<watch_routes>, caf::reacts_to<unwatch_routes>, caf::reacts_to<routes_announced>,
    caf::reacts_to<install_routes>, caf::reacts_to<announcing_timer>,
    caf::reacts_to<node_caught_up>,
    // Subscribe a session or a share group to filters that concern this shard.
    caf::reacts_to<add_subscriptions>, caf::reacts_to<answer_when_known>,
    // Unsubscribe it.
    caf::reacts_to<remove_subscriptions>,
    // Send a subscriber what is in the log, or do not.
    caf::reacts_to<set_live>,
    // Look up retained messages, a page at a time.
    caf::reacts_to<read_retained>,
    // Compare them with those of another node.
    caf::reacts_to<ask_retained>,
    // Hand out what was collected.
    caf::reacts_to<flush>,
    // Start: retained messages from the store.
    caf::reacts_to<restore_retained>,
    // Route what waited for the log.
    caf::reacts_to<appended>,
    // Acknowledge what waited for the store.
    caf::reacts_to<kept>,
    // Shutdown: a barrier behind all that was sent.
    caf::replies_to<settle>::with<settled>,
    // For the inspector.
    caf::replies_to<describe_shard>::with<shard_description>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(watch_routes)
TROUPE_LOCAL_MESSAGE(unwatch_routes)
TROUPE_LOCAL_MESSAGE(node_caught_up)
TROUPE_LOCAL_MESSAGE(routes_announced)
TROUPE_LOCAL_MESSAGE(install_routes)
TROUPE_LOCAL_MESSAGE(announcing_timer)
TROUPE_LOCAL_MESSAGE(route)
TROUPE_LOCAL_MESSAGE(ask_credit)
TROUPE_LOCAL_MESSAGE(add_subscriptions)
TROUPE_LOCAL_MESSAGE(answer_when_known)
TROUPE_LOCAL_MESSAGE(remove_subscriptions)
TROUPE_LOCAL_MESSAGE(set_live)
TROUPE_LOCAL_MESSAGE(read_retained)
TROUPE_LOCAL_MESSAGE(ask_retained)
TROUPE_LOCAL_MESSAGE(restore_retained)
TROUPE_LOCAL_MESSAGE(kept)
TROUPE_LOCAL_MESSAGE(appended)
TROUPE_LOCAL_MESSAGE(describe_shard)
TROUPE_LOCAL_MESSAGE(shard_description)
