#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

void encode(const disconnect& packet, protocol_version version, byte_buffer& out) {
  const bool has_properties = packet.session_expiry_interval || !packet.reason_string.empty() ||
                              !packet.server_reference.empty() || !packet.user_properties.empty();
  // In 3.x only a client says goodbye, and only in peace.
  if (version != protocol_version::v5 && packet.code != reason_code::normal_disconnection) return;
  append_packet(first_byte(packet_type::disconnect), out, [&] {
    if (version != protocol_version::v5) return;
    if (packet.code == reason_code::normal_disconnection && !has_properties) return;
    out.push_back(static_cast<std::uint8_t>(packet.code));
    if (!has_properties) return;
    property_writer properties(out);
    if (packet.session_expiry_interval)
      properties.four_byte_integer(property_id::session_expiry_interval,
                                   *packet.session_expiry_interval);
    properties.string_unless_empty(property_id::reason_string, packet.reason_string);
    properties.user_properties(packet.user_properties);
    properties.string_unless_empty(property_id::server_reference, packet.server_reference);
    properties.close();
  });
}

}  // namespace troupe
