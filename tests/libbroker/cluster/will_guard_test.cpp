#include "libbroker/cluster/will_guard.hpp"

#include "libbroker/cluster/wire.hpp"
#include "tests/libbroker/cluster/later_version.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// Nodes that are linked with each other, unless they are down or cut off.
class network {
public:
  explicit network(const std::string& names) {
    for (const char name : names)
      start(std::string(1, name));
  }

  void start(const std::string& name) {
    nodes_[name] = std::make_unique<will_guard>(name, ++lives_);
    up_.insert(name);
    change_views();
  }
  /// The wills of its clients are lost with it, to itself.
  void kill(const std::string& name) {
    up_.erase(name);
    nodes_[name].reset();
    std::erase_if(wire_, [&](const letter& each) { return each.to == name; });
    change_views();
  }
  void cut_off(const std::string& name) {
    up_.erase(name);
    change_views();
  }
  void heal(const std::string& name) {
    up_.insert(name);
    change_views();
  }
  void declare_dead(const std::string& name) {
    for (auto& [each, guard] : nodes_)
      if (guard != nullptr && each != name) guard->node_died(name, now);
    settle();
  }
  /// Only `at` takes it for dead.
  void declare_dead(const std::string& name, const std::string& at) {
    nodes_[at]->node_died(name, now);
    settle();
  }

  void set(const std::string& node, const std::string& client, std::uint32_t delay = 0) {
    act(node, [&](will_guard& guard, will_effects& effects) {
      guard.set(client, {.delay = delay, .message = "will of " + client}, effects);
    });
  }
  void clear(const std::string& node, const std::string& client) {
    act(node, [&](will_guard& guard, will_effects& effects) { guard.clear(client, effects); });
  }
  void wait(std::chrono::milliseconds span) {
    const time_point end = now + span;
    for (;;) {
      time_point next = end;
      for (auto& [name, guard] : nodes_)
        if (guard != nullptr && up_.contains(name) && guard->deadline())
          next = std::min(next, std::max(now, *guard->deadline()));
      now = next;
      bool was_due = false;
      for (auto& [name, guard] : nodes_) {
        if (guard == nullptr || !guard->deadline() || *guard->deadline() > now) continue;
        was_due = true;
        act(name, [&](will_guard& each, will_effects& effects) { each.tick(now, effects); });
      }
      if (now >= end && !was_due) return;
    }
  }
  void settle() {
    while (!wire_.empty()) {
      const letter next = std::move(wire_.front());
      wire_.pop_front();
      if (!up_.contains(next.to) || !up_.contains(next.from)) continue;
      act_quietly(next.to, [&](will_guard& guard, will_effects& effects) {
        BOOST_TEST(guard.receive(next.from, next.bytes, now, effects));
      });
    }
  }

  /// How often the will of the client was published, by other nodes than its own.
  int times(const std::string& client) const {
    const auto found = published_.find(client);
    return found == published_.end() ? 0 : found->second;
  }
  std::size_t guarded() const {
    std::size_t sum = 0;
    for (const auto& [name, guard] : nodes_)
      if (guard != nullptr) sum += guard->guarded();
    return sum;
  }

  time_point now{1h};
  std::multiset<std::string> heard;  ///< "node client": of whose will the node hears that it is out

private:
  struct letter {
    std::string from;
    std::string to;
    std::string bytes;
  };

  template <class Action>
  void act(const std::string& name, Action action) {
    act_quietly(name, action);
    settle();
  }
  template <class Action>
  void act_quietly(const std::string& name, Action action) {
    will_effects effects;
    if (nodes_[name] == nullptr) return;
    action(*nodes_[name], effects);
    for (const auto& each : effects.messages)
      wire_.push_back({name, each.to, each.bytes});
    for (const auto& each : effects.due) {
      BOOST_TEST(each.will.message == "will of " + each.client_id);
      ++published_[each.client_id];
    }
    for (const std::string& each : effects.published)
      heard.insert(name + " " + each);
  }
  void change_views() {
    for (auto& [name, guard] : nodes_) {
      if (guard == nullptr) continue;
      std::vector<std::string> view;
      if (up_.contains(name)) view.assign(up_.begin(), up_.end());
      act_quietly(name, [&](will_guard& each, will_effects& effects) {
        each.view_changed(view, now, effects);
      });
    }
    settle();
  }

  std::map<std::string, std::unique_ptr<will_guard>> nodes_;
  std::set<std::string> up_;
  std::deque<letter> wire_;
  std::map<std::string, int> published_;
  std::uint64_t lives_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_will_guard)

