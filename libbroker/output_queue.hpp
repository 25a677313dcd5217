#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/message/message_block.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace troupe {

/// Bytes on their way to one socket: encoded packets of our own and, where a
/// message goes out in the form in which it is kept, references to its block.
/// Empty, it owns no memory.
class output_queue {
public:
  /// Byte ranges shorter than this are cheaper to copy than to reference.
  static constexpr std::size_t smallest_reference = 1024;

  [[nodiscard]] bool empty() const noexcept { return sealed_ == nullptr && tail_.empty(); }
  /// Bytes waiting.
  [[nodiscard]] std::size_t size() const noexcept {
    return (sealed_ == nullptr ? 0 : sealed_->bytes) + tail_.size() - sent_;
  }

  /// Where encoders append. Valid until the next call of another member.
  [[nodiscard]] byte_buffer& tail() noexcept { return tail_; }

  /// Appends the wire forms of `run`.
  void append(const message_run& run);

  /// Fills `views` with the next bytes to send, oldest first; returns how many
  /// views it used. They live until the queue is changed.
  [[nodiscard]] std::size_t gather(std::span<byte_view> views) const noexcept;

  /// Drops the first `count` bytes, which were sent. REQUIRES: count <= size().
  void consume(std::size_t count) noexcept;

  void clear() noexcept;

private:
  /// Drops the segments that are sent; returns whether all are.
  bool consume_sealed() noexcept;

  struct segment {
    byte_buffer own;          // either these bytes …
    message_block_ptr block;  // … or some of a block's
    byte_view bytes;
  };

  /// What lies in front of the tail.
  struct sealed {
    std::vector<segment> segments;  // the first `gone` of them are sent
    std::size_t gone = 0;
    std::size_t bytes = 0;  // in the segments not gone, the sent ones of the first included
  };

  std::unique_ptr<sealed> sealed_;  // null: most clients get nothing but small packets
  std::size_t sent_ = 0;  // bytes sent of the first segment, or of the tail if there is none
  byte_buffer tail_;
};

}  // namespace troupe
