#pragma once

#include "libbroker/codec/decode.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/reason_code.hpp"

#include <span>
#include <string>
#include <string_view>

namespace troupe::test {

/// One control packet as annotated wire bytes, and what a decoder must make of it.
struct sample {
  std::string_view name;
  protocol_version version;
  std::string_view wire;  ///< hexadecimal digits and "quoted text"; `#` begins a comment
  reason_code code = reason_code::success;  ///< what it is refused with
  std::string_view clause = {};             ///< the violated rule; empty for a good sample
  role decode_as = role::server;

  [[nodiscard]] bool is_good() const noexcept { return clause.empty(); }
};

/// The one table of wire bytes behind all codec tests and the fuzz corpus.
[[nodiscard]] std::span<const sample> samples() noexcept;

/// The bytes that `wire` describes.
[[nodiscard]] std::string bytes_of(std::string_view wire);

}  // namespace troupe::test