BOOST_AUTO_TEST_CASE(the_will_of_a_dead_nodes_client_is_published_once) {
  network net("abc");
  for (int i = 0; i != 50; ++i)
    net.set("a", "c" + std::to_string(i));
  net.kill("a");
  net.wait(10s);
  BOOST_TEST(net.times("c0") == 0);  // it is not dead yet
  net.declare_dead("a");
  net.wait(10s);
  for (int i = 0; i != 50; ++i)
    BOOST_TEST(net.times("c" + std::to_string(i)) == 1);
  BOOST_TEST(net.guarded() == 0U);
}

BOOST_AUTO_TEST_CASE(a_will_that_was_cleared_is_not_published) {
  network net("abc");
  net.set("a", "c");
  net.clear("a", "c");
  BOOST_TEST(net.guarded() == 0U);
  net.kill("a");
  net.declare_dead("a");
  net.wait(10s);
  BOOST_TEST(net.times("c") == 0);
}

BOOST_AUTO_TEST_CASE(the_delay_is_kept) {
  network net("abc");
  net.set("a", "c", 60);
  net.kill("a");
  net.declare_dead("a");
  net.wait(59s);
  BOOST_TEST(net.times("c") == 0);
  net.wait(10s);
  BOOST_TEST(net.times("c") == 1);
}

BOOST_AUTO_TEST_CASE(the_second_guardian_does_it_when_the_first_one_died_too) {
  for (const char* const first : {"b", "c"}) {
    network net("abc");
    net.set("a", "c");
    net.kill("a");
    net.kill(first);
    net.declare_dead("a");
    net.declare_dead(first);
    net.wait(10s);
    BOOST_TEST(net.times("c") == 1);
  }
}

BOOST_AUTO_TEST_CASE(who_hears_that_a_will_is_out_before_the_node_is_dead_does_not_publish_it) {
  network net("abc");
  for (int i = 0; i != 20; ++i)
    net.set("a", "c" + std::to_string(i));
  net.kill("a");
  net.declare_dead("a", "b");
  net.wait(2s);  // b is the first guardian of some
  net.declare_dead("a", "c");
  net.wait(10s);
  for (int i = 0; i != 20; ++i)
    BOOST_TEST(net.times("c" + std::to_string(i)) == 1);
}

/// The first guardian has died, and so did the node when it had told only one of the two who are
/// now.
BOOST_AUTO_TEST_CASE(of_two_that_take_themselves_for_the_second_one_publishes) {
  constexpr int clients = 20;
  std::string bytes;
  wire_writer out(bytes);
  for (int i = 0; i != clients; ++i) {
    out.number(2);  // a will
    out.section([&](wire_writer& to) {
      to.text("c" + std::to_string(i));
      to.flag(true);
      to.number(0);
      to.text("a will");
    });
  }
  std::map<std::string, will_guard> guards;
  time_point now{1h};
  for (const std::string name : {"c", "d"}) {
    will_guard& guard = guards.emplace(name, will_guard(name, 1)).first->second;
    will_effects effects;
    guard.view_changed(std::vector<std::string>{"c", "d"}, now, effects);
    BOOST_TEST(guard.receive("a", bytes, now, effects));
    guard.node_died("a", now);
  }
  std::size_t published = 0;
  for (const time_point end = now + 10s; now != end; now += 50ms) {
    std::map<std::string, will_effects> effects;
    for (auto& [name, guard] : guards)
      guard.tick(now, effects[name]);
    for (auto& [name, said] : effects) {  // which takes its time
      published += said.due.size();
      for (const will_effects::message& each : said.messages) {
        will_effects none;
        BOOST_TEST(guards.at(each.to).receive(name, each.bytes, now, none));
      }
    }
  }
  BOOST_TEST(published == std::size_t{clients});
}

BOOST_AUTO_TEST_CASE(nodes_that_come_later_know_the_wills) {
  network net("ab");
  net.set("a", "c");
  net.start("d");
  net.start("e");
  net.kill("b");
  net.declare_dead("b");
  net.kill("a");
  net.declare_dead("a");
  net.wait(10s);
  BOOST_TEST(net.times("c") == 1);
}

BOOST_AUTO_TEST_CASE(a_node_that_was_cut_off_and_is_not_dead_keeps_its_wills) {
  network net("abc");
  net.set("a", "kept");
  net.set("a", "gone");
  net.cut_off("a");
  net.clear("a", "gone");
  net.heal("a");
  net.wait(10s);
  BOOST_TEST(net.times("kept") == 0);
  BOOST_TEST(net.times("gone") == 0);
  BOOST_TEST(net.guarded() == 2U);
  net.kill("a");
  net.declare_dead("a");
  net.wait(10s);
  BOOST_TEST(net.times("kept") == 1);
  BOOST_TEST(net.times("gone") == 0);
}

