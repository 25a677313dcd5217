#pragma once

#include "actors/protocol/local_message.hpp"
#include "libbroker/inspection/inspection_wire.hpp"

#include <vector>

/// What actors say of themselves to people.
namespace troupe {

/// What does the actor have? Answered with `facts_told`.
struct ask_facts {};
struct facts_told {
  std::vector<fact_group> groups;
};

/// A question of `troupectl actors`, which knows the cluster's secret; answered with `inspected`.
struct inspect_node {
  inspection_question what;
};
struct inspected {
  inspection_answer answer;
};

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(ask_facts)
TROUPE_LOCAL_MESSAGE(facts_told)
TROUPE_LOCAL_MESSAGE(inspect_node)
TROUPE_LOCAL_MESSAGE(inspected)
