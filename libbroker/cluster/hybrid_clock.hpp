#pragma once

#include "libbroker/log_offset.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace troupe {

/// A moment that all nodes order alike: milliseconds since 1970 in the upper 48 bits, a counter
/// in the lower 16. 0 = before all. Two nodes may have the same one: a node name breaks the tie.
using hybrid_stamp = std::uint64_t;

/// The calendar time of a stamp.
[[nodiscard]] constexpr wall_time wall_of(hybrid_stamp stamp) noexcept {
  return wall_time(std::chrono::milliseconds(stamp >> 16));
}

/// A hybrid logical clock: follows the calendar as long as that rises, and is never behind a stamp
/// that it gave out or took in. So what was caused by something has the greater stamp, and what
/// was not has that of its time. Source: Kulkarni et al., Logical Physical Clocks (2014).
class hybrid_clock {
public:
  /// `maximum_drift`: how far ahead of our calendar another node's may be.
  explicit hybrid_clock(std::chrono::milliseconds maximum_drift = std::chrono::seconds(60)) noexcept
      : maximum_drift_(maximum_drift) {}

  /// A stamp greater than all before. More than 65,536 in a millisecond run ahead of the calendar.
  hybrid_stamp next(wall_time wall) noexcept;
  /// What follows is greater than `stamp`, another node's. Returns false, and leaves the clock as
  /// it is, if that is too far ahead: one wrong calendar is not to move all others.
  [[nodiscard]] bool observe(hybrid_stamp stamp, wall_time wall) noexcept;
  /// The greatest stamp so far.
  [[nodiscard]] hybrid_stamp last() const noexcept { return last_; }

private:
  std::chrono::milliseconds maximum_drift_;
  hybrid_stamp last_ = 0;
};

/// The same for threads that share one, without a lock.
class shared_hybrid_clock {
public:
  explicit shared_hybrid_clock(
      std::chrono::milliseconds maximum_drift = std::chrono::seconds(60)) noexcept
      : maximum_drift_(maximum_drift) {}

  /// The first of `count` stamps, one behind the other, which are greater than all before.
  hybrid_stamp next(wall_time wall, std::uint32_t count = 1) noexcept;
  /// As in `hybrid_clock`.
  [[nodiscard]] bool observe(hybrid_stamp stamp, wall_time wall) noexcept;
  /// The greatest stamp of another node that `observe` takes at `wall`.
  [[nodiscard]] hybrid_stamp greatest_acceptable(wall_time wall) const noexcept;
  [[nodiscard]] hybrid_stamp last() const noexcept { return last_.load(); }

private:
  const std::chrono::milliseconds maximum_drift_;
  std::atomic<hybrid_stamp> last_{0};
};

}  // namespace troupe
