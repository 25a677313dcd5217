#pragma once

#include "actors/protocol.hpp"
#include "libbroker/config/config.hpp"
#include "persistence/database.hpp"
#include "persistence/retained_table.hpp"

#include <vector>

namespace troupe {

/// Owns what is written to the disk: stages what its mailbox holds, commits it in one
/// go and answers everybody. Blocks in system calls, so it has a thread of its own.
class store_actor final : public store_handle::base {
public:
  /// `store` outlives the actor.
  store_actor(caf::actor_config& config, database& store);

  const char* name() const override { return "store"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  void keep(const keep_retained& request);
  void commit_soon();
  void commit();

  struct answer {
    shard_handle to;
    std::uint64_t ticket = 0;
  };

  database& store_;
  retained_table retained_;
  std::vector<answer> answers_;  ///< due after the commit
  bool flush_requested_ = false;
  bool failing_ = false;  ///< the last commit did
};

}  // namespace troupe
