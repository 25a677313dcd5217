#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/legal_codes.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

namespace troupe {

namespace {

clause_pair code_clause(packet_type type) noexcept {
  switch (type) {
  case packet_type::puback: return {"MQTT5-3.4.2-1", {}};
  case packet_type::pubrec: return {"MQTT5-3.5.2-1", {}};
  case packet_type::pubrel: return {"MQTT5-3.6.2-1", {}};
  default: return {"MQTT5-3.7.2-1", {}};
  }
}

void read_properties(packet_reader& in, packet_type type, publish_response& into) noexcept {
  property_reader properties(in, static_cast<property_owner>(type));
  for (property read; properties.next(read);)
    if (read.id == property_id::reason_string) into.reason_string = read.text();
  into.user_properties = properties.user_properties();
}

}  // namespace

result<publish_response> decode_publish_response(const frame& packet, protocol_version version) {
  publish_response into;
  if (packet.body.size() == 2) {  // the usual one: success, nothing more to say
    into.id = static_cast<packet_id>(std::to_integer<unsigned>(packet.body[0]) << 8 |
                                     std::to_integer<unsigned>(packet.body[1]));
    if (into.id != 0) return into;
  }
  packet_reader in(packet.body, version);
  into.id = in.identifier();
  // Reason code and properties may be left out (MQTT5 §3.4.2.1, §3.4.2.2.1).
  if (version == protocol_version::v5 && !in.at_end()) {
    into.code = static_cast<reason_code>(in.byte());
    // [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1]
    if (!is_legal_code(packet.type, into.code))
      in.fail(reason_code::protocol_error, code_clause(packet.type),
              "not a code of this publish response");
    if (!in.at_end()) read_properties(in, packet.type, into);
  }
  in.expect_end();
  if (!in.ok()) return in.failure();
  return into;
}

}  // namespace troupe
