#pragma once

#include <cstdint>
#include <ctime>

namespace troupe::bench {

/// Nanoseconds of the monotonic clock; the one time base of a run, shared by all threads.
[[nodiscard]] inline std::int64_t now_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace troupe::bench
