#include "libbroker/cluster/client_registry.hpp"
#include "libbroker/cluster/node_identity.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

/// How a registry and those of other nodes hear each other: views, links, messages and time.
namespace troupe {

using kind = registry_entry::kind;

void client_registry::view_changed(std::span<const std::string> names, wall_time wall,
                                   time_point now, registry_effects& effects) {
  assert(std::ranges::all_of(names, [](const std::string& each) { return is_node_name(each); }));
  const auto joined = nodes_.change_view(names, now);
  if (!joined) return;
  for (const node_slot node : *joined) {
    nodes_[node].is_forgotten = false;
    std::erase(leaving_, node);
    nodes_[node].link = clock_.next(wall);
    begin_epoch(node, now);
    greet(node);
  }
  for (const node_slot node : std::exchange(leaving_, {})) {
    nodes_[node].is_forgotten = !nodes_[node].is_linked;
    if (nodes_[node].is_linked) leaving_.push_back(node);
  }
  registering_.start(now);
  // Homes moved: what is no longer looked for here goes.
  pruning_.start(now + settings_.young_for);
  ask_again(now, effects);
  flush(effects);
}

void client_registry::forget_node(std::string_view name) {
  const auto node = nodes_.find(name);
  if (!node || *node == registry_nodes::self) return;
  // The news may be faster than the end of its link.
  if (nodes_[*node].is_linked) return leaving_.push_back(*node);
  nodes_[*node].is_forgotten = true;
  pruning_.start(time_point());
}

/// The link has a new number. All that was said before has to be said again.
void client_registry::begin_epoch(node_slot node, time_point now) {
  registry_node& other = nodes_[node];
  ++other.epoch;
  other.is_covered = false;
  other.is_told_all = false;
  registering_.start(now);
}

result<void, registry_fault> client_registry::receive(std::string_view from, std::string_view bytes,
                                                      wall_time wall, time_point now,
                                                      registry_effects& effects) {
  const auto read = read_registry_message(bytes, incoming_);
  if (!read) return read;
  if (!clock_.observe(incoming_.clock, wall)) return registry_fault::clock_ahead;
  const auto node = nodes_.find(from);
  // Who is not in our view says it again when it is: then we greet it.
  if (!node || !nodes_[*node].is_linked) return {};
  if (agree_on_link(*node, wall, now, effects)) {
    for (const registry_entry& each : incoming_.entries)
      take(*node, each, now, effects);
  }
  flush(effects);
  return {};
}

/// Takes in the link's numbers, and returns whether what came counts. What was sent before the
/// sender knew our number is sent again once it does, so that nothing is missed, and nothing
/// counts that was said to an earlier view or life of ours.
bool client_registry::agree_on_link(node_slot from, wall_time wall, time_point now,
                                    registry_effects& effects) {
  registry_node& other = nodes_[from];
  const bool is_outdated = incoming_.from_link < other.their_link;
  // It knows a later number of an earlier life, when our clock was ahead.
  const bool is_ours_outdated = incoming_.to_link > other.link;
  const bool is_new = incoming_.from_link > other.their_link;
  if (is_ours_outdated) other.link = clock_.next(wall);
  if (is_new) other.their_link = incoming_.from_link;
  if (is_ours_outdated || is_new) {
    begin_epoch(from, now);
    ask_again(now, effects);
  }
  if (!is_outdated && incoming_.to_link == other.link) return true;
  greet(from);
  return false;
}

void client_registry::take(node_slot from, const registry_entry& entry, time_point now,
                           registry_effects& effects) {
  switch (entry.what) {
  case kind::claim: return take_claim(from, entry, now, effects);
  case kind::held: return take_held(from, entry, now, effects);
  case kind::beaten:
    // One node's own logins never beat each other.
    if (entry.rival.node != name()) give_way(entry.id, entry.rival, now, effects);
    return;
  case kind::withdrawn: return take_withdrawn(from, entry);
  case kind::released: return take_released(from, entry, now);
  case kind::all_said:
    nodes_[from].has_told_all = nodes_[from].epoch;
    pruning_.start(now);
    return;
  }
}

/// A message without entries: the numbers of the link.
void client_registry::greet(node_slot to) { outbox_.emplace_back(to, std::string()); }

void client_registry::put(node_slot to, const registry_entry& entry) {
  if (!nodes_[to].is_linked) return;
  const auto last = std::ranges::find(outbox_.rbegin(), outbox_.rend(), to,
                                      &std::pair<node_slot, std::string>::first);
  const bool fits = last != outbox_.rend() && last->second.size() < settings_.maximum_message;
  std::string& body = fits ? last->second : outbox_.emplace_back(to, std::string()).second;
  append_registry_entry(body, entry);
}

void client_registry::flush(registry_effects& effects) {
  for (auto& [to, body] : outbox_) {
    const registry_node& node = nodes_[to];
    std::string bytes;
    bytes.reserve(30 + body.size());
    append_registry_header(bytes, node.link, node.their_link, clock_.last());
    bytes += body;
    effects.messages.push_back({.to = node.name, .bytes = std::move(bytes)});
  }
  outbox_.clear();
}

// -- time -------------------------------------------------------------------------------

void client_registry::tick(time_point now, registry_effects& effects) {
  while (pending_logins::place* const earliest = pending_.earliest()) {
    if (earliest->login.deadline > now) break;
    earliest->login.is_overdue = true;
    settle(std::string(*earliest->id), now, effects);
  }
  register_some(now);
  prune_some(now);
  flush(effects);
}

std::optional<time_point> client_registry::deadline() const noexcept {
  std::optional<time_point> first;
  const auto heed = [&first](std::optional<time_point> at) {
    if (at && (!first || *at < *first)) first = at;
  };
  if (const pending_logins::place* const earliest = pending_.earliest())
    heed(earliest->login.deadline);
  heed(registering_.deadline());
  heed(pruning_.deadline());
  return first;
}

}  // namespace troupe
