#pragma once

#include <cstddef>

namespace troupe {

/// The largest value that four bytes can carry. Source: MQTT5 §1.5.5.
inline constexpr std::size_t maximum_variable_byte_integer = 268'435'455;

/// How many bytes `value` takes, as few as possible [MQTT5-1.5.5-1].
[[nodiscard]] constexpr std::size_t variable_byte_integer_size(std::size_t value) noexcept {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

/// Writes `value` to `out`, which has room for it; returns the end of it.
inline std::byte* write_variable_byte_integer(std::size_t value, std::byte* out) noexcept {
  while (value >= 128) {
    *out++ = static_cast<std::byte>((value & 127) | 128);
    value >>= 7;
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

}  // namespace troupe
