#pragma once

#include "libbroker/log_interests.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/text_hash.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_record.hpp"
#include "persistence/log_streams.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace troupe {

/// The node's messages in the order of their offsets: the writing side. Stages into a
/// database whose owner commits; one thread. Reading: log_reader.hpp.
class offset_log {
public:
  /// Finds out where the log goes on: above every offset that was ever handed out,
  /// whatever was lost since. REQUIRES: `store` outlives the log.
  [[nodiscard]] static storage_result<std::unique_ptr<offset_log>>
  open(database& store, const std::vector<stream_config>& streams = {});

  /// Stages the messages `which` (indexes, ascending, at least one) of `block`, neighbours
  /// of one stream as one record. Returns the offset of the first; the others follow one by
  /// one. They are in the log once `committed` was called.
  log_offset append(const message_block& block, std::span<const std::uint32_t> which,
                    const record_origin& origin);
  /// The same for what another node has lent to a share group: it is found by its offset only.
  log_offset append_loan(const message_block& block, std::span<const std::uint32_t> which,
                         const record_origin& origin);
  /// Whether what is staged must be synced even if nobody asked for it.
  [[nodiscard]] bool needs_sync() const noexcept { return staged_ceiling_ != ceiling_; }
  /// Whether the store could not be asked for what an append depends on: what is staged
  /// must not be committed.
  [[nodiscard]] bool is_unsure() const noexcept { return is_unsure_; }
  /// To be called before a commit.
  void stage_figures();
  /// The commit with all that was staged succeeded.
  void committed() noexcept;
  /// … or failed: the offsets that `append` returned will never be used.
  void failed();

  struct trim_limits {
    log_offset passed = 0;      ///< no session needs what lies at or below it
    bool keeps_passed = false;  ///< that alone is no reason to go
    /// What was received before goes, needed or not, …
    std::optional<wall_time> overdue;
    std::uint64_t bytes = 0;          ///< … and so do the oldest beyond so many; 0: no limit
    needed_topics* needed = nullptr;  ///< what it pins stays in any case; null: nothing
    std::size_t records = 1000;       ///< so many go at most
  };
  struct trim_figures {
    std::size_t records = 0;
    std::size_t messages_needed = 0;
  };
  /// Stages the removal of the oldest records of a part of the log, and of topics that have
  /// none left. REQUIRES: nothing is staged but the same of other parts.
  [[nodiscard]] storage_result<trim_figures> trim(stream_number part, const trim_limits& limits);

  /// Stages the removal of the common part's records that end at `last`. REQUIRES: nothing
  /// is staged.
  [[nodiscard]] storage_result<void> remove(std::span<const log_offset> last);

  /// The last offset that was committed, or one above it. Any thread.
  [[nodiscard]] log_offset head() const noexcept { return head_.load(std::memory_order_acquire); }
  /// Any thread.
  [[nodiscard]] const log_streams& streams() const noexcept { return streams_; }

  /// The next commit that adds messages is to be told about. Any thread.
  void await_growth() noexcept { is_awaited_.exchange(true); }
  /// Whether somebody asked for that since the last call.
  [[nodiscard]] bool take_awaited() noexcept { return is_awaited_.exchange(false); }

private:
  struct known_topic {
    topic_id number = 0;
    stream_number stream = 0;
  };

  explicit offset_log(database& store) : store_(store) {}
  [[nodiscard]] storage_result<log_offset> last_record() const;
  [[nodiscard]] known_topic look_up(std::string_view topic);
  void reserve_offsets(std::size_t count);
  void put_record(stream_number stream, const message_block& block,
                  std::span<const std::uint32_t> which, const record_origin& origin);
  void remove_index(const store_scan& scan, const record_view& record);
  /// Whether records of the topic are left beside those that are staged to go and `gone`.
  [[nodiscard]] bool has_others(leveldb::Iterator& index, std::string_view topic, topic_id number,
                                log_offset gone) const;

  database& store_;
  log_offset next_ = 1;
  log_offset ceiling_ = 0;  ///< offsets below it may be handed out
  log_offset staged_ceiling_ = 0;
  std::atomic<log_offset> head_{0};
  std::atomic<bool> is_awaited_{false};
  bool is_unsure_ = false;
  bool has_failed_ = false;  ///< a commit, and the figures are as they were before
  log_streams streams_;
  topic_id next_topic_ = 1;
  /// As far as there is room; what is not here may be on disk.
  std::unordered_map<std::string, known_topic, text_hash, std::equal_to<>> topics_;
  std::unordered_set<log_offset> going_;  ///< records that are staged to go, by last offset
  std::string record_;                    // scratch
  std::vector<topic_id> indexed_;         // scratch: topics of the record
};

}  // namespace troupe
