#include "libbroker/utf8.hpp"

#include "libbroker/byte_words.hpp"

#include <cstring>

namespace troupe {

namespace {

constexpr bool is_continuation(unsigned char byte) noexcept { return (byte & 0xC0) == 0x80; }

/// Length of the multi-byte sequence at `at`; 0 if it is not well-formed.
std::size_t sequence_length(const unsigned char* at, std::size_t left) noexcept {
  const unsigned char lead = at[0];
  // 0x80..0xBF continues nothing here; 0xC0 and 0xC1 could only be overlong.
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return left >= 2 && is_continuation(at[1]) ? 2 : 0;
  if (lead < 0xF0) {
    if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2])) return 0;
    if (lead == 0xE0 && at[1] < 0xA0) return 0;   // overlong
    if (lead == 0xED && at[1] >= 0xA0) return 0;  // U+D800..U+DFFF [MQTT5-1.5.4-1]
    return 3;
  }
  if (lead > 0xF4 || left < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) ||
      !is_continuation(at[3]))
    return 0;
  if (lead == 0xF0 && at[1] < 0x90) return 0;   // overlong
  if (lead == 0xF4 && at[1] >= 0x90) return 0;  // above U+10FFFF
  return 4;
}

}  // namespace

bool is_utf8(byte_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t left = text.size();
  while (left != 0) {
    std::size_t length = 1;
    if (left >= 8 && (byte_words::load<std::uint64_t>(reinterpret_cast<const char*>(at)) &
                      byte_words::high_bits) == 0) {
      length = 8;
    } else if (*at >= 0x80) {
      length = sequence_length(at, left);
      if (length == 0) return false;
    }
    at += length;
    left -= length;
  }
  return true;
}

bool is_mqtt_string(std::string_view text) noexcept {
  const bool is_unusual = byte_words::any_of(text.data(), text.size(), [](std::uint64_t word) {
    return word | byte_words::zero_bytes(word);
  });
  if (!is_unusual) [[likely]]
    return true;
  // [MQTT5-1.5.4-2] [MQTT311-1.5.3-2]
  if (std::memchr(text.data(), 0, text.size()) != nullptr) return false;
  // U+FEFF is a character like any other [MQTT5-1.5.4-3] [MQTT311-1.5.3-3].
  return is_utf8(as_bytes(text));  // [MQTT5-1.5.4-1] [MQTT311-1.5.3-1]
}

}  // namespace troupe
