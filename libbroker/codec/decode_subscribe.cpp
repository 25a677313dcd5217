#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

#include <cstdint>
#include <string_view>

namespace troupe {

namespace {

void read_properties(packet_reader& in, subscribe& into) noexcept {
  property_reader properties(in, property_owner::subscribe);
  for (property read; properties.next(read);)
    if (read.id == property_id::subscription_identifier) into.subscription_identifier = read.number;
  into.user_properties = properties.user_properties();
}

/// Source: MQTT5 §3.8.3.1.
subscription_options read_options(packet_reader& in, std::string_view filter) noexcept {
  const std::uint8_t bits = in.byte();
  const std::uint8_t handling = bits >> 4 & 3;
  const bool no_local = (bits & 0x04) != 0;
  if ((bits & 0xC0) != 0)  // [MQTT5-3.8.3-5]
    in.fail(reason_code::malformed_packet, {"MQTT5-3.8.3-5", {}}, "reserved subscription options");
  if ((bits & 3) == 3)
    in.fail(reason_code::protocol_error, {"MQTT5 §3.8.3.1", {}}, "maximum QoS 3");
  if (handling == 3)
    in.fail(reason_code::protocol_error, {"MQTT5 §3.8.3.1", {}}, "retain handling 3");
  if (no_local && filter.starts_with("$share/"))  // [MQTT5-3.8.3-4]
    in.fail(reason_code::protocol_error, {"MQTT5-3.8.3-4", {}},
            "no local on a shared subscription");
  if (!in.ok()) return {};
  return {.qos = static_cast<qos>(bits & 3),
          .no_local = no_local,
          .retain_as_published = (bits & 0x08) != 0,
          .retain_handling = static_cast<retain_handling>(handling)};
}

/// 3.x has a requested QoS and nothing else. Source: MQTT311 §3.8.3.
subscription_options read_requested_qos(packet_reader& in) noexcept {
  const std::uint8_t bits = in.byte();
  if (bits > 2) {  // [MQTT311-3.8.3-4]
    in.fail(reason_code::malformed_packet, {{}, "MQTT311-3.8.3-4"}, "requested QoS not 0, 1 or 2");
    return {};
  }
  return {.qos = static_cast<qos>(bits)};
}

}  // namespace

result<void> decode_subscribe(const frame& packet, protocol_version version, subscribe& into) {
  packet_reader in(packet.body, version);
  into.id = in.identifier();
  into.subscription_identifier = 0;
  into.user_properties = {};
  into.entries.clear();
  if (version == protocol_version::v5) read_properties(in, into);
  if (in.at_end())  // [MQTT5-3.8.3-2] [MQTT311-3.8.3-3]
    in.fail(reason_code::protocol_error, {"MQTT5-3.8.3-2", "MQTT311-3.8.3-3"},
            "SUBSCRIBE without topic filter");
  while (!in.at_end()) {
    subscribe::entry& entry = into.entries.emplace_back();
    entry.filter = in.string();  // [MQTT5-3.8.3-1] [MQTT311-3.8.3-1]
    entry.options =
        version == protocol_version::v5 ? read_options(in, entry.filter) : read_requested_qos(in);
  }
  if (!in.ok()) return in.failure();
  return {};
}

}  // namespace troupe
