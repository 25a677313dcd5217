#pragma once

#include "actors/connection.hpp"
#include "actors/protocol/inspection.hpp"
#include "actors/protocol/local_message.hpp"
#include "libbroker/packet.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <memory>
#include <string>

/// A client on its way to its session.
namespace troupe {

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
    // What it has.
    caf::replies_to<ask_facts>::with<facts_told>,
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

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(greet)
TROUPE_LOCAL_MESSAGE(end_handshakes)
TROUPE_LOCAL_MESSAGE(handshakes_ended)
TROUPE_LOCAL_MESSAGE(authenticate)
TROUPE_LOCAL_MESSAGE(authenticated)
