#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/reason_code.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

/// One struct per control packet, the same for every protocol version: what a
/// version does not carry keeps its default. Strings and byte ranges are views
/// into the input of the decoder and live as long as it.
namespace troupe {

/// The protocol level of CONNECT. Source: MQTT311 §3.1.2.2, MQTT5 §3.1.2.2.
enum class protocol_version : std::uint8_t {
  v3_1 = 3,
  v3_1_1 = 4,
  v5 = 5
};

/// Source: MQTT5 §4.3.
enum class qos : std::uint8_t {
  at_most_once = 0,
  at_least_once = 1,
  exactly_once = 2
};

/// The type in the upper half of a packet's first byte. Source: MQTT5 §2.1.2.
enum class packet_type : std::uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

/// Identifies a QoS 1 or 2 exchange or a (UN)SUBSCRIBE; never 0 on the wire.
using packet_id = std::uint16_t;

/// User properties in their wire form (each `0x26`, name, value) and in the order
/// in which they came. Empty when there are none. As the decoder hands it out it
/// is the stretch from the first to the last of them: other properties that the
/// sender put between are in it, and encoders leave those out.
using user_properties_view = byte_view;

/// Source: MQTT5 §3.1.2.5, §3.1.3.2.
struct will {
  std::string_view topic;
  byte_view payload;
  troupe::qos qos = qos::at_most_once;
  bool retain = false;
  std::uint32_t delay_interval = 0;  ///< seconds
  /// The properties that travel with the message when it is published (payload
  /// format indicator, message expiry interval, content type, response topic,
  /// correlation data, user properties) in wire form, without length prefix. As
  /// the decoder hands it out the will delay interval may stand among them:
  /// `append_message_properties` copies the rest.
  byte_view message_properties;
  std::uint32_t message_expiry_interval = 0;  ///< seconds; 0 = absent
  bool has_message_expiry_interval = false;
};

/// As a session expiry in seconds (MQTT5 §3.1.2.11.2): the session does not end by itself.
inline constexpr std::uint32_t never_ends = 0xFFFFFFFF;

struct connect {
  protocol_version version = protocol_version::v3_1_1;
  bool bridge = false;  ///< bit 0x80 of the protocol level, as bridges set it
  bool clean_start = false;
  std::uint16_t keep_alive = 0;  ///< seconds; 0 = none
  std::string_view client_id;
  std::optional<troupe::will> will;
  std::optional<std::string_view> user_name;
  std::optional<byte_view> password;
  // MQTT 5.0
  std::uint32_t session_expiry_interval = 0;  ///< seconds, or `never_ends`
  std::uint16_t receive_maximum = 65535;
  std::uint32_t maximum_packet_size = 0;  ///< bytes; 0 = no limit
  std::uint16_t topic_alias_maximum = 0;
  bool request_response_information = false;
  bool request_problem_information = true;
  std::optional<std::string_view> authentication_method;
  byte_view authentication_data;
  user_properties_view user_properties;
};

struct connack {
  bool session_present = false;
  reason_code code = reason_code::success;
  // MQTT 5.0
  std::optional<std::uint32_t> session_expiry_interval;  ///< seconds
  std::optional<std::uint16_t> receive_maximum;
  std::optional<qos> maximum_qos;
  std::optional<bool> retain_available;
  std::optional<std::uint32_t> maximum_packet_size;  ///< bytes
  std::optional<std::string_view> assigned_client_identifier;
  std::uint16_t topic_alias_maximum = 0;
  std::string_view reason_string;
  user_properties_view user_properties;
  std::optional<bool> wildcard_subscription_available;
  std::optional<bool> subscription_identifiers_available;
  std::optional<bool> shared_subscription_available;
  std::optional<std::uint16_t> server_keep_alive;  ///< seconds
  std::string_view response_information;
  std::string_view server_reference;
  std::optional<std::string_view> authentication_method;
  byte_view authentication_data;
};

struct publish {
  bool dup = false;
  troupe::qos qos = qos::at_most_once;
  bool retain = false;
  std::string_view topic;  ///< empty only when an alias stands for it
  packet_id id = 0;        ///< 0 for QoS 0
  byte_view payload;
  // MQTT 5.0
  std::uint16_t topic_alias = 0;  ///< 0 = absent
  bool payload_is_utf8 = false;   ///< payload format indicator
  bool has_message_expiry_interval = false;
  std::uint32_t message_expiry_interval = 0;  ///< seconds
  /// The whole property section without its length prefix.
  byte_view properties;
};

/// PUBACK, PUBREC, PUBREL and PUBCOMP have one layout. Source: MQTT5 §3.4-3.7.
struct publish_response {
  packet_id id = 0;
  reason_code code = reason_code::success;
  std::string_view reason_string;
  user_properties_view user_properties;
};

/// Source: MQTT5 §3.8.3.1.
enum class retain_handling : std::uint8_t {
  send = 0,
  send_if_new = 1,
  do_not_send = 2
};

struct subscription_options {
  troupe::qos qos = qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  troupe::retain_handling retain_handling = retain_handling::send;

  friend bool operator==(const subscription_options&, const subscription_options&) = default;
};

struct subscribe {
  struct entry {
    std::string_view filter;  ///< UTF-8 checked; its syntax is not
    subscription_options options;
  };
  packet_id id = 0;
  std::uint32_t subscription_identifier = 0;  ///< 0 = absent
  user_properties_view user_properties;
  std::vector<entry> entries;
};

struct suback {
  packet_id id = 0;
  std::string_view reason_string;
  user_properties_view user_properties;
  std::vector<reason_code> codes;
};

struct unsubscribe {
  packet_id id = 0;
  user_properties_view user_properties;
  std::vector<std::string_view> filters;  ///< UTF-8 checked; their syntax is not
};

struct unsuback {
  packet_id id = 0;
  std::string_view reason_string;
  user_properties_view user_properties;
  std::vector<reason_code> codes;  ///< not sent to MQTT 3.x
};

struct pingreq {};
struct pingresp {};

struct disconnect {
  reason_code code = reason_code::normal_disconnection;
  std::optional<std::uint32_t> session_expiry_interval;  ///< seconds
  std::string_view reason_string;
  std::string_view server_reference;
  user_properties_view user_properties;
};

struct auth {
  reason_code code = reason_code::success;
  std::optional<std::string_view> authentication_method;
  byte_view authentication_data;
  std::string_view reason_string;
  user_properties_view user_properties;
};

}  // namespace troupe
