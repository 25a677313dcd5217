#include "libbroker/codec/frame.hpp"

#include <array>
#include <cstdint>

namespace troupe {

namespace {

constexpr std::uint8_t reserved_flags(packet_type type) noexcept {
  switch (type) {
  case packet_type::pubrel:
  case packet_type::subscribe:
  case packet_type::unsubscribe: return 0b0010;
  default: return 0;
  }
}

constexpr bool is_legal_first_byte(std::uint8_t first) noexcept {
  const auto type = static_cast<packet_type>(first >> 4);
  const auto flags = static_cast<std::uint8_t>(first & 15);
  if (first >> 4 == 0) return false;
  if (type != packet_type::publish) return flags == reserved_flags(type);
  const bool is_dup = (flags & 8) != 0;
  const int quality = flags >> 1 & 3;
  return quality != 3 && !(is_dup && quality == 0);
}

constexpr std::array<bool, 256> legal_first_bytes = [] {
  std::array<bool, 256> legal{};
  for (std::size_t first = 0; first != legal.size(); ++first)
    legal[first] = is_legal_first_byte(static_cast<std::uint8_t>(first));
  return legal;
}();

/// Which rule a first byte that is not legal breaks.
error first_byte_violation(std::uint8_t first) noexcept {
  constexpr auto code = reason_code::malformed_packet;
  if (first >> 4 == 0) return {code, "MQTT5 §2.1.2", "packet type 0"};
  switch (static_cast<packet_type>(first >> 4)) {
  case packet_type::publish:
    if ((first >> 1 & 3) == 3)  // [MQTT5-3.3.1-4] [MQTT311-3.3.1-4]
      return {code, "MQTT5-3.3.1-4", "QoS 3"};
    return {code, "MQTT5-3.3.1-2", "DUP with QoS 0"};  // [MQTT311-3.3.1-2]
  case packet_type::pubrel:                            // [MQTT5-3.6.1-1] [MQTT311-3.6.1-1]
    return {code, "MQTT5-3.6.1-1", "reserved flags of PUBREL"};
  case packet_type::subscribe:  // [MQTT5-3.8.1-1] [MQTT311-3.8.1-1]
    return {code, "MQTT5-3.8.1-1", "reserved flags of SUBSCRIBE"};
  case packet_type::unsubscribe:  // [MQTT5-3.10.1-1] [MQTT311-3.10.1-1]
    return {code, "MQTT5-3.10.1-1", "reserved flags of UNSUBSCRIBE"};
  case packet_type::disconnect:  // [MQTT5-3.14.1-1] [MQTT311-3.14.1-1]
    return {code, "MQTT5-3.14.1-1", "reserved flags of DISCONNECT"};
  case packet_type::auth:  // [MQTT5-3.15.1-1]
    return {code, "MQTT5-3.15.1-1", "reserved flags of AUTH"};
  default:  // [MQTT5-2.1.3-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]
    return {code, "MQTT5-2.1.3-1", "reserved flags"};
  }
}

frame_scan incomplete(std::size_t size) noexcept {
  return {.status = frame_scan::status::incomplete, .size = size, .packet = {}};
}

}  // namespace

result<frame_scan> scan_frame(byte_view input, std::size_t maximum_packet_size) {
  constexpr std::size_t smallest_packet = 2;
  if (input.empty()) return incomplete(smallest_packet);
  const auto first = std::to_integer<std::uint8_t>(input[0]);
  if (!legal_first_bytes[first]) return first_byte_violation(first);

  std::size_t remaining_length = 0;
  std::size_t header_size = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (shift == 28)
      return error{reason_code::malformed_packet, "MQTT5 §2.1.4",
                   "remaining length of more than four bytes"};
    if (header_size == input.size()) return incomplete(header_size + 1);
    const auto part = std::to_integer<std::size_t>(input[header_size++]);
    remaining_length |= (part & 127) << shift;
    if (part < 128) break;
  }

  const std::size_t size = header_size + remaining_length;
  if (maximum_packet_size != 0 && size > maximum_packet_size)
    return error{reason_code::packet_too_large, "MQTT5 §3.1.2.11.4", "packet too large"};
  if (size > input.size()) return incomplete(size);
  return frame_scan{.status = frame_scan::status::complete,
                    .size = size,
                    .packet = {.type = static_cast<packet_type>(first >> 4),
                               .flags = static_cast<std::uint8_t>(first & 15),
                               .body = input.subspan(header_size, remaining_length)}};
}

}  // namespace troupe
