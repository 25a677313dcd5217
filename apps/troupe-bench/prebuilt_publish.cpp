#include "apps/troupe-bench/prebuilt_publish.hpp"

#include "libbroker/codec/encode.hpp"

#include <vector>

namespace troupe::bench {

prebuilt_publish::prebuilt_publish(std::string_view topic, troupe::qos qos, bool retain,
                                   std::size_t payload_size, protocol_version version) {
  const std::vector<std::byte> payload(payload_size, std::byte{'.'});
  publish message;
  message.topic = topic;
  message.qos = qos;
  message.retain = retain;
  message.payload = payload;
  message.id = qos == qos::at_most_once ? 0 : 1;
  encode(message, version, packet_);

  const std::size_t payload_offset = packet_.size() - payload_size;
  if (payload_size != 0) header_offset_ = static_cast<std::uint32_t>(payload_offset);
  if (qos != qos::at_most_once) {
    // An empty property section is one byte between identifier and payload.
    const std::size_t properties = version == protocol_version::v5 ? 1 : 0;
    id_offset_ = static_cast<std::uint32_t>(payload_offset - properties - 2);
  }
}

}  // namespace troupe::bench
