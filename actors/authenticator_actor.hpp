#pragma once

#include "actors/counted.hpp"
#include "actors/protocol.hpp"

namespace troupe {

/// Decides who may enter. Without a source of passwords that is: everybody where
/// the listener allows anonymous clients, nobody elsewhere.
class authenticator_actor final : public counted<authenticator_handle> {
public:
  authenticator_actor(caf::actor_config& config, actor_roster& roster);

  const char* name() const override { return "authenticator"; }

protected:
  behavior_type make_behavior() override;
};

}  // namespace troupe
