#pragma once

#include "libbroker/cluster/retained_stamp.hpp"
#include "libbroker/text_hash.hpp"
#include "libbroker/topic.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// Topics are compared between nodes by buckets. Part of what nodes say to each other.
inline constexpr std::uint32_t retained_buckets = 1024;
// A bucket lies in one partition, and so in one shard of each node.
static_assert(retained_buckets % partition_count == 0);

[[nodiscard]] inline std::uint32_t retained_bucket_of(std::string_view topic) noexcept {
  return static_cast<std::uint32_t>(stable_hash(topic) % retained_buckets);
}
[[nodiscard]] inline std::uint32_t shard_of_bucket(std::uint32_t bucket,
                                                   std::uint32_t shards) noexcept {
  return bucket % partition_count % shards;
}

/// How long it is remembered that a topic was cleared: a node that was away for less does not
/// bring its message back.
inline constexpr std::chrono::hours cleared_topics_kept{7 * 24};

/// Since when each topic of a shard has its retained message, or has none any more: what nodes
/// compare, so that the last change holds on all of them. It knows of what was cleared for some
/// time; the messages themselves are others' concern.
class retained_versions {
public:
  /// `most_cleared`: of these the oldest are forgotten first.
  explicit retained_versions(std::size_t most_cleared) : most_cleared_(most_cleared) {}

  struct version {
    retained_stamp stamp;
    bool is_cleared = false;
  };
  using bucket = std::map<std::string, version, std::less<>>;

  [[nodiscard]] std::optional<version> find(std::string_view topic) const;
  void set(std::string_view topic, const retained_stamp& stamp, bool is_cleared);
  void erase(std::string_view topic);

  /// Forgets cleared topics that are too many or too old, and returns them; some thousand at most.
  [[nodiscard]] std::vector<std::string> forget(wall_time now);
  /// Cleared topics that were forgotten because they were too many.
  [[nodiscard]] std::uint64_t forgotten_early() const noexcept { return forgotten_early_; }

  /// The same for the same topics with the same stamps, in whatever order they came; 0: none.
  [[nodiscard]] std::uint64_t digest(std::uint32_t number) const { return digests_[number]; }
  [[nodiscard]] const bucket& topics(std::uint32_t number) const { return buckets_[number]; }
  [[nodiscard]] std::size_t cleared() const noexcept { return by_age_.size(); }

private:
  using place = std::pair<retained_stamp, std::string_view>;  // a view of the key in its bucket
  void remove(bucket& from, bucket::iterator at, std::uint32_t number);

  std::size_t most_cleared_;
  std::array<bucket, retained_buckets> buckets_;
  std::array<std::uint64_t, retained_buckets> digests_{};
  std::set<place> by_age_;  ///< the cleared ones
  std::uint64_t forgotten_early_ = 0;
};

}  // namespace troupe
