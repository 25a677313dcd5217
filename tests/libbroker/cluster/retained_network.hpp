#pragma once

#include "libbroker/cluster/frame.hpp"
#include "libbroker/cluster/retained_sync.hpp"
#include "libbroker/router/router.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace troupe::test {

/// Some nodes with routers and a `retained_sync` for each link, on a bad network.
///
/// A link keeps the order and has room for some records only: what is published finds no room is
/// lost on it, and said to be `missed`. When it breaks, what is on it is lost, and each side sees
/// that in its time; after both have there may be a new one. Shards answer late. A node that
/// crashes comes back with or without what it had, and maybe another number of shards. Each node
/// has a calendar of its own.
class retained_network {
public:
  using milliseconds = std::chrono::milliseconds;
  /// What a topic has: its payload, or nothing if it was cleared or has expired.
  struct value {
    retained_stamp stamp;
    std::string payload;
    friend bool operator==(const value&, const value&) = default;
  };
  using state = std::map<std::string, value>;

  explicit retained_network(std::uint64_t seed, int nodes = 0);

  [[nodiscard]] int size() const { return static_cast<int>(nodes_.size()); }
  int below(int bound) { return std::uniform_int_distribution(0, bound - 1)(random_); }

  /// Returns its stamp. `expiry`: seconds; 0: never.
  retained_stamp publish(int node, const std::string& topic, const std::string& payload,
                         std::uint32_t expiry = 0);
  retained_stamp clear(int node, const std::string& topic) { return publish(node, topic, {}); }
  /// Somebody reads all that is retained there: what has expired goes.
  void read(int node);
  void break_link(int one, int other);
  /// No new link until `heal`.
  void block_link(int one, int other);
  void heal();
  void crash(int node, bool keeps_all);
  void run(milliseconds time);

  [[nodiscard]] state state_of(int node) const;
  [[nodiscard]] const state& greatest() const { return greatest_; }
  /// Whether a node came back with nothing.
  [[nodiscard]] bool has_lost_some() const { return has_lost_some_; }
  /// Moves its calendar.
  void set_calendar(int node, milliseconds offset) { at(node).calendar = offset; }

  std::size_t values_sent = 0;  ///< as state
  std::size_t words_sent = 0;

private:
  struct record {
    time_point at;
    record_kind kind{};
    std::string bytes;
  };
  struct shard {
    std::unique_ptr<router> routing;
    time_point busy_until{};
  };
  struct node {
    std::string name;
    milliseconds calendar{};
    std::unique_ptr<shared_hybrid_clock> clock;
    std::vector<shard> shards;
    std::map<int, retained_sync> peers;
    int life = 0;
  };
  struct link {
    bool is_up = false;
    bool is_blocked = false;
    int generation = 0;
    bool is_seen[2] = {false, false};  ///< by the lesser and the greater node
    std::deque<record> records[2];     ///< from the lesser, from the greater
    time_point last[2];
  };

  node& at(int number) { return nodes_[static_cast<std::size_t>(number)]; }
  [[nodiscard]] const node& at(int number) const {
    return nodes_[static_cast<std::size_t>(number)];
  }
  link& between(int one, int other) { return links_[{std::min(one, other), std::max(one, other)}]; }
  [[nodiscard]] wall_time wall(const node& of) const {
    return wall_time(std::chrono::hours(400'000) + now_.time_since_epoch() + of.calendar);
  }
  router& router_of(node& of, std::string_view topic) {
    return *of.shards[shard_of(topic, static_cast<std::uint32_t>(of.shards.size()))].routing;
  }
  void schedule(milliseconds in, std::function<void()> what) {
    agenda_.emplace(now_ + in, std::move(what));
  }
  void begin(node& which, std::size_t shards);
  void connect(int one, int other);
  void see_down(int which, int other);
  [[nodiscard]] bool has_room(int from, int to);
  void push(int from, int to, record_kind kind, std::string bytes);
  void carry_out(int which, int other);
  void ask(int which, int other, std::size_t shard, std::uint64_t ticket,
           const retained_question& what);
  void deliver_due();
  void take(int which, int from, const record& what);
  void take_messages(int which, std::string_view bytes, bool is_state);

  std::mt19937_64 random_;
  time_point now_{std::chrono::hours(1)};
  std::vector<node> nodes_;
  std::map<std::pair<int, int>, link> links_;
  std::multimap<time_point, std::function<void()>> agenda_;
  retained_sync_effects effects_;
  state greatest_;
  bool has_lost_some_ = false;
};

}  // namespace troupe::test
