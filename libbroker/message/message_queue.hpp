#pragma once

#include "libbroker/message/delivery.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>

namespace troupe {

/// QoS 1 and 2 messages that wait for room in a session's window, in order.
class message_queue {
public:
  struct run {
    message_run messages;
    delivery_options options;
  };

  [[nodiscard]] bool empty() const noexcept { return runs_.empty(); }
  [[nodiscard]] std::size_t messages() const noexcept { return messages_; }
  /// Bytes of wire forms.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Neighbours of the last message with the same options join its run.
  void push(const message_block_ptr& block, std::uint32_t index, const delivery_options& options);

  /// REQUIRES: !empty(). `front().messages.first` is the next message.
  [[nodiscard]] const run& front() const noexcept { return runs_.front(); }
  /// Drops the next message. REQUIRES: !empty().
  void pop() noexcept;

  /// Calls `action(topic, offset)` for each message that is in the log, in order; `firsts`: for
  /// the first of each run only, whose others lie behind it and belong to the same shard.
  template <class Action>
  void for_each_logged(bool firsts, Action action) const {
    for (const run& waiting : runs_) {
      if (!is_from_log(waiting)) continue;
      const message_run& messages = waiting.messages;
      const std::uint32_t count = firsts ? 1 : messages.count;
      for (std::uint32_t i = messages.first; i != messages.first + count; ++i) {
        const message_entry& entry = (*messages.block)[i];
        action(messages.block->topic(entry), entry.log_offset);
      }
    }
  }
  /// Drops the runs for which `is_unwanted`.
  template <class Predicate>
  void remove_if(Predicate is_unwanted) {
    std::erase_if(runs_, [&](const run& waiting) {
      if (!is_unwanted(waiting)) return false;
      messages_ -= waiting.messages.count;
      bytes_ -= waiting.messages.wire().size();
      return true;
    });
  }
  /// Drops what can be read from the log again.
  void leave_to_log() { remove_if(is_from_log); }

  /// Makes the queue keep nothing alive but what is in it.
  void detach_blocks();

private:
  [[nodiscard]] static bool is_from_log(const run& waiting) noexcept;

  std::deque<run> runs_;
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace troupe
