#pragma once

#include "apps/troupe-bench/payload_header.hpp"
#include "libbroker/codec/frame.hpp"
#include "libbroker/packet.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace troupe::bench {

/// What the load generator looks at in a PUBLISH.
struct received_publish {
  troupe::qos qos = qos::at_most_once;
  bool has_header = false;  ///< the payload is long enough for `header`
  packet_id id = 0;
  payload_header header;
};

/// Cuts a byte stream into packets and reads no more of a PUBLISH than its
/// fixed header, packet identifier and `payload_header`. It trusts the broker:
/// only what would make it lose the packet boundaries is an error.
///
/// `Handler` has `on_publish(const received_publish&)`,
/// `on_response(packet_type, packet_id, reason_code)` for PUBACK, PUBREC,
/// PUBREL and PUBCOMP, and `on_control(const frame&)` for all others. A packet
/// is reported when its last byte has arrived.
class packet_scanner {
public:
  explicit packet_scanner(protocol_version version) noexcept
      : has_properties_(version == protocol_version::v5) {}

  /// Bytes that `restore` will put in front of the next input.
  [[nodiscard]] std::size_t carried() const noexcept { return carry_.size(); }

  /// Copies the unread end of the last input to `to`: the next input of `scan`
  /// is these bytes and what was received behind them.
  void restore(std::byte* to) noexcept {
    if (carry_.empty()) return;
    std::memcpy(to, carry_.data(), carry_.size());
    carry_.clear();
  }

  /// Returns false if the input cannot be MQTT; nothing may be scanned then.
  template <class Handler>
  [[nodiscard]] bool scan(byte_view input, Handler& handler) {
    const std::byte* at = input.data();
    const std::byte* const end = at + input.size();
    if (skip_ != 0) {
      const std::size_t skipped = std::min(skip_, input.size());
      at += skipped;
      skip_ -= skipped;
      if (skip_ != 0) return true;
      handler.on_publish(unfinished_);
    }
    while (at != end) {
      std::size_t remaining = 0;
      const std::byte* body = nullptr;
      switch (read_length(at, end, remaining, body)) {
      case outcome::incomplete: return carry(at, end);
      case outcome::malformed: return false;
      case outcome::complete: break;
      }
      const auto type = static_cast<packet_type>(static_cast<std::uint8_t>(*at) >> 4);
      const auto available = static_cast<std::size_t>(end - body);
      if (type == packet_type::publish) [[likely]] {
        received_publish message;
        switch (read_publish(*at, body, remaining, available, message)) {
        case outcome::incomplete: return carry(at, end);
        case outcome::malformed: return false;
        case outcome::complete: break;
        }
        if (available < remaining) {
          unfinished_ = message;
          skip_ = remaining - available;
          return true;
        }
        handler.on_publish(message);
      } else {
        if (available < remaining) return carry(at, end);
        if (!report(type, *at, {body, remaining}, handler)) return false;
      }
      at = body + remaining;
    }
    return true;
  }

private:
  enum class outcome : std::uint8_t {
    complete,
    incomplete,
    malformed
  };

  static unsigned byte_at(const std::byte* at) noexcept { return static_cast<unsigned>(*at); }
  static unsigned short_at(const std::byte* at) noexcept {
    return byte_at(at) << 8 | byte_at(at + 1);
  }

  static outcome read_variable(const std::byte*& at, const std::byte* end,
                               std::size_t& value) noexcept {
    value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      if (at == end) return outcome::incomplete;
      const unsigned byte = byte_at(at++);
      value |= std::size_t{byte & 0x7F} << shift;
      if ((byte & 0x80) == 0) return outcome::complete;
    }
    return outcome::malformed;
  }

  static outcome read_length(const std::byte* at, const std::byte* end, std::size_t& remaining,
                             const std::byte*& body) noexcept {
    if (end - at >= 2 && byte_at(at + 1) < 0x80) [[likely]] {
      remaining = byte_at(at + 1);
      body = at + 2;
      return outcome::complete;
    }
    body = at + 1;
    return read_variable(body, end, remaining);
  }

  outcome read_publish(std::byte first, const std::byte* body, std::size_t remaining,
                       std::size_t available, received_publish& into) const noexcept {
    const auto* const end = body + std::min(available, remaining);
    const auto missing = available < remaining ? outcome::incomplete : outcome::malformed;
    if (end - body < 2) return missing;
    const auto level = static_cast<std::uint8_t>(static_cast<unsigned>(first) >> 1 & 3);
    if (level == 3) return outcome::malformed;
    into.qos = static_cast<qos>(level);
    const std::size_t id_at = 2 + short_at(body);
    const std::size_t header_size = id_at + (level == 0 ? 0 : 2);
    if (static_cast<std::size_t>(end - body) < header_size) return missing;
    if (level != 0) into.id = static_cast<packet_id>(short_at(body + id_at));
    const std::byte* at = body + header_size;
    if (has_properties_) {
      std::size_t length = 0;
      if (const auto read = read_variable(at, end, length); read != outcome::complete)
        return read == outcome::incomplete ? missing : read;
      if (static_cast<std::size_t>(end - at) < length) return missing;
      at += length;
    }
    const std::size_t payload = remaining - static_cast<std::size_t>(at - body);
    into.has_header = payload >= payload_header::size;
    if (!into.has_header) return outcome::complete;
    if (static_cast<std::size_t>(end - at) < payload_header::size) return missing;
    into.header = payload_header::read(at);
    return outcome::complete;
  }

  template <class Handler>
  static bool report(packet_type type, std::byte first, byte_view body, Handler& handler) {
    if (type < packet_type::puback || type > packet_type::pubcomp) {
      const auto flags = static_cast<std::uint8_t>(static_cast<unsigned>(first) & 0x0F);
      handler.on_control(frame{type, flags, body});
      return true;
    }
    if (body.size() < 2) return false;
    const auto code =
        body.size() == 2 ? reason_code::success : static_cast<reason_code>(byte_at(&body[2]));
    handler.on_response(type, static_cast<packet_id>(short_at(body.data())), code);
    return true;
  }

  bool carry(const std::byte* from, const std::byte* end) {
    carry_.append(byte_view{from, end});
    return true;
  }

  bool has_properties_;
  byte_buffer carry_;
  std::size_t skip_ = 0;         // payload bytes of `unfinished_` to come
  received_publish unfinished_;  // meaningful while skip_ != 0
};

}  // namespace troupe::bench
