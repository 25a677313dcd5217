#pragma once

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/frame.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/result.hpp"

#include <string>
#include <variant>

namespace troupe::test {

/// PUBACK, PUBREC, PUBREL or PUBCOMP together with which of them it is.
struct typed_response {
  packet_type type{};
  publish_response packet;
};

using any_packet = std::variant<connect, connack, publish, typed_response, subscribe, suback,
                                unsubscribe, unsuback, pingreq, pingresp, disconnect, auth>;

/// Decodes `packet` with the function that its type asks for.
[[nodiscard]] result<any_packet> decode_any(const frame& packet, protocol_version version,
                                            role decode_as);

/// The wire form of `packet`. A CONNECT has its own version.
[[nodiscard]] byte_buffer encode_any(const any_packet& packet, protocol_version version);

/// Every field of `packet` in one readable text, so that packets can be
/// compared and differences seen. Property stretches are reduced to the
/// properties that count.
[[nodiscard]] std::string describe(const any_packet& packet);

/// The packet or the refusal as a text.
[[nodiscard]] std::string describe(const result<any_packet>& decoded);

}  // namespace troupe::test
