#pragma once

#include <caf/all.hpp>

namespace troupe {

/// Ends an actor before it handles what its mailbox holds: behind its current turn.
/// CAF's own `anon_send_exit` waits behind all of that. A null handle is left alone.
template <class Handle>
void end_now(const Handle& which) {
  if (!which) return;
  caf::anon_send<caf::message_priority::high>(
      caf::actor_cast<caf::actor>(which),
      caf::exit_msg{caf::actor_addr(), caf::exit_reason::user_shutdown});
}

}  // namespace troupe
