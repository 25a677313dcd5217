#include "libbroker/cluster/membership.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

namespace troupe {

std::string_view describe(admission verdict) noexcept {
  switch (verdict) {
  case admission::ok: return "admitted";
  case admission::own_name: return "this node has that name itself";
  case admission::name_taken: return "another node has that name";
  case admission::older_incarnation: return "the node has been started again since";
  case admission::cluster_full: return "the cluster has no room for more members";
  }
  return "";
}

membership::membership(node_identity self, std::string address,
                       const std::vector<std::string>& seeds, const membership_settings& settings,
                       std::uint64_t jitter, std::vector<member_record> remembered, time_point now)
    : settings_(settings),
      self_{std::move(self), std::move(address), 1, false, settings.client_address},
      self_since_(now),
      connects_(settings.connects, jitter),
      next_gossip_(now),
      next_raise_(now) {
  assert(is_node_name(self_.node.name) && self_.address.size() <= max_address_size);
  for (const std::string& each : seeds)
    seeds_.try_emplace(each);
  for (member_record& each : remembered) {
    if (each.node.name == self_.node.name) {
      raise_version(each.version + 1);
    } else if (members_.size() + 1 < max_members) {
      member& known = members_[each.node.name];
      known.record = std::move(each);
      known.lost_at = known.since = now;
      known.state = known.record.left ? member_state::left : member_state::unlinked;
    }
  }
  connects_.set(targets(), now);
}

// -- links

admission membership::admit(const node_identity& newcomer) const noexcept {
  if (newcomer.name == self_.node.name) return admission::own_name;
  const auto found = members_.find(newcomer.name);
  if (found != members_.end()) {
    const auto& [name, known] = *found;
    const bool same_home = known.record.node.home == newcomer.home;
    if (known.linked && !same_home) return admission::name_taken;
    if (same_home && newcomer.incarnation < known.record.node.incarnation)
      return admission::older_incarnation;
  } else if (is_full()) {
    return admission::cluster_full;
  }
  return is_reported(newcomer, false) ? admission::name_taken : admission::ok;
}

void membership::link_up(const node_identity& peer, std::string_view address,
                         std::string_view dialed, time_point now, membership_effects& effects) {
  if (admit(peer) != admission::ok) {
    effects.disconnects.push_back(peer);
    connects_.failed(dialed, now);
    settle(now, effects);
    return;
  }
  for (const std::string_view met : {dialed, address})
    if (const auto seed = seeds_.find(met); seed != seeds_.end()) seed->second = peer.name;
  if (address.size() > max_address_size) address = {};

  const auto found = members_.find(peer.name);
  member* known = found == members_.end() ? nullptr : &found->second;
  member_record record{peer, std::string(address), known ? known->record.version : 0, false};
  if (known == nullptr || known->forgotten) {
    known = insert(std::move(record), now, effects);
  } else {
    if (known->record.node == peer) {
      record = known->record;
      if (!address.empty()) record.address = address;
    } else if (known->linked) {
      unlink(*known, now, effects);
    }
    change(*known, std::move(record), effects);
  }
  returned(*known, effects);
  if (!known->linked) {
    known->linked = true;
    known->linked_since = now;
    say(kind::up, *known, effects);
  }
  connects_.ended(dialed, now);
  connects_.ended(known->record.address, now);
  changed_ = true;
  settle(now, effects);
  if (!self_.left) return;
  effects.disconnects.push_back(peer);
  unlink(*known, now, effects);
  settle(now, effects);
}

void membership::link_down(const node_identity& peer, time_point now, membership_effects& effects) {
  if (member* const known = find_linked(peer)) unlink(*known, now, effects);
  settle(now, effects);
}

void membership::connect_failed(std::string_view address, time_point now,
                                membership_effects& effects) {
  connects_.failed(address, now);
  settle(now, effects);
}

void membership::seed_is_self(std::string_view address) {
  const auto seed = seeds_.find(address);
  if (seed != seeds_.end()) seeds_.erase(seed);
  own_addresses_.emplace(address);
  connects_.forget(address);
}

// -- what people want

void membership::join(std::string_view address, time_point now, membership_effects& effects) {
  // Whoever was there before: it is to be tried.
  if (!address.empty()) seeds_.insert_or_assign(std::string(address), std::string());
  if (self_.left) {
    set_left(false, effects);
    for (auto& [name, known] : members_)  // it was this node that was away
      known.lost_at = now;
  }
  connects_.try_now(now);
  settle(now, effects);
}

void membership::leave(time_point now, membership_effects& effects) {
  if (!self_.left) set_left(true, effects);
  settle(now, effects);
}

void membership::drain(bool on, time_point now, membership_effects& effects) {
  if (self_.is_draining != on) {
    self_.is_draining = on;
    raise_version(self_.version + 1);
  }
  settle(now, effects);
}

std::string_view membership::forget(std::string_view name, time_point now,
                                    membership_effects& effects) {
  if (name == self_.node.name) return "that is the node that is asked, which can leave";
  const auto found = members_.find(name);
  if (found == members_.end() || found->second.forgotten) return "no member has that name";
  member& known = found->second;
  if (known.record.left) return {};
  if (known.up) return "it is linked with this node or another one, and can leave by itself";
  if (!known.dead) return "it is not dead yet: its links were there a moment ago";
  member_record next = known.record;
  next.left = true;
  next.version = std::min(next.version + 1, max_member_version);
  change(known, std::move(next), effects);
  settle(now, effects);
  return {};
}

void membership::set_left(bool left, membership_effects& effects) {
  self_.left = left;
  raise_version(self_.version + 1);
  effects.records_changed = true;
}

// -- what others tell

result<void> membership::gossip(const node_identity& from, std::string_view bytes, time_point now,
                                membership_effects& effects) {
  const auto heard = read_gossip(bytes);
  if (!heard) return heard.error();
  member* const sender = find_linked(from);
  if (sender == nullptr) return {};  // late, of a link that is gone
  sender->links.clear();
  for (const gossiped_member& each : *heard)
    if (each.linked && each.record.node.name != self_.node.name)
      sender->links.push_back(each.record.node);
  for (const gossiped_member& each : *heard) {
    if (each.record.node.name == self_.node.name)
      hear_of_self(each.record);
    else
      hear(*sender, each, now, effects);
  }
  settle(now, effects);
  return {};
}

void membership::hear_of_self(const member_record& heard) noexcept {
  const bool is_later_life =
      heard.node.home == self_.node.home && heard.node.incarnation > self_.node.incarnation;
  if (heard.version < self_.version || heard == self_ || is_later_life) return;
  raise_to_ = std::max(raise_to_, heard.version + 1);
}

void membership::hear(const member& sender, const gossiped_member& heard, time_point now,
                      membership_effects& effects) {
  const auto found = members_.find(heard.record.node.name);
  const bool is_new = found == members_.end();
  if (is_new || found->second.forgotten) {
    // Who left is not made known again, lest nodes that forget at different times remind each
    // other for ever; nor is who was forgotten until it comes back.
    if (heard.record.left || (is_new ? is_full() : !heard.linked)) return;
    insert(heard.record, now, effects);
    return;
  }
  member& known = found->second;
  member_record next = known.record;
  if (&known == &sender) {
    if (heard.record.node == known.record.node) next = heard.record;
  } else if (supersedes(heard, known)) {
    if (known.linked && known.record.node != heard.record.node) {
      effects.disconnects.push_back(known.record.node);
      unlink(known, now, effects);
    }
    next = heard.record;
  }
  // Never lower, so that what nodes tell each other comes to an end, and the member hears of it.
  next.version = std::max(known.record.version, heard.record.version);
  change(known, std::move(next), effects);
}

bool membership::supersedes(const gossiped_member& heard, const member& known) const noexcept {
  const member_record& next = heard.record;
  const member_record& old = known.record;
  if (next.node.home != old.node.home) {
    if (known.linked || is_reported(old.node, true))
      return heard.linked && next.node.home < old.node.home;
    return heard.linked ||
           std::tie(next.version, next.node.home) > std::tie(old.version, old.node.home);
  }
  // A restart that others noticed first: the link will go down. And who has a link says itself that
  // it leaves; others may have taken it for dead, and forgotten it.
  if (known.linked && (next.node.incarnation != old.node.incarnation || next.left)) return false;
  // Left and address decide only between records that were not made by the member.
  return std::tie(next.node.incarnation, next.version, next.left, next.address) >
         std::tie(old.node.incarnation, old.version, old.left, old.address);
}

// -- members

bool membership::is_full() const noexcept { return members_.size() + 1 >= max_members; }

membership::member* membership::find_linked(const node_identity& node) noexcept {
  const auto found = members_.find(node.name);
  if (found == members_.end()) return nullptr;
  member& known = found->second;
  return known.linked && known.record.node == node ? &known : nullptr;
}

bool membership::is_reported(const node_identity& node, bool same_home) const noexcept {
  return std::ranges::any_of(members_, [&](const auto& each) {
    const node_identity* const link = each.second.link_with(node.name);
    return link != nullptr && (link->home == node.home) == same_home;
  });
}

bool membership::is_reported(std::string_view name) const noexcept {
  return std::ranges::any_of(
      members_, [&](const auto& each) { return each.second.link_with(name) != nullptr; });
}

const node_identity* membership::member::link_with(std::string_view name) const noexcept {
  const auto found = std::ranges::lower_bound(links, name, {}, &node_identity::name);
  return found == links.end() || found->name != name ? nullptr : &*found;
}

void membership::say(kind what, const member& of, membership_effects& effects) {
  effects.events.push_back({what, of.record.node});
}

membership::member* membership::insert(member_record record, time_point now,
                                       membership_effects& effects) {
  member& made = members_[record.node.name];
  // Not below that of one that was forgotten.
  record.version = std::max(record.version, made.record.version);
  made = {.record = std::move(record), .lost_at = now, .since = now};
  changed_ = effects.records_changed = true;
  say(kind::joined, made, effects);
  return &made;
}

void membership::change(member& known, member_record record, membership_effects& effects) {
  if (record == known.record) return;
  const member_record old = std::exchange(known.record, std::move(record));
  changed_ = effects.records_changed = true;
  if (old.left && !known.record.left)
    say(kind::joined, known, effects);
  else if (old.node != known.record.node)
    say(kind::replaced, known, effects);
  if (known.record.left && !old.left) {
    known.dead = false;
    say(kind::left, known, effects);
  }
}

void membership::unlink(member& known, time_point now, membership_effects& effects) {
  known.linked = false;
  known.links.clear();
  const bool was_short = now - known.linked_since < settings_.connects.longest_retry;
  connects_.link_lost(known.record.address, was_short);
  for (const auto& [address, name] : seeds_)
    if (name == known.record.node.name && address != known.record.address)
      connects_.link_lost(address, was_short);
  changed_ = true;
  say(kind::down, known, effects);
}

void membership::returned(member& known, membership_effects& effects) {
  if (std::exchange(known.dead, false)) say(kind::returned, known, effects);
}

// -- time

void membership::tick(time_point now, membership_effects& effects) { settle(now, effects); }

void membership::settle(time_point now, membership_effects& effects) {
  look_at_members(now, effects);
  if (raise_to_ > self_.version && now >= next_raise_) {
    raise_version(raise_to_);
    next_raise_ = now + settings_.gossip_interval;
    effects.records_changed = true;
  }
  connects_.set(targets(), now);
  connects_.start(now, effects.connects);
  if (changed_ || now >= next_gossip_) send_gossip(now, effects);
}

void membership::look_at_members(time_point now, membership_effects& effects) {
  for (auto next = members_.begin(); next != members_.end();) {
    const auto at = next++;
    auto& [name, known] = *at;
    if (known.forgotten) {
      if (now >= known.since + keeps(known)) members_.erase(at);
      continue;
    }
    const bool was_missed = !known.up && known.state != member_state::left;
    known.up = known.linked || is_reported(name);
    const bool is_missed = !known.up && !known.record.left;
    if (known.up) returned(known, effects);
    if (is_missed && !was_missed) known.lost_at = now;
    if (is_missed && !known.dead && !self_.left && now >= known.lost_at + settings_.dead_after) {
      known.dead = true;
      say(kind::dead, known, effects);
    }
    const member_state state = known.record.left ? member_state::left
                               : known.linked    ? member_state::linked
                               : known.dead      ? member_state::dead
                                                 : member_state::unlinked;
    if (std::exchange(known.state, state) != state) known.since = now;
    if (known.up || keeps(known).count() == 0 || now < known.since + keeps(known)) continue;
    known.forgotten = true;
    known.since = now;
    changed_ = effects.records_changed = true;
    say(kind::forgotten, known, effects);
  }
}

std::chrono::milliseconds membership::keeps(const member& known) const noexcept {
  if (known.state == member_state::left) return settings_.forget_left_after;
  if (known.state == member_state::dead) return settings_.forget_dead_after;
  return std::chrono::milliseconds(0);
}

void membership::raise_version(std::uint64_t least) noexcept {
  self_.version = std::max(self_.version, std::min(least, max_member_version));
  changed_ = true;
}

void membership::send_gossip(time_point now, membership_effects& effects) {
  changed_ = false;
  next_gossip_ = now + settings_.gossip_interval;
  membership_effects::message message;
  std::vector<gossiped_member> all;
  all.reserve(members_.size() + 1);
  for (const auto& [name, known] : members_) {
    if (known.linked) message.to.push_back(name);
    if (!known.forgotten) all.push_back({known.record, known.linked});
  }
  if (message.to.empty()) return;
  const auto name_of = [](const gossiped_member& each) -> const std::string& {
    return each.record.node.name;
  };
  all.insert(std::ranges::lower_bound(all, self_.node.name, {}, name_of), {self_, false});
  append_gossip(all, message.bytes);
  effects.messages.push_back(std::move(message));
}

std::optional<time_point> membership::deadline() const noexcept {
  std::optional<time_point> first = connects_.deadline();
  const auto at = [&](time_point due) {
    if (!first || due < *first) first = due;
  };
  if (raise_to_ > self_.version) at(next_raise_);
  for (const auto& [name, known] : members_) {
    if (known.linked) at(next_gossip_);
    if (known.forgotten || (!known.up && keeps(known).count() != 0)) at(known.since + keeps(known));
    if (!known.forgotten && !known.up && !known.record.left && !known.dead && !self_.left)
      at(known.lost_at + settings_.dead_after);
  }
  return first;
}

// -- where to connect

bool membership::is_own(std::string_view address) const noexcept {
  return address == self_.address || own_addresses_.contains(address);
}

connect_plan::targets membership::targets() const {
  connect_plan::targets all;
  for (const auto& [name, known] : members_) {
    const std::string& address = known.record.address;
    if (known.forgotten || address.empty() || is_own(address)) continue;
    const auto [at, is_first] = all.try_emplace(address);
    // Two that were at one address at different times: whoever is there now will do.
    at->second.expected = is_first ? std::string_view(name) : std::string_view();
    at->second.is_second = is_first && name < self_.node.name;
    at->second.wanted |= !known.linked && !known.record.left;
  }
  for (const auto& [address, name] : seeds_) {
    if (is_own(address)) continue;
    const auto [at, is_unknown] = all.try_emplace(address);
    at->second.expected = {};
    const auto found = members_.find(name);
    if (found != members_.end() && !found->second.forgotten) {
      at->second.wanted |= !found->second.linked && !found->second.record.left;
      at->second.is_second = name < self_.node.name;
    } else {
      // Nobody has been met there, even if others say who was there and has left.
      at->second.wanted = true;
      // As long as addresses are written alike, they do for names.
      if (is_unknown) at->second.is_second = address < self_.address;
    }
  }
  for (const auto& [name, known] : members_) {
    const auto at = all.find(known.record.address);
    if (at != all.end() && known.linked) at->second.wanted = false;
  }
  if (self_.left)
    for (auto& [address, each] : all)
      each.wanted = false;
  return all;
}

// -- who there is

std::vector<membership::view> membership::members() const {
  std::vector<view> all;
  for (const auto& [name, known] : members_)
    if (!known.forgotten) all.push_back({known.record, known.state, known.since});
  const auto name_of = [](const view& each) -> const std::string& { return each.record.node.name; };
  all.insert(std::ranges::lower_bound(all, self_.node.name, {}, name_of),
             {self_, member_state::self, self_since_});
  return all;
}

std::optional<membership::view> membership::find(std::string_view name) const {
  if (name == self_.node.name) return view{self_, member_state::self, self_since_};
  const auto found = members_.find(name);
  if (found == members_.end() || found->second.forgotten) return std::nullopt;
  return view{found->second.record, found->second.state, found->second.since};
}

std::vector<std::string> membership::client_addresses() const {
  std::vector<std::string> found;
  for (const auto& [name, each] : members_)
    if (each.linked && !each.record.is_draining && !each.record.client_address.empty())
      found.push_back(each.record.client_address);
  return found;
}

std::vector<member_record> membership::records() const {
  std::vector<member_record> all;
  for (view& each : members())
    all.push_back(std::move(each.record));
  return all;
}

}  // namespace troupe
