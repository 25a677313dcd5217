#pragma once

#include "actors/protocol/inspection.hpp"
#include "actors/protocol/local_message.hpp"
#include "actors/protocol/session.hpp"
#include "libbroker/cluster/hybrid_clock.hpp"

#include <caf/all.hpp>

#include <string>
#include <vector>

/// One client id, one session in the cluster: this node's part in deciding where.
namespace troupe {

/// A client of the id logs in here; answered with `login_decided`, those of one id in their order.
struct ask_login {
  std::string client_id;
};
/// The id's session here has ended.
struct session_over {
  std::string client_id;
};
/// Before other nodes are met: a session of an earlier life.
struct session_known {
  std::string client_id;
  hybrid_stamp stamp = 0;  ///< 0: it was not kept
};
/// A session that was displaced is here still, and the node that displaced it does not want it.
struct session_left_over {
  std::string client_id;
  hybrid_stamp stamp = 0;
};
/// These nodes have a link with this one now.
struct nodes_linked {
  std::vector<std::string> names;
};
/// The node will not come back.
struct node_gone {
  std::string name;
};
/// The registry of another node says something.
struct clients_heard {
  std::string from;
  std::string bytes;
};
/// The will of a client here; null: there is none any more.
struct will_changed {
  std::string client_id;
  message_block_ptr will;   ///< alone in its block
  std::uint32_t delay = 0;  ///< seconds
};
/// The node is dead: what its clients left is due.
struct node_dead {
  std::string name;
};
/// Another node says something of wills.
struct wills_heard {
  std::string from;
  std::string bytes;
};
/// The session wants to know when there is a link with the node, beginning with now. Answered with
/// `node_followed`, and again with each change.
struct follow_node {
  std::string node;
  session_handle who;
  /// The node has just spoken, so there is a link, though the registry may hear of that later: the
  /// session is told that there is none only if that is so after a while.
  bool has_spoken = false;
};
/// To itself: a while is over.
struct follower_timer {
  std::string node;
  session_handle who;
};
/// It does not any more.
struct unfollow_node {
  std::string node;
  session_handle who;
};
/// To itself: something is due.
struct registry_timer {
  time_point at{};  ///< for which it was set
};

/// Who has which client id, in agreement with the registries of all other nodes.
using registry_handle = caf::typed_actor<
    // May the client be served here?
    caf::reacts_to<ask_login>,
    // A session is gone; one was there before.
    caf::reacts_to<session_over>, caf::reacts_to<session_known>, caf::reacts_to<session_left_over>,
    // Other nodes.
    caf::reacts_to<nodes_linked>, caf::reacts_to<node_gone>, caf::reacts_to<clients_heard>,
    // Wills that others are to publish.
    caf::reacts_to<will_changed>, caf::reacts_to<node_dead>, caf::reacts_to<wills_heard>,
    // Shutdown: a barrier.
    caf::replies_to<settle>::with<settled>,
    // Sessions that have something on other nodes.
    caf::reacts_to<follow_node>, caf::reacts_to<unfollow_node>, caf::reacts_to<follower_timer>,
    // What it has.
    caf::replies_to<ask_facts>::with<facts_told>,
    // Claims that were not answered.
    caf::reacts_to<registry_timer>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(ask_login)
TROUPE_LOCAL_MESSAGE(session_over)
TROUPE_LOCAL_MESSAGE(session_known)
TROUPE_LOCAL_MESSAGE(session_left_over)
TROUPE_LOCAL_MESSAGE(nodes_linked)
TROUPE_LOCAL_MESSAGE(node_gone)
TROUPE_LOCAL_MESSAGE(clients_heard)
TROUPE_LOCAL_MESSAGE(will_changed)
TROUPE_LOCAL_MESSAGE(node_dead)
TROUPE_LOCAL_MESSAGE(wills_heard)
TROUPE_LOCAL_MESSAGE(follow_node)
TROUPE_LOCAL_MESSAGE(unfollow_node)
TROUPE_LOCAL_MESSAGE(follower_timer)
TROUPE_LOCAL_MESSAGE(registry_timer)
