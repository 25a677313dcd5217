#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// How values stand in the configuration. Units of numbers are taken in any case
/// and with or without blanks; nothing else is: no signs, no fractions.
namespace troupe {

[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);

/// A plain whole number.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view text);

/// Bytes: "65536", "64 KiB", "10MB". Powers of 1000 (kB, MB, GB, TB) and of
/// 1024 (KiB, MiB, GiB, TiB).
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

/// A time as a number of `unit`s: "10s", "500ms", "1h30m", or a plain number of
/// `unit`s. Empty also when it is not a whole number of them.
[[nodiscard]] std::optional<std::uint64_t> parse_duration(std::string_view text,
                                                          std::chrono::milliseconds unit);

/// `bytes` as `parse_size` reads it, in the largest unit that divides it.
[[nodiscard]] std::string show_size(std::uint64_t bytes);

/// `time` as `parse_duration` reads it, in the largest unit that divides it.
[[nodiscard]] std::string show_duration(std::chrono::milliseconds time);

/// `text` as a TOML basic string, in quotes.
[[nodiscard]] std::string quoted(std::string_view text);

/// The parts of "a, b", without the blanks around them. An empty text has none.
[[nodiscard]] std::vector<std::string> parse_list(std::string_view text);

/// `texts` as a TOML array: `["a", "b"]`.
[[nodiscard]] std::string show_list(const std::vector<std::string>& texts);

}  // namespace troupe
