#include "libbroker/codec/connack_return_code.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace troupe {

namespace {

/// The return code of 3.x that says about the same; none if the connection is
/// to be closed without CONNACK [MQTT311-3.2.2-6].
std::optional<std::uint8_t> return_code(reason_code code) noexcept {
  switch (code) {
  case reason_code::server_busy:
  case reason_code::server_shutting_down:
  case reason_code::quota_exceeded:
  case reason_code::use_another_server:
  case reason_code::server_moved:
  case reason_code::connection_rate_exceeded: code = reason_code::server_unavailable; break;
  case reason_code::banned: code = reason_code::not_authorized; break;
  default: break;
  }
  const auto* const found =
      std::find(connack_return_codes.begin(), connack_return_codes.end(), code);
  if (found == connack_return_codes.end()) return std::nullopt;
  return static_cast<std::uint8_t>(found - connack_return_codes.begin());
}

void append_properties(const connack& packet, byte_buffer& out) {
  property_writer properties(out);
  const auto flag = [&](property_id id, const std::optional<bool>& value) {
    if (value) properties.flag(id, *value);
  };
  if (packet.session_expiry_interval)
    properties.four_byte_integer(property_id::session_expiry_interval,
                                 *packet.session_expiry_interval);
  if (packet.receive_maximum)
    properties.two_byte_integer(property_id::receive_maximum, *packet.receive_maximum);
  // "QoS 2" is said by leaving the property out (MQTT5 §3.2.2.3.4).
  if (packet.maximum_qos && *packet.maximum_qos != qos::exactly_once)
    properties.flag(property_id::maximum_qos, *packet.maximum_qos == qos::at_least_once);
  flag(property_id::retain_available, packet.retain_available);
  if (packet.maximum_packet_size)
    properties.four_byte_integer(property_id::maximum_packet_size, *packet.maximum_packet_size);
  if (packet.assigned_client_identifier)
    properties.string(property_id::assigned_client_identifier, *packet.assigned_client_identifier);
  if (packet.topic_alias_maximum != 0)
    properties.two_byte_integer(property_id::topic_alias_maximum, packet.topic_alias_maximum);
  properties.string_unless_empty(property_id::reason_string, packet.reason_string);
  properties.user_properties(packet.user_properties);
  flag(property_id::wildcard_subscription_available, packet.wildcard_subscription_available);
  flag(property_id::subscription_identifier_available, packet.subscription_identifiers_available);
  flag(property_id::shared_subscription_available, packet.shared_subscription_available);
  if (packet.server_keep_alive)
    properties.two_byte_integer(property_id::server_keep_alive, *packet.server_keep_alive);
  properties.string_unless_empty(property_id::response_information, packet.response_information);
  properties.string_unless_empty(property_id::server_reference, packet.server_reference);
  if (packet.authentication_method)
    properties.string(property_id::authentication_method, *packet.authentication_method);
  if (!packet.authentication_data.empty())
    properties.binary(property_id::authentication_data, packet.authentication_data);
  properties.close();
}

}  // namespace

void encode(const connack& packet, protocol_version version, byte_buffer& out) {
  // [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]; 3.1 has no session present flag.
  const bool session_present = packet.session_present && packet.code == reason_code::success &&
                               version != protocol_version::v3_1;
  std::uint8_t code = static_cast<std::uint8_t>(packet.code);
  if (version != protocol_version::v5) {
    const std::optional<std::uint8_t> mapped = return_code(packet.code);
    if (!mapped) return;
    code = *mapped;
  }
  append_packet(first_byte(packet_type::connack), out, [&] {
    out.push_back(session_present ? 1 : 0);  // [MQTT5-3.2.2-1]
    out.push_back(code);
    if (version == protocol_version::v5) append_properties(packet, out);
  });
}

}  // namespace troupe
