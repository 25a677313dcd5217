#pragma once

#include "actors/protocol/local_message.hpp"
#include "actors/protocol/registry.hpp"
#include "actors/protocol/steps.hpp"
#include "actors/protocol/subscriber.hpp"
#include "libbroker/cluster/frame.hpp"
#include "libbroker/cluster/kept_node.hpp"
#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/cluster/link_packet.hpp"
#include "libbroker/cluster/membership.hpp"
#include "libbroker/cluster/route.hpp"
#include "libbroker/router/retained_exchange.hpp"
#include "libbroker/share/share_request.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Other nodes: a peer for each, the port where they are met, and who they are.
namespace troupe {

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
  caf::actor_addr other;  ///< the actor that it led to; null: whichever
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
/// A shard forwards from now on what it was asked to.
struct routes_installed {
  std::uint64_t ticket = 0;
};
/// The store has written, or could not write, what it got with `ticket`.
struct node_written {
  std::uint64_t ticket = 0;
  bool done = true;
};
/// A share group says something to the group of the same subscription on the node.
struct share_said {
  share_call what;
  std::uint32_t epoch = 0;  ///< as in `to_share`: of the link that it knows of
};
/// What a shard says of its retained messages.
struct retained_answered {
  std::uint64_t ticket = 0;
  retained_answer answer;
};
/// To an actor that other nodes can reach: it does not take CAF's own word for this.
struct stop_now {};
/// To itself: something of the link is due.
struct link_timer {
  time_point at{};  ///< for which it was set
};
/// Before the first client: what is kept of an earlier life. Answered with `node_restored` once
/// the shards were asked to forward.
struct restore_node {
  std::shared_ptr<const kept_node> earlier;
};
struct node_restored {};
/// Answered, with `fenced`, when the node has sent everything that this one wanted before.
struct fence {};
struct fenced {
  bool is_reached = false;  ///< else the link went down
  /// The last message in the log of the node when it answered; nothing if it did not say.
  std::optional<log_offset> head{};
};
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
    // What is kept of it is written.
    caf::reacts_to<node_written>,
    // Compare retained messages with those of the node.
    caf::reacts_to<retained_answered>,
    // Shared subscriptions with members on both nodes.
    caf::reacts_to<share_said>,
    // Heartbeats.
    caf::reacts_to<link_timer>,
    // Shutdown: a barrier behind all that is not in the log, if the link is up; the end.
    caf::replies_to<settle>::with<settled>, caf::reacts_to<stop_now>,
    // A barrier behind what the node has for this one.
    caf::replies_to<fence>::with<fenced>,
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
/// The process has proven to be a member: its connection may carry more than a handshake.
struct trust_node {
  caf::node_id node;
};
/// It does from now on.
struct node_trusted {};
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
    caf::replies_to<trust_node>::with<node_trusted>,
    // A connection is of no use.
    caf::reacts_to<drop_node>,
    // Close the connections of those who did not.
    caf::reacts_to<strangers_timer>>;

/// A link with the node came up or went down.
struct link_changed {
  node_introduction node;
  std::uint64_t session = 0;
  bool is_up = false;    ///< else it went down, or never came up
  caf::node_id stuck{};  ///< process whose connection is of no use any more; {}: none
};
/// A node says what it knows of members.
struct gossip_heard {
  node_identity from;
  std::string bytes;
};
/// Answered with `session_fenced` behind what these nodes, this one among them, have for this one.
struct fence_session {
  session_handle who;
  std::uint64_t number = 0;           ///< of the move
  std::vector<origin_cut> origins{};  ///< empty: all members, and this node
  std::chrono::milliseconds patience{};
};
/// Say something to a node, or to each, if there is a link with it.
struct say_to_node {
  std::string node;  ///< empty: to all
  record_kind kind{};
  std::string content;
  bool waits = false;  ///< for the link, if there is none, as long as this process lives
};
/// To itself: something of membership is due.
struct cluster_timer {
  time_point at{};  ///< for which it was set
};
/// Where others reach this node is known; begin.
struct enter_cluster {
  std::string address;
  connector_handle connector;
  std::vector<member_record> remembered;  ///< members of an earlier life
};
/// `troupectl cluster`: what is said there.
struct cluster_command {
  enum class verb : std::uint8_t {
    status,
    join,
    leave,
    drain,
    forget
  };
  verb what = verb::status;
  std::string address;    ///< of `join`
  std::string name;       ///< of `forget`
  bool for_good = false;  ///< of `drain`: clients are not to come back
};
struct cluster_status {
  std::string refusal;           ///< why what was said was not done; empty: it was
  std::size_t clients = 0;       ///< of this node, that are connected
  std::size_t unread = 0;        ///< sessions that went on elsewhere and left something here
  std::uint64_t bytes_read = 0;  ///< of what such sessions left, since the start
  std::vector<membership::view> members;
  std::vector<peer_description> peers;
};

/// This node among others: who they are, and that there is a link with each.
using cluster_handle = caf::typed_actor<
    // Handshakes, and the first packet of a link.
    caf::reacts_to<link_packet>, caf::reacts_to<enter_cluster>, caf::reacts_to<link_changed>,
    caf::reacts_to<gossip_heard>, caf::reacts_to<cluster_timer>,
    // What registries and sessions of different nodes say to each other. The first two come this
    // way so that they are behind the news of the link.
    caf::reacts_to<clients_heard>, caf::reacts_to<wills_heard>, caf::reacts_to<say_to_node>,
    caf::replies_to<cluster_command>::with<cluster_status>,
    // A barrier behind what all nodes with a link have for this one.
    caf::reacts_to<fence_session>,
    // Start: a node that this one forwards to.
    caf::replies_to<restore_node>::with<node_restored>,
    // What do other nodes need of the log?
    caf::replies_to<ask_interests>::with<interests>,
    // Shutdown: a barrier behind what other nodes are sent; the end, and that of all peers.
    caf::replies_to<settle>::with<settled>, caf::reacts_to<stop_now>>;

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

TROUPE_LOCAL_MESSAGE(open_link)
TROUPE_LOCAL_MESSAGE(link_broken)
TROUPE_LOCAL_MESSAGE(node_died)
TROUPE_LOCAL_MESSAGE(tell_node)
TROUPE_LOCAL_MESSAGE(routes_changed)
TROUPE_LOCAL_MESSAGE(routes_installed)
TROUPE_LOCAL_MESSAGE(node_written)
TROUPE_LOCAL_MESSAGE(retained_answered)
TROUPE_LOCAL_MESSAGE(share_said)
TROUPE_LOCAL_MESSAGE(link_timer)
TROUPE_LOCAL_MESSAGE(fence)
TROUPE_LOCAL_MESSAGE(fenced)
TROUPE_LOCAL_MESSAGE(describe_peer)
TROUPE_LOCAL_MESSAGE(peer_description)
TROUPE_LOCAL_MESSAGE(connect_node)
TROUPE_LOCAL_MESSAGE(trust_node)
TROUPE_LOCAL_MESSAGE(node_trusted)
TROUPE_LOCAL_MESSAGE(drop_node)
TROUPE_LOCAL_MESSAGE(strangers_timer)
TROUPE_LOCAL_MESSAGE(node_reached)
TROUPE_LOCAL_MESSAGE(link_changed)
TROUPE_LOCAL_MESSAGE(gossip_heard)
TROUPE_LOCAL_MESSAGE(fence_session)
TROUPE_LOCAL_MESSAGE(say_to_node)
TROUPE_LOCAL_MESSAGE(cluster_timer)
TROUPE_LOCAL_MESSAGE(enter_cluster)
TROUPE_LOCAL_MESSAGE(cluster_command)
TROUPE_LOCAL_MESSAGE(cluster_status)
TROUPE_LOCAL_MESSAGE(stop_now)
TROUPE_LOCAL_MESSAGE(restore_node)
TROUPE_LOCAL_MESSAGE(node_restored)
