#pragma once

#include <chrono>
#include <cstdint>

namespace troupe {

/// Where a message lies in its node's offset log. Offsets start at 1, rise with each
/// appended message and are never used twice; gaps are normal. 0 = before the first.
using log_offset = std::uint64_t;

/// Calendar time in milliseconds: what outlives the process. Everything else uses
/// `time_point`.
using wall_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

}  // namespace troupe
