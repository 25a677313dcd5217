#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

/// Unsigned numbers with the most significant byte first: as bytes they sort like
/// the numbers, which keys need; values follow suit.
namespace troupe {

template <std::unsigned_integral Number>
void put_big_endian(Number value, char* to) noexcept {
  for (std::size_t i = sizeof(Number); i-- != 0; value = static_cast<Number>(value >> 7 >> 1))
    to[i] = static_cast<char>(value);
}

template <std::unsigned_integral Number>
void append_big_endian(Number value, std::string& to) {
  to.resize(to.size() + sizeof(Number));
  put_big_endian(value, to.data() + to.size() - sizeof(Number));
}

/// REQUIRES: from.size() >= sizeof(Number).
template <std::unsigned_integral Number>
[[nodiscard]] Number get_big_endian(std::string_view from) noexcept {
  Number value = 0;
  for (std::size_t i = 0; i != sizeof(Number); ++i)
    value = static_cast<Number>((value << 7 << 1) | static_cast<unsigned char>(from[i]));
  return value;
}

/// The number that is all of `from`; nothing if that has another size.
template <std::unsigned_integral Number>
[[nodiscard]] std::optional<Number> whole_big_endian(std::string_view from) noexcept {
  if (from.size() != sizeof(Number)) return std::nullopt;
  return get_big_endian<Number>(from);
}

}  // namespace troupe
