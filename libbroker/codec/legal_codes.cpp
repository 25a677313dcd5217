#include "libbroker/codec/legal_codes.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace troupe {

namespace {

using enum reason_code;

// MQTT5 Table 3-1.
constexpr std::array connack_codes{
    success,
    unspecified_error,
    malformed_packet,
    protocol_error,
    implementation_specific_error,
    unsupported_protocol_version,
    client_identifier_not_valid,
    bad_user_name_or_password,
    not_authorized,
    server_unavailable,
    server_busy,
    banned,
    bad_authentication_method,
    topic_name_invalid,
    packet_too_large,
    quota_exceeded,
    payload_format_invalid,
    retain_not_supported,
    qos_not_supported,
    use_another_server,
    server_moved,
    connection_rate_exceeded,
};

// MQTT5 Tables 3-4 and 3-5.
constexpr std::array puback_codes{
    success,
    no_matching_subscribers,
    unspecified_error,
    implementation_specific_error,
    not_authorized,
    topic_name_invalid,
    packet_identifier_in_use,
    quota_exceeded,
    payload_format_invalid,
};

// MQTT5 Tables 3-6 and 3-7.
constexpr std::array pubrel_codes{success, packet_identifier_not_found};

// MQTT5 Table 3-8.
constexpr std::array suback_codes{
    granted_qos_0,
    granted_qos_1,
    granted_qos_2,
    unspecified_error,
    implementation_specific_error,
    not_authorized,
    topic_filter_invalid,
    packet_identifier_in_use,
    quota_exceeded,
    shared_subscriptions_not_supported,
    subscription_identifiers_not_supported,
    wildcard_subscriptions_not_supported,
};

// MQTT5 Table 3-9.
constexpr std::array unsuback_codes{
    success,
    no_subscription_existed,
    unspecified_error,
    implementation_specific_error,
    not_authorized,
    topic_filter_invalid,
    packet_identifier_in_use,
};

// MQTT5 Table 3-10, both directions, and what Table 2-6 adds to it: 0x8C.
constexpr std::array disconnect_codes{
    normal_disconnection,
    disconnect_with_will_message,
    unspecified_error,
    malformed_packet,
    protocol_error,
    implementation_specific_error,
    not_authorized,
    server_busy,
    server_shutting_down,
    bad_authentication_method,
    keep_alive_timeout,
    session_taken_over,
    topic_filter_invalid,
    topic_name_invalid,
    receive_maximum_exceeded,
    topic_alias_invalid,
    packet_too_large,
    message_rate_too_high,
    quota_exceeded,
    administrative_action,
    payload_format_invalid,
    retain_not_supported,
    qos_not_supported,
    use_another_server,
    server_moved,
    shared_subscriptions_not_supported,
    connection_rate_exceeded,
    maximum_connect_time,
    subscription_identifiers_not_supported,
    wildcard_subscriptions_not_supported,
};

// MQTT5 Table 3-11.
constexpr std::array auth_codes{success, continue_authentication, reauthenticate};

std::span<const reason_code> codes_of(packet_type type) noexcept {
  switch (type) {
  case packet_type::connack: return connack_codes;
  case packet_type::puback:
  case packet_type::pubrec: return puback_codes;
  case packet_type::pubrel:
  case packet_type::pubcomp: return pubrel_codes;
  case packet_type::suback: return suback_codes;
  case packet_type::unsuback: return unsuback_codes;
  case packet_type::disconnect: return disconnect_codes;
  case packet_type::auth: return auth_codes;
  default: return {};
  }
}

}  // namespace

bool is_legal_code(packet_type type, reason_code code) noexcept {
  const std::span<const reason_code> codes = codes_of(type);
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace troupe
