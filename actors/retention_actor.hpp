#pragma once

#include "actors/counted.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"

#include <memory>

namespace troupe {

/// Every `store.trim-interval`: has the shards hand out all that is in the log, asks the
/// sessions what of that they still need, and has the rest removed. A round in which
/// somebody does not answer removes nothing.
class retention_actor final : public counted<retention_handle> {
public:
  retention_actor(caf::actor_config& config, const node_context& house);

  const char* name() const override { return "retention"; }

protected:
  behavior_type make_behavior() override;

private:
  struct round;
  void ask_shards();
  void ask_sessions(const std::shared_ptr<round>& at);
  void finish(const round& done);

  const node_context& house_;
};

}  // namespace troupe
