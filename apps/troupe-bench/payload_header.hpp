#pragma once

#include "libbroker/bytes.hpp"

#include <cstdint>
#include <cstring>

namespace troupe::bench {

/// The first bytes of every payload, in the byte order of this machine: the
/// sender and the receiver are one process.
struct payload_header {
  std::uint32_t run = 0;       ///< tells messages of this run from all others
  std::uint32_t stream = 0;    ///< index of the stream
  std::uint64_t sequence = 0;  ///< position in the stream
  std::int64_t sent_at = 0;    ///< `now_ns` when sent, or when it was due to be sent

  static constexpr std::size_t size = 24;

  [[nodiscard]] static payload_header read(const std::byte* from) noexcept {
    payload_header header;
    std::memcpy(&header, from, size);
    return header;
  }
  void write(std::byte* to) const noexcept { std::memcpy(to, this, size); }
};
static_assert(sizeof(payload_header) == payload_header::size);

}  // namespace troupe::bench
