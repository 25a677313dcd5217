#pragma once

#include "actors/counted.hpp"
#include "actors/protocol.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/offset_log.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Reads the log for sessions that are behind, and for replays, which may wait for it to
/// grow; searches it for what can go. Blocks in system calls, so it has a thread of its own;
/// appends do not wait for it.
class log_reader_actor final : public counted<log_reader_handle> {
public:
  /// `roster`, `store` and `log` outlive the actor.
  log_reader_actor(caf::actor_config& config, actor_roster& roster, const database& store,
                   offset_log& log);

  const char* name() const override { return "log-reader"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override {
    waiting_.clear();
    needed_.reset();
  }

private:
  /// A read that found nothing so far.
  struct wait {
    read_log request;
    std::uint32_t rounds = 0;  ///< of `end_long_waits` that it has seen
  };

  void answer(read_log& request);
  void answer(const find_unneeded& request);
  void find_beginning(const find_replay& request);
  /// Looks at a part of the log; returns false if there is nothing to be told before it grows.
  [[nodiscard]] bool follow(read_log& request);
  void look_again();
  /// Lets go of those for which `is_over`.
  template <class IsOver>
  void end_waits(IsOver is_over);
  void send_page(const read_log& request, storage_result<log_page>&& page);
  [[nodiscard]] storage_result<log_page> read(const log_request& what) const;

  offset_log& log_;
  const log_reader reader_;
  std::vector<wait> waiting_;
  std::unordered_map<caf::actor_id, std::uint32_t> waits_of_;  ///< by session
  std::optional<needed_topics> needed_;                        ///< of the last search
  bool has_timer_ = false;
};

}  // namespace troupe
