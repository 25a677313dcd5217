#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/legal_codes.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

namespace troupe {

namespace {

void read_properties(packet_reader& in, auth& into) noexcept {
  property_reader properties(in, property_owner::auth);
  for (property read; properties.next(read);) {
    switch (read.id) {
    case property_id::authentication_method: into.authentication_method = read.text(); break;
    case property_id::authentication_data: into.authentication_data = read.data; break;
    case property_id::reason_string: into.reason_string = read.text(); break;
    default: break;
    }
  }
  into.user_properties = properties.user_properties();
}

}  // namespace

result<auth> decode_auth(const frame& packet, protocol_version version) {
  if (version != protocol_version::v5)
    return error{reason_code::malformed_packet, "MQTT311 §2.2.1", "packet type 15"};
  auth into;
  // Success without properties may be left out as a whole (MQTT5 §3.15.2.1).
  if (packet.body.empty()) return into;
  packet_reader in(packet.body, version);
  into.code = static_cast<reason_code>(in.byte());
  if (!is_legal_code(packet_type::auth, into.code))  // [MQTT5-3.15.2-1]
    in.fail(reason_code::protocol_error, {"MQTT5-3.15.2-1", {}}, "not a code of AUTH");
  read_properties(in, into);
  if (!into.authentication_method)
    in.fail(reason_code::protocol_error, {"MQTT5 §3.15.2.2.2", {}},
            "AUTH without authentication method");
  in.expect_end();
  if (!in.ok()) return in.failure();
  return into;
}

}  // namespace troupe
