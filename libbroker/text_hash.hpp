#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

/// Hash of text that clients choose (topics, filters, client ids), seeded at
/// random per process so that nobody can prepare collisions. Not for anything
/// that leaves the process: see `stable_hash` for that.
[[nodiscard]] std::uint64_t hash_text(std::string_view text) noexcept;

/// XXH3-64 with seed 0: the same in every process, for ever.
[[nodiscard]] std::uint64_t stable_hash(std::string_view text) noexcept;

/// `hash_text` for unordered containers, with look-up by `std::string_view`.
struct text_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return hash_text(text); }
};

}  // namespace troupe
