#pragma once

#include "actors/protocol/local_message.hpp"

/// What several kinds of actors are told on the way from start to shutdown.
namespace troupe {

/// To oneself: send what was collected.
struct flush {};
/// Answered once everything that was sent before is handed on.
struct settle {};
struct settled {};
/// All sessions are there again: what was due while the node was down is done now.
struct go_on {};
/// The directory has forgotten the session, or the group: it may go.
struct retired {};

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(retired)
TROUPE_LOCAL_MESSAGE(flush)
TROUPE_LOCAL_MESSAGE(settle)
TROUPE_LOCAL_MESSAGE(settled)
TROUPE_LOCAL_MESSAGE(go_on)