BOOST_AUTO_TEST_CASE(a_node_that_lost_its_memory_has_the_wills_published) {
  network net("abc");
  net.set("a", "c");
  net.kill("a");
  net.start("a");  // before it was declared dead
  net.wait(10s);
  BOOST_TEST(net.times("c") == 1);
}

BOOST_AUTO_TEST_CASE(so_are_they_when_its_links_break_before_the_delay_is_over) {
  network net("abc");
  net.set("a", "c", 60);
  net.kill("a");
  net.start("a");
  net.wait(10s);
  net.cut_off("a");
  net.heal("a");
  net.wait(100s);
  BOOST_TEST(net.times("c") == 1);
}

BOOST_AUTO_TEST_CASE(a_node_that_returns_hears_of_what_was_published) {
  network net("abc");
  net.set("a", "c");
  net.kill("a");
  net.declare_dead("a");
  net.wait(10s);
  net.start("a");
  BOOST_TEST(net.heard.count("a c") == 1U);
  net.wait(10s);
  BOOST_TEST(net.times("c") == 1);
}

BOOST_AUTO_TEST_CASE(a_will_that_a_returned_node_still_has_is_its_own_again) {
  network net("abc");
  net.set("a", "c", 60);
  net.kill("a");
  net.declare_dead("a");
  net.start("a");
  net.set("a", "c", 60);
  net.wait(100s);
  BOOST_TEST(net.times("c") == 0);  // the client was back before the delay was over [MQTT5-3.1.3-9]
}

BOOST_AUTO_TEST_CASE(what_a_later_version_says_besides_is_skipped) {
  std::string bytes;
  wire_writer out(bytes);
  const auto say = [&](std::uint64_t kind, auto append) {
    out.number(kind);
    std::string values;
    wire_writer to(values);
    append(to);
    out.text(values.append(test::later_values));
  };
  say(6, [](wire_writer&) {});
  say(1, [](wire_writer& to) { to.number(7); });
  say(2, [](wire_writer& to) {
    to.text("c");
    to.flag(false);
    to.number(0);
    to.text("will of c");
  });
  say(4, [](wire_writer&) {});
  say(256 + 3, [](wire_writer& to) { to.text("c"); });  // not 3: cleared
  will_guard guard("a", 1);
  will_effects effects;
  BOOST_TEST(guard.receive("b", bytes, time_point(1h), effects));
  BOOST_TEST(guard.guarded() == 1U);
}

BOOST_AUTO_TEST_CASE(bytes_of_no_sense_are_refused) {
  std::mt19937 chance(17);
  for (int i = 0; i != 2000; ++i) {
    will_guard guard("a", 1);
    will_effects effects;
    std::string bytes(chance() % 40, '\0');
    for (char& each : bytes)
      each = static_cast<char>(chance() % 8);
    (void)guard.receive("b", bytes, time_point(1h), effects);
    guard.tick(time_point(2h), effects);
  }
}

BOOST_AUTO_TEST_CASE(random_schedules_publish_each_lost_will_and_no_other) {
  for (unsigned seed = 1; seed != 300; ++seed) {
    BOOST_TEST_INFO_SCOPE("seed " << seed);
    std::mt19937 chance(seed);
    network net("abcd");
    std::map<std::string, std::set<std::string>> wills;  // by node
    std::set<std::string> lost;
    std::set<std::string> away;
    int clients = 0;
    for (int step = 0; step != 60; ++step) {
      const std::string node(1, static_cast<char>('a' + chance() % 4));
      switch (chance() % 6) {
      case 0:
      case 1:
      case 2: {
        if (away.contains(node)) break;
        const std::string client = "c" + std::to_string(++clients);
        wills[node].insert(client);
        net.set(node, client, chance() % 3);
        break;
      }
      case 3:
        if (away.contains(node) || wills[node].empty()) break;
        net.clear(node, *wills[node].begin());
        wills[node].erase(wills[node].begin());
        break;
      case 4:
        if (!away.empty()) break;  // two at once may take a will and both guardians
        net.kill(node);
        lost.merge(wills[node]);
        wills[node].clear();
        if (chance() % 2 == 0) net.declare_dead(node);
        away.insert(node);
        break;
      default:
        if (away.empty()) break;
        net.start(*away.begin());
        away.clear();
        net.wait(6s);
      }
      net.wait(std::chrono::milliseconds(chance() % 2000));
    }
    if (!away.empty()) net.declare_dead(*away.begin());
    net.wait(20s);
    for (int i = 1; i <= clients; ++i) {
      const std::string client = "c" + std::to_string(i);
      BOOST_TEST(net.times(client) == (lost.contains(client) ? 1 : 0), client);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
