#pragma once

#include "actors/protocol.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {

/// Blocks of one shard that are not routed yet: some of their messages are on their way
/// into the log, or those of an earlier block of the same publisher, whose order is kept.
class append_queue {
public:
  struct waiting {
    route request;
    std::vector<std::uint32_t> logged;  ///< messages that go into the log; may be empty
    std::uint64_t ticket = 0;           ///< of the `append`; 0: not sent yet, or nothing to send
    log_offset head_before = 0;         ///< of the log, when the block came
    log_offset first = 0;               ///< offset of the first message in the log
    bool failed = false;                ///< the log could not be written
  };

  [[nodiscard]] bool empty() const noexcept { return blocks_.empty(); }
  /// Blocks that ever came and that left.
  [[nodiscard]] std::uint64_t pushed() const noexcept { return popped_ + blocks_.size(); }
  [[nodiscard]] std::uint64_t popped() const noexcept { return popped_; }
  /// Whether blocks of the publisher wait.
  [[nodiscard]] bool has_earlier_of(const message_block& block) const {
    return by_publisher_.contains(block.publisher());
  }
  void push(route&& request, std::vector<std::uint32_t>&& logged, log_offset head);

  /// The messages that nobody asked the store for yet, with `ticket`; may be none.
  [[nodiscard]] std::vector<append::block> take_unsent(std::uint64_t ticket);
  /// Bytes of blocks that were not asked for yet.
  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return unsent_bytes_; }

  /// The store answers in the order in which it was asked.
  void answered(const appended& reply);
  /// The next block that waits for nothing any more.
  [[nodiscard]] std::optional<waiting> pop_ready();

  /// Nothing of this shard in the log at or below it waits to be routed, and everything that
  /// was routed lies at or below it. `head`: of the log, read before.
  [[nodiscard]] log_offset routed_through(log_offset head) const noexcept {
    return std::max(last_ready_, blocks_.empty() ? head : blocks_.front().head_before);
  }
  void clear() noexcept;

private:
  std::deque<waiting> blocks_;
  std::size_t unsent_from_ = 0;  ///< index in `blocks_`
  std::size_t unsent_bytes_ = 0;
  std::uint64_t popped_ = 0;
  std::uint64_t answered_ = 0;  ///< ticket
  log_offset last_ready_ = 0;   ///< the last message that `pop_ready` returned
  std::unordered_map<std::uint64_t, std::uint32_t> by_publisher_;  ///< blocks that wait
};

}  // namespace troupe
