#include "libbroker/codec/decode.hpp"

namespace troupe {

namespace {

constexpr error unexpected_body{reason_code::malformed_packet, "MQTT5 §3.12.1",
                                "a ping packet with a body"};

}  // namespace

result<pingreq> decode_pingreq(const frame& packet) {
  if (!packet.body.empty()) return unexpected_body;
  return pingreq{};
}

result<pingresp> decode_pingresp(const frame& packet) {
  if (!packet.body.empty()) return unexpected_body;
  return pingresp{};
}

}  // namespace troupe
