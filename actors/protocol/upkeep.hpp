#pragma once

#include "actors/protocol/inspection.hpp"
#include "actors/protocol/local_message.hpp"
#include "actors/protocol/shard.hpp"

#include <cstddef>
#include <string>

/// What looks at the others from time to time.
namespace troupe {

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
    caf::replies_to<describe_node>::with<node_description>,
    // Looks at all actors, or asks one, and answers for people.
    caf::replies_to<inspect_node>::with<inspected>>;

/// Time to publish.
struct publish_statistics {};
/// What another node says of itself.
struct figures_heard {
  std::string from;
  std::string content;
};

/// Publishes `$SYS`.
using statistics_handle = caf::typed_actor<
    // To itself, every interval.
    caf::reacts_to<publish_statistics>,
    // Sum it up.
    caf::reacts_to<figures_heard>>;

// -- retention ----------------------------------------------------------------------

/// To itself: it is time.
struct look_for_unneeded {};

/// Finds out what of the log no session needs any more, and has it removed.
using retention_handle = caf::typed_actor<
    // Ask everybody.
    caf::reacts_to<look_for_unneeded>>;

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(look_for_unneeded)
TROUPE_LOCAL_MESSAGE(describe_node)
TROUPE_LOCAL_MESSAGE(node_description)
TROUPE_LOCAL_MESSAGE(publish_statistics)
TROUPE_LOCAL_MESSAGE(figures_heard)
