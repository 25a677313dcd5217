#include "libbroker/cluster/client_registry.hpp"

#include <algorithm>
#include <cassert>

namespace troupe {

using kind = registry_entry::kind;

client_registry::client_registry(std::string node, const registry_settings& settings)
    : settings_(settings),
      clock_(settings.clock_drift),
      nodes_(std::move(node), settings.young_for) {}

// -- this node's sessions ---------------------------------------------------------------

attempt_number client_registry::login(std::string_view id, wall_time wall, time_point now,
                                      registry_effects& effects) {
  pending_login login;
  login.number = ++last_attempt_;
  login.stamp = clock_.next(wall);
  login.deadline = now + settings_.claim_timeout;
  const client_claim mine{login.stamp, name()};
  // Whether or not we find ourselves to be the home: who claimed it here is not to miss this.
  if (const auto at = owners_.find(id); at != owners_.end()) {
    const owner& before = at->second;
    assert(claim_of(before) < mine);  // our clock has seen it
    tell_beaten(id, before, mine);
    if (!nodes_[before.node].is_forgotten) login.hear_of(nodes_[before.node].name, before.stamp);
    owners_.erase(at);
  }
  ask(id, login, now);
  const attempt_number number = login.number;
  if (login.asked.empty() && !pending_.has(id)) {
    grant(id, std::move(login), now, effects);
  } else {
    pending_.add(id, std::move(login));
  }
  flush(effects);
  return number;
}

void client_registry::session_ended(std::string_view id, registry_effects& effects) {
  const auto at = own_.find(id);
  if (at == own_.end()) return;
  withdraw(id, at->second.stamp, at->second.told);
  own_.erase(at);
  flush(effects);
}

void client_registry::restored(std::string_view id, hybrid_stamp stamp, wall_time wall) {
  if (!clock_.observe(stamp, wall)) stamp = clock_.next(wall);
  own_.insert_or_assign(std::string(id), session{.stamp = stamp});
}

void client_registry::reclaim(std::string_view id, hybrid_stamp stamp, wall_time wall,
                              time_point now, registry_effects& effects) {
  if (own_.contains(id) || pending_.has(id)) return;
  if (const auto at = owners_.find(id); at != owners_.end() && is_live(at->second)) {
    const client_claim owner = claim_of(at->second);
    if (owner > client_claim{stamp, name()}) {
      effects.outcomes.emplace_back(
          registry_effects::displaced{std::string(id), std::string(owner.node), owner.stamp});
      return;
    }
  }
  restored(id, stamp, wall);
  registering_.start(now);
}

std::optional<hybrid_stamp> client_registry::stamp_of(std::string_view id) const {
  const auto at = own_.find(id);
  if (at == own_.end()) return std::nullopt;
  return at->second.stamp;
}

client_claim client_registry::own_claim(std::string_view id) const {
  if (const pending_login* const login = pending_.last(id)) return {login->stamp, name()};
  return {stamp_of(id).value_or(0), name()};
}

bool client_registry::is_registered(const session& of, node_slot home) const noexcept {
  return of.registered.home == home && of.registered.epoch == nodes_[home].epoch;
}

/// Claims the login's id wherever that was not yet done over the present links.
void client_registry::ask(std::string_view id, pending_login& login, time_point now) {
  if (nodes_.linked().empty()) {
    login.asked.clear();
    return;
  }
  std::erase_if(login.asked, [this](const pending_login::question& each) {
    const registry_node& home = nodes_[each.home];
    return !home.is_linked || home.epoch != each.epoch;
  });
  nodes_.find_homes(id, now, homes_);
  for (const node_slot home : homes_) {
    if (home == registry_nodes::self ||
        std::ranges::find(login.asked, home, &pending_login::question::home) != login.asked.end())
      continue;
    login.asked.push_back({.home = home, .epoch = nodes_[home].epoch});
    login.told.add(home);
    put(home, {.what = kind::claim, .id = id, .stamp = login.stamp});
  }
}

void client_registry::ask_again(time_point now, registry_effects& effects) {
  for (pending_logins::place& each : pending_.all())
    ask(*each.id, each.login, now);
  for (const std::string& id : pending_.ids())
    settle(id, now, effects);
}

/// Grants what needs not wait any longer. A login does not overtake an earlier one.
void client_registry::settle(std::string_view id, time_point now, registry_effects& effects) {
  for (;;) {
    const pending_login* const first = pending_.first(id);
    if (first == nullptr || !(first->is_overdue || first->is_answered())) return;
    grant(id, pending_.take_first(id), now, effects);
  }
}

void client_registry::grant(std::string_view id, pending_login&& login, time_point now,
                            registry_effects& effects) {
  auto at = own_.find(id);
  if (at == own_.end()) at = own_.try_emplace(std::string(id)).first;
  session& here = at->second;
  const bool is_from_elsewhere = login.previous_stamp > here.stamp && login.previous != name();
  effects.outcomes.emplace_back(registry_effects::granted{
      std::string(id), login.number, login.stamp,
      is_from_elsewhere ? std::move(login.previous) : std::string(), !login.is_answered()});
  here.stamp = login.stamp;
  here.told.add(login.told);
  here.registered = login.registered;
  const node_slot home = nodes_.home_of(id);
  if (home != registry_nodes::self && !is_registered(here, home))
    registering_.start(now + settings_.retry_after);
}

/// All claims of this node that are less than `winner` are over. Who has said so is told as well:
/// it may have lost the winner meanwhile, and take our claim for the greatest.
void client_registry::give_way(std::string_view id, client_claim winner, time_point now,
                               registry_effects& effects) {
  hybrid_stamp greatest = 0;
  node_set told;
  if (const auto at = own_.find(id);
      at != own_.end() && client_claim{at->second.stamp, name()} < winner) {
    greatest = at->second.stamp;
    told.add(at->second.told);
    own_.erase(at);
    effects.outcomes.emplace_back(
        registry_effects::displaced{std::string(id), std::string(winner.node), winner.stamp});
  }
  while (const pending_login* const first = pending_.first(id)) {
    if (client_claim{first->stamp, name()} > winner) break;
    const pending_login login = pending_.take_first(id);
    greatest = login.stamp;
    told.add(login.told);
    effects.outcomes.emplace_back(
        registry_effects::lost{std::string(id), login.number, std::string(winner.node)});
  }
  withdraw(id, greatest, told);
  settle(id, now, effects);
}

void client_registry::withdraw(std::string_view id, hybrid_stamp stamp, node_set told) {
  for (const node_slot node : nodes_.linked())
    if (told.has(node)) put(node, {.what = kind::withdrawn, .id = id, .stamp = stamp});
}

void client_registry::take_held(node_slot from, const registry_entry& answer, time_point now,
                                registry_effects& effects) {
  const registration where{.home = from, .epoch = nodes_[from].epoch};
  if (pending_login* const login = pending_.find(answer.id, answer.stamp)) {
    for (pending_login::question& each : login->asked)
      if (each.home == from) each.is_answered = true;
    if (answer.is_home) login->registered = where;
    login->hear_of(answer.rival.node, answer.rival.stamp);
    settle(answer.id, now, effects);
    return;
  }
  const auto at = own_.find(answer.id);
  if (at != own_.end() && at->second.stamp == answer.stamp && answer.is_home)
    at->second.registered = where;
}

void client_registry::take_released(node_slot from, const registry_entry& entry, time_point now) {
  const auto at = own_.find(entry.id);
  if (at == own_.end() || at->second.stamp != entry.stamp || !is_registered(at->second, from))
    return;
  at->second.registered = {};
  registering_.start(now + settings_.retry_after);
}

void client_registry::register_some(time_point now) {
  if (!registering_.is_due(now)) return;
  if (!registering_.is_under_way()) {
    has_registered_ = false;
    for (const node_slot node : nodes_.linked())
      nodes_[node].is_covered = true;
  }
  const bool ended = registering_.step(own_, now, settings_.pace, [this](session_map::iterator at) {
    auto& [id, here] = *at;
    const node_slot home = nodes_.home_of(id);
    if (home == registry_nodes::self || is_registered(here, home)) return std::size_t{0};
    here.told.add(home);
    put(home, {.what = kind::claim, .id = id, .stamp = here.stamp});
    has_registered_ = true;
    return 1 + id.size() / 1024;
  });
  if (!ended) return;
  for (const node_slot slot : nodes_.linked()) {
    registry_node& node = nodes_[slot];
    if (!node.is_covered || node.is_told_all) continue;
    put(slot, {.what = kind::all_said});
    node.is_told_all = true;
  }
  // To see that it was confirmed; a walk that finds nothing is the last.
  if (has_registered_) registering_.start(now + settings_.retry_after);
}

// -- other nodes' sessions --------------------------------------------------------------

bool client_registry::is_live(const owner& by) const noexcept {
  const registry_node& node = nodes_[by.node];
  return node.is_linked && node.epoch == by.epoch;
}

void client_registry::tell_beaten(std::string_view id, const owner& loser, client_claim winner) {
  if (claim_of(loser) < winner) put(loser.node, {.what = kind::beaten, .id = id, .rival = winner});
}

void client_registry::take_claim(node_slot from, const registry_entry& entry, time_point now,
                                 registry_effects& effects) {
  const client_claim claim{entry.stamp, nodes_[from].name};
  client_claim previous;
  if (const client_claim own = own_claim(entry.id); own.stamp != 0) {
    if (own > claim) {
      put(from, {.what = kind::beaten, .id = entry.id, .rival = own});
      return;
    }
    previous = own;
    give_way(entry.id, claim, now, effects);
  }
  const owner claimant{entry.stamp, from, nodes_[from].epoch};
  const auto at = owners_.find(entry.id);
  if (at == owners_.end()) {
    owners_.emplace(entry.id, claimant);
  } else if (owner& before = at->second; before.node == from) {
    // A later claim of its own may be known already, but not one of an earlier life.
    before.stamp = is_live(before) ? std::max(before.stamp, entry.stamp) : entry.stamp;
    before.epoch = claimant.epoch;
  } else if (const client_claim rival = claim_of(before); is_live(before) && rival > claim) {
    put(from, {.what = kind::beaten, .id = entry.id, .rival = rival});
    return;
  } else {
    tell_beaten(entry.id, before, claim);
    if (!nodes_[before.node].is_forgotten) previous = std::max(previous, rival);
    before = claimant;
  }
  const bool is_home = nodes_.home_of(entry.id) == registry_nodes::self;
  // The claimant asks again, here or elsewhere, until views agree.
  if (!is_home) pruning_.start(now + settings_.young_for);
  put(from, {.what = kind::held,
             .id = entry.id,
             .stamp = entry.stamp,
             .is_home = is_home,
             .rival = previous});
}

void client_registry::take_withdrawn(node_slot from, const registry_entry& entry) {
  const auto at = owners_.find(entry.id);
  if (at != owners_.end() && at->second.node == from && at->second.stamp <= entry.stamp)
    owners_.erase(at);
}

std::optional<client_claim> client_registry::owner_of(std::string_view id) const {
  const client_claim own = own_claim(id);
  const auto at = owners_.find(id);
  if (at != owners_.end() && (own.stamp == 0 || claim_of(at->second) > own))
    return claim_of(at->second);
  if (own.stamp == 0) return std::nullopt;
  return own;
}

void client_registry::prune_some(time_point now) {
  if (!pruning_.is_due(now)) return;
  if (!pruning_.is_under_way()) {
    away_ = 0;
    keeps_strays_ = false;
  }
  const bool ended = pruning_.step(owners_, now, settings_.pace, [&](owner_map::iterator at) {
    const auto& [id, each] = *at;
    if (is_kept(id, each, now)) return std::size_t{0};
    if (is_live(each)) put(each.node, {.what = kind::released, .id = id, .stamp = each.stamp});
    const std::size_t work = 1 + id.size() / 1024;
    owners_.erase(at);
    return work;
  });
  if (ended && keeps_strays_) pruning_.start(now + settings_.young_for);
}

bool client_registry::is_kept(std::string_view id, const owner& each, time_point now) {
  const registry_node& node = nodes_[each.node];
  if (!node.is_linked && (node.is_forgotten || ++away_ > settings_.maximum_away)) return false;
  // It has said all that it has, and this was not among it.
  if (node.is_linked && node.has_told_all == node.epoch && each.epoch != node.epoch) return false;
  nodes_.find_homes(id, now, homes_);
  if (homes_.front() == registry_nodes::self) return true;
  const bool was_home = std::ranges::find(homes_, registry_nodes::self) != homes_.end();
  keeps_strays_ |= was_home;
  return was_home;
}

}  // namespace troupe
