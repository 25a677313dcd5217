#pragma once

#include "apps/troupe-bench/payload_header.hpp"
#include "libbroker/bytes.hpp"
#include "libbroker/packet.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>

namespace troupe::bench {

/// A PUBLISH encoded once; each message is a copy with its packet identifier
/// and `payload_header` filled in.
class prebuilt_publish {
public:
  /// REQUIRES: payload_size >= payload_header::size, or 0 for a message without payload.
  prebuilt_publish(std::string_view topic, troupe::qos qos, bool retain, std::size_t payload_size,
                   protocol_version version);

  [[nodiscard]] bool has_id() const noexcept { return id_offset_ != 0; }

  /// Appends one packet to `out`. `id` is ignored for QoS 0.
  void append_to(byte_buffer& out, packet_id id, const payload_header& header) const {
    std::byte* const to = out.prepare(packet_.size());
    std::memcpy(to, packet_.data(), packet_.size());
    if (id_offset_ != 0) {
      to[id_offset_] = static_cast<std::byte>(id >> 8);
      to[id_offset_ + 1] = static_cast<std::byte>(id & 0xFF);
    }
    if (header_offset_ != 0) header.write(to + header_offset_);
    out.commit(packet_.size());
  }

private:
  byte_buffer packet_;
  std::uint32_t id_offset_ = 0;      // 0 = no packet identifier
  std::uint32_t header_offset_ = 0;  // 0 = no payload
};

}  // namespace troupe::bench
