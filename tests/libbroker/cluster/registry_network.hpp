#pragma once

#include "libbroker/cluster/client_registry.hpp"
#include "libbroker/cluster/rendezvous.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace troupe::test {

/// Registries on a bad network, and a model of what they may do, which takes down in `faults`
/// what they do wrong.
///
/// A link keeps the order. When it breaks, some of what is on it arrives and the rest is lost;
/// each side sees that within 3 s, and after both have there may be a new one. What reaches a
/// node that does not see the sender yet may be lost. A node that crashes comes back with or
/// without its sessions. Each node has a clock of its own.
class registry_network {
public:
  using milliseconds = std::chrono::milliseconds;

  explicit registry_network(std::uint64_t seed);

  [[nodiscard]] int size() const { return static_cast<int>(nodes_.size()); }
  [[nodiscard]] int ids() const { return static_cast<int>(ids_.size()); }
  int below(int bound) { return std::uniform_int_distribution(0, bound - 1)(random_); }
  [[nodiscard]] const std::vector<std::string>& faults() const { return faults_; }

  void login(int node, int id);
  void end_session(int node, int id);
  void break_link(int one, int other);
  /// No new link until `heal`.
  void block_link(int one, int other);
  /// Into two halves.
  void part();
  void heal();
  void crash(int node, bool keeps_sessions);
  void run(milliseconds time);

  /// When all is whole and quiet.
  void check_agreement();

  std::size_t messages = 0;
  std::size_t events = 0;  ///< logins, ends and changes of views

private:
  struct attempt {
    std::string id;
    time_point since;
  };
  struct node {
    std::string name;
    std::unique_ptr<client_registry> registry;
    milliseconds clock_offset{};
    std::map<std::string, hybrid_stamp> sessions;
    std::map<attempt_number, attempt> waiting;
    int life = 0;
  };
  struct link {
    bool is_up = false;
    bool is_blocked = false;
    int generation = 0;
    bool is_seen[2] = {false, false};  ///< by the lesser and the greater node
    struct message {
      time_point at;
      std::string bytes;
    };
    std::deque<message> messages[2];  ///< from the lesser, from the greater
    time_point last[2];
  };
  /// The greatest claim of an id that was granted or displaced somebody.
  struct greatest {
    hybrid_stamp stamp = 0;
    std::string node;
    bool is_over = false;  ///< ended, or lost in a crash, or not granted
  };

  link& between(int one, int other) { return links_[{std::min(one, other), std::max(one, other)}]; }
  [[nodiscard]] wall_time wall(const node& of) const {
    return wall_time(std::chrono::hours(400'000) + now_.time_since_epoch() + of.clock_offset);
  }
  void fault(const std::string& what);
  void begin(node& which);
  void connect(int one, int other);
  void schedule(milliseconds in, std::function<void()> what) {
    agenda_.emplace(now_ + in, std::move(what));
  }
  void tell_view(int which);
  void deliver_due();
  void tick_due();
  [[nodiscard]] time_point next_event() const;
  void carry_out(int which);
  void finish(node& at, attempt_number number, const std::string& id);
  void take(node& at, const registry_effects::granted& each);
  void take(node& at, const registry_effects::lost& each);
  void take(node& at, const registry_effects::displaced& each);
  /// Whether anybody else had or wanted the id lately.
  [[nodiscard]] bool has_rival(const node& at, const std::string& id) const;
  void note_alive(const node& at, const std::string& id) { alive_[id][at.name] = now_; }

  std::mt19937_64 random_;
  registry_settings settings_;
  time_point now_{std::chrono::hours(1)};
  time_point last_message_{};
  std::vector<std::string> ids_;
  std::vector<node> nodes_;
  std::map<std::pair<int, int>, link> links_;
  std::multimap<time_point, std::function<void()>> agenda_;
  registry_effects effects_;
  std::map<std::string, std::map<std::string, time_point>> alive_;  ///< by id and node: until when
  std::map<std::string, greatest> greatest_;
  std::vector<std::string> faults_;
};

}  // namespace troupe::test
