#pragma once

#include "libbroker/cluster/hybrid_clock.hpp"
#include "libbroker/cluster/rendezvous.hpp"
#include "libbroker/time_point.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// A node as a small number, for as long as this process lives.
using node_slot = std::uint32_t;

/// What a registry knows of one node.
struct registry_node {
  std::string name;
  bool is_linked = false;     ///< in the view
  bool is_forgotten = false;  ///< will not come back
  /// The two numbers of the link, ours and the other side's: each takes a new one, a stamp, when
  /// it sees the other. A message counts if its sender knew both.
  hybrid_stamp link = 0;
  hybrid_stamp their_link = 0;
  /// Changes with either: what was said before may be lost, or no longer true.
  std::uint32_t epoch = 0;
  /// All own sessions are gone through, since the epoch began: begun, and done.
  bool is_covered = false;
  bool is_told_all = false;
  std::uint32_t has_told_all = 0;  ///< the epoch in which it has told us all of its own
};

/// The nodes and the view: which of them is the home of which client id, or was until lately.
class registry_nodes {
public:
  static constexpr node_slot self = 0;

  /// `young_for`: how long a view is young.
  registry_nodes(std::string name, std::chrono::milliseconds young_for);

  [[nodiscard]] registry_node& operator[](node_slot slot) noexcept { return nodes_[slot]; }
  [[nodiscard]] const registry_node& operator[](node_slot slot) const noexcept {
    return nodes_[slot];
  }
  [[nodiscard]] std::optional<node_slot> find(std::string_view name) const noexcept;
  /// All in the view but ourselves.
  [[nodiscard]] const std::vector<node_slot>& linked() const noexcept { return linked_; }

  /// Changes the view to `names` and ourselves. Returns who is new in it; nothing if the view is
  /// what it was.
  std::optional<std::vector<node_slot>> change_view(std::span<const std::string> names,
                                                    time_point now);

  [[nodiscard]] node_slot home_of(std::string_view id) const noexcept {
    return linked_.empty() ? self : view_.best(id);
  }
  /// Everybody in the view who may know the owner of `id`: its home, and while the view is
  /// young the homes in those before and in the part that came to it. The home comes first.
  void find_homes(std::string_view id, time_point now, std::vector<node_slot>& homes) const;

private:
  struct view {
    rendezvous names;
    std::vector<node_slot> slots;  ///< by index of the name
    time_point until{};            ///< of an earlier one: when it no longer counts

    [[nodiscard]] node_slot best(std::string_view id) const noexcept {
      return slots[names.best(id)];
    }
  };

  [[nodiscard]] view make_view(const std::vector<node_slot>& slots) const;
  void remember(view&& past, time_point now);
  node_slot intern(std::string_view name);

  std::chrono::milliseconds young_for_;
  std::vector<registry_node> nodes_;
  std::map<std::string, node_slot, std::less<>> slots_;
  std::vector<node_slot> linked_;
  view view_;
  std::vector<view> past_;  ///< the latest last
};

}  // namespace troupe
