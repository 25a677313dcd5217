#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

/// Text looked at eight bytes at a time, for the checks that every PUBLISH
/// topic goes through.
namespace troupe::byte_words {

inline constexpr std::uint64_t ones = 0x0101010101010101;
inline constexpr std::uint64_t high_bits = 0x8080808080808080;

/// Eight copies of `byte`.
[[nodiscard]] constexpr std::uint64_t repeat(unsigned char byte) noexcept { return ones * byte; }

/// A byte of the result has its high bit set if that byte of `word` is 0. Exact
/// only for words without high bits: a byte >= 0x80 may count as 0.
[[nodiscard]] constexpr std::uint64_t zero_bytes(std::uint64_t word) noexcept {
  return word - ones;
}

template <class Word>
[[nodiscard]] std::uint64_t load(const char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Whether `test(word)` sets the high bit of a byte for any of some words that
/// together hold exactly the bytes of the text, some of them more than once.
/// `test` must not depend on where in a word a byte stands.
template <class Test>
[[nodiscard]] bool any_of(const char* text, std::size_t size, Test test) noexcept {
  std::uint64_t found = 0;
  if (size >= 8) {
    const char* const last = text + size - 8;
    found = test(load<std::uint64_t>(last));
    for (; text < last; text += 8)
      found |= test(load<std::uint64_t>(text));
  } else if (size >= 4) {
    found = test(load<std::uint32_t>(text) << 32 | load<std::uint32_t>(text + size - 4));
  } else if (size != 0) {
    const std::uint64_t ends = load<std::uint8_t>(text) << 8 | load<std::uint8_t>(text + size - 1);
    const std::uint64_t middle = repeat(static_cast<unsigned char>(text[size / 2]));
    found = test((middle & ~std::uint64_t{0xFFFF}) | ends);
  }
  return (found & high_bits) != 0;
}

}  // namespace troupe::byte_words
