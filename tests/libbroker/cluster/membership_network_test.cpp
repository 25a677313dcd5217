#include "libbroker/cluster/membership.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <utility>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

/// One life of a node, and what it has promised so far.
struct process {
  int machine = 0;
  node_identity self;
  std::string address;
  std::unique_ptr<membership> state;
  bool alive = true;
  time_point wakes{};
  int idle_wakes = 0;  ///< one after the other, at the same time

  struct attempt {
    bool under_way = false;
    int failures = 0;  ///< no more of them than the node counts
    time_point failed_at{};
    int calm = 0;  ///< attempts since nothing breaks any more
  };
  std::map<std::string, attempt> attempts;  ///< by address
  struct seen {
    bool known = false, up = false, dead = false, left = false;
  };
  std::map<std::string, seen> members;
};

/// What lies between two processes from connect to the end, in order in each direction.
struct link {
  process* ends[2]{};
  bool up[2]{};  ///< told to the end, and not yet told that it is over
  bool whole = true;
  time_point arrives[2]{};  ///< the last message to the end
};

/// Machines, some of which run a process, and a bad network. Nothing happens but by `run`.
class world {
public:
  explicit world(std::uint64_t seed) : random_(seed), machines_(3 + pick(5)) {
    const int shift = pick(machines_);
    for (int i = 0; i != machines_; ++i) {
      names_.push_back(std::string("n") + std::to_string((i + shift) % machines_));
      homes_.push_back(random_());
      incarnations_.push_back(0);
      addresses_.push_back("m" + std::to_string(i) + ":1");
      kept_.emplace_back();
    }
    start(0);
  }

  void run(milliseconds time) {
    const time_point end = now_ + time;
    for (; !queue_.empty() && queue_.begin()->first <= end; queue_.erase(queue_.begin())) {
      now_ = queue_.begin()->first;
      queue_.begin()->second();
    }
    now_ = end;
  }

  void disturb() {
    const int machine = pick(machines_);
    process* const there = on(machine);
    const int what = pick(100);
    if (there == nullptr) {
      if (what < 50) start(machine);
    } else if (what < 25) {
      const int at = pick(std::max<int>(1, links_.size()));
      if (!links_.empty()) break_link(*std::next(links_.begin(), at));
    } else if (what < 35) {
      cut(machine, pick(machines_));
    } else if (what < 42) {
      const std::uint64_t side = random_();
      for (int a = 0; a != machines_; ++a)
        for (int b = 0; b != a; ++b)
          if (((side >> a) ^ (side >> b)) & 1U) cut(a, b);
    } else if (what < 65) {
      cut_.clear();
    } else if (what < 75) {
      stop(*there);
    } else if (what < 82 && machine != 0) {
      there->state->leave(now_, effects_);
      carry_out(*there);
      after(300ms, [this, there, goes = pick(2) == 0] {
        if (goes)
          stop(*there);
        else if (there->state->self().left)
          end_links(*there);
      });
    } else if (what < 90 && there->state->self().left) {
      for (auto& [address, attempt] : there->attempts)
        attempt.failures = 0;  // somebody wants it now
      there->state->join("", now_, effects_);
      carry_out(*there);
    } else if (what < 93 && !std::exchange(has_namesake_, true)) {  // another node of that name
      names_.push_back(names_[machine]);
      homes_.push_back(random_());
      incarnations_.push_back(0);
      addresses_.push_back("m" + std::to_string(machines_) + ":1");
      kept_.emplace_back();
      start(machines_++);
    } else if (what < 97 && machine == 0) {  // it takes a node for one that will not come back
      const auto known = there->state->members();
      const auto& other = known[pick(static_cast<int>(known.size()))];
      const bool may = other.state == member_state::dead || other.state == member_state::left;
      BOOST_TEST_REQUIRE(there->state->forget(other.record.node.name, now_, effects_).empty() ==
                         may);
      carry_out(*there);
    }
  }

