#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/legal_codes.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

namespace troupe {

namespace {

void read_properties(packet_reader& in, disconnect& into) noexcept {
  property_reader properties(in, property_owner::disconnect);
  for (property read; properties.next(read);) {
    switch (read.id) {
    case property_id::session_expiry_interval: into.session_expiry_interval = read.number; break;
    case property_id::reason_string: into.reason_string = read.text(); break;
    case property_id::server_reference: into.server_reference = read.text(); break;
    default: break;
    }
  }
  into.user_properties = properties.user_properties();
}

}  // namespace

result<disconnect> decode_disconnect(const frame& packet, protocol_version version) {
  disconnect into;
  packet_reader in(packet.body, version);
  // Reason code and properties may be left out (MQTT5 §3.14.2.1, §3.14.2.2.1).
  if (version == protocol_version::v5 && !in.at_end()) {
    into.code = static_cast<reason_code>(in.byte());
    if (!is_legal_code(packet_type::disconnect, into.code))  // [MQTT5-3.14.2-1]
      in.fail(reason_code::protocol_error, {"MQTT5-3.14.2-1", {}}, "not a code of DISCONNECT");
    if (!in.at_end()) read_properties(in, into);
  }
  in.expect_end();
  if (!in.ok()) return in.failure();
  return into;
}

}  // namespace troupe
