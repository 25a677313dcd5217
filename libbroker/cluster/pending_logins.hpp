#pragma once

#include "libbroker/cluster/registry_nodes.hpp"

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Counts the logins at one registry, from 1 on.
using attempt_number = std::uint64_t;

/// A set of nodes that may have too many in it: nodes whose numbers are 64 apart look alike.
class node_set {
public:
  void add(node_slot slot) noexcept { bits_ |= bit(slot); }
  void add(node_set other) noexcept { bits_ |= other.bits_; }
  [[nodiscard]] bool has(node_slot slot) const noexcept { return (bits_ & bit(slot)) != 0; }

private:
  [[nodiscard]] static std::uint64_t bit(node_slot slot) noexcept {
    return std::uint64_t{1} << (slot % 64);
  }

  std::uint64_t bits_ = 0;
};

/// Where a session is registered, if it is: the home, in an epoch of its link.
struct registration {
  node_slot home = registry_nodes::self;  ///< ourselves: nowhere else
  std::uint32_t epoch = 0;
};

/// A login whose client waits.
struct pending_login {
  attempt_number number = 0;
  hybrid_stamp stamp = 0;
  time_point deadline{};
  bool is_overdue = false;

  struct question {
    node_slot home = 0;
    std::uint32_t epoch = 0;
    bool is_answered = false;
  };
  std::vector<question> asked;
  node_set told;  ///< all that were ever asked
  registration registered;
  std::string previous;  ///< the greatest owner before that was heard of; empty: none
  hybrid_stamp previous_stamp = 0;

  [[nodiscard]] bool is_answered() const noexcept;
  void hear_of(std::string_view owner, hybrid_stamp since);
};

/// The logins that wait, by id and in their order.
class pending_logins {
public:
  [[nodiscard]] bool empty() const noexcept { return order_.empty(); }
  [[nodiscard]] bool has(std::string_view id) const noexcept { return by_id_.contains(id); }

  void add(std::string_view id, pending_login&& login);
  /// The id's earliest and latest, null if there is none. Pointers live as long as the login.
  [[nodiscard]] pending_login* first(std::string_view id) noexcept;
  [[nodiscard]] const pending_login* last(std::string_view id) const noexcept;
  /// That with this stamp.
  [[nodiscard]] pending_login* find(std::string_view id, hybrid_stamp stamp) noexcept;
  /// Takes the id's earliest out. REQUIRES: has(id).
  pending_login take_first(std::string_view id);

  struct place {
    const std::string* id = nullptr;
    pending_login login;
  };
  /// The one whose deadline is the first; null if nobody waits.
  [[nodiscard]] place* earliest() noexcept { return empty() ? nullptr : &order_.front(); }
  [[nodiscard]] const place* earliest() const noexcept {
    return empty() ? nullptr : &order_.front();
  }
  /// All, in order.
  [[nodiscard]] std::list<place>& all() noexcept { return order_; }
  [[nodiscard]] std::vector<std::string> ids() const;

private:
  std::list<place> order_;
  /// Hardly ever more than one for an id.
  std::map<std::string, std::vector<std::list<place>::iterator>, std::less<>> by_id_;
};

}  // namespace troupe
