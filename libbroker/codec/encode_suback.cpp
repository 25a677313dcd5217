#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

namespace {

/// SUBACK and UNSUBACK of MQTT 5.0 have one layout.
template <class Packet>
void append_acknowledgement(packet_type type, const Packet& packet, byte_buffer& out) {
  append_packet(first_byte(type), out, [&] {
    append_two_bytes(packet.id, out);  // [MQTT5-2.2.1-6] [MQTT5-3.8.4-2]
    property_writer properties(out);
    properties.string_unless_empty(property_id::reason_string, packet.reason_string);
    properties.user_properties(packet.user_properties);
    properties.close();
    for (const reason_code code : packet.codes)  // [MQTT5-3.9.3-1] [MQTT5-3.11.3-1]
      out.push_back(static_cast<std::uint8_t>(code));
  });
}

}  // namespace

void encode(const suback& packet, protocol_version version, byte_buffer& out) {
  if (version == protocol_version::v5)
    return append_acknowledgement(packet_type::suback, packet, out);
  append_packet(first_byte(packet_type::suback), out, [&] {
    append_two_bytes(packet.id, out);            // [MQTT311-2.3.1-7] [MQTT311-3.8.4-2]
    for (const reason_code code : packet.codes)  // [MQTT311-3.9.3-1] [MQTT311-3.9.3-2]
      out.push_back(
          static_cast<std::uint8_t>(is_error(code) ? reason_code::unspecified_error : code));
  });
}

void encode(const unsuback& packet, protocol_version version, byte_buffer& out) {
  if (version == protocol_version::v5)
    return append_acknowledgement(packet_type::unsuback, packet, out);
  append_packet(first_byte(packet_type::unsuback), out,
                [&] { append_two_bytes(packet.id, out); });  // [MQTT311-3.10.4-4]
}

}  // namespace troupe
