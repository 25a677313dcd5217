#pragma once

#include "actors/protocol.hpp"

namespace troupe {

/// Decides who may enter. Without a source of passwords that is: everybody where
/// the listener allows anonymous clients, nobody elsewhere.
class authenticator_actor final : public authenticator_handle::base {
public:
  explicit authenticator_actor(caf::actor_config& config);

  const char* name() const override { return "authenticator"; }

protected:
  behavior_type make_behavior() override;
};

}  // namespace troupe
