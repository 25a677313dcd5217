#include "libbroker/codec/reader.hpp"

#include "libbroker/utf8.hpp"

namespace troupe {

void packet_reader::fail(const error& reason) noexcept {
  if (!failed_) failure_ = reason;
  failed_ = true;
  at_ = end_;
}

std::uint32_t packet_reader::long_variable_byte_integer() noexcept {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift != 28; shift += 7) {
    const std::uint32_t part = byte();
    value |= (part & 127) << shift;
    if (part >= 128) continue;
    // [MQTT5-1.5.5-1]; a 0 after a truncation is no news, the first failure sticks.
    if (part == 0 && shift != 0)
      fail(reason_code::malformed_packet, {"MQTT5-1.5.5-1", "MQTT311 §2.2.3"},
           "variable byte integer longer than needed");
    return ok() ? value : 0;
  }
  fail(reason_code::malformed_packet, {"MQTT5 §1.5.5", "MQTT311 §2.2.3"},
       "variable byte integer of more than four bytes");
  return 0;
}

packet_id packet_reader::identifier() noexcept {
  const packet_id id = two_byte_integer();
  if (id == 0)  // [MQTT5-2.2.1-3] [MQTT5-2.2.1-4] [MQTT311-2.3.1-1]
    fail(reason_code::protocol_error, {"MQTT5-2.2.1-3", "MQTT311-2.3.1-1"}, "packet identifier 0");
  return id;
}

void packet_reader::fail_truncated() noexcept {
  fail(reason_code::malformed_packet, any_malformed_packet, "a field runs past the packet's end");
}

std::string_view packet_reader::checked_text(byte_view bytes) noexcept {
  const std::string_view text = as_text(bytes);
  if (is_mqtt_string(text)) return text;
  if (is_utf8(bytes))
    fail(reason_code::malformed_packet, {"MQTT5-1.5.4-2", "MQTT311-1.5.3-2"}, "U+0000 in a string");
  else
    fail(reason_code::malformed_packet, {"MQTT5-1.5.4-1", "MQTT311-1.5.3-1"},
         "a string is not UTF-8");
  return {};
}

void packet_reader::expect_end() noexcept {
  if (!at_end())
    fail(reason_code::malformed_packet, any_malformed_packet, "bytes behind the last field");
}

}  // namespace troupe
