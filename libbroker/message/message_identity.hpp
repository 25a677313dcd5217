#pragma once

#include "libbroker/log_offset.hpp"

#include <cstdint>

namespace troupe {

/// Which message of QoS 1 or 2 it is, for all nodes that have a copy: where it lies in the log of
/// the node that it was published at. Offsets of a home are never used twice, and ascend on each
/// topic.
struct message_identity {
  std::uint64_t home = 0;  ///< number of that node's data directory; 0: it was published here
  log_offset offset = 0;   ///< 0: it is in no log there

  friend bool operator==(const message_identity&, const message_identity&) = default;
};

}  // namespace troupe
