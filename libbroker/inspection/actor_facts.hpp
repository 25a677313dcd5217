#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What an actor is, and what it has, in figures for people: docs/inspection.md.
namespace troupe {

/// One actor of a node, and how it does.
struct actor_row {
  std::uint64_t id = 0;  ///< CAF's, unique in the life of the process
  std::string kind;      ///< "session", "shard", …
  std::string name;  ///< whose it is: a client identifier, a node, …; empty: there is one only
  std::uint64_t mailbox = 0;      ///< messages that wait
  std::uint64_t messages = 0;     ///< that it has handled
  std::uint64_t nanoseconds = 0;  ///< in its handlers

  friend bool operator==(const actor_row&, const actor_row&) = default;
};

/// `monostate`: there is none.
using fact_value =
    std::variant<std::monostate, bool, std::uint64_t, std::string, std::vector<std::uint64_t>>;
struct fact {
  std::string name;
  fact_value value;

  friend bool operator==(const fact&, const fact&) = default;
};
/// Facts about one thing. Without any: there is no such thing.
struct fact_group {
  std::string name;
  std::vector<fact> facts;

  friend bool operator==(const fact_group&, const fact_group&) = default;
};

/// Longest text of a fact, and longest name in a row, in bytes.
inline constexpr std::size_t longest_fact = 1024;
inline constexpr std::size_t longest_row_name = 128;

/// `text`, or its beginning and "…". A character of UTF-8 is not cut through.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t longest = longest_fact);

}  // namespace troupe
