#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"
#include "libbroker/topic.hpp"

#include <cassert>
#include <cstdint>

namespace troupe {

namespace {

std::uint16_t load_two_bytes(const std::byte* at) noexcept {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8 |
                                    std::to_integer<unsigned>(at[1]));
}

error truncated(protocol_version version) noexcept {
  return violation(version, reason_code::malformed_packet, any_malformed_packet,
                   "PUBLISH shorter than its fields");
}

/// What `check_topic_name` found, as the rule that PUBLISH has for it.
error topic_violation(protocol_version version, const error& found) noexcept {
  if (found.code == reason_code::topic_name_invalid)
    // [MQTT5-3.3.2-2] [MQTT311-3.3.2-2]
    return violation(version, found.code, {"MQTT5-3.3.2-2", "MQTT311-3.3.2-2"}, found.what);
  // [MQTT5-3.3.2-1] [MQTT311-3.3.2-1]
  return violation(version, found.code, {"MQTT5-3.3.2-1", "MQTT311-3.3.2-1"}, found.what);
}

/// Reads property section and payload. Out of line: the way without properties is the hot one.
[[gnu::noinline]] result<void> read_properties_and_payload(byte_view bytes, role decode_as,
                                                           publish& into) {
  packet_reader in(bytes, protocol_version::v5);
  property_reader properties(in, property_owner::publish);
  for (property read; properties.next(read);) {
    switch (read.id) {
    case property_id::payload_format_indicator: into.payload_is_utf8 = read.flag(); break;
    case property_id::message_expiry_interval:
      into.message_expiry_interval = read.number;
      into.has_message_expiry_interval = true;
      break;
    case property_id::topic_alias:
      into.topic_alias = static_cast<std::uint16_t>(read.number);
      break;
    case property_id::subscription_identifier:
      if (decode_as == role::server)  // [MQTT5-3.3.4-6]
        in.fail(reason_code::protocol_error, {"MQTT5-3.3.4-6", {}},
                "subscription identifier from a client");
      break;
    default: break;
    }
  }
  into.properties = properties.section();
  into.payload = in.rest();
  if (!in.ok()) return in.failure();
  return {};
}

}  // namespace

result<publish> decode_publish(const frame& packet, protocol_version version, role decode_as) {
  assert((packet.flags & 6) != 6);
  // One object for every way out, so that nothing is copied on the way back.
  result<publish> decoded{publish{}};
  publish& into = *decoded;
  const bool has_id = (packet.flags & 6) != 0;  // [MQTT5-2.2.1-2] [MQTT311-2.3.1-5]
  const bool has_properties = version == protocol_version::v5;
  const std::byte* at = packet.body.data();
  const std::size_t size = packet.body.size();

  if (size < 2) {
    decoded = truncated(version);
    return decoded;
  }
  const std::size_t topic_size = load_two_bytes(at);
  std::size_t header_size = 2 + topic_size + (has_id ? 2U : 0U);
  if (size < header_size + (has_properties ? 1U : 0U)) {
    decoded = truncated(version);
    return decoded;
  }
  into.dup = (packet.flags & 8) != 0;
  into.qos = static_cast<qos>(packet.flags >> 1 & 3);
  into.retain = (packet.flags & 1) != 0;
  into.topic = as_text({at + 2, topic_size});
  if (has_id) {
    into.id = load_two_bytes(at + 2 + topic_size);
    if (into.id == 0) {  // [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-1]
      decoded = violation(version, reason_code::protocol_error,
                          {"MQTT5-2.2.1-3", "MQTT311-2.3.1-1"}, "packet identifier 0");
      return decoded;
    }
  }
  if (!has_properties) {
    into.payload = packet.body.subspan(header_size);
  } else if (at[header_size] == std::byte{0}) [[likely]] {  // [MQTT5-2.2.2-1]
    into.payload = packet.body.subspan(header_size + 1);
  } else if (const auto read =
                 read_properties_and_payload(packet.body.subspan(header_size), decode_as, into);
             !read) {
    decoded = read.error();
    return decoded;
  }

  if (topic_size == 0 && has_properties) {
    if (into.topic_alias == 0)
      decoded = error{reason_code::protocol_error, "MQTT5 §3.3.2.1",
                      "neither topic name nor topic alias"};
  } else if (const auto checked = check_topic_name(into.topic); !checked) [[unlikely]] {
    decoded = topic_violation(version, checked.error());
  }
  return decoded;
}

}  // namespace troupe
