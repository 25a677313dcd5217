#include "libbroker/message/message_properties.hpp"

#include "libbroker/codec/variable_byte_integer.hpp"

#include <cstdint>
#include <cstring>

namespace troupe {

namespace {

constexpr std::byte message_expiry_interval{0x02};
constexpr std::byte topic_alias{0x23};
constexpr std::size_t topic_alias_property_size = 3;

/// Size of the property at `at`, identifier included. REQUIRES: `decode_publish`
/// accepted the section, so that only the properties of a PUBLISH occur, whole.
std::size_t property_size(const std::byte* at) noexcept {
  const auto length_at = [](const std::byte* p) {
    return (std::to_integer<std::size_t>(p[0]) << 8) | std::to_integer<std::size_t>(p[1]);
  };
  switch (std::to_integer<std::uint8_t>(*at)) {
  case 0x01: return 2;                             // payload format indicator
  case 0x02: return message_expiry_property_size;  // message expiry interval
  case 0x23: return topic_alias_property_size;     // topic alias
  case 0x26: {                                     // user property
    const std::size_t name = 3 + length_at(at + 1);
    return name + 2 + length_at(at + name);
  }
  default: return 3 + length_at(at + 1);  // content type, response topic, correlation data
  }
}

bool passes_unchanged(const publish& packet) noexcept {
  return packet.topic_alias == 0 && !packet.has_message_expiry_interval;
}

}  // namespace

std::size_t forwarded_properties_size(const publish& packet) noexcept {
  return packet.properties.size() - (packet.topic_alias != 0 ? topic_alias_property_size : 0);
}

// Payload format [MQTT5-3.3.2-4], response topic [MQTT5-3.3.2-15], correlation data
// [MQTT5-3.3.2-16], user properties [MQTT5-3.3.2-17], [MQTT5-3.3.2-18] and content type
// [MQTT5-3.3.2-20] as they came.
std::byte* write_forwarded_properties(const publish& packet, std::byte* out) noexcept {
  if (packet.properties.empty()) return out;
  if (passes_unchanged(packet)) {
    std::memcpy(out, packet.properties.data(), packet.properties.size());
    return out + packet.properties.size();
  }
  if (packet.has_message_expiry_interval)
    out = write_message_expiry(packet.message_expiry_interval, out);
  const std::byte* const end = packet.properties.data() + packet.properties.size();
  for (const std::byte* at = packet.properties.data(); at != end;) {
    const std::size_t size = property_size(at);
    if (*at != topic_alias && *at != message_expiry_interval) {
      std::memcpy(out, at, size);
      out += size;
    }
    at += size;
  }
  return out;
}

std::byte* write_message_expiry(std::uint32_t seconds, std::byte* out) noexcept {
  *out++ = message_expiry_interval;
  for (int shift = 24; shift >= 0; shift -= 8)
    *out++ = static_cast<std::byte>(seconds >> shift);
  return out;
}

}  // namespace troupe
