#include "libbroker/cluster/registry_nodes.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

registry_nodes::registry_nodes(std::string name, std::chrono::milliseconds young_for)
    : young_for_(young_for) {
  intern(name);
  view_ = make_view({self});
}

std::optional<node_slot> registry_nodes::find(std::string_view name) const noexcept {
  const auto at = slots_.find(name);
  if (at == slots_.end()) return std::nullopt;
  return at->second;
}

node_slot registry_nodes::intern(std::string_view name) {
  if (const auto known = find(name)) return *known;
  const auto slot = static_cast<node_slot>(nodes_.size());
  nodes_.push_back({.name = std::string(name)});
  slots_.emplace(name, slot);
  return slot;
}

std::optional<std::vector<node_slot>>
registry_nodes::change_view(std::span<const std::string> names, time_point now) {
  std::vector<node_slot> linked;
  for (const std::string& name : names)
    if (const node_slot slot = intern(name); slot != self) linked.push_back(slot);
  std::ranges::sort(linked);
  linked.erase(std::unique(linked.begin(), linked.end()), linked.end());
  if (linked == linked_) return std::nullopt;

  for (const node_slot slot : linked_)
    nodes_[slot].is_linked = false;
  std::vector<node_slot> joined;
  for (const node_slot slot : linked) {
    nodes_[slot].is_linked = true;
    if (!std::ranges::binary_search(linked_, slot)) joined.push_back(slot);
  }
  linked_ = std::move(linked);
  std::vector<node_slot> all = linked_;
  all.push_back(self);
  remember(std::exchange(view_, make_view(all)), now);
  // If we are the one who came, or two halves found each other, the others had a view of their
  // own until now.
  if (!joined.empty()) remember(make_view(joined), now);
  return joined;
}

registry_nodes::view registry_nodes::make_view(const std::vector<node_slot>& slots) const {
  std::vector<std::string> names;
  for (const node_slot slot : slots)
    names.push_back(nodes_[slot].name);
  view made;
  made.names = rendezvous(std::move(names));
  for (const std::string& name : made.names.names())
    made.slots.push_back(*find(name));
  return made;
}

void registry_nodes::remember(view&& past, time_point now) {
  constexpr std::size_t most = 6;  // each may cost a claim one message more
  std::erase_if(past_, [now](const view& each) { return each.until <= now; });
  if (past_.size() == most) past_.erase(past_.begin());
  past_.push_back(std::move(past));
  past_.back().until = now + young_for_;
}

void registry_nodes::find_homes(std::string_view id, time_point now,
                                std::vector<node_slot>& homes) const {
  homes.assign({home_of(id)});
  for (const view& each : past_) {
    if (each.until <= now) continue;
    const node_slot old = each.best(id);
    const bool is_there = old == self || nodes_[old].is_linked;
    if (is_there && std::ranges::find(homes, old) == homes.end()) homes.push_back(old);
  }
}

}  // namespace troupe
