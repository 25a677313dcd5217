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

  /// Calls `action(topic, offset)` for the first message of each run that is in the log.
  template <class Action>
  void for_each_logged(Action action) const {
    for (const run& waiting : runs_) {
      const message_entry& first = (*waiting.messages.block)[waiting.messages.first];
      if (is_from_log(waiting)) action(waiting.messages.block->topic(first), first.log_offset);
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
