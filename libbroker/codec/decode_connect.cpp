#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"
#include "libbroker/topic.hpp"

#include <cstdint>
#include <string_view>

namespace troupe {

namespace {

constexpr std::string_view name_since_3_1_1 = "MQTT";
constexpr std::string_view name_of_3_1 = "MQIsdp";
constexpr std::uint8_t bridge_bit = 0x80;

/// The bits of the connect flags. Source: MQTT5 §3.1.2.3.
struct connect_flags {
  bool reserved, clean_start, will, will_retain, password, user_name;
  std::uint8_t will_qos;

  explicit connect_flags(std::uint8_t bits) noexcept
      : reserved((bits & 0x01) != 0),
        clean_start((bits & 0x02) != 0),
        will((bits & 0x04) != 0),
        will_retain((bits & 0x20) != 0),
        password((bits & 0x40) != 0),
        user_name((bits & 0x80) != 0),
        will_qos(bits >> 3 & 3) {}
};

void read_version(packet_reader& in, connect& into) noexcept {
  const std::string_view name = as_text(in.binary());
  const std::uint8_t level = in.byte();
  const std::uint8_t level_of_bridge = level & static_cast<std::uint8_t>(~bridge_bit);
  if (name != name_since_3_1_1 && name != name_of_3_1)
    // [MQTT5-3.1.2-1] [MQTT311-3.1.2-1]
    return in.fail(reason_code::unsupported_protocol_version, {"MQTT5-3.1.2-1", "MQTT311-3.1.2-1"},
                   "unknown protocol name");
  if (name == name_since_3_1_1 && level == 5) {
    into.version = protocol_version::v5;
  } else if (level_of_bridge == (name == name_of_3_1 ? 3 : 4)) {
    into.version = static_cast<protocol_version>(level_of_bridge);
    into.bridge = level != level_of_bridge;
  } else {
    // [MQTT5-3.1.2-2] [MQTT311-3.1.2-2]
    return in.fail(reason_code::unsupported_protocol_version, {"MQTT5-3.1.2-2", "MQTT311-3.1.2-2"},
                   "unknown protocol version");
  }
  in.set_version(into.version);
}

void check_flags(packet_reader& in, const connect_flags& flags) noexcept {
  constexpr auto code = reason_code::malformed_packet;
  // [MQTT5-3.1.2-3] [MQTT311-3.1.2-3]; 3.1 calls the bit unused and demands nothing.
  if (flags.reserved && in.version() != protocol_version::v3_1)
    in.fail(code, {"MQTT5-3.1.2-3", "MQTT311-3.1.2-3"}, "reserved connect flag");
  if (!flags.will && flags.will_qos != 0)  // [MQTT5-3.1.2-11] [MQTT311-3.1.2-13]
    in.fail(code, {"MQTT5-3.1.2-11", "MQTT311-3.1.2-13"}, "will QoS without will");
  if (!flags.will && flags.will_retain)  // [MQTT5-3.1.2-13] [MQTT311-3.1.2-15]
    in.fail(code, {"MQTT5-3.1.2-13", "MQTT311-3.1.2-15"}, "will retain without will");
  if (flags.will_qos == 3)  // [MQTT5-3.1.2-12] [MQTT311-3.1.2-14]
    in.fail(code, {"MQTT5-3.1.2-12", "MQTT311-3.1.2-14"}, "will QoS 3");
  // [MQTT311-3.1.2-22]; MQTT 5.0 allows a password alone (§3.1.2.9).
  if (flags.password && !flags.user_name && in.version() != protocol_version::v5)
    in.fail(code, {{}, "MQTT311-3.1.2-22"}, "password without user name");
}

void read_properties(packet_reader& in, connect& into) noexcept {
  property_reader properties(in, property_owner::connect);
  bool has_authentication_data = false;
  for (property read; properties.next(read);) {
    switch (read.id) {
    case property_id::session_expiry_interval: into.session_expiry_interval = read.number; break;
    case property_id::receive_maximum:
      into.receive_maximum = static_cast<std::uint16_t>(read.number);
      break;
    case property_id::maximum_packet_size: into.maximum_packet_size = read.number; break;
    case property_id::topic_alias_maximum:
      into.topic_alias_maximum = static_cast<std::uint16_t>(read.number);
      break;
    case property_id::request_response_information:
      into.request_response_information = read.flag();
      break;
    case property_id::request_problem_information:
      into.request_problem_information = read.flag();
      break;
    case property_id::authentication_method: into.authentication_method = read.text(); break;
    case property_id::authentication_data:
      into.authentication_data = read.data;
      has_authentication_data = true;
      break;
    default: break;
    }
  }
  into.user_properties = properties.user_properties();
  if (has_authentication_data && !into.authentication_method)
    in.fail(reason_code::protocol_error, {"MQTT5 §3.1.2.11.10", {}},
            "authentication data without method");
}

void read_will_properties(packet_reader& in, will& into) noexcept {
  property_reader properties(in, property_owner::will);
  for (property read; properties.next(read);) {
    if (read.id == property_id::will_delay_interval) into.delay_interval = read.number;
    if (read.id == property_id::message_expiry_interval) {
      into.message_expiry_interval = read.number;
      into.has_message_expiry_interval = true;
    }
  }
  into.message_properties = properties.section();
}

void read_will(packet_reader& in, const connect_flags& flags, will& into) noexcept {
  into.qos = static_cast<qos>(flags.will_qos);
  into.retain = flags.will_retain;
  if (in.version() == protocol_version::v5) read_will_properties(in, into);
  into.topic = in.string();  // [MQTT5-3.1.3-11] [MQTT311-3.1.3-10]
  if (in.ok())
    if (const result<void> checked = check_topic_name(into.topic); !checked)
      in.fail(checked.error());
  into.payload = in.binary();
}

/// 3.1 lets the remaining length take precedence over the user name and
/// password flags: what they announce may be missing at the packet's end.
bool is_left_out(const packet_reader& in) noexcept {
  return in.version() == protocol_version::v3_1 && in.at_end();
}

}  // namespace

protocol_version answer_version(const frame& packet) noexcept {
  packet_reader in(packet.body, protocol_version::v3_1_1);
  const std::string_view name = as_text(in.binary());
  const std::uint8_t level = in.byte();
  if (name == name_of_3_1) return protocol_version::v3_1;
  return level == 5 ? protocol_version::v5 : protocol_version::v3_1_1;
}

result<connect> decode_connect(const frame& packet) {
  connect into;
  packet_reader in(packet.body, protocol_version::v3_1_1);
  read_version(in, into);
  const connect_flags flags(in.byte());
  check_flags(in, flags);
  into.clean_start = flags.clean_start;
  into.keep_alive = in.two_byte_integer();
  if (into.version == protocol_version::v5) read_properties(in, into);
  // [MQTT5-3.1.3-1] [MQTT311-3.1.3-1] [MQTT5-3.1.3-3] [MQTT311-3.1.3-3]
  // Any text will do [MQTT5-3.1.3-5] [MQTT311-3.1.3-5].
  into.client_id = in.string();  // [MQTT5-3.1.3-4] [MQTT311-3.1.3-4]
  if (into.version == protocol_version::v3_1_1 && into.client_id.empty() && !into.clean_start)
    in.fail(reason_code::client_identifier_not_valid,  // [MQTT311-3.1.3-7] [MQTT311-3.1.3-8]
            {{}, "MQTT311-3.1.3-8"}, "empty client identifier without clean session");
  // [MQTT5-3.1.2-9] [MQTT311-3.1.2-9]
  if (flags.will) read_will(in, flags, into.will.emplace());
  // [MQTT5-3.1.2-17] [MQTT311-3.1.2-19] [MQTT5-3.1.3-12] [MQTT311-3.1.3-11]
  if (flags.user_name && !is_left_out(in)) into.user_name = in.string();
  // [MQTT5-3.1.2-19] [MQTT311-3.1.2-21]
  if (flags.password && !is_left_out(in)) into.password = in.binary();
  // [MQTT5-3.1.2-16] [MQTT5-3.1.2-18] [MQTT311-3.1.2-11] [MQTT311-3.1.2-18] [MQTT311-3.1.2-20]
  in.expect_end();
  if (!in.ok()) return in.failure();
  return into;
}

}  // namespace troupe
