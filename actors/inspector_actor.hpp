#pragma once

#include "actors/node_context.hpp"
#include "actors/protocol.hpp"

namespace troupe {

/// Asks the other actors what they are doing and sums it up.
class inspector_actor final : public inspector_handle::base {
public:
  inspector_actor(caf::actor_config& config, const node_context& house);

  const char* name() const override { return "inspector"; }

protected:
  behavior_type make_behavior() override;

private:
  caf::typed_response_promise<node_description> describe();

  const node_context& house_;
};

}  // namespace troupe
