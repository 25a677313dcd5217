#pragma once

#include "libbroker/router/retained_exchange.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// What nodes say to each other to come to the same retained messages. Bytes:
/// docs/cluster_wire.md.
namespace troupe {

/// Begins a round: what the sender has.
struct round_begun {
  std::uint64_t round = 0;
  std::array<std::uint64_t, retained_buckets> digests{};
};
/// Part of what the other side has, of buckets that differ.
struct page_sent {
  std::uint64_t round = 0;
  retained_page page;
};
/// Answers one `page_sent`: what the sender wants of it.
struct topics_wanted {
  std::uint64_t round = 0;
  std::uint32_t bucket = 0;
  std::vector<std::string> topics;
};
/// Nothing more differs, and all that was wanted is sent.
struct round_ended {
  std::uint64_t round = 0;
};

using retained_word = std::variant<round_begun, page_sent, topics_wanted, round_ended>;

[[nodiscard]] std::string encode(const retained_word& word);
/// Nothing for what is malformed, or of a later version.
[[nodiscard]] std::optional<retained_word> decode_retained_word(std::string_view content);

}  // namespace troupe
