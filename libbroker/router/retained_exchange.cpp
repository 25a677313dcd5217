#include "libbroker/router/retained_exchange.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

// A page has so many topics at most, and bytes of them.
constexpr std::size_t topics_per_page = 256;
constexpr std::size_t bytes_per_page = 16UL << 10;

using buckets = retained_versions::bucket;

class answering {
public:
  answering(const retained_versions& versions, const retained_store& messages,
            hybrid_stamp greatest)
      : versions_(versions), messages_(messages), greatest_(greatest) {}

  retained_answer operator()(const ask_digests&) const {
    retained_digests all;
    for (std::uint32_t i = 0; i != retained_buckets; ++i)
      all.of[i] = versions_.digest(i);
    return all;
  }

  retained_answer operator()(const list_bucket& asked) const {
    retained_page page{.bucket = asked.bucket, .after = asked.after, .topics = {}};
    const buckets& in = versions_.topics(asked.bucket);
    auto at = in.upper_bound(asked.after);
    std::size_t bytes = 0;
    for (; at != in.end() && page.topics.size() != topics_per_page && bytes < bytes_per_page;
         ++at) {
      bytes += at->first.size();
      page.topics.push_back({at->first, at->second.stamp});
    }
    page.is_last = at == in.end();
    return page;
  }

  retained_answer operator()(const compare_page& asked) const {
    const retained_page& page = asked.page;
    page_difference found{.bucket = page.bucket, .wanted = {}, .newer = {}};
    const buckets& in = versions_.topics(page.bucket);
    for (const retained_page::entry& there : page.topics) {
      const auto here = in.find(there.topic);
      if (there.stamp.time <= greatest_ && (here == in.end() || here->second.stamp < there.stamp))
        found.wanted.push_back(there.topic);
    }
    const auto end =
        page.is_last || page.topics.empty() ? in.end() : in.upper_bound(page.topics.back().topic);
    for (auto here = in.upper_bound(page.after); here != end && here != in.end(); ++here) {
      const auto there = std::ranges::lower_bound(
          page.topics, std::string_view(here->first), {},
          [](const retained_page::entry& each) { return std::string_view(each.topic); });
      if (there == page.topics.end() || there->topic != here->first ||
          there->stamp < here->second.stamp)
        found.newer.push_back(value_of(here->first, here->second));
    }
    return found;
  }

  retained_answer operator()(const fetch_topics& asked) const {
    retained_values found;
    for (const std::string& topic : asked.topics)
      if (const auto here = versions_.find(topic)) found.values.push_back(value_of(topic, *here));
    return found;
  }

private:
  /// An expired message may be gone: that counts as cleared.
  retained_value value_of(const std::string& topic,
                          const retained_versions::version& version) const {
    message_block_ptr message = version.is_cleared ? nullptr : messages_.find(topic);
    return {message ? std::move(message) : make_cleared(topic), version.stamp};
  }

  const retained_versions& versions_;
  const retained_store& messages_;
  hybrid_stamp greatest_;
};

}  // namespace

std::optional<std::uint32_t> bucket_of(const retained_question& question) noexcept {
  if (const auto* const list = std::get_if<list_bucket>(&question)) return list->bucket;
  if (const auto* const compare = std::get_if<compare_page>(&question)) return compare->page.bucket;
  if (const auto* const fetch = std::get_if<fetch_topics>(&question)) return fetch->bucket;
  return std::nullopt;
}

retained_answer answer(const retained_question& question, const retained_versions& versions,
                       const retained_store& messages, hybrid_stamp greatest) {
  return std::visit(answering(versions, messages, greatest), question);
}

message_block_ptr make_cleared(std::string_view topic, const retained_stamp& stamp) {
  message_block_builder builder;
  builder.add({.retain = true, .topic = topic}, topic, protocol_version::v5);
  message_block_ptr cleared = builder.seal({});
  if (stamp != retained_stamp()) message_block::set_stamps(*cleared, stamp.time, stamp.node);
  return cleared;
}

}  // namespace troupe
