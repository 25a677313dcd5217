#pragma once

#include "libbroker/cluster/hybrid_clock.hpp"

#include <compare>
#include <cstdint>
#include <string_view>

namespace troupe {

/// When and where a topic's retained message was set or cleared: of two changes the greater one
/// holds, on all nodes. {} = of a time before stamps.
struct retained_stamp {
  hybrid_stamp time = 0;
  std::uint64_t node = 0;  ///< `node_number` of where it was published

  friend auto operator<=>(const retained_stamp&, const retained_stamp&) = default;
};

/// Breaks ties between nodes: XXH3-64 with seed 0 of the name. Fixed for ever: data on disk
/// depends on it.
[[nodiscard]] std::uint64_t node_number(std::string_view name) noexcept;

}  // namespace troupe
