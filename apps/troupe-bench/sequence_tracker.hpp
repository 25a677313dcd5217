#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace troupe::bench {

/// What one receiver has got of one stream of numbered messages (0, 1, 2, …):
/// finds lost, repeated and reordered ones. One thread records; `next` may be
/// read by any thread.
class sequence_tracker {
public:
  /// Returns false if the message was received before.
  bool record(std::uint64_t sequence) {
    const std::uint64_t next = next_.load(std::memory_order_relaxed);
    if (sequence != next) [[unlikely]]
      return record_unexpected(sequence, next);
    next_.store(next + 1, std::memory_order_relaxed);
    return true;
  }

  /// One more than the highest number received; 0 before the first message.
  [[nodiscard]] std::uint64_t next() const noexcept {
    return next_.load(std::memory_order_relaxed);
  }

  /// How many of the first `published` messages have not been received.
  [[nodiscard]] std::uint64_t lost(std::uint64_t published) const noexcept;

  [[nodiscard]] std::uint64_t duplicates() const noexcept { return duplicates_; }

  /// Messages received after one with a higher number.
  [[nodiscard]] std::uint64_t reordered() const noexcept { return reordered_; }

private:
  /// The numbers below `next` that are still missing, 64 to a word: a message
  /// in order costs nothing here, whatever was lost before it.
  struct gaps {
    std::unordered_map<std::uint64_t, std::uint64_t> words;
    std::uint64_t count = 0;
  };

  bool record_unexpected(std::uint64_t sequence, std::uint64_t next);
  void open_gap(std::uint64_t first, std::uint64_t last);
  bool fill_gap(std::uint64_t sequence);

  std::atomic<std::uint64_t> next_{0};
  std::uint32_t duplicates_ = 0;
  std::uint32_t reordered_ = 0;
  std::unique_ptr<gaps> gaps_;
};

}  // namespace troupe::bench
