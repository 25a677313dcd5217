#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe {

class filter_entry;

/// Finds the wildcard filters that match a topic name. Filters without
/// wildcards do not belong here: a hash table finds them.
///
/// A node is a filter's prefix up to some level. All nodes lie in one vector and
/// all literal edges in one hash table keyed by (node, level), so that a million
/// filters cost few allocations and a level of a topic costs one probe.
class subscription_tree {
public:
  subscription_tree();

  /// REQUIRES: `filter` is valid, has a wildcard and is not in the tree.
  void insert(std::string_view filter, filter_entry& entry);

  /// REQUIRES: `filter` is in the tree.
  void erase(std::string_view filter);

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Appends the entries of all filters that match `topic`, in no order.
  /// Wildcards in the first level do not match topics that begin with `$`
  /// [MQTT5-4.7.2-1]. REQUIRES: `topic` is a valid topic name.
  void match(std::string_view topic, std::vector<filter_entry*>& found) const;

private:
  using node_index = std::uint32_t;
  static constexpr node_index none = 0xFFFFFFFF;

  struct node {
    filter_entry* exact = nullptr;  ///< of the filter that ends here
    filter_entry* multi = nullptr;  ///< of the filter that ends in `/#` here
    node_index single = none;       ///< child for the level `+`
    std::uint32_t children = 0;     ///< literal edges and `single`
  };

  struct edge_view {
    node_index parent;
    std::string_view level;
  };
  struct edge {
    node_index parent;
    std::string level;
  };
  struct edge_hash {
    using is_transparent = void;
    std::size_t operator()(const edge_view& key) const noexcept;
    std::size_t operator()(const edge& key) const noexcept {
      return (*this)(edge_view{key.parent, key.level});
    }
  };
  struct edge_equal {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const noexcept {
      return left.parent == right.parent && left.level == right.level;
    }
  };

  [[nodiscard]] node_index child(node_index parent, std::string_view level) const noexcept;
  node_index make_node();
  void match_below(node_index index, std::string_view rest, bool wildcards,
                   std::vector<filter_entry*>& found) const;
  void match_end(const node& at, std::vector<filter_entry*>& found) const;

  std::vector<node> nodes_;
  std::vector<node_index> free_;
  std::unordered_map<edge, node_index, edge_hash, edge_equal> edges_;
  std::size_t size_ = 0;
};

}  // namespace troupe
