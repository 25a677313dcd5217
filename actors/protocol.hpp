#pragma once

#include "actors/connection.hpp"
#include "libbroker/cluster/frame.hpp"
#include "libbroker/cluster/kept_node.hpp"
#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/cluster/link_packet.hpp"
#include "libbroker/cluster/membership.hpp"
#include "libbroker/cluster/route.hpp"
#include "libbroker/log_interests.hpp"
#include "libbroker/message/delivery.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/router/retained_store.hpp"
#include "libbroker/router/router.hpp"
#include "libbroker/session/session_effects.hpp"
#include "libbroker/share/kept_share.hpp"

#include <caf/all.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The system on one page: every typed actor interface and every message.
///
/// The main path: a session reads PUBLISH packets and sends `route` to the shard
/// of their topics; the shard sends `deliver` to every session that matches and
/// `accepted` back to the publisher. Every stage collects while its mailbox
/// holds more, then flushes once; `flush` is how it tells itself.
///
/// One message crosses nodes: `link_packet`. All others stay in the process.
namespace troupe {

// -- a client on its way to its session -----------------------------------------

/// A connection whose CONNECT has arrived.
struct client {
  std::unique_ptr<connection> socket;
  byte_buffer packet;  ///< the CONNECT; `request` points into it
  troupe::connect request;
  std::string client_id;  ///< the client's own, or an assigned one
  bool assigned_id = false;
  byte_buffer unread;              ///< bytes that came behind the CONNECT
  bool anonymous_allowed = false;  ///< by the listener
};
/// Travels through one mailbox after the other, and only the receiver touches it; but
/// while the authenticator looks at `request`, the socket stays the handshake's.
using client_ptr = std::shared_ptr<client>;

// -- handshake and authenticator ----------------------------------------------------

/// Numbers the connections of one handshake actor; their `io_ready::watch`.
using handshake_number = std::uint32_t;

/// A connection was accepted; of `who` only `socket` and `anonymous_allowed` are set.
struct greet {
  client_ptr who;
};
struct authenticate;
struct authenticated {
  handshake_number number = 0;
  reason_code code = reason_code::success;
};
/// Shutdown: closes what has not sent its CONNECT and everything that still comes.
struct end_handshakes {};
struct handshakes_ended {};

/// Owns connections from accept to their CONNECT being taken or refused; one per worker.
using handshake_handle = connection_owner::extend<
    // A new connection.
    caf::reacts_to<greet>,
    // The verdict on a client's credentials.
    caf::reacts_to<authenticated>,
    // Shutdown, before the first step of sessions.
    caf::replies_to<end_handshakes>::with<handshakes_ended>>;

/// Asks whether `who` is who it says it is; answered with `authenticated`.
struct authenticate {
  client_ptr who;
  handshake_number number = 0;
  handshake_handle reply_to;
};

using authenticator_handle = caf::typed_actor<
    // Checks user name and password.
    caf::reacts_to<authenticate>>;

// -- subscribers ----------------------------------------------------------------------

/// What is under way between one session or share group and the shards, in bytes. The sender of
/// either kind adds, the receiver takes off, and who has sent too much waits.
struct session_flow {
  explicit session_flow(std::string whose) : client_id(std::move(whose)) {}

