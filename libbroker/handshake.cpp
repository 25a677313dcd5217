#include "libbroker/handshake.hpp"

#include "libbroker/codec/decode.hpp"

namespace troupe {

result<std::optional<std::size_t>> find_connect(byte_view input, std::size_t maximum_size) {
  constexpr auto connect_nibble =
      static_cast<std::byte>(static_cast<unsigned>(packet_type::connect) << 4);
  if (!input.empty() && (input.front() & std::byte{0xF0}) != connect_nibble)
    return error{reason_code::protocol_error, "MQTT5-3.1.0-1", "first packet is not CONNECT"};
  const auto scanned = scan_frame(input, maximum_size);
  if (!scanned) return scanned.error();
  if (scanned->status == frame_scan::status::incomplete) return std::optional<std::size_t>();
  return std::optional(scanned->size);
}

result<void> check_connect(const connect& request, const config& settings) {  // [MQTT5-3.1.4-2]
  const features_config& features = settings.features;
  if (request.authentication_method)  // [MQTT5-4.12.0-1]: none is built in yet
    return error{reason_code::bad_authentication_method, "MQTT5-4.12.0-1",
                 "unknown authentication method"};
  if (request.client_id.empty() && !request.clean_start &&
      request.version != protocol_version::v5)  // [MQTT311-3.1.3-8] [MQTT311-3.1.3-9]
    return error{reason_code::client_identifier_not_valid, "MQTT311-3.1.3-8",
                 "no client identifier, but a session to be kept"};
  if (!request.will) return {};
  if (request.will->qos > features.max_qos)  // [MQTT5-3.2.2-12]
    return error{reason_code::qos_not_supported, "MQTT5-3.2.2-12", "QoS of the will"};
  if (request.will->retain && !features.retain_available)  // [MQTT5-3.2.2-13]
    return error{reason_code::retain_not_supported, "MQTT5-3.2.2-13", "retained will"};
  if (request.will->topic.starts_with("$SYS/"))
    return error{reason_code::not_authorized, "MQTT5 §4.7.2", "$SYS belongs to the broker"};
  return {};
}

std::optional<protocol_version> version_of_refusal(const error& reason, byte_view input) noexcept {
  const auto scanned = scan_frame(input, 0);
  if (!scanned || scanned->status == frame_scan::status::incomplete ||
      scanned->packet.type != packet_type::connect)
    return std::nullopt;
  const protocol_version version = answer_version(scanned->packet);
  if (version == protocol_version::v5) return version;
  if (reason.code == reason_code::malformed_packet || reason.code == reason_code::protocol_error)
    return std::nullopt;
  return version;  // [MQTT311-3.1.2-2]
}

}  // namespace troupe
