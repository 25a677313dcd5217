#include "libbroker/codec/connack_return_code.hpp"
#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/legal_codes.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

#include <cstdint>

namespace troupe {

namespace {

void read_properties(packet_reader& in, connack& into) noexcept {
  property_reader properties(in, property_owner::connack);
  for (property read; properties.next(read);) {
    switch (read.id) {
    case property_id::session_expiry_interval: into.session_expiry_interval = read.number; break;
    case property_id::receive_maximum:
      into.receive_maximum = static_cast<std::uint16_t>(read.number);
      break;
    case property_id::maximum_qos: into.maximum_qos = static_cast<qos>(read.number); break;
    case property_id::retain_available: into.retain_available = read.flag(); break;
    case property_id::maximum_packet_size: into.maximum_packet_size = read.number; break;
    case property_id::assigned_client_identifier:
      into.assigned_client_identifier = read.text();
      break;
    case property_id::topic_alias_maximum:
      into.topic_alias_maximum = static_cast<std::uint16_t>(read.number);
      break;
    case property_id::reason_string: into.reason_string = read.text(); break;
    case property_id::wildcard_subscription_available:
      into.wildcard_subscription_available = read.flag();
      break;
    case property_id::subscription_identifier_available:
      into.subscription_identifiers_available = read.flag();
      break;
    case property_id::shared_subscription_available:
      into.shared_subscription_available = read.flag();
      break;
    case property_id::server_keep_alive:
      into.server_keep_alive = static_cast<std::uint16_t>(read.number);
      break;
    case property_id::response_information: into.response_information = read.text(); break;
    case property_id::server_reference: into.server_reference = read.text(); break;
    case property_id::authentication_method: into.authentication_method = read.text(); break;
    case property_id::authentication_data: into.authentication_data = read.data; break;
    default: break;
    }
  }
  into.user_properties = properties.user_properties();
}

reason_code read_code(packet_reader& in) noexcept {
  const std::uint8_t byte = in.byte();
  if (in.version() != protocol_version::v5) {
    if (byte < connack_return_codes.size()) return connack_return_codes[byte];
  } else if (is_legal_code(packet_type::connack, static_cast<reason_code>(byte))) {
    return static_cast<reason_code>(byte);
  }
  // [MQTT5-3.2.2-8]
  in.fail(reason_code::protocol_error, {"MQTT5-3.2.2-8", "MQTT311 §3.2.2.3"},
          "not a code of CONNACK");
  return {};
}

}  // namespace

result<connack> decode_connack(const frame& packet, protocol_version version) {
  connack into;
  packet_reader in(packet.body, version);
  const std::uint8_t flags = in.byte();
  // 3.1 has no session present flag; it reserves the byte without demanding a value.
  if (version != protocol_version::v3_1) {
    if (flags > 1)  // [MQTT5-3.2.2-1]
      in.fail(reason_code::malformed_packet, {"MQTT5-3.2.2-1", "MQTT311 §3.2.2.1"},
              "reserved connect acknowledge flags");
    into.session_present = flags == 1;
  }
  into.code = read_code(in);
  if (into.session_present && into.code != reason_code::success)
    // [MQTT5-3.2.2-6] [MQTT311-3.2.2-4]
    in.fail(reason_code::protocol_error, {"MQTT5-3.2.2-6", "MQTT311-3.2.2-4"},
            "session present in a refusal");
  if (version == protocol_version::v5) read_properties(in, into);
  in.expect_end();
  if (!in.ok()) return in.failure();
  return into;
}

}  // namespace troupe
