#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

void encode(const auth& packet, byte_buffer& out) {
  const bool has_properties = packet.authentication_method || !packet.authentication_data.empty() ||
                              !packet.reason_string.empty() || !packet.user_properties.empty();
  append_packet(first_byte(packet_type::auth), out, [&] {
    if (packet.code == reason_code::success && !has_properties) return;
    out.push_back(static_cast<std::uint8_t>(packet.code));
    property_writer properties(out);
    if (packet.authentication_method)
      properties.string(property_id::authentication_method, *packet.authentication_method);
    if (!packet.authentication_data.empty())
      properties.binary(property_id::authentication_data, packet.authentication_data);
    properties.string_unless_empty(property_id::reason_string, packet.reason_string);
    properties.user_properties(packet.user_properties);
    properties.close();
  });
}

}  // namespace troupe