  const std::string client_id;
  std::atomic<std::size_t> publishing{0};  ///< blocks that shards have not routed yet
  std::atomic<std::size_t> delivering{0};  ///< deliveries that the session has not handled yet
};
using session_flow_ptr = std::shared_ptr<session_flow>;

/// Messages that match. `epoch`: of the session, as of the subscription; `from`: unless a share
/// group sends it.
struct deliver {
  delivery_ptr messages;
  delivery_options options;
  std::uint32_t epoch = 0;
  shard_index from = 0;
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
/// To oneself: send what was collected.
struct flush {};

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

// -- session ------------------------------------------------------------------------

/// A client with the session's identifier connected; take-over if one is.
struct attach_client {
  client_ptr who;
  std::uint64_t attempt = 0;  ///< rises with each attach to this session
};
struct retained_read {
  request_number number = 0;
  std::uint32_t epoch = 0;
  std::uint32_t connection_epoch = 0;
  retained_store::page page;
};
/// Before the first client: what is kept of an earlier life. Answered with
/// `session_restored` once the shards were asked to subscribe it.
struct restore_session {
  std::shared_ptr<const kept_session> earlier;
};
struct session_restored {};
/// All sessions are there again: what was due while the node was down is done now.
struct go_on {};
/// A write of the session is on the disk, or failed.
struct session_written {
  write_number number = 0;
  std::uint32_t epoch = 0;
  bool done = false;
};
/// Where a replay begins.
struct replay_found {
  request_number number = 0;
  std::uint32_t epoch = 0;
  replay_beginning where;
};
/// What the session reported with `number` is on the disk.
struct share_kept {
  request_number number = 0;
  std::uint32_t epoch = 0;
};
/// The directory has forgotten the session, or the group: it may go.
struct retired {};
/// Stop reading from the client and answer `shutdown_step_done`; shutdown begins.
struct stop_reading {};
/// Say goodbye to the client, answer `shutdown_step_done` and end; shutdown goes on.
struct dismiss {
  reason_code code = reason_code::server_shutting_down;
};
/// A will or the session's end may be due.
struct session_timer {
  time_point at{};  ///< for which it was set
};
/// One client session, online or not.
using session_handle =
    connection_owner::extend_with<subscriber_handle>::extend_with<publisher_handle>::extend<
        // The client (again) has a connection: answers CONNACK and resumes.
        caf::reacts_to<attach_client>,
        // Begin a replay.
        caf::reacts_to<replay_found>,
        // The next retained messages of a new subscription.
        caf::reacts_to<retained_read>,
        // Be the session that was kept.
        caf::replies_to<restore_session>::with<session_restored>,
        // Start: go on with it.
        caf::reacts_to<go_on>,
        // Answer what waited for the disk.
        caf::reacts_to<session_written>,
        // End of the session, or a new life by an attach that is under way.
        caf::reacts_to<retired>,
        // Shutdown, first step.
        caf::reacts_to<stop_reading>,
        // Shutdown, last step.
        caf::reacts_to<dismiss>,
        // A share group has written down what became of its messages.
        caf::reacts_to<share_kept>,
        // Will delay or session expiry.
        caf::reacts_to<session_timer>>;

// -- share group --------------------------------------------------------------------

/// A session speaks to the group of one of its shared subscriptions, by way of the group's
/// directory: it answers for groups that have ended.
struct to_share {
  share_call call;
  session_handle from;
  std::uint64_t session = 0;  ///< its number
  std::uint32_t epoch = 0;
  session_flow_ptr flow;
};
/// Before the first client: what is kept of an earlier life.
struct restore_share {
  std::shared_ptr<const kept_share> earlier;
};
/// A write of the group is on the disk, or failed.
struct share_written {
  write_number number = 0;
  bool done = false;
};
/// To itself: it is time to write down where the group is.
struct share_timer {};
/// Answered once everything that was sent before is handed on.
struct settle {};
struct settled {};

/// The members of one shared subscription: each message goes to one of them.
using share_handle = subscriber_handle::extend<
    // Members come, go, and say what became of messages.
    caf::reacts_to<to_share>,
    // Start: be the group that was kept.
    caf::reacts_to<restore_share>,
    // Start: all members are there again.
    caf::reacts_to<go_on>,
    // Tell members what waited for the disk.
    caf::reacts_to<share_written>,
    // Write down where it is.
    caf::reacts_to<share_timer>,
    // A barrier; writes down where it is.
    caf::replies_to<settle>::with<settled>,
    // It has no members and may end.
    caf::reacts_to<retired>>;

// -- other nodes ----------------------------------------------------------------------

/// A handshake with the node has succeeded.
struct open_link {
  link_session session;
  caf::strong_actor_ptr door;  ///< where its cluster actor is; null: the other side speaks first
};
/// The node is dead: what it wants of messages that nobody keeps it does not want any more.
struct node_died {
  bool left = false;  ///< for good: nothing is kept for it
};
/// What carried the link is gone.
struct link_broken {
  std::uint64_t session = 0;  ///< 0: whichever there is
};
/// The cluster has something to say to the node, if the link is up.
struct tell_node {
  record_kind kind{};
  std::string content;
};
/// What changed of the filters that a shard announces, in order.
struct routes_changed {
  shard_index shard = 0;
  std::uint64_t ticket = 0;     ///< answered with `routes_announced`; 0: not
  std::uint32_t completes = 0;  ///< with it everything was told for this `watch_routes::snapshot`
  std::vector<route_change> changes;
};
/// One of those that had to do something for it has done it: a shard forwards from now on, or
/// the store has written it down.
struct routes_installed {
  std::uint64_t ticket = 0;
};
/// To an actor that other nodes can reach: it does not take CAF's own word for this.
struct stop_now {};
/// To itself: something of the link is due.
struct link_timer {};
/// Before the first client: what is kept of an earlier life. Answered with `node_restored` once
/// the shards were asked to forward.
struct restore_node {
  std::shared_ptr<const kept_node> earlier;
};
struct node_restored {};
/// For the inspector, `troupectl` and the tests.
struct describe_peer {};
struct peer_description {
  std::string name;
  bool is_up = false;
  std::size_t routes = 0;  ///< that the node has
  std::uint64_t messages_forwarded = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t messages_dropped = 0;
  std::size_t unhandled_bytes = 0;
};

/// One other node: to the shards here a subscriber and a publisher, like a session.
using peer_handle = subscriber_handle::extend_with<publisher_handle>::extend<
    // From the other node.
    caf::reacts_to<link_packet>,
    // A connection to it.
    caf::reacts_to<open_link>, caf::reacts_to<link_broken>, caf::reacts_to<node_died>,
    // Say something to it.
    caf::reacts_to<tell_node>,
    // Filters that this node wants.
    caf::reacts_to<routes_changed>,
    // Filters that it wants are installed.
    caf::reacts_to<routes_installed>,
    // Heartbeats.
    caf::reacts_to<link_timer>,
    // Shutdown.
    caf::reacts_to<stop_now>,
    // Start: messages are kept for the node.
    caf::replies_to<restore_node>::with<node_restored>,
    // What it does.
    caf::replies_to<describe_peer>::with<peer_description>>;

/// Leads to the cluster port of a node.
struct connect_node {
  std::string address;  ///< "host:port"
};
/// What is published there.
struct node_reached {
  caf::strong_actor_ptr door;
};
/// There is a link with the process: its connection may carry more than a handshake.
struct trust_node {
  caf::node_id node;
};
/// Nothing is heard of the process: its connection is to go.
struct drop_node {
  caf::node_id node;
};
/// To itself: strangers are to go.
struct strangers_timer {};
/// Connects to other nodes; errors name the reason.
using connector_handle = caf::typed_actor<
    // Reach a node.
    caf::replies_to<connect_node>::with<node_reached>,
    // A stranger has become a member.
    caf::reacts_to<trust_node>,
    // A connection is of no use.
    caf::reacts_to<drop_node>,
    // Close the connections of those who did not.
    caf::reacts_to<strangers_timer>>;

/// A link with the node came up or went down.
struct link_changed {
  node_introduction node;
  std::uint64_t session = 0;
  bool is_up = false;         ///< else it went down, or never came up
  caf::node_id session_node;  ///< CAF's name of the process at the other end
};
/// A node says what it knows of members.
struct gossip_heard {
  node_identity from;
  std::string bytes;
};
/// To itself: something of membership is due.
struct cluster_timer {};
/// Where others reach this node is known; begin.
struct enter_cluster {
  std::string address;
  connector_handle connector;
};
/// `troupectl cluster`: what is said there.
struct cluster_command {
  enum class verb : std::uint8_t {
    status,
    join,
    leave
  };
  verb what = verb::status;
  std::string address;  ///< of `join`
};
struct cluster_status {
  std::vector<membership::view> members;
  std::vector<peer_description> peers;
};

/// `ask_interest` for all other nodes, or all sessions and share groups of a directory; answered
/// with `interests`.
struct ask_interests {
  log_offset head = 0;
};
struct interests {
  std::shared_ptr<const log_interests> needed;
};

/// This node among others: who they are, and that there is a link with each.
using cluster_handle = caf::typed_actor<
    // Handshakes, and the first packet of a link.
    caf::reacts_to<link_packet>, caf::reacts_to<enter_cluster>, caf::reacts_to<link_changed>,
    caf::reacts_to<gossip_heard>, caf::reacts_to<cluster_timer>,
    caf::replies_to<cluster_command>::with<cluster_status>,
    // Start: a node that this one forwards to.
    caf::replies_to<restore_node>::with<node_restored>,
    // What do other nodes need of the log?
    caf::replies_to<ask_interests>::with<interests>,
    // Shutdown: end, and all peers with it.
    caf::reacts_to<stop_now>>;

// -- shard --------------------------------------------------------------------------

/// Messages of one publisher for topics of this shard.
struct route {
  message_block_ptr block;
  session_flow_ptr flow;       ///< the publisher's; null: the broker itself publishes
  publisher_handle publisher;  ///< gets `accepted`; null: nobody waits for it
  std::uint32_t epoch = 0;     ///< of the session
  bool lasting = false;        ///< the publisher's session outlives the process
  bool forwarded = false;      ///< another node sent it here, and to all others who want it
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
  bool live = true;            ///< is sent what is in the log, too
};
/// The link is down: do not wait for the node. What changes it is still told.
struct unwatch_routes {
  std::uint64_t node = 0;
  bool is_dead = false;  ///< it is not sent retained messages either
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
/// Before the first client: retained messages of an earlier life.
struct restore_retained {
  std::vector<message_block_ptr> messages;  ///< each alone in its block
};
/// The blocks that the store got with `ticket` are in the log, or could not be written.
struct appended {
  std::uint64_t ticket = 0;
  bool done = false;
  std::vector<log_offset> first;  ///< offsets of the first message of each block
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
    // Subscribe a session or a share group to filters that concern this shard.
    caf::reacts_to<add_subscriptions>,
    // Unsubscribe it.
    caf::reacts_to<remove_subscriptions>,
    // Send a subscriber what is in the log, or do not.
    caf::reacts_to<set_live>,
    // Look up retained messages, a page at a time.
    caf::reacts_to<read_retained>,
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

// -- store --------------------------------------------------------------------------

/// What became of retained messages, to be written; answered with `kept`.
struct keep_retained {
  std::vector<retained_change> changes;  ///< in order
  shard_handle reply_to;
  std::uint64_t ticket = 0;  ///< rises with each request of a shard
};

/// Messages for the log; answered with `appended`.
struct append {
  struct block {
    message_block_ptr messages;
    std::vector<std::uint32_t> which;  ///< of its messages, ascending
    session_flow_ptr flow;             ///< the publisher's; null: the broker itself
    bool lasting = false;              ///< as in `route`: packet identifiers are kept, too
    std::shared_ptr<const origin_progress> progress;  ///< as in `route`
  };
  std::vector<block> blocks;
  shard_handle reply_to;
  std::uint64_t ticket = 0;  ///< rises with each request of a shard
};

/// What became of a session, to be written; answered with `session_written`.
struct write_session {
  std::string client_id;
  session_write changes;
  std::uint32_t epoch = 0;  ///< of the session
  session_handle reply_to;
};

/// Where a share group is; answered with `share_written`.
struct keep_share {
  std::string share;
  std::optional<kept_share> where;  ///< nothing: what was kept of it goes
  share_handle reply_to;
  write_number number = 0;
};

/// What became of another node, to be written; answered with `routes_installed` if it succeeds.
struct write_node {
  node_write change;
  peer_handle reply_to;  ///< null: nobody waits for it
  std::uint64_t ticket = 0;
};

/// To itself: a sync is due.
struct sync_now {};

/// What lies in the log at or below `head` and is not needed may go.
struct trim {
  log_offset head = 0;
  std::shared_ptr<const log_interests> needed;
};
/// Records of the log's common part that nobody needs: the last offset of each.
struct unneeded_found {
  std::vector<log_offset> records;
  log_offset reached = 0;  ///< the search goes on above it
};

/// Writes to the disk and says when it is there.
using store_handle = caf::typed_actor<
    // Messages for the log.
    caf::reacts_to<append>,
    // Retained messages.
    caf::reacts_to<keep_retained>,
    // Sessions.
    caf::reacts_to<write_session>,
    // Share groups.
    caf::reacts_to<keep_share>,
    // Other nodes.
    caf::reacts_to<write_node>,
    // Remove what nobody needs.
    caf::reacts_to<trim>,
    // Remove more of that, which was searched for.
    caf::reacts_to<unneeded_found>,
    // Sync what was committed without.
    caf::reacts_to<sync_now>,
    // Commit what was staged.
    caf::reacts_to<flush>,
    // Shutdown: a barrier behind all that was sent.
    caf::replies_to<settle>::with<settled>>;

// -- log reader ---------------------------------------------------------------------

/// Answered with `log_read`, in its time: a session has a few under way.
struct read_log {
  log_request what;
  subscriber_handle reader;
  std::uint32_t epoch = 0;
};
/// Answered with `replay_found`.
struct find_replay {
  log_request what;
  session_handle reader;
  std::uint32_t epoch = 0;
};
/// Looks for records that nobody needs, `unneeded_found`, for a while.
struct find_unneeded {
  log_offset after = 0;
  trim limits;
  store_handle reply_to;
};
/// The log has grown, and somebody waited for it.
struct log_grown {};
/// To itself: who has waited for long is told that there was nothing.
struct end_long_waits {};

/// Reads the log while others append.
using log_reader_handle = caf::typed_actor<
    // A page for a subscriber.
    caf::reacts_to<read_log>,
    // Where a replay begins.
    caf::reacts_to<find_replay>,
    // Find what can go.
    caf::reacts_to<find_unneeded>,
    // Look again for those who wait.
    caf::reacts_to<log_grown>,
    // Let go of sessions that may be gone.
    caf::reacts_to<end_long_waits>>;

// -- directory ----------------------------------------------------------------------

/// A client may enter: find or make its session and pass it on as `attach`.
struct claim {
  client_ptr who;
};
/// The session has ended and asks to be forgotten; answered with `retired`
/// unless an attach that it has not seen is on its way.
struct retire {
  std::string client_id;
  session_handle who;
  std::uint64_t attempts_seen = 0;
};
/// The same for a share group without members.
struct retire_share {
  std::string share;
  share_handle who;
  std::uint64_t joins_seen = 0;
};
/// A session has done what `stop_reading` or `dismiss` asked for.
struct shutdown_step_done {
  bool dismissed = false;  ///< which of the two
};
/// Shutdown: passes `stop_reading` or `dismiss` to all sessions and answers when all are done.
struct stop_all_reading {};
struct dismiss_all {
  bool at_once = false;  ///< before they handle what they were sent
};
struct all_done {};

struct describe_directory {};
struct directory_description {
  std::size_t sessions = 0;
  std::size_t share_groups = 0;
};

/// Client identifiers to sessions, and `$share/…` to groups: the only place where logins of one
/// id, or members of one group, meet.
using directory_handle = caf::typed_actor<
    // A client that passed its handshake.
    caf::reacts_to<claim>,
    // Start: make the session that was kept.
    caf::replies_to<restore_session>::with<session_restored>,
    // Start: make the share group that was kept.
    caf::reacts_to<restore_share>,
    // Start: all sessions go on.
    caf::reacts_to<go_on>,
    // A session speaks to a share group.
    caf::reacts_to<to_share>,
    // A share group wants to end.
    caf::reacts_to<retire_share>,
    // A barrier behind all that was sent to share groups, which write down where they are.
    caf::replies_to<settle>::with<settled>,
    // Ask all sessions.
    caf::replies_to<ask_interests>::with<interests>,
    // A session wants to end.
    caf::reacts_to<retire>,
    // Shutdown, first step.
    caf::replies_to<stop_all_reading>::with<all_done>,
    // Shutdown, last step.
    caf::replies_to<dismiss_all>::with<all_done>,
    // A session has done the step.
    caf::reacts_to<shutdown_step_done>,
    // For the inspector.
    caf::replies_to<describe_directory>::with<directory_description>>;

// -- inspector and statistics -------------------------------------------------------

struct describe_node {};
struct node_description {
  std::size_t sessions = 0;
  shard_description shards;      ///< summed up
  std::size_t nodes_known = 0;   ///< other members, without those that have left
  std::size_t nodes_linked = 0;  ///< that there is a link with
};

/// Answers what the others are doing.
using inspector_handle = caf::typed_actor<
    // Asks shards and directories and sums up.
    caf::replies_to<describe_node>::with<node_description>>;

/// Time to publish.
struct publish_statistics {};

/// Publishes `$SYS`.
using statistics_handle = caf::typed_actor<
    // To itself, every interval.
    caf::reacts_to<publish_statistics>>;

// -- retention ----------------------------------------------------------------------

/// To itself: it is time.
struct look_for_unneeded {};

/// Finds out what of the log no session needs any more, and has it removed.
using retention_handle = caf::typed_actor<
    // Ask everybody.
    caf::reacts_to<look_for_unneeded>>;

}  // namespace troupe

namespace troupe {

/// How CAF reads and writes the one message that leaves the process. The frame is not copied.
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, link_packet& packet) {
  if constexpr (Inspector::writes_state) {
    auto frame = std::make_shared<std::string>();
    auto outcome = f(caf::meta::type_name("link_packet"), packet.head, *frame);
    if (!frame->empty()) packet.frame = std::move(frame);
    return outcome;
  } else {
    // Inspectors take what they only read by reference all the same.
    static const std::string none;
    const std::string& frame = packet.frame != nullptr ? *packet.frame : none;
    return f(caf::meta::type_name("link_packet"), packet.head, const_cast<std::string&>(frame));
  }
}

}  // namespace troupe

#define TROUPE_LOCAL_MESSAGE(name) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::name)
TROUPE_LOCAL_MESSAGE(greet)
TROUPE_LOCAL_MESSAGE(end_handshakes)
TROUPE_LOCAL_MESSAGE(handshakes_ended)
TROUPE_LOCAL_MESSAGE(authenticate)
TROUPE_LOCAL_MESSAGE(authenticated)
TROUPE_LOCAL_MESSAGE(attach_client)
TROUPE_LOCAL_MESSAGE(deliver)
TROUPE_LOCAL_MESSAGE(deliveries_missed)
TROUPE_LOCAL_MESSAGE(live_set)
TROUPE_LOCAL_MESSAGE(log_read)
TROUPE_LOCAL_MESSAGE(accepted)
TROUPE_LOCAL_MESSAGE(credit_returned)
TROUPE_LOCAL_MESSAGE(subscriptions_added)
TROUPE_LOCAL_MESSAGE(subscriptions_removed)
TROUPE_LOCAL_MESSAGE(retained_read)
TROUPE_LOCAL_MESSAGE(retired)
TROUPE_LOCAL_MESSAGE(stop_reading)
TROUPE_LOCAL_MESSAGE(dismiss)
TROUPE_LOCAL_MESSAGE(session_timer)
TROUPE_LOCAL_MESSAGE(flush)
TROUPE_LOCAL_MESSAGE(open_link)
TROUPE_LOCAL_MESSAGE(link_broken)
TROUPE_LOCAL_MESSAGE(node_died)
TROUPE_LOCAL_MESSAGE(tell_node)
TROUPE_LOCAL_MESSAGE(routes_changed)
TROUPE_LOCAL_MESSAGE(routes_installed)
TROUPE_LOCAL_MESSAGE(link_timer)
TROUPE_LOCAL_MESSAGE(describe_peer)
TROUPE_LOCAL_MESSAGE(peer_description)
TROUPE_LOCAL_MESSAGE(connect_node)
TROUPE_LOCAL_MESSAGE(trust_node)
TROUPE_LOCAL_MESSAGE(drop_node)
TROUPE_LOCAL_MESSAGE(strangers_timer)
TROUPE_LOCAL_MESSAGE(node_reached)
TROUPE_LOCAL_MESSAGE(link_changed)
TROUPE_LOCAL_MESSAGE(gossip_heard)
TROUPE_LOCAL_MESSAGE(cluster_timer)
TROUPE_LOCAL_MESSAGE(enter_cluster)
TROUPE_LOCAL_MESSAGE(cluster_command)
TROUPE_LOCAL_MESSAGE(cluster_status)
TROUPE_LOCAL_MESSAGE(stop_now)
TROUPE_LOCAL_MESSAGE(watch_routes)
TROUPE_LOCAL_MESSAGE(unwatch_routes)
TROUPE_LOCAL_MESSAGE(routes_announced)
TROUPE_LOCAL_MESSAGE(install_routes)
TROUPE_LOCAL_MESSAGE(announcing_timer)
TROUPE_LOCAL_MESSAGE(route)
TROUPE_LOCAL_MESSAGE(ask_credit)
TROUPE_LOCAL_MESSAGE(add_subscriptions)
TROUPE_LOCAL_MESSAGE(remove_subscriptions)
TROUPE_LOCAL_MESSAGE(set_live)
TROUPE_LOCAL_MESSAGE(read_retained)
TROUPE_LOCAL_MESSAGE(settle)
TROUPE_LOCAL_MESSAGE(settled)
TROUPE_LOCAL_MESSAGE(restore_retained)
TROUPE_LOCAL_MESSAGE(kept)
TROUPE_LOCAL_MESSAGE(appended)
TROUPE_LOCAL_MESSAGE(append)
TROUPE_LOCAL_MESSAGE(trim)
TROUPE_LOCAL_MESSAGE(sync_now)
TROUPE_LOCAL_MESSAGE(unneeded_found)
TROUPE_LOCAL_MESSAGE(find_unneeded)
TROUPE_LOCAL_MESSAGE(ask_interest)
TROUPE_LOCAL_MESSAGE(interest)
TROUPE_LOCAL_MESSAGE(ask_interests)
TROUPE_LOCAL_MESSAGE(interests)
TROUPE_LOCAL_MESSAGE(look_for_unneeded)
TROUPE_LOCAL_MESSAGE(read_log)
TROUPE_LOCAL_MESSAGE(log_grown)
TROUPE_LOCAL_MESSAGE(end_long_waits)
TROUPE_LOCAL_MESSAGE(replay_found)
TROUPE_LOCAL_MESSAGE(find_replay)
TROUPE_LOCAL_MESSAGE(keep_share)
TROUPE_LOCAL_MESSAGE(write_node)
TROUPE_LOCAL_MESSAGE(restore_node)
TROUPE_LOCAL_MESSAGE(node_restored)
TROUPE_LOCAL_MESSAGE(restore_share)
TROUPE_LOCAL_MESSAGE(retire_share)
TROUPE_LOCAL_MESSAGE(share_kept)
TROUPE_LOCAL_MESSAGE(share_timer)
TROUPE_LOCAL_MESSAGE(share_written)
TROUPE_LOCAL_MESSAGE(to_share)
TROUPE_LOCAL_MESSAGE(restore_session)
TROUPE_LOCAL_MESSAGE(session_restored)
TROUPE_LOCAL_MESSAGE(go_on)
TROUPE_LOCAL_MESSAGE(session_written)
TROUPE_LOCAL_MESSAGE(write_session)
TROUPE_LOCAL_MESSAGE(keep_retained)
TROUPE_LOCAL_MESSAGE(describe_shard)
TROUPE_LOCAL_MESSAGE(shard_description)
TROUPE_LOCAL_MESSAGE(claim)
TROUPE_LOCAL_MESSAGE(retire)
TROUPE_LOCAL_MESSAGE(shutdown_step_done)
TROUPE_LOCAL_MESSAGE(stop_all_reading)
TROUPE_LOCAL_MESSAGE(dismiss_all)
TROUPE_LOCAL_MESSAGE(all_done)
TROUPE_LOCAL_MESSAGE(describe_directory)
TROUPE_LOCAL_MESSAGE(directory_description)
TROUPE_LOCAL_MESSAGE(describe_node)
TROUPE_LOCAL_MESSAGE(node_description)
TROUPE_LOCAL_MESSAGE(publish_statistics)
#undef TROUPE_LOCAL_MESSAGE
