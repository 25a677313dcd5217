#include "actors/refuse.hpp"

#include "libbroker/codec/encode.hpp"

namespace troupe {

void refuse(client& who, protocol_version version, reason_code code, std::string_view why,
            std::string_view servers) {
  byte_buffer answer;
  encode(connack{.code = code, .reason_string = why, .server_reference = servers}, version, answer);
  const std::size_t limit = who.request.maximum_packet_size;
  if (limit != 0 && answer.size() > limit) {  // [MQTT5-3.2.2-19]
    answer.clear();
    encode(connack{.code = code}, version, answer);
  }
  const byte_view views[] = {answer.view()};
  // A fresh connection has room for so little; if not, closing says enough.
  static_cast<void>(who.socket->write_some(views));
  who.socket.reset();  // [MQTT5-3.1.4-6], [MQTT311-3.1.4-5], [MQTT5-4.13.2-1]
}

}  // namespace troupe
