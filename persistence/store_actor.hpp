#pragma once

#include "actors/protocol.hpp"
#include "libbroker/config/config.hpp"
#include "persistence/database.hpp"
#include "persistence/offset_log.hpp"
#include "persistence/retained_table.hpp"
#include "persistence/session_table.hpp"

#include <atomic>
#include <optional>
#include <vector>

namespace troupe {

/// Owns what is written to the disk: stages what its mailbox holds, commits it in one
/// go and answers everybody. Blocks in system calls, so it has a thread of its own.
class store_actor final : public store_handle::base {
public:
  /// `store` and `log` outlive the actor, and so does `head`, where it says how far the log
  /// is on the disk. `follower` waits for the log to grow.
  store_actor(caf::actor_config& config, database& store, offset_log& log,
              std::atomic<log_offset>& head, const store_config& settings,
              log_reader_handle follower);

  const char* name() const override { return "store"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  void add(append& request);
  void keep(const keep_retained& request);
  void write(write_session& request);
  void commit_soon();
  void commit();
  void remove_passed(const trim& request);
  [[nodiscard]] bool must_sync() const noexcept;

  struct append_answer {
    shard_handle to;
    appended message;
  };
  struct shard_answer {
    shard_handle to;
    std::uint64_t ticket = 0;
  };
  struct session_answer {
    session_handle to;
    session_written message;
  };

  database& store_;
  offset_log& log_;
  std::atomic<log_offset>& head_;
  retained_table retained_;
  session_table sessions_;
  // Due after the commit.
  std::vector<append_answer> append_answers_;
  std::vector<shard_answer> shard_answers_;
  std::vector<session_answer> session_answers_;
  const store_config settings_;
  log_reader_handle follower_;
  bool sync_requested_ = false;
  std::optional<trim> trim_again_;  ///< if the commit succeeds
  bool flush_requested_ = false;
  bool failing_ = false;  ///< the last commit did
};

}  // namespace troupe
