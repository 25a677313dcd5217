#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/writer.hpp"

namespace troupe {

void encode(pingreq, byte_buffer& out) {
  append_packet(first_byte(packet_type::pingreq), out, [] {});
}

void encode(pingresp, byte_buffer& out) {
  append_packet(first_byte(packet_type::pingresp), out, [] {});
}

}  // namespace troupe