  /// The seed runs, and nothing breaks any more.
  void calm() {
    loses_ = false;
    cut_.clear();
    if (on(0) == nullptr) start(0);
  }

  void check() {
    std::map<std::string, process*> stayed;
    std::set<std::string> names;
    std::map<std::string, int> outside;
    for (process& each : processes_)
      if (each.alive && !each.state->self().left) names.insert(each.self.name);
    for (process& each : processes_) {
      if (!each.alive || each.state->self().left) continue;
      const bool is_in = std::ranges::any_of(each.state->members(), [](const auto& member) {
        return member.state == member_state::linked && !member.record.left;
      });
      if (names.size() == 1) return;
      BOOST_TEST_INFO(each.address << " of " << each.self.name);
      if (is_in || !has_namesake(each)) BOOST_TEST(stayed.emplace(each.self.name, &each).second);
    }
    BOOST_TEST_REQUIRE(stayed.size() == names.size());
    const process& first = *stayed.begin()->second;
    for (const auto& [name, each] : stayed) {
      BOOST_TEST_CONTEXT("as " << name << " sees it") {
        BOOST_TEST((present(*each) == present(first)));
        for (const auto& member : each->state->members()) {
          BOOST_TEST_INFO(member.record.node.name << ", state " << int(member.state));
          const auto other = stayed.find(member.record.node.name);
          if (other != stayed.end()) {
            BOOST_TEST((member.record == other->second->state->self()));
            BOOST_TEST((member.state ==
                        (other->second == each ? member_state::self : member_state::linked)));
          } else {
            BOOST_TEST((member.state == member_state::dead || member.state == member_state::left));
          }
        }
        for (const auto& [other, process] : stayed)
          BOOST_TEST(each->state->find(other).has_value());
      }
    }
  }

private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  milliseconds some(int most) { return milliseconds(1 + pick(most)); }
  void after(milliseconds time, std::function<void()> what) {
    queue_.emplace(now_ + time, std::move(what));
  }

  process* on(int machine) {
    for (process& each : processes_)
      if (each.alive && each.machine == machine) return &each;
    return nullptr;
  }
  bool has_namesake(const process& of) {
    return std::ranges::any_of(processes_, [&](const process& each) {
      return each.alive && &each != &of && each.self.name == of.self.name;
    });
  }
  static std::vector<member_record> present(const process& of) {
    std::vector<member_record> all = of.state->records();
    std::erase_if(all, [](const member_record& each) { return each.left; });
    return all;
  }

  void start(int machine) {
    // Without a data directory all is new, the seed's address excepted.
    if (pick(4) == 0) {
      homes_[machine] = random_();
      incarnations_[machine] = 0;
      kept_[machine].clear();
      if (machine != 0)
        addresses_[machine] =
            "m" + std::to_string(machine) + ":" + std::to_string(processes_.size() + 2);
    }
    process& made = processes_.emplace_back();
    made.machine = machine;
    made.self = {names_[machine], homes_[machine], ++incarnations_[machine]};
    made.address = addresses_[machine];
    made.state = std::make_unique<membership>(
        made.self, made.address, std::vector{addresses_[machine == 0 ? 1 : 0]},
        membership_settings{}, random_(), kept_[machine], now_);
    for (const member_record& each : kept_[machine])
      made.members[each.node.name] = {.known = true, .left = each.left};
    made.wakes = now_;
    after(0ms, [this, &made] { wake(made); });
  }
  void stop(process& which) {
    which.alive = false;
    end_links(which);
  }
  void end_links(const process& which) {
    for (link& each : links_)
      if (each.ends[0] == &which || each.ends[1] == &which) break_link(each);
  }

