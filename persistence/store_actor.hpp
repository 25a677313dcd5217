#pragma once

#include "actors/protocol.hpp"
#include "libbroker/config/config.hpp"
#include "persistence/database.hpp"
#include "persistence/retained_table.hpp"
#include "persistence/session_table.hpp"

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
  void write(write_session& request);
  void commit_soon();
  void commit();

  struct shard_answer {
    shard_handle to;
    std::uint64_t ticket = 0;
  };
  struct session_answer {
    session_handle to;
    session_written message;
  };

  database& store_;
  retained_table retained_;
  session_table sessions_;
  // Due after the commit.
  std::vector<shard_answer> shard_answers_;
  std::vector<session_answer> session_answers_;
  bool flush_requested_ = false;
  bool failing_ = false;  ///< the last commit did
};

}  // namespace troupe
