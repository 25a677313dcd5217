#include "libbroker/log_interests.hpp"

#include "libbroker/topic.hpp"

#include <algorithm>
#include <limits>

namespace troupe {

namespace {

constexpr log_offset nobody = std::numeric_limits<log_offset>::max();

/// Topics that are remembered.
constexpr std::size_t most_known = 1 << 16;

}  // namespace

void log_interests::add(const log_interest& one) {
  for (const std::string& filter : one.filters) {
    const auto [at, is_new] = after_.try_emplace(filter, one.after);
    if (!is_new) at->second = std::min(at->second, one.after);
  }
  pinned_.insert(one.pinned.begin(), one.pinned.end());
}

void log_interests::add(const log_interests& others) {
  for (const auto& [filter, after] : others.after_) {
    const auto [at, is_new] = after_.try_emplace(filter, after);
    if (!is_new) at->second = std::min(at->second, after);
  }
  pinned_.insert(others.pinned_.begin(), others.pinned_.end());
}

log_offset log_interests::passed(log_offset head) const noexcept {
  log_offset lowest = unpinned(head);
  for (const auto& [filter, after] : after_)
    lowest = std::min(lowest, after);
  return lowest;
}

log_offset log_interests::unpinned(log_offset head) const noexcept {
  log_offset lowest = head;
  for (const log_offset offset : pinned_)
    lowest = std::min(lowest, offset - 1);
  return lowest;
}

needed_topics::needed_topics(std::shared_ptr<const log_interests> all) : all_(std::move(all)) {
  for (const auto& [filter, after] : all_->after_)
    if (const std::size_t wildcard = filter.find_first_of("+#"); wildcard != std::string::npos)
      wildcards_[std::string_view(filter).substr(0, wildcard)].emplace_back(filter, after);
}

bool needed_topics::needs(std::string_view topic, log_offset offset) {
  if (all_->is_pinned(offset)) return true;
  auto known = known_.find(topic);
  if (known == known_.end()) {
    if (known_.size() >= most_known) known_.clear();
    known = known_.emplace(topic, lowest_after(topic)).first;
  }
  return offset > known->second;
}

log_offset needed_topics::lowest_after(std::string_view topic) const {
  const auto exact = all_->after_.find(std::string(topic));
  log_offset lowest = exact == all_->after_.end() ? nobody : exact->second;
  const auto look_at = [&](std::string_view prefix) {
    const auto found = wildcards_.find(prefix);
    if (found == wildcards_.end()) return;
    for (const auto& [filter, after] : found->second)
      if (after < lowest && matches(filter, topic)) lowest = after;
  };
  look_at({});
  for (std::size_t slash = topic.find('/'); slash != topic.npos; slash = topic.find('/', slash + 1))
    look_at(topic.substr(0, slash + 1));
  look_at(std::string(topic) + '/');  // "a/#" matches "a"
  return lowest;
}

}  // namespace troupe
