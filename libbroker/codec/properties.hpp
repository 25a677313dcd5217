#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/codec/reader.hpp"
#include "libbroker/packet.hpp"

#include <cstdint>

/// The property sections of MQTT 5.0. Source: MQTT5 §2.2.2.
namespace troupe {

/// Source: MQTT5 §2.2.2.2, Table 2-4.
enum class property_id : std::uint8_t {
  payload_format_indicator = 0x01,
  message_expiry_interval = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry_interval = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay_interval = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_subscription_available = 0x28,
  subscription_identifier_available = 0x29,
  shared_subscription_available = 0x2A,
};

/// Whose property section it is: the will in a CONNECT, or a packet's own.
enum class property_owner : std::uint8_t {
  will = 0,
  connect = static_cast<std::uint8_t>(packet_type::connect),
  connack = static_cast<std::uint8_t>(packet_type::connack),
  publish = static_cast<std::uint8_t>(packet_type::publish),
  puback = static_cast<std::uint8_t>(packet_type::puback),
  pubrec = static_cast<std::uint8_t>(packet_type::pubrec),
  pubrel = static_cast<std::uint8_t>(packet_type::pubrel),
  pubcomp = static_cast<std::uint8_t>(packet_type::pubcomp),
  subscribe = static_cast<std::uint8_t>(packet_type::subscribe),
  suback = static_cast<std::uint8_t>(packet_type::suback),
  unsubscribe = static_cast<std::uint8_t>(packet_type::unsubscribe),
  unsuback = static_cast<std::uint8_t>(packet_type::unsuback),
  disconnect = static_cast<std::uint8_t>(packet_type::disconnect),
  auth = static_cast<std::uint8_t>(packet_type::auth),
};

/// One property, in the member that its data type fills.
struct property {
  property_id id{};
  std::uint32_t number = 0;  ///< byte, two or four byte or variable byte integer
  byte_view data;            ///< binary data, UTF-8 string, or the name of a string pair
  byte_view value;           ///< the second half of a string pair
  byte_view wire;            ///< all of it, identifier included

  [[nodiscard]] bool flag() const noexcept { return number != 0; }
  [[nodiscard]] std::string_view text() const noexcept { return as_text(data); }
};

/// Walks through one property section and refuses what the specification does
/// not allow there: wrong packet, duplicates, illegal values, bad strings.
class property_reader {
public:
  /// Takes the section, length prefix included, off the front of `packet`,
  /// which also receives the failures and must live longer.
  property_reader(packet_reader& packet, property_owner owner) noexcept;

  /// Reads the next property; false at the end or after a failure.
  [[nodiscard]] bool next(property& into) noexcept;

  /// The whole section without its length prefix.
  [[nodiscard]] byte_view section() const noexcept { return section_; }
  /// The user properties read so far; see `user_properties_view`.
  [[nodiscard]] user_properties_view user_properties() const noexcept { return user_properties_; }

private:
  void check(const property& read) noexcept;

  packet_reader& packet_;
  byte_view section_;
  packet_reader rest_;
  property_owner owner_;
  std::uint64_t seen_ = 0;  // bit n: identifier n
  user_properties_view user_properties_;
};

/// Appends the user properties in `view` (which may hold others between them)
/// to `out`, in their order. REQUIRES: a decoder handed `view` out.
void append_user_properties(user_properties_view view, byte_buffer& out);

/// Appends the properties of `will::message_properties` that belong to the
/// message to `out`, in their order: all but the will delay interval.
/// REQUIRES: a decoder handed `section` out.
void append_message_properties(byte_view section, byte_buffer& out);

}  // namespace troupe
