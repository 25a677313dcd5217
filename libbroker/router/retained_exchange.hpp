#pragma once

#include "libbroker/message/message_block.hpp"
#include "libbroker/router/retained_store.hpp"
#include "libbroker/router/retained_versions.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// What a shard is asked about its retained messages so that two nodes come to have the same, and
/// what it answers. Nothing of it takes longer than a bucket is large.
namespace troupe {

/// The versions of all topics of a bucket that lie above `after` and, unless it is the last page,
/// not above the last one of them, in order.
struct retained_page {
  std::uint32_t bucket = 0;
  std::string after;  ///< empty: from the beginning on
  bool is_last = false;
  struct entry {
    std::string topic;
    retained_stamp stamp;
  };
  std::vector<entry> topics;
};

/// A topic's retained message, alone in its block; one without payload: it was cleared.
struct retained_value {
  message_block_ptr message;
  retained_stamp stamp;
};

/// A digest of each bucket.
struct ask_digests {};
struct retained_digests {
  std::array<std::uint64_t, retained_buckets> of{};  ///< by bucket; 0 for other shards'
};
/// A page of a bucket; answered with one.
struct list_bucket {
  std::uint32_t bucket = 0;
  std::string after;
};
/// In what does the other node's page differ?
struct compare_page {
  retained_page page;
};
struct page_difference {
  std::uint32_t bucket = 0;
  std::vector<std::string> wanted;    ///< topics that are newer there
  std::vector<retained_value> newer;  ///< here
};
/// What these topics have; answered with `retained_values`.
struct fetch_topics {
  std::uint32_t bucket = 0;
  std::vector<std::string> topics;
};
struct retained_values {
  std::vector<retained_value> values;
};

using retained_question = std::variant<ask_digests, list_bucket, compare_page, fetch_topics>;
using retained_answer =
    std::variant<retained_digests, retained_page, page_difference, retained_values>;

/// Which bucket it is about; nothing: all of them.
[[nodiscard]] std::optional<std::uint32_t> bucket_of(const retained_question& question) noexcept;

/// `greatest`: later stamps are not wanted.
[[nodiscard]] retained_answer answer(const retained_question& question,
                                     const retained_versions& versions,
                                     const retained_store& messages, hybrid_stamp greatest);

/// What says that a topic has no retained message since `stamp`.
[[nodiscard]] message_block_ptr make_cleared(std::string_view topic,
                                             const retained_stamp& stamp = {});

}  // namespace troupe
