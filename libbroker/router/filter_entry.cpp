#include "libbroker/router/filter_entry.hpp"

#include <algorithm>

namespace troupe {

std::size_t subscription_list::find(subscriber_index subscriber) const noexcept {
  if (index_ != nullptr) {
    const auto found = index_->find(subscriber);
    return found == index_->end() ? npos : found->second;
  }
  const auto found =
      std::find_if(members_.begin(), members_.end(),
                   [&](const subscription& member) { return member.subscriber == subscriber; });
  return found == members_.end() ? npos : static_cast<std::size_t>(found - members_.begin());
}

bool subscription_list::put(const subscription& member) {
  const std::size_t at = find(member.subscriber);
  if (at != npos) {
    members_[at] = member;  // in place: no message passes between [MQTT5-3.8.4-4]
    return true;
  }
  members_.push_back(member);
  if (index_ != nullptr) {
    index_->emplace(member.subscriber, members_.size() - 1);
  } else if (members_.size() > indexed_above) {
    index_ = std::make_unique<std::unordered_map<subscriber_index, std::size_t>>();
    for (std::size_t i = 0; i != members_.size(); ++i)
      index_->emplace(members_[i].subscriber, i);
  }
  return false;
}

bool subscription_list::erase(subscriber_index subscriber) {
  const std::size_t at = find(subscriber);
  if (at == npos) return false;
  members_[at] = members_.back();
  members_.pop_back();
  if (index_ != nullptr) {
    index_->erase(subscriber);
    if (at != members_.size()) (*index_)[members_[at].subscriber] = at;
    if (members_.size() <= indexed_above / 2) index_.reset();
  }
  return true;
}

}  // namespace troupe
