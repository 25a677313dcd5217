#pragma once

#include "libbroker/cluster/link_handshake.hpp"

#include <cstdint>
#include <random>

namespace troupe {

/// A number that nobody else has, for names and streams; not for keys.
[[nodiscard]] inline std::uint64_t random_number() {
  std::random_device random;
  return static_cast<std::uint64_t>(random()) << 32 | random();
}

/// For one handshake.
[[nodiscard]] inline handshake_nonce make_nonce() {
  handshake_nonce nonce;
  std::random_device random;
  for (char& each : nonce)
    each = static_cast<char>(random());
  return nonce;
}

}  // namespace troupe
