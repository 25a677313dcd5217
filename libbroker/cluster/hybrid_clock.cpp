#include "libbroker/cluster/hybrid_clock.hpp"

#include <algorithm>

namespace troupe {

namespace {

/// The first stamp of the millisecond; that of a calendar before 1970 is 0.
hybrid_stamp first_stamp(wall_time wall) noexcept {
  constexpr std::int64_t last_millisecond = (std::int64_t{1} << 48) - 1;
  const std::int64_t milliseconds = wall.time_since_epoch().count();
  return static_cast<hybrid_stamp>(std::clamp<std::int64_t>(milliseconds, 0, last_millisecond))
         << 16;
}

}  // namespace

hybrid_stamp hybrid_clock::next(wall_time wall) noexcept {
  // A counter that is full carries into the milliseconds.
  last_ = std::max(first_stamp(wall), last_ + 1);
  return last_;
}

bool hybrid_clock::observe(hybrid_stamp stamp, wall_time wall) noexcept {
  if (wall_of(stamp) > wall + maximum_drift_) return false;
  last_ = std::max(last_, stamp);
  return true;
}

hybrid_stamp shared_hybrid_clock::next(wall_time wall, std::uint32_t count) noexcept {
  const hybrid_stamp present = first_stamp(wall);
  hybrid_stamp last = last_.load();
  hybrid_stamp first = 0;
  do
    first = std::max(present, last + 1);
  while (!last_.compare_exchange_weak(last, first + count - 1));
  return first;
}

bool shared_hybrid_clock::observe(hybrid_stamp stamp, wall_time wall) noexcept {
  if (stamp > greatest_acceptable(wall)) return false;
  hybrid_stamp last = last_.load();
  while (last < stamp && !last_.compare_exchange_weak(last, stamp)) {
  }
  return true;
}

hybrid_stamp shared_hybrid_clock::greatest_acceptable(wall_time wall) const noexcept {
  constexpr hybrid_stamp full_counter = 0xFFFF;
  return first_stamp(wall + maximum_drift_) | full_counter;
}

}  // namespace troupe
