#include "libbroker/share/share_members.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace troupe {

bool share_members::has_lasting() const noexcept {
  return std::ranges::any_of(
      members_, [](const share_member& each) { return each.lasting && each.counts(); });
}

bool share_members::has_counting() const noexcept {
  return std::ranges::any_of(members_, &share_member::counts);
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
  change_room(members_[place], 0);
  change_held(members_[place], {});
  online_.leave(members_[place]);
  with_room_.leave(members_[place]);
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

// -- what changes -----------------------------------------------------------------------

void share_members::set_room(std::uint64_t session, std::uint32_t room) {
  share_member* const member = find(session);
  if (member == nullptr) return;
  change_room(*member, room);
  enter_rings(*member);
}

void share_members::change_room(share_member& member, std::uint32_t room) noexcept {
  count_held(member, false);
  online_count_ -= member.is_online() ? 1 : 0;
  counting_online_ -= member.is_online() && member.counts() ? 1 : 0;
  total_room_ -= member.counts() ? member.room : 0;
  member.room = room;
  online_count_ += member.is_online() ? 1 : 0;
  counting_online_ += member.is_online() && member.counts() ? 1 : 0;
  total_room_ += member.counts() ? room : 0;
  count_held(member, true);
}

void share_members::change_held(share_member& member, share_ledger::holding held) noexcept {
  count_held(member, false);
  member.held = held;
  count_held(member, true);
}

void share_members::count_held(const share_member& member, bool in) noexcept {
  share_ledger::holding& all = member.is_online() ? held_online_ : held_away_;
  all.messages += in ? member.held.messages : -member.held.messages;
  all.bytes += in ? member.held.bytes : -member.held.bytes;
}

bool share_members::are_half_full() const noexcept {
  return held_online_.messages * 2 > total_room_ ||
         held_online_.bytes * 2 > counting_online_ * most_bytes_;
}

void share_members::set_held(std::uint64_t session, share_ledger::holding held) {
  share_member* const member = find(session);
  if (member == nullptr) return;
  change_held(*member, held);
  enter_rings(*member);
}

void share_members::forget_held() {
  for (share_member& each : members_) {
    change_held(each, {});
    enter_rings(each);
  }
}

void share_members::release(std::uint64_t session, std::uint32_t bytes) {
  share_member* const member = find(session);
  if (member == nullptr) return;
  change_held(*member, {member->held.messages - 1, member->held.bytes - bytes});
  enter_rings(*member);
}

void share_members::hold(share_member& by, std::uint32_t bytes) noexcept {
  change_held(by, {by.held.messages + 1, by.held.bytes + bytes});
}

// -- turns --------------------------------------------------------------------------------

void share_members::ring::enter(share_member& member) {
  if (!std::exchange(member.*is_in, true)) sessions.push_back(member.session);
}

void share_members::ring::leave(share_member& member) {
  if (std::exchange(member.*is_in, false)) std::erase(sessions, member.session);
}

void share_members::enter_rings(share_member& member) {
  if (member.is_online()) online_.enter(member);
  if (takes_more(member)) with_room_.enter(member);
}

template <class Qualifies>
share_member* share_members::first_of(ring& turns, Qualifies qualifies) noexcept {
  while (!turns.sessions.empty()) {
    if (turns.at >= turns.sessions.size()) turns.at = 0;
    share_member& candidate = *find(turns.sessions[turns.at]);
    if (qualifies(candidate)) return &candidate;
    candidate.*turns.is_in = false;
    turns.sessions[turns.at] = turns.sessions.back();
    turns.sessions.pop_back();
  }
  return nullptr;
}

share_member* share_members::peek_online() noexcept {
  return first_of(online_, std::mem_fn(&share_member::is_online));
}

share_member* share_members::peek_with_room() noexcept {
  return first_of(with_room_, [this](const share_member& each) { return takes_more(each); });
}

share_member& share_members::next() noexcept {
  share_member* const found = peek_online();
  if (found == nullptr) return members_[next_++ % members_.size()];
  ++online_.at;
  return *found;
}

share_member* share_members::next_with_room() noexcept {
  share_member* const found = peek_with_room();
  if (found != nullptr) ++with_room_.at;
  return found;
}

std::size_t share_members::room(std::size_t most) noexcept {
  std::size_t room = 0;
  for (std::size_t i = 0; i != with_room_.sessions.size() && room < most; ++i) {
    const share_member& each = *find(with_room_.sessions[i]);
    if (takes_more(each)) room += each.room - each.held.messages;
  }
  return std::min(room, most);
}

}  // namespace troupe
