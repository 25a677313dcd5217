#pragma once

#include "actors/protocol/client.hpp"
#include "actors/protocol/cluster.hpp"
#include "actors/protocol/directory.hpp"
#include "actors/protocol/inspection.hpp"
#include "actors/protocol/moves.hpp"
#include "actors/protocol/registry.hpp"
#include "actors/protocol/session.hpp"
#include "actors/protocol/shard.hpp"
#include "actors/protocol/share.hpp"
#include "actors/protocol/steps.hpp"
#include "actors/protocol/store.hpp"
#include "actors/protocol/subscriber.hpp"
#include "actors/protocol/upkeep.hpp"

/// The system: every typed actor interface and every message, a file per subject.
///
/// The main path: a session reads PUBLISH packets and sends `route` to the shard
/// of their topics; the shard sends `deliver` to every session that matches and
/// `accepted` back to the publisher. Every stage collects while its mailbox
/// holds more, then flushes once; `flush` is how it tells itself.
///
/// One message crosses nodes: `link_packet`. All others stay in the process.
