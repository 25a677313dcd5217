#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <cstdint>

namespace troupe {

namespace {

std::uint8_t connect_flags(const connect& packet) noexcept {
  unsigned flags = packet.clean_start ? 0x02 : 0;
  if (packet.will) {
    flags |= 0x04;
    flags |= static_cast<unsigned>(packet.will->qos) << 3;
    if (packet.will->retain) flags |= 0x20;
  }
  if (packet.password) flags |= 0x40;
  if (packet.user_name) flags |= 0x80;
  return static_cast<std::uint8_t>(flags);
}

void append_properties(const connect& packet, byte_buffer& out) {
  const connect defaults;
  property_writer properties(out);
  if (packet.session_expiry_interval != defaults.session_expiry_interval)
    properties.four_byte_integer(property_id::session_expiry_interval,
                                 packet.session_expiry_interval);
  if (packet.receive_maximum != defaults.receive_maximum)
    properties.two_byte_integer(property_id::receive_maximum, packet.receive_maximum);
  if (packet.maximum_packet_size != defaults.maximum_packet_size)
    properties.four_byte_integer(property_id::maximum_packet_size, packet.maximum_packet_size);
  if (packet.topic_alias_maximum != defaults.topic_alias_maximum)
    properties.two_byte_integer(property_id::topic_alias_maximum, packet.topic_alias_maximum);
  if (packet.request_response_information != defaults.request_response_information)
    properties.flag(property_id::request_response_information, packet.request_response_information);
  if (packet.request_problem_information != defaults.request_problem_information)
    properties.flag(property_id::request_problem_information, packet.request_problem_information);
  if (packet.authentication_method)
    properties.string(property_id::authentication_method, *packet.authentication_method);
  if (!packet.authentication_data.empty())
    properties.binary(property_id::authentication_data, packet.authentication_data);
  properties.user_properties(packet.user_properties);
  properties.close();
}

void append_will(const will& message, protocol_version version, byte_buffer& out) {
  if (version == protocol_version::v5) {
    property_writer properties(out);
    if (message.delay_interval != 0)
      properties.four_byte_integer(property_id::will_delay_interval, message.delay_interval);
    properties.message_properties(message.message_properties);
    properties.close();
  }
  append_string(message.topic, out);
  append_binary(message.payload, out);
}

}  // namespace

void encode(const connect& packet, byte_buffer& out) {
  append_packet(first_byte(packet_type::connect), out, [&] {
    append_string(packet.version == protocol_version::v3_1 ? "MQIsdp" : "MQTT", out);
    out.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(packet.version) |
                                            (packet.bridge ? 0x80U : 0U)));
    out.push_back(connect_flags(packet));
    append_two_bytes(packet.keep_alive, out);
    if (packet.version == protocol_version::v5) append_properties(packet, out);
    append_string(packet.client_id, out);
    if (packet.will) append_will(*packet.will, packet.version, out);
    if (packet.user_name) append_string(*packet.user_name, out);
    if (packet.password) append_binary(*packet.password, out);
  });
}

}  // namespace troupe
