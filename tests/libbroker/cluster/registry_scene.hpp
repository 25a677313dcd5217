#pragma once

#include "libbroker/cluster/client_registry.hpp"
#include "libbroker/cluster/rendezvous.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace troupe::test {

/// An outcome in words: "granted id 1 from a unconfirmed", "lost id 1 to a", "displaced id by a".
struct outcome_in_words {
  std::string operator()(const registry_effects::granted& each) const {
    return "granted " + each.id + ' ' + std::to_string(each.attempt) +
           (each.previous.empty() ? "" : " from " + each.previous) +
           (each.is_unconfirmed ? " unconfirmed" : "");
  }
  std::string operator()(const registry_effects::lost& each) const {
    return "lost " + each.id + ' ' + std::to_string(each.attempt) + " to " + each.winner;
  }
  std::string operator()(const registry_effects::displaced& each) const {
    return "displaced " + each.id + " by " + each.by;
  }
};

/// Some registries and the links between them. Messages wait until they are delivered; a change
/// of the view is seen on both sides at once. Time stands still unless a test moves it.
class registry_scene {
public:
  using names = std::vector<std::string>;

  /// All see each other from the beginning.
  explicit registry_scene(const names& nodes, const registry_settings& settings = {})
      : settings_(settings), all_(nodes) {
    for (const std::string& each : nodes)
      nodes_[each].registry = std::make_unique<client_registry>(each, settings_);
    part({nodes});
  }

