#pragma once

#include "actors/protocol/client.hpp"
#include "actors/protocol/inspection.hpp"
#include "actors/protocol/local_message.hpp"
#include "actors/protocol/moves.hpp"
#include "actors/protocol/subscriber.hpp"
#include "libbroker/router/retained_store.hpp"
#include "libbroker/session/session_effects.hpp"

#include <cstdint>
#include <memory>

/// A client session, online or not.
namespace troupe {

/// A client with the session's identifier connected; take-over if one is.
struct attach_client {
  client_ptr who;
  std::uint32_t attempt = 0;  ///< rises with each attach to this session
  hybrid_stamp stamp = 0;     ///< of its claim; 0: there is no cluster
  std::string previous;       ///< the node that had the session until now; empty: none, or this one
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
        // The client, or what was its session, is on another node.
        caf::reacts_to<session_said>, caf::reacts_to<node_followed>, caf::reacts_to<displace>,
        caf::reacts_to<move_timer>, caf::reacts_to<send_away>, caf::reacts_to<will_published>,
        caf::reacts_to<session_fenced>,
        // What it has.
        caf::replies_to<ask_facts>::with<facts_told>,
        // Will delay or session expiry.
        caf::reacts_to<session_timer>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(attach_client)
TROUPE_LOCAL_MESSAGE(retained_read)
TROUPE_LOCAL_MESSAGE(stop_reading)
TROUPE_LOCAL_MESSAGE(dismiss)
TROUPE_LOCAL_MESSAGE(session_timer)
TROUPE_LOCAL_MESSAGE(replay_found)
TROUPE_LOCAL_MESSAGE(share_kept)
TROUPE_LOCAL_MESSAGE(restore_session)
TROUPE_LOCAL_MESSAGE(session_restored)
TROUPE_LOCAL_MESSAGE(session_written)
