#include "libbroker/share/share_members.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

bool share_members::has_lasting() const noexcept {
  return std::ranges::any_of(members_, [](const share_member& each) {
    return each.lasting && each.options.qos != qos::at_most_once;
  });
}

share_member& share_members::put(std::uint64_t session) {
  const auto [at, is_new] = index_.try_emplace(session, members_.size());
  if (is_new) members_.push_back({.session = session});
  return members_[at->second];
}

bool share_members::erase(std::uint64_t session) {
  const auto at = index_.find(session);
  if (at == index_.end()) return false;
  const std::size_t place = at->second;
  index_.erase(at);
  if (place + 1 != members_.size()) {
    members_[place] = std::move(members_.back());
    index_[members_[place].session] = place;
  }
  members_.pop_back();
  return true;
}

share_member* share_members::find(std::uint64_t session) noexcept {
  const auto at = index_.find(session);
  return at == index_.end() ? nullptr : &members_[at->second];
}

share_member& share_members::next() noexcept {
  for (std::size_t tried = 0; tried != members_.size(); ++tried) {
    share_member& candidate = members_[next_++ % members_.size()];
    if (candidate.is_online()) return candidate;
  }
  return members_[next_++ % members_.size()];
}

share_member* share_members::next_with_room(std::size_t most_bytes) noexcept {
  for (std::size_t tried = 0; tried != members_.size(); ++tried) {
    share_member& candidate = members_[next_++ % members_.size()];
    if (candidate.takes_more(most_bytes)) return &candidate;
  }
  return nullptr;
}

}  // namespace troupe
