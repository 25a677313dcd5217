#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

namespace {

std::uint8_t options_byte(const subscription_options& options, protocol_version version) noexcept {
  const auto requested_qos = static_cast<unsigned>(options.qos);
  if (version != protocol_version::v5) return static_cast<std::uint8_t>(requested_qos);
  return static_cast<std::uint8_t>(requested_qos | (options.no_local ? 0x04U : 0U) |
                                   (options.retain_as_published ? 0x08U : 0U) |
                                   static_cast<unsigned>(options.retain_handling) << 4);
}

}  // namespace

void encode(const subscribe& packet, protocol_version version, byte_buffer& out) {
  append_packet(first_byte(packet_type::subscribe, 2), out, [&] {
    append_two_bytes(packet.id, out);
    if (version == protocol_version::v5) {
      property_writer properties(out);
      if (packet.subscription_identifier != 0)
        properties.variable_byte_integer(property_id::subscription_identifier,
                                         packet.subscription_identifier);
      properties.user_properties(packet.user_properties);
      properties.close();
    }
    for (const subscribe::entry& entry : packet.entries) {
      append_string(entry.filter, out);
      out.push_back(options_byte(entry.options, version));
    }
  });
}

void encode(const unsubscribe& packet, protocol_version version, byte_buffer& out) {
  append_packet(first_byte(packet_type::unsubscribe, 2), out, [&] {
    append_two_bytes(packet.id, out);
    if (version == protocol_version::v5) {
      property_writer properties(out);
      properties.user_properties(packet.user_properties);
      properties.close();
    }
    for (const std::string_view filter : packet.filters)
      append_string(filter, out);
  });
}

}  // namespace troupe
