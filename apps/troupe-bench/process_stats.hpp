#pragma once

#include <cstdint>
#include <optional>

namespace troupe::bench {

/// What a process has used so far.
struct process_sample {
  double cpu_seconds = 0;       ///< of all its threads, user and system time
  std::uint64_t rss_bytes = 0;  ///< resident memory
};

/// `nullopt` if there is no such process. Source: its CPU-time clock (a jiffy would be 10 ms),
/// and `status` of proc(5).
[[nodiscard]] std::optional<process_sample> sample_process(int pid);

/// CPU seconds of this process.
[[nodiscard]] double own_cpu_seconds() noexcept;

}  // namespace troupe::bench
