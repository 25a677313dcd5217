#include "libbroker/text_hash.hpp"

#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace troupe {

namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

const std::uint64_t seed = random_seed();

}  // namespace

std::uint64_t hash_text(std::string_view text) noexcept {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

std::uint64_t stable_hash(std::string_view text) noexcept {
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace troupe
