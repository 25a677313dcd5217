#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/codec/variable_byte_integer.hpp"
#include "libbroker/packet.hpp"

#include <cstdint>
#include <cstring>
#include <string_view>

/// MQTT's data types as encoders write them. Source: MQTT5 §1.5, MQTT311 §1.5.
namespace troupe {

inline std::byte* write_byte(std::uint8_t value, std::byte* out) noexcept {
  *out = std::byte{value};
  return out + 1;
}

inline std::byte* write_two_bytes(std::size_t value, std::byte* out) noexcept {
  out[0] = static_cast<std::byte>(value >> 8);
  out[1] = static_cast<std::byte>(value);
  return out + 2;
}

inline std::byte* write_bytes(byte_view bytes, std::byte* out) noexcept {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

/// A packet's first byte.
[[nodiscard]] constexpr std::uint8_t first_byte(packet_type type, unsigned flags = 0) noexcept {
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags);
}

inline void append_two_bytes(std::uint16_t value, byte_buffer& out) {
  write_two_bytes(value, out.prepare(2));
  out.commit(2);
}

inline void append_four_bytes(std::uint32_t value, byte_buffer& out) {
  append_two_bytes(static_cast<std::uint16_t>(value >> 16), out);
  append_two_bytes(static_cast<std::uint16_t>(value), out);
}

/// Binary data. REQUIRES: at most 65,535 bytes.
inline void append_binary(byte_view bytes, byte_buffer& out) {
  append_two_bytes(static_cast<std::uint16_t>(bytes.size()), out);
  out.append(bytes);
}

/// A UTF-8 encoded string. REQUIRES: at most 65,535 bytes.
inline void append_string(std::string_view text, byte_buffer& out) {
  append_binary(as_bytes(text), out);
}

/// Puts the length of everything behind `start`, a variable byte integer, at `start`.
inline void insert_length(std::size_t start, byte_buffer& out) {
  const std::size_t length = out.size() - start;
  const std::size_t prefix = variable_byte_integer_size(length);
  (void)out.prepare(prefix);
  std::byte* const at = out.data() + start;
  std::memmove(at + prefix, at, length);
  write_variable_byte_integer(length, at);
  out.commit(prefix);
}

/// Appends a packet of which `append_body` appends all behind the fixed header.
/// For packets that are not worth computing their length beforehand.
template <class AppendBody>
void append_packet(std::uint8_t first, byte_buffer& out, AppendBody append_body) {
  out.push_back(first);
  const std::size_t start = out.size();
  append_body();
  insert_length(start, out);
}

/// Appends one property section: construct, add properties, `close`.
class property_writer {
public:
  explicit property_writer(byte_buffer& out) noexcept : out_(out), start_(out.size()) {}

  void flag(property_id id, bool value) {
    identifier(id);
    out_.push_back(value ? 1 : 0);
  }
  void two_byte_integer(property_id id, std::uint16_t value) {
    identifier(id);
    append_two_bytes(value, out_);
  }
  void four_byte_integer(property_id id, std::uint32_t value) {
    identifier(id);
    append_four_bytes(value, out_);
  }
  void variable_byte_integer(property_id id, std::uint32_t value) {
    identifier(id);
    out_.commit(static_cast<std::size_t>(write_variable_byte_integer(value, out_.prepare(4)) -
                                         (out_.data() + out_.size())));
  }
  void binary(property_id id, byte_view value) {
    identifier(id);
    append_binary(value, out_);
  }
  void string(property_id id, std::string_view value) { binary(id, as_bytes(value)); }
  /// Strings for which empty means absent.
  void string_unless_empty(property_id id, std::string_view value) {
    if (!value.empty()) string(id, value);
  }
  void user_properties(user_properties_view view) { append_user_properties(view, out_); }
  void message_properties(byte_view section) { append_message_properties(section, out_); }

  /// Completes the section with its length. [MQTT5-2.2.2-1]
  void close() { insert_length(start_, out_); }

private:
  void identifier(property_id id) { out_.push_back(static_cast<std::uint8_t>(id)); }

  byte_buffer& out_;
  std::size_t start_;
};

}  // namespace troupe
