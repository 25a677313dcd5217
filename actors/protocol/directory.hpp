#pragma once

#include "actors/protocol/local_message.hpp"
#include "actors/protocol/session.hpp"
#include "actors/protocol/share.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Who is who: client identifiers and share groups.
namespace troupe {

/// A client may enter: find or make its session and pass it on as `attach`.
struct claim {
  client_ptr who;
};
/// The session has ended and asks to be forgotten; answered with `retired`
/// unless an attach that it has not seen is on its way.
struct retire {
  std::string client_id;
  session_handle who;
  std::uint32_t attempts_seen = 0;
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

/// The registry's answer to `ask_login`.
struct login_decided {
  std::string client_id;
  bool granted = false;  ///< else another node has a later login
  hybrid_stamp stamp = 0;
  std::string previous;  ///< as in `attach_client`
};
/// A client that came to a session which had gone meanwhile: there is to be another one.
struct attach_elsewhere {
  attach_client request;
};
/// The client of a session here has logged in at another node.
struct session_displaced {
  std::string client_id;
  std::string by;
};
/// The session has become the end `number`, and is called accordingly.
struct session_moved {
  std::string client_id;
  std::uint64_t number = 0;
  session_handle who;
};

/// Clients are to go to other nodes, those that are here, at a pace that these can bear, and those
/// that come.
struct drain_clients {
  bool is_draining = false;  ///< false: no longer
  reason_code code = reason_code::use_another_server;
  std::vector<std::string> servers;  ///< "host:port" of each
};
/// To itself: the next of them.
struct drain_some {};

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
    // Share groups are to hear of a node.
    caf::reacts_to<share_node_up>, caf::reacts_to<share_node_died>,
    // A share group wants to end.
    caf::reacts_to<retire_share>,
    // A barrier behind all that was sent to share groups, which write down where they are.
    caf::replies_to<settle>::with<settled>,
    // Ask all sessions.
    caf::replies_to<ask_interests>::with<interests>,
    // A session wants to end.
    caf::reacts_to<retire>,
    // One client id, one session in the cluster.
    caf::reacts_to<login_decided>, caf::reacts_to<session_displaced>,
    caf::reacts_to<attach_elsewhere>, caf::reacts_to<will_published>,
    // Clients that are to go to other nodes.
    caf::reacts_to<drain_clients>, caf::reacts_to<drain_some>,
    // Sessions that go to other nodes.
    caf::reacts_to<session_said>, caf::reacts_to<session_moved>,
    // Shutdown, first step.
    caf::replies_to<stop_all_reading>::with<all_done>,
    // Shutdown, last step.
    caf::replies_to<dismiss_all>::with<all_done>,
    // A session has done the step.
    caf::reacts_to<shutdown_step_done>,
    // For the inspector.
    caf::replies_to<describe_directory>::with<directory_description>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(drain_clients)
TROUPE_LOCAL_MESSAGE(drain_some)
TROUPE_LOCAL_MESSAGE(attach_elsewhere)
TROUPE_LOCAL_MESSAGE(login_decided)
TROUPE_LOCAL_MESSAGE(session_displaced)
TROUPE_LOCAL_MESSAGE(session_moved)
TROUPE_LOCAL_MESSAGE(retire_share)
TROUPE_LOCAL_MESSAGE(claim)
TROUPE_LOCAL_MESSAGE(retire)
TROUPE_LOCAL_MESSAGE(shutdown_step_done)
TROUPE_LOCAL_MESSAGE(stop_all_reading)
TROUPE_LOCAL_MESSAGE(dismiss_all)
TROUPE_LOCAL_MESSAGE(all_done)
TROUPE_LOCAL_MESSAGE(describe_directory)
TROUPE_LOCAL_MESSAGE(directory_description)
