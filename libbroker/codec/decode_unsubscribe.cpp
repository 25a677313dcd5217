#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

namespace troupe {

result<void> decode_unsubscribe(const frame& packet, protocol_version version, unsubscribe& into) {
  packet_reader in(packet.body, version);
  into.id = in.identifier();
  into.user_properties = {};
  into.filters.clear();
  if (version == protocol_version::v5) {
    property_reader properties(in, property_owner::unsubscribe);
    for (property read; properties.next(read);) {
    }
    into.user_properties = properties.user_properties();
  }
  if (in.at_end())  // [MQTT5-3.10.3-2] [MQTT311-3.10.3-2]
    in.fail(reason_code::protocol_error, {"MQTT5-3.10.3-2", "MQTT311-3.10.3-2"},
            "UNSUBSCRIBE without topic filter");
  // [MQTT5-3.10.3-1] [MQTT311-3.10.3-1]
  while (!in.at_end())
    into.filters.push_back(in.string());
  if (!in.ok()) return in.failure();
  return {};
}

}  // namespace troupe