  void cut(int a, int b) {
    cut_.insert(std::minmax(a, b));
    for (link& each : links_)
      if (is_cut(each.ends[0]->machine, each.ends[1]->machine)) break_link(each);
  }
  bool is_cut(int a, int b) { return cut_.contains(std::minmax(a, b)); }
  /// Both ends learn of it some time, unless there is a newer link.
  void break_link(link& which) {
    if (!std::exchange(which.whole, false)) return;
    for (const int end : {0, 1})
      after(some(2500), [this, &which, end] {
        if (!which.ends[end]->alive || !std::exchange(which.up[end], false)) return;
        which.ends[end]->state->link_down(which.ends[1 - end]->self, now_, effects_);
        carry_out(*which.ends[end]);
      });
  }

  void wake(process& which) {
    if (!which.alive || which.wakes != now_) return;
    which.wakes = {};
    which.state->tick(now_, effects_);
    BOOST_TEST_REQUIRE((which.state->deadline().value_or(now_ + 1ms) > now_));
    carry_out(which);
  }

  void connect(process& from, const connect_request& to) {
    process::attempt& attempt = from.attempts[to.address];
    BOOST_TEST_REQUIRE(!attempt.under_way);
    BOOST_TEST_REQUIRE((loses_ || ++attempt.calm < 20));
    if (now_ - attempt.failed_at >= 10s) attempt.failures = 0;
    if (attempt.failures != 0) {
      const int doubled = std::min(attempt.failures - 1, 6);
      BOOST_TEST_REQUIRE(
          (now_ - attempt.failed_at >= std::min(10'000ms, 200ms * (1 << doubled)) * 3 / 4));
    }
    attempt.under_way = true;
    after(some(100), [this, &from, to] { arrive(from, to); });
  }
  void arrive(process& from, const connect_request& request) {
    if (!from.alive) return;
    const auto fail = [this, &from, address = request.address] {
      after(some(500), [this, &from, address] {
        process::attempt& attempt = from.attempts[address];
        if (!from.alive || !attempt.under_way) return;
        attempt = {false, attempt.failures + 1, now_, attempt.calm};
        from.state->connect_failed(address, now_, effects_);
        carry_out(from);
      });
    };
    process* to = nullptr;
    for (process& each : processes_)
      if (each.alive && each.address == request.address) to = &each;
    if (to == nullptr || is_cut(from.machine, to->machine) || (loses_ && pick(10) == 0) ||
        (!request.expected.empty() && to->self.name != request.expected) ||
        to->state->admit(from.self) != admission::ok ||
        from.state->admit(to->self) != admission::ok)
      return fail();
    for (link& each : links_) {
      if ((each.ends[0] != &from || each.ends[1] != to) &&
          (each.ends[1] != &from || each.ends[0] != to))
        continue;
      if (each.whole) return fail();
      each.up[each.ends[0] == to ? 0 : 1] = false;  // the newer link counts
    }
    link& made = links_.emplace_back();
    made.ends[0] = &from;
    made.ends[1] = to;
    made.up[1] = true;
    made.arrives[0] = now_ + some(100);
    after(made.arrives[0] - now_, [this, &made, request, fail] {
      process& end = *made.ends[0];
      if (!end.alive) return;
      if (!made.whole) return fail();
      for (link& each : links_)
        for (const int side : {0, 1})
          if (each.ends[side] == &end && each.ends[1 - side] == made.ends[1]) each.up[side] = false;
      made.up[0] = true;
      bring_up(end, *made.ends[1], request.address);
    });
    bring_up(*to, from, "");
  }
  void bring_up(process& which, const process& peer, const std::string& dialed) {
    if (!dialed.empty()) which.attempts[dialed] = {};
    which.attempts[peer.address] = {};
    which.state->link_up(peer.self, peer.address, dialed, now_, effects_);
    carry_out(which);
  }

  link* link_of(const process& which, const std::function<bool(const node_identity&)>& is_peer) {
    for (link& each : links_)
      for (const int end : {0, 1})
        if (each.ends[end] == &which && each.up[end] && is_peer(each.ends[1 - end]->self))
          return &each;
    return nullptr;
  }
  void send(process& from, const std::string& to, const std::string& bytes) {
    link* const over = link_of(from, [&](const node_identity& peer) { return peer.name == to; });
    BOOST_TEST_REQUIRE(over != nullptr);
    const int end = over->ends[0] == &from ? 1 : 0;
    over->arrives[end] = std::max(over->arrives[end], now_ + some(80));
    after(over->arrives[end] - now_, [this, over, end, bytes] {
      process& receiver = *over->ends[end];
      if (!over->whole || !over->up[end] || !receiver.alive) return;
      BOOST_TEST(
          receiver.state->gossip(over->ends[1 - end]->self, bytes, now_, effects_).has_value());
      carry_out(receiver);
    });
  }

  void carry_out(process& of) {
    const membership_effects effects = std::exchange(effects_, {});
    for (const member_event& each : effects.events)
      note(of.members[each.node.name], each.what);
    for (const auto& [to, bytes] : effects.messages)
      for (const std::string& each : to)
        send(of, each, bytes);
    for (const node_identity& each : effects.disconnects) {
      link* const over = link_of(of, [&](const node_identity& peer) { return peer == each; });
      BOOST_TEST_REQUIRE(over != nullptr);
      const int end = over->ends[0] == &of ? 0 : 1;
      over->up[end] = false;
      after(std::max(over->arrives[1 - end], now_) - now_, [this, over] { break_link(*over); });
    }
    for (const connect_request& each : effects.connects)
      connect(of, each);
    if (effects.records_changed && pick(3) != 0) kept_[of.machine] = of.state->records();
    const auto next = of.state->deadline();
    if (!next || *next == of.wakes) return;
    of.wakes = std::max(*next, now_);
    queue_.emplace(of.wakes, [this, &of] { wake(of); });
  }
  static void note(process::seen& member, member_event::kind what) {
    using kind = member_event::kind;
    BOOST_TEST_REQUIRE((what == kind::joined ? !member.known || member.left : member.known));
    switch (what) {
    case kind::joined:
      member.known = true;
      member.left = false;
      break;
    case kind::up: BOOST_TEST_REQUIRE(!std::exchange(member.up, true)); break;
    case kind::down: BOOST_TEST_REQUIRE(std::exchange(member.up, false)); break;
    case kind::dead: BOOST_TEST_REQUIRE((!member.up && !std::exchange(member.dead, true))); break;
    case kind::returned: BOOST_TEST_REQUIRE(std::exchange(member.dead, false)); break;
    case kind::left:
      BOOST_TEST_REQUIRE(!std::exchange(member.left, true));
      member.dead = false;
      break;
    case kind::replaced:
    case kind::forgotten: break;
    }
  }

  std::mt19937_64 random_;
  int machines_;
  std::vector<std::string> names_, addresses_;  ///< by machine, as all that follows
  std::vector<std::uint64_t> homes_, incarnations_;
  std::vector<std::vector<member_record>> kept_;
  time_point now_{};
  std::multimap<time_point, std::function<void()>> queue_;
  std::list<process> processes_;
  std::list<link> links_;
  std::set<std::pair<int, int>> cut_;
  bool loses_ = true;
  bool has_namesake_ = false;  ///< or had; two could have a cluster of their own
  membership_effects effects_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(membership_network)

/// Links break, machines and the network between them stop, nodes leave and come back, with or
/// without what they knew, and some have the name of another.
BOOST_AUTO_TEST_CASE(members_agree_and_are_all_linked_after_whatever_happened) {
  const std::uint64_t first = seed_for_test();
  for (std::uint64_t seed = first; seed != first + 200; ++seed) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed) {
      world all(seed);
      std::mt19937_64 random(seed);
      for (int i = 0; i != 40; ++i) {
        all.disturb();
        all.run(milliseconds(random() % 1500));
      }
      all.calm();
      all.run(60s);
      all.check();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
