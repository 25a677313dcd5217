#pragma once

#include "libbroker/config/config.hpp"
#include "libbroker/log_offset.hpp"

#include <atomic>
#include <cstdint>

namespace troupe {

/// What is the same for all sessions of a node, which it outlives.
struct session_host {
  const config& settings;
  std::uint32_t shards = 1;
  const std::atomic<log_offset>* log_head = nullptr;  ///< the last offset in the log; null: none
  std::uint64_t home = 0;                             ///< number of the node's data directory
};

}  // namespace troupe
