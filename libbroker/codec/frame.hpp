#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/result.hpp"

namespace troupe {

/// One control packet as it lies in the input: what the fixed header says and
/// the bytes behind it. Source: MQTT5 §2.1.
struct frame {
  packet_type type{};
  std::uint8_t flags = 0;  ///< lower half of the first byte
  byte_view body;          ///< variable header and payload
};

/// The outcome of looking for a packet at the beginning of some bytes.
struct frame_scan {
  enum class status : std::uint8_t {
    complete,   ///< `packet` is there and takes the first `size` bytes
    incomplete  ///< `size` bytes are needed, as far as is known yet (at least one more)
  };
  frame_scan::status status = status::incomplete;
  std::size_t size = 0;
  frame packet;
};

/// Looks for a whole packet at the start of `input`; never reads past it and
/// never asks for the body of a packet that it will refuse.
/// `maximum_packet_size`: bytes, whole packet; 0 = no limit.
/// Errors: malformed_packet for a bad type, reserved flags or a remaining
/// length of more than four bytes; packet_too_large.
/// Source: MQTT5 §2.1.2-2.1.4, [MQTT5-2.1.3-1], [MQTT5-1.5.5-1] for the sender.
[[nodiscard]] result<frame_scan> scan_frame(byte_view input, std::size_t maximum_packet_size);

}  // namespace troupe
