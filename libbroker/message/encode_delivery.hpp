#pragma once

#include "libbroker/message/message_block.hpp"

#include <span>
#include <string_view>

namespace troupe {

/// What a PUBLISH to one subscriber has of its own.
struct delivery_header {
  protocol_version version = protocol_version::v3_1_1;
  troupe::qos qos = qos::at_most_once;
  bool retain = false;
  bool dup = false;
  packet_id id = 0;  ///< counts if `qos` is not 0
  /// 0 = none. REQUIRES: 0 for MQTT 3.x.
  std::uint16_t topic_alias = 0;
  bool omit_topic = false;                     ///< the alias says it all
  std::span<const std::uint32_t> identifiers;  ///< subscription identifiers
  /// If it is not empty, user properties tell the message's offset and this. Counts for MQTT 5.0.
  std::string_view timestamp;
};

/// Size of the PUBLISH that `encode_delivery` would write, in bytes.
[[nodiscard]] std::size_t delivery_size(const message_entry& entry,
                                        const delivery_header& header) noexcept;

/// Appends `entry` of `block` as a PUBLISH to one subscriber: properties only
/// for MQTT 5.0, a message expiry interval less the time since the message was
/// received [MQTT5-3.3.2-6].
void encode_delivery(const message_block& block, const message_entry& entry,
                     const delivery_header& header, time_point now, byte_buffer& out);

}  // namespace troupe
