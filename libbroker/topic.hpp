#pragma once

#include "libbroker/result.hpp"

#include <cstdint>
#include <string_view>

/// Topic names and topic filters. Source: MQTT5 §4.7, §4.8.2; MQTT311 §4.7.
namespace troupe {

/// A filter as a client subscribes to it: `$share/<group>/<filter>` taken apart.
struct topic_filter {
  std::string_view group;   ///< ShareName; empty for a non-shared subscription
  std::string_view filter;  ///< what topics are matched against
  bool has_wildcard = false;

  [[nodiscard]] bool is_shared() const noexcept { return !group.empty(); }
};

/// Checks a topic name as a PUBLISH or a will carries it: UTF-8, at least one
/// character, no wildcard, no U+0000. Errors: topic_name_invalid, malformed_packet.
[[nodiscard]] result<void> check_topic_name(std::string_view name);

/// Takes a filter as it stands in SUBSCRIBE apart. Views point into `text`.
/// Errors: topic_filter_invalid with the clause that was violated.
[[nodiscard]] result<topic_filter> parse_topic_filter(std::string_view text);

/// What begins a shared subscription, and no other filter. Source: MQTT5 §4.8.2.
inline constexpr std::string_view share_prefix = "$share/";

/// Whether `filter` is that of a shared subscription. REQUIRES: it is valid.
[[nodiscard]] constexpr bool is_shared_filter(std::string_view filter) noexcept {
  return filter.starts_with(share_prefix);
}
/// Whether `text` is a valid filter of a shared subscription.
[[nodiscard]] bool is_valid_share(std::string_view text);
/// What topics are matched against: `filter` without `$share/<group>/`. REQUIRES: it is valid.
[[nodiscard]] constexpr std::string_view matched_part(std::string_view filter) noexcept {
  if (!is_shared_filter(filter)) return filter;
  return filter.substr(filter.find('/', share_prefix.size()) + 1);
}

/// Whether `filter` (without `$share`) matches `name`; wildcards in the first
/// level do not match names that begin with `$` [MQTT5-4.7.2-1]. This is the
/// reference that the subscription tree is tested against. REQUIRES: both valid.
[[nodiscard]] bool matches(std::string_view filter, std::string_view name) noexcept;

/// Whether some topic matches both filters. REQUIRES: both valid, without `$share`.
[[nodiscard]] bool overlaps(std::string_view left, std::string_view right) noexcept;
/// Whether every topic that matches `lesser` matches `greater`, too. REQUIRES: both valid,
/// without `$share`.
[[nodiscard]] bool covers(std::string_view greater, std::string_view lesser) noexcept;

/// Number of partitions that topics are spread over; written into the data
/// directory at creation and never changed.
inline constexpr std::uint32_t partition_count = 64;

/// The partition of a topic name or filter: XXH3-64 with seed 0 over its UTF-8
/// bytes, modulo `partition_count`. Fixed for ever: data on disk depends on it.
[[nodiscard]] std::uint32_t partition_of(std::string_view topic) noexcept;

/// The shard, of `shards`, that a topic name or filter without wildcards belongs to.
[[nodiscard]] inline std::uint32_t shard_of(std::string_view topic, std::uint32_t shards) noexcept {
  return shards == 1 ? 0 : partition_of(topic) % shards;
}

}  // namespace troupe
