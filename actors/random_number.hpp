#pragma once

#include <cstdint>
#include <random>

namespace troupe {

/// A number that nobody else has, for names and streams; not for keys.
[[nodiscard]] inline std::uint64_t random_number() {
  std::random_device random;
  return static_cast<std::uint64_t>(random()) << 32 | random();
}

}  // namespace troupe
