#include "libbroker/router/retained_versions.hpp"

namespace troupe {

namespace {

/// Topics that one call forgets.
constexpr std::size_t most_forgotten = 2'000;

/// Spreads every bit over all of them: the last step of SplitMix64.
std::uint64_t mix(std::uint64_t value) noexcept {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

/// What a topic adds to the digest of its bucket: docs/cluster_wire.md.
std::uint64_t share_of_digest(std::string_view topic, const retained_stamp& stamp) noexcept {
  return mix(stable_hash(topic) + mix(stamp.time + mix(stamp.node)));
}

}  // namespace

std::optional<retained_versions::version> retained_versions::find(std::string_view topic) const {
  const bucket& in = buckets_[retained_bucket_of(topic)];
  const auto found = in.find(topic);
  return found == in.end() ? std::nullopt : std::optional(found->second);
}

void retained_versions::set(std::string_view topic, const retained_stamp& stamp, bool is_cleared) {
  const std::uint32_t number = retained_bucket_of(topic);
  bucket& in = buckets_[number];
  auto at = in.find(topic);
  if (at == in.end()) {
    at = in.emplace(topic, version{}).first;
  } else {
    digests_[number] -= share_of_digest(topic, at->second.stamp);
    if (at->second.is_cleared) by_age_.erase({at->second.stamp, at->first});
  }
  at->second = {stamp, is_cleared};
  digests_[number] += share_of_digest(topic, stamp);
  if (is_cleared) by_age_.insert({stamp, at->first});
}

void retained_versions::erase(std::string_view topic) {
  const std::uint32_t number = retained_bucket_of(topic);
  bucket& in = buckets_[number];
  const auto at = in.find(topic);
  if (at != in.end()) remove(in, at, number);
}

void retained_versions::remove(bucket& from, bucket::iterator at, std::uint32_t number) {
  digests_[number] -= share_of_digest(at->first, at->second.stamp);
  if (at->second.is_cleared) by_age_.erase({at->second.stamp, at->first});
  from.erase(at);
}

std::vector<std::string> retained_versions::forget(wall_time now) {
  std::vector<std::string> gone;
  while (!by_age_.empty() && gone.size() != most_forgotten) {
    const auto& [stamp, topic] = *by_age_.begin();
    const bool is_old = wall_of(stamp.time) + cleared_topics_kept < now;
    if (!is_old && by_age_.size() <= most_cleared_) break;
    if (!is_old) ++forgotten_early_;
    gone.emplace_back(topic);
    erase(gone.back());
  }
  return gone;
}

}  // namespace troupe
