#pragma once

#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/config/config.hpp"
#include "libbroker/log_offset.hpp"

#include <atomic>
#include <cstdint>

namespace troupe {

/// What is the same for all sessions of a node. It outlives them.
struct session_host {
  const config& settings;
  std::uint32_t shards = 1;
  const std::atomic<log_offset>* log_head = nullptr;  ///< the last offset in the log; null: none
  const node_identity* identity = nullptr;            ///< of the node; null: it has none

  /// Number of the node's data directory.
  [[nodiscard]] std::uint64_t home() const noexcept {
    return identity == nullptr ? 0 : identity->home;
  }
};

}  // namespace troupe
