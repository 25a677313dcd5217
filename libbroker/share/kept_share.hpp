#pragma once

#include "libbroker/log_offset.hpp"

#include <string>
#include <vector>

namespace troupe {

/// What of a share group outlives the process.
struct kept_share {
  std::string share;                    ///< `$share/…`
  std::vector<log_offset> positions;    ///< see log_cursor.hpp
  std::vector<log_offset> outstanding;  ///< handed out and not done; ascending
  /// Done though they lie above the positions, which went back to what an earlier life had
  /// written down; ascending.
  std::vector<log_offset> settled;
};

}  // namespace troupe
