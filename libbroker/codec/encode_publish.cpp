#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

void encode(const publish& packet, protocol_version version, byte_buffer& out) {
  constexpr std::size_t largest_header = 5;
  const bool has_id = packet.qos != qos::at_most_once;  // [MQTT5-2.2.1-2] [MQTT311-2.3.1-5]
  const bool has_properties = version == protocol_version::v5;
  const std::size_t properties_size = packet.properties.size();
  const std::size_t remaining =
      2 + packet.topic.size() + (has_id ? 2U : 0U) + packet.payload.size() +
      (has_properties ? variable_byte_integer_size(properties_size) + properties_size : 0U);

  std::byte* const begin = out.prepare(largest_header + remaining);
  std::byte* at =
      write_byte(first_byte(packet_type::publish, (packet.dup ? 8U : 0U) |
                                                      static_cast<unsigned>(packet.qos) << 1 |
                                                      (packet.retain ? 1U : 0U)),
                 begin);
  at = write_variable_byte_integer(remaining, at);
  at = write_two_bytes(packet.topic.size(), at);
  at = write_bytes(as_bytes(packet.topic), at);
  if (has_id) at = write_two_bytes(packet.id, at);
  if (has_properties) {
    at = write_variable_byte_integer(properties_size, at);
    at = write_bytes(packet.properties, at);
  }
  at = write_bytes(packet.payload, at);
  out.commit(static_cast<std::size_t>(at - begin));
}

namespace {

/// The form with a reason code, of MQTT 5.0 only.
[[gnu::noinline]] void append_with_code(std::uint8_t first, const publish_response& packet,
                                        byte_buffer& out) {
  append_packet(first, out, [&] {
    append_two_bytes(packet.id, out);
    out.push_back(static_cast<std::uint8_t>(packet.code));
    if (packet.reason_string.empty() && packet.user_properties.empty()) return;
    property_writer properties(out);
    properties.string_unless_empty(property_id::reason_string, packet.reason_string);
    properties.user_properties(packet.user_properties);
    properties.close();
  });
}

}  // namespace

void encode(packet_type type, const publish_response& packet, protocol_version version,
            byte_buffer& out) {
  // [MQTT5-3.6.1-1] [MQTT311-3.6.1-1]
  const std::uint8_t first = first_byte(type, type == packet_type::pubrel ? 2U : 0U);
  const bool says_more = packet.code != reason_code::success || !packet.reason_string.empty() ||
                         !packet.user_properties.empty();
  if (says_more && version == protocol_version::v5) [[unlikely]]
    return append_with_code(first, packet, out);
  std::byte* const at = out.prepare(4);
  write_byte(first, at);
  write_byte(2, at + 1);
  write_two_bytes(packet.id, at + 2);
  out.commit(4);
}

}  // namespace troupe
