#pragma once

#include "actors/protocol.hpp"
#include "persistence/log_reader.hpp"

namespace troupe {

/// Reads the log for sessions that are behind. Blocks in system calls, so it has a thread
/// of its own; appends do not wait for it.
class log_reader_actor final : public log_reader_handle::base {
public:
  /// `store` and `log` outlive the actor.
  log_reader_actor(caf::actor_config& config, const database& store, const offset_log& log);

  const char* name() const override { return "log-reader"; }

protected:
  behavior_type make_behavior() override;

private:
  [[nodiscard]] storage_result<log_page> read(log_request& what) const;

  const offset_log& log_;
  const log_reader reader_;
};

}  // namespace troupe
