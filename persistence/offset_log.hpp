#pragma once

#include "libbroker/message/message_block.hpp"
#include "libbroker/text_hash.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"
#include "persistence/log_record.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe {

/// The node's messages in the order of their offsets: the writing side. Stages into a
/// database whose owner commits; one thread. Reading: log_reader.hpp.
class offset_log {
public:
  /// Finds out where the log goes on: above every offset that was ever handed out,
  /// whatever was lost since. REQUIRES: `store` outlives the log.
  [[nodiscard]] static storage_result<std::unique_ptr<offset_log>> open(database& store);

  /// Stages the messages `which` (indexes, ascending, at least one) of `block` as one
  /// record. Returns the offset of the first; the others follow one by one. They are
  /// in the log once `committed` was called.
  log_offset append(const message_block& block, std::span<const std::uint32_t> which,
                    const record_origin& origin);
  /// Whether what is staged must be synced even if nobody asked for it.
  [[nodiscard]] bool needs_sync() const noexcept { return staged_ceiling_ != ceiling_; }
  /// Whether the store could not be asked for what an append depends on: what is staged
  /// must not be committed.
  [[nodiscard]] bool is_unsure() const noexcept { return is_unsure_; }
  /// The commit with all that was staged succeeded.
  void committed() noexcept;
  /// … or failed: the offsets that `append` returned will never be used.
  void failed();

  struct trim_limits {
    log_offset passed = 0;  ///< records that end at or below it go
    /// … and those that were received before, needed or not.
    std::optional<wall_time> overdue;
    std::size_t records = 1000;  ///< so many at most
  };
  struct trim_figures {
    std::size_t records = 0;
    std::size_t messages_overdue = 0;  ///< above `passed`
  };
  /// Stages the removal of records above the trimmed mark and moves the mark.
  [[nodiscard]] storage_result<trim_figures> trim(const trim_limits& limits);

  /// The last offset that was committed, or one above it. Any thread.
  [[nodiscard]] log_offset head() const noexcept { return head_.load(std::memory_order_acquire); }
  /// Everything at or below it is gone. Any thread.
  [[nodiscard]] log_offset trimmed() const noexcept {
    return trimmed_.load(std::memory_order_acquire);
  }

private:
  explicit offset_log(database& store) : store_(store) {}
  [[nodiscard]] storage_result<log_offset> last_record() const;
  [[nodiscard]] topic_id number_of(std::string_view topic);
  void put_index(std::string_view topic, log_offset last);
  void remove_index(const store_scan& scan, const record_view& record);

  database& store_;
  log_offset next_ = 1;
  log_offset ceiling_ = 0;  ///< offsets below it may be handed out
  log_offset staged_ceiling_ = 0;
  std::atomic<log_offset> head_{0};
  std::atomic<log_offset> trimmed_{0};
  log_offset staged_trimmed_ = 0;

  bool is_unsure_ = false;
  topic_id next_topic_ = 1;
  /// Numbers of topics, as far as there is room; what is not here may be on disk.
  std::unordered_map<std::string, topic_id, text_hash, std::equal_to<>> topics_;
  std::string record_;                     // scratch
  std::vector<std::string_view> indexed_;  // scratch: topics of the record
};

}  // namespace troupe
