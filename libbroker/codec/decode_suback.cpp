#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/legal_codes.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/reader.hpp"

#include <cstdint>

namespace troupe {

namespace {

/// SUBACK and UNSUBACK have one layout of properties.
template <class Packet>
void read_properties(packet_reader& in, property_owner owner, Packet& into) noexcept {
  property_reader properties(in, owner);
  for (property read; properties.next(read);)
    if (read.id == property_id::reason_string) into.reason_string = read.text();
  into.user_properties = properties.user_properties();
}

template <class Packet>
void read_codes(packet_reader& in, packet_type type, const clause_pair& clause, Packet& into) {
  if (in.at_end())
    in.fail(reason_code::protocol_error, clause, "acknowledgement without reason code");
  while (!in.at_end()) {
    const auto code = static_cast<reason_code>(in.byte());
    const bool is_of_3_x =
        code <= reason_code::granted_qos_2 || code == reason_code::unspecified_error;
    if (!is_legal_code(type, code) || (in.version() != protocol_version::v5 && !is_of_3_x))
      in.fail(reason_code::protocol_error, clause, "not a code of this acknowledgement");
    into.codes.push_back(code);
  }
}

}  // namespace

result<suback> decode_suback(const frame& packet, protocol_version version) {
  suback into;
  packet_reader in(packet.body, version);
  into.id = in.identifier();
  if (version == protocol_version::v5) read_properties(in, property_owner::suback, into);
  // [MQTT5-3.9.3-2] [MQTT311-3.9.3-2]
  read_codes(in, packet_type::suback, {"MQTT5-3.9.3-2", "MQTT311-3.9.3-2"}, into);
  if (!in.ok()) return in.failure();
  return into;
}

result<unsuback> decode_unsuback(const frame& packet, protocol_version version) {
  unsuback into;
  packet_reader in(packet.body, version);
  into.id = in.identifier();
  if (version == protocol_version::v5) {
    read_properties(in, property_owner::unsuback, into);
    // [MQTT5-3.11.3-2]
    read_codes(in, packet_type::unsuback, {"MQTT5-3.11.3-2", {}}, into);
  }
  in.expect_end();
  if (!in.ok()) return in.failure();
  return into;
}

}  // namespace troupe
