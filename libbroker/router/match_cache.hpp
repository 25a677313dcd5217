#pragma once

#include "libbroker/text_hash.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct filter_entry;

/// Remembers which filters matched the topics of late, because devices publish
/// to the same topics again and again. Bounded: one place per hash value.
class match_cache {
public:
  /// The filters that match `topic`, from memory or, where it has none that was
  /// made since the last `invalidate`, from `find(topic, into)`. The result
  /// lives until the next call.
  template <class Find>
  const std::vector<filter_entry*>& lookup(std::string_view topic, Find&& find) {
    if (last_ != nullptr && last_->version == version_ && last_->topic == topic)
      return last_->filters;
    if (places_.empty()) places_.resize(place_count);
    place& at = places_[hash_text(topic) % place_count];
    if (at.version != version_ || at.topic != topic) {
      at.topic.assign(topic);
      at.filters.clear();
      at.version = version_;
      find(topic, at.filters);
    }
    last_ = &at;
    return at.filters;
  }

  /// To be called whenever a filter came or went.
  void invalidate() noexcept { ++version_; }

private:
  static constexpr std::size_t place_count = 8192;

  struct place {
    std::string topic;
    std::vector<filter_entry*> filters;
    std::uint64_t version = 0;
  };
  std::vector<place> places_;
  const place* last_ = nullptr;
  std::uint64_t version_ = 1;
};

}  // namespace troupe
