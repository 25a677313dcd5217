#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/time_point.hpp"

namespace troupe {

/// Both clocks at one moment: leads from the broker's monotonic time to calendar time
/// and back. What is kept on disk is kept in calendar time.
struct clock_reading {
  time_point monotonic{};
  wall_time wall{};

  [[nodiscard]] wall_time to_wall(time_point at) const noexcept { return wall + (at - monotonic); }
  [[nodiscard]] time_point to_monotonic(wall_time at) const noexcept {
    return monotonic + (at - wall);
  }
};

}  // namespace troupe
