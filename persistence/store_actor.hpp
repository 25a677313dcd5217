#pragma once

#include "actors/counted.hpp"
#include "actors/protocol.hpp"
#include "libbroker/config/config.hpp"
#include "persistence/database.hpp"
#include "persistence/node_table.hpp"
#include "persistence/offset_log.hpp"
#include "persistence/retained_table.hpp"
#include "persistence/session_table.hpp"
#include "persistence/share_table.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {

/// Owns what is written to the disk: stages what its mailbox holds, commits it in one
/// go and answers everybody. Blocks in system calls, so it has a thread of its own.
class store_actor final : public counted<store_handle> {
public:
  /// `roster`, `store` and `log` outlive the actor, and so does `head`, where it says how far the
  /// log is on the disk. `follower` waits for the log to grow, and searches it for what can go.
  store_actor(caf::actor_config& config, actor_roster& roster, database& store, offset_log& log,
              std::atomic<log_offset>& head, const store_config& settings,
              log_reader_handle follower, const std::vector<durability_rule>& rules = {});

  const char* name() const override { return "store"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  void add(append& request);
  void keep(const keep_retained& request);
  void write(write_session& request);
  void write(keep_share& request);
  void add(append_loans& request);
  void write(write_node& request);
  [[nodiscard]] bool is_refused(const append::block& each) const;
  void write(const write_members& request);
  void commit_soon();
  void commit();
  void remove_passed(const trim& request);
  void begin_sweep(const trim& request);
  void sweep_on(log_offset after);
  void remove_unneeded(const unneeded_found& found);
  /// How safe a message on `topic` is to be.
  [[nodiscard]] durability durability_of(std::string_view topic);
  void note(durability wanted) noexcept { staged_ = std::min(staged_, wanted); }

  struct append_answer {
    shard_handle to;
    appended message;
    /// Publishers that are other nodes, and their attempts.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> forwarded{};
  };
  struct shard_answer {
    shard_handle to;
    std::uint64_t ticket = 0;
  };
  struct session_answer {
    session_handle to;
    session_written message;
  };
  struct node_answer {
    peer_handle to;
    node_written message;
  };
  struct share_answer {
    share_handle to;
    share_written message;
  };

  database& store_;
  offset_log& log_;
  std::atomic<log_offset>& head_;
  retained_table retained_;
  session_table sessions_;
  share_table shares_;
  node_table nodes_;
  // Due after the commit.
  std::vector<append_answer> append_answers_;
  std::vector<shard_answer> shard_answers_;
  std::vector<session_answer> session_answers_;
  std::vector<share_answer> share_answers_;
  struct loan_answer {
    share_handle to;
    loans_appended message;
  };
  std::vector<loan_answer> loan_answers_;
  std::vector<node_answer> node_answers_;
  /// By publisher, another node: the last attempt of which something was refused. What comes
  /// behind it would hide the gap.
  std::unordered_map<std::uint64_t, std::uint32_t> refused_;
  const store_config settings_;
  const std::vector<durability_rule> rules_;
  std::unordered_map<std::string, durability, text_hash, std::equal_to<>> known_durability_;
  durability staged_ = durability::os;  ///< the safest of what is staged
  log_reader_handle follower_;
  bool sync_requested_ = false;
  std::optional<trim> trim_again_;       ///< if the commit succeeds
  std::optional<needed_topics> needed_;  ///< of the last removal
  std::optional<trim> sweep_;            ///< the one under way
  std::uint64_t swept_bytes_ = 0;        ///< of the common part, behind the last one
  bool flush_requested_ = false;
  bool failing_ = false;  ///< the last commit did
};

}  // namespace troupe