  client_registry& operator[](const std::string& node) { return *nodes_.at(node).registry; }
  [[nodiscard]] time_point now() const { return now_; }
  wall_time wall(const std::string& node) {
    return wall_time(std::chrono::hours(400'000) + now_.time_since_epoch() +
                     nodes_.at(node).clock_offset);
  }
  void set_clock(const std::string& node, std::chrono::milliseconds ahead) {
    nodes_.at(node).clock_offset = ahead;
  }
  /// An id whose home is `home` when all are in the view; another one for each `number`.
  std::string id_at(const std::string& home, int number = 0) {
    const rendezvous nodes(all_);
    for (int i = 0;; ++i) {
      std::string id = "id-" + std::to_string(i);
      if (nodes.names()[nodes.best(id)] == home && number-- == 0) return id;
    }
  }
  /// An id whose home is `home`, or `smaller` when the last node is not there.
  std::string id_at(const std::string& home, const std::string& smaller) {
    const rendezvous nodes(names(all_.begin(), all_.end() - 1));
    for (int i = 0;; ++i)
      if (std::string id = id_at(home, i); nodes.names()[nodes.best(id)] == smaller) return id;
  }
  std::string owner(const std::string& node, const std::string& id) {
    const auto owner = (*this)[node].owner_of(id);
    return owner ? std::string(owner->node) : std::string();
  }
  /// What became known since the last call, separated by commas.
  std::string outcomes(const std::string& node) {
    return std::exchange(nodes_.at(node).outcomes, {});
  }
  [[nodiscard]] std::size_t sent() const { return sent_; }
  std::size_t refused(const std::string& node, registry_fault fault) {
    return nodes_.at(node).refused[fault];
  }

  attempt_number login(const std::string& node, const std::string& id) {
    const attempt_number number = (*this)[node].login(id, wall(node), now_, effects_);
    carry_out(node);
    return number;
  }
  void end(const std::string& node, const std::string& id) {
    (*this)[node].session_ended(id, effects_);
    carry_out(node);
  }

  // -- messages

  /// What now waits on the link.
  void deliver(const std::string& from, const std::string& to) {
    for (std::size_t left = links_[{from, to}].size(); left != 0; --left)
      deliver_one(from, to);
  }
  /// Everything, and what follows from it.
  void run() {
    for (bool any = true; any;) {
      any = false;
      for (const std::string& from : all_)
        for (const std::string& to : all_) {
          if (held_.contains({from, to}) || links_[{from, to}].empty()) continue;
          any = true;
          deliver(from, to);
        }
      BOOST_TEST_REQUIRE(sent_ < 100'000U);
    }
  }
  void hold(const std::string& from, const std::string& to) { held_.insert({from, to}); }
  void release(const std::string& from, const std::string& to) { held_.erase({from, to}); }
  /// The last that was sent, without its entries.
  registry_message last_message(const std::string& from, const std::string& to) {
    return last_[{from, to}];
  }
  /// `bytes` reach `to` at once.
  void give(const std::string& from, const std::string& to, const std::string& bytes) {
    const auto taken = (*this)[to].receive(from, bytes, wall(to), now_, effects_);
    if (!taken) ++nodes_.at(to).refused[taken.error()];
    carry_out(to);
  }
  std::string take_message(const std::string& from, const std::string& to) {
    std::deque<std::string>& link = links_[{from, to}];
    BOOST_TEST_REQUIRE(!link.empty());
    std::string bytes = link.front();
    link.pop_front();
    return bytes;
  }
  /// Of the claims that wait on any link: how many different stamps.
  std::size_t claim_stamps() {
    std::set<hybrid_stamp> stamps;
    for (const auto& [ends, link] : links_)
      for (const std::string& bytes : link) {
        registry_message message;
        BOOST_TEST(read_registry_message(bytes, message).has_value());
        for (const registry_entry& each : message.entries)
          if (each.what == registry_entry::kind::claim) stamps.insert(each.stamp);
      }
    return stamps.size();
  }

  // -- nodes

  /// Only nodes of one group see each other; what is on the other links is lost.
  void part(const std::vector<names>& groups) {
    for (const names& group : groups)
      for (const std::string& each : group)
        nodes_.at(each).group = &group - groups.data();
    for (auto& [ends, link] : links_)
      if (nodes_.at(ends.first).group != nodes_.at(ends.second).group) link.clear();
    for (const names& group : groups)
      for (const std::string& each : group) {
        (*this)[each].view_changed(group, wall(each), now_, effects_);
        carry_out(each);
      }
  }
  /// One node's view changes, and that of nobody else.
  void see(const std::string& node, const names& others) {
    (*this)[node].view_changed(others, wall(node), now_, effects_);
    carry_out(node);
  }
  /// The node begins a new life, without a view.
  void replace(const std::string& node) {
    nodes_.at(node).registry = std::make_unique<client_registry>(node, settings_);
  }
  void restart(const std::string& node) {
    names others = all_;
    std::erase(others, node);
    part({{node}, others});
    replace(node);
    part({all_});
  }

  // -- time

  /// Nothing happens meanwhile.
  void wait(std::chrono::milliseconds time) { now_ += time; }
  /// What is due then is done.
  void pass(std::chrono::milliseconds time) {
    now_ += time;
    tick();
    run();
  }
  /// Until nothing is due any more and no view is young.
  void settle() {
    for (int i = 0;; ++i) {
      BOOST_TEST_REQUIRE(i < 10'000);
      run();
      std::optional<time_point> next;
      for (const auto& [name, each] : nodes_)
        if (const auto at = each.registry->deadline(); at && (!next || *at < *next)) next = at;
      if (!next) break;
      now_ = std::max(now_, *next);
      tick();
    }
    now_ += settings_.young_for;
  }

private:
  struct node {
    std::unique_ptr<client_registry> registry;
    std::chrono::milliseconds clock_offset{};
    std::ptrdiff_t group = 0;
    std::string outcomes;
    std::map<registry_fault, std::size_t> refused;
  };

  void deliver_one(const std::string& from, const std::string& to) {
    give(from, to, take_message(from, to));
  }
  void tick() {
    for (const auto& [name, each] : nodes_) {
      const auto deadline = each.registry->deadline();
      if (deadline && *deadline <= now_) each.registry->tick(now_, effects_);
      carry_out(name);
    }
  }
  void carry_out(const std::string& node) {
    std::string& outcomes = nodes_.at(node).outcomes;
    for (const auto& each : effects_.outcomes)
      outcomes += (outcomes.empty() ? "" : ", ") + std::visit(outcome_in_words(), each);
    for (registry_effects::message& each : effects_.messages) {
      ++sent_;
      registry_message& last = last_[{node, each.to}];
      BOOST_TEST_REQUIRE(read_registry_message(each.bytes, last).has_value());
      last.entries.clear();
      links_[{node, each.to}].push_back(std::move(each.bytes));
    }
    effects_.clear();
  }

  registry_settings settings_;
  names all_;
  std::map<std::string, node> nodes_;
  std::map<std::pair<std::string, std::string>, std::deque<std::string>> links_;
  std::map<std::pair<std::string, std::string>, registry_message> last_;
  std::set<std::pair<std::string, std::string>> held_;
  registry_effects effects_;
  time_point now_{std::chrono::hours(1)};
  std::size_t sent_ = 0;
};

}  // namespace troupe::test
