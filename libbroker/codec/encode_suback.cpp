#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

namespace {

/// SUBACK and UNSUBACK of MQTT 5.0 have one layout.
template <class Packet>
void append_acknowledgement(packet_type type, const Packet& packet, byte_buffer& out) {
  append_packet(first_byte(type), out, [&] {
    append_two_bytes(packet.id, out);
    property_writer properties(out);
    properties.string_unless_empty(property_id::reason_string, packet.reason_string);
    properties.user_properties(packet.user_properties);
    properties.close();
    for (const reason_code code : packet.codes)
      out.push_back(static_cast<std::uint8_t>(code));
  });
}

}  // namespace

void encode(const suback& packet, protocol_version version, byte_buffer& out) {
  if (version == protocol_version::v5)
    return append_acknowledgement(packet_type::suback, packet, out);
  append_packet(first_byte(packet_type::suback), out, [&] {
    append_two_bytes(packet.id, out);
    for (const reason_code code : packet.codes)  // [MQTT311-3.9.3-2]
      out.push_back(
          static_cast<std::uint8_t>(is_error(code) ? reason_code::unspecified_error : code));
  });
}

void encode(const unsuback& packet, protocol_version version, byte_buffer& out) {
  if (version == protocol_version::v5)
    return append_acknowledgement(packet_type::unsuback, packet, out);
  append_packet(first_byte(packet_type::unsuback), out, [&] { append_two_bytes(packet.id, out); });
}

}  // namespace troupe
