#include "libbroker/router/subscription_tree.hpp"

#include "libbroker/text_hash.hpp"
#include <cassert>

namespace troupe {

namespace {

constexpr std::uint32_t root = 0;

/// Cuts the first level off `rest`. `last` says whether nothing was behind it.
std::string_view take_level(std::string_view& rest, bool& last) noexcept {
  const std::size_t slash = rest.find('/');
  last = slash == std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest = last ? std::string_view() : rest.substr(slash + 1);
  return level;
}

}  // namespace

std::size_t subscription_tree::edge_hash::operator()(const edge_view& key) const noexcept {
  return hash_text(key.level) ^ (key.parent * 0x9E3779B97F4A7C15ULL);
}

subscription_tree::subscription_tree() : nodes_(1) {}

subscription_tree::node_index subscription_tree::child(node_index parent,
                                                       std::string_view level) const noexcept {
  const auto found = edges_.find(edge_view{parent, level});
  return found == edges_.end() ? none : found->second;
}

subscription_tree::node_index subscription_tree::make_node() {
  if (free_.empty()) {
    nodes_.emplace_back();
    return static_cast<node_index>(nodes_.size() - 1);
  }
  const node_index index = free_.back();
  free_.pop_back();
  nodes_[index] = node();
  return index;
}

void subscription_tree::insert(std::string_view filter, filter_entry& entry) {
  node_index at = root;
  std::string_view rest = filter;
  for (bool last = false; !last;) {
    const std::string_view level = take_level(rest, last);
    if (level == "#") {
      assert(nodes_[at].multi == nullptr);
      nodes_[at].multi = &entry;
      ++size_;
      return;
    }
    node_index next = level == "+" ? nodes_[at].single : child(at, level);
    if (next == none) {
      next = make_node();
      ++nodes_[at].children;
      if (level == "+")
        nodes_[at].single = next;
      else
        edges_.emplace(edge{at, std::string(level)}, next);
    }
    at = next;
  }
  assert(nodes_[at].exact == nullptr);
  nodes_[at].exact = &entry;
  ++size_;
}

void subscription_tree::erase(std::string_view filter) {
  struct step {
    node_index parent;
    std::string_view level;
  };
  std::vector<step> path;
  node_index at = root;
  std::string_view rest = filter;
  bool multi = false;
  for (bool last = false; !last;) {
    const std::string_view level = take_level(rest, last);
    if (level == "#") {
      multi = true;
      break;
    }
    path.push_back({at, level});
    at = level == "+" ? nodes_[at].single : child(at, level);
    assert(at != none);
  }
  (multi ? nodes_[at].multi : nodes_[at].exact) = nullptr;
  --size_;

  // Prune what leads to no filter any more.
  while (!path.empty() && nodes_[at].children == 0 && nodes_[at].exact == nullptr &&
         nodes_[at].multi == nullptr) {
    const auto [parent, level] = path.back();
    path.pop_back();
    free_.push_back(at);
    --nodes_[parent].children;
    if (level == "+")
      nodes_[parent].single = none;
    else
      edges_.erase(edges_.find(edge_view{parent, level}));
    at = parent;
  }
}

void subscription_tree::match(std::string_view topic, std::vector<filter_entry*>& found) const {
  if (size_ == 0) return;
  match_below(root, topic, !topic.starts_with('$'), found);  // [MQTT5-4.7.2-1]
}

void subscription_tree::match_below(node_index index, std::string_view rest, bool wildcards,
                                    std::vector<filter_entry*>& found) const {
  // Copied, because the recursion reads the vector again anyway.
  const node at = nodes_[index];
  if (wildcards && at.multi != nullptr) found.push_back(at.multi);
  if (at.children == 0) return;

  bool last = false;
  const std::string_view level = take_level(rest, last);
  const node_index next[] = {wildcards ? at.single : none,
                             at.children > (at.single != none) ? child(index, level) : none};
  for (const node_index below : next) {
    if (below == none) continue;
    if (last)
      match_end(nodes_[below], found);
    else
      match_below(below, rest, true, found);
  }
}

void subscription_tree::match_end(const node& at, std::vector<filter_entry*>& found) const {
  if (at.exact != nullptr) found.push_back(at.exact);
  // "sport/#" matches "sport" itself (MQTT5 §4.7.1.2).
  if (at.multi != nullptr) found.push_back(at.multi);
}

}  // namespace troupe
