#include "libbroker/cluster/membership.hpp"

#include "tests/libbroker/cluster/later_version.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using kind = member_event::kind;

namespace {

constexpr time_point start{};

node_identity id(std::string name, std::uint64_t home = 1, std::uint64_t incarnation = 1) {
  return {std::move(name), home, incarnation};
}

/// A membership, what it wants done since the last look, and shorthands.
struct node {
  explicit node(node_identity self, std::vector<std::string> seeds = {},
                std::vector<member_record> remembered = {},
                const membership_settings& settings = {})
      : state(self, self.name + ":1", seeds, settings, 7, std::move(remembered), start) {}

  void at(std::chrono::milliseconds time) {
    now = start + time;
    state.tick(now, effects);
  }
  void up(const node_identity& peer, std::string dialed = {}) {
    state.link_up(peer, peer.name + ":1", dialed, now, effects);
  }
  void down(const node_identity& peer) { state.link_down(peer, now, effects); }
  /// `from`, which has a link, tells that.
  void hear(const node_identity& from, std::vector<gossiped_member> told) {
    std::string bytes;
    append_gossip(told, bytes);
    BOOST_TEST(state.gossip(from, bytes, now, effects).has_value());
  }
  std::vector<member_event> events() { return std::exchange(effects.events, {}); }
  std::vector<std::string> connects() {
    std::vector<std::string> all;
    for (const connect_request& each : std::exchange(effects.connects, {}))
      all.push_back(each.address);
    return all;
  }
  /// What was told last, and to whom.
  std::vector<gossiped_member> told() { return *read_gossip(effects.messages.back().bytes); }
  member_state state_of(std::string_view name) const { return state.find(name)->state; }
  const node_identity& known(std::string_view name) {
    return last_found = state.find(name)->record.node;
  }

  membership state;
  membership_effects effects;
  time_point now = start;
  node_identity last_found;
};

gossiped_member told_of(const node_identity& who, bool linked = false, std::uint64_t version = 1,
                        bool left = false) {
  return {{who, who.name + ":1", version, left}, linked};
}

using events = std::vector<member_event>;
using texts = std::vector<std::string>;

}  // namespace

namespace troupe {
std::ostream& operator<<(std::ostream& out, const member_event& event) {
  return out << int(event.what) << ' ' << event.node.name << '/' << event.node.home << '/'
             << event.node.incarnation;
}
std::ostream& operator<<(std::ostream& out, const node_identity& node) {
  return out << node.name << '/' << node.home << '/' << node.incarnation;
}
std::ostream& operator<<(std::ostream& out, member_state state) { return out << int(state); }
std::ostream& operator<<(std::ostream& out, admission verdict) { return out << describe(verdict); }
}  // namespace troupe

BOOST_AUTO_TEST_SUITE(membership_)

BOOST_AUTO_TEST_CASE(gossip_comes_back_and_later_fields_are_skipped) {
  const std::vector<gossiped_member> told{told_of(id("a", 1, 2), true, 3),
                                          told_of(id("b"), false, 4, true)};
  std::string bytes;
  append_gossip(told, bytes);
  const auto read = read_gossip(bytes + "more");
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST_REQUIRE(read->size() == 2U);
  for (std::size_t i = 0; i != 2; ++i) {
    BOOST_TEST(((*read)[i].record == told[i].record));
    BOOST_TEST((*read)[i].linked == told[i].linked);
  }
  const auto of_later = read_gossip(later_gossip(bytes));
  BOOST_TEST_REQUIRE(of_later.has_value());
  BOOST_TEST_REQUIRE(of_later->size() == 2U);
  for (std::size_t i = 0; i != 2; ++i) {
    BOOST_TEST(((*of_later)[i].record == told[i].record));
    BOOST_TEST((*of_later)[i].linked == told[i].linked);
  }
}

BOOST_AUTO_TEST_CASE(gossip_that_is_none_is_refused) {
  std::string bytes;
  append_gossip(std::vector{told_of(id("a")), told_of(id("b"))}, bytes);
  for (std::size_t size = 0; size != bytes.size(); ++size)
    BOOST_TEST(!read_gossip(bytes.substr(0, size)).has_value());
  std::string shorter;
  append_gossip(std::vector{told_of(id("a"))}, shorter);
  shorter.pop_back();
  --shorter[1];  // a section that lacks its last field
  BOOST_TEST(!read_gossip(shorter).has_value());
  const auto is_read = [](const std::vector<gossiped_member>& told) {
    std::string text;
    append_gossip(told, text);
    return read_gossip(text).has_value();
  };
  BOOST_TEST(!is_read({told_of(id("b")), told_of(id("a"))}));
  BOOST_TEST(!is_read({told_of(id("a")), told_of(id("a"))}));
  BOOST_TEST(!is_read({told_of(id("a b"))}));
  BOOST_TEST(!is_read({{{id("a"), std::string(256, 'a'), 1, false}, false}}));
  BOOST_TEST(!is_read({told_of(id("a"), false, max_member_version + 1)}));
  std::vector<gossiped_member> many;
  for (std::size_t i = 0; i <= max_members; ++i)
    many.push_back(told_of(id("n" + std::to_string(10'000 + i))));
  BOOST_TEST(!is_read(many));
  many.pop_back();
  BOOST_TEST(is_read(many));

  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed) {
    std::mt19937_64 random(seed);
    for (int i = 0; i != 5000; ++i) {
      std::string broken = bytes;
      for (int changes = 0; changes != 3; ++changes)
        broken[random() % broken.size()] = static_cast<char>(random());
      node one(id("a"));
      one.up(id("b"));
      (void)one.state.gossip(id("b"), broken, start, one.effects);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_seed_is_tried_with_growing_pauses_and_never_twice_at_a_time) {
  node one(id("b"), {"seed:1"});
  BOOST_TEST((one.state.deadline() == start));
  one.at(0ms);
  BOOST_TEST((one.effects.connects == std::vector<connect_request>{{"seed:1", ""}}));
  one.effects.clear();
  one.at(60s);
  BOOST_TEST(one.connects() == texts{});
  for (const auto pause : {200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10'000ms, 10'000ms}) {
    one.state.connect_failed("seed:1", one.now, one.effects);
    const auto wait = *one.state.deadline() - one.now;
    BOOST_TEST(wait.count() >= pause.count() * 3 / 4);
    BOOST_TEST(wait.count() <= pause.count() * 5 / 4);
    one.at(one.now - start + wait - 1ms);
    BOOST_TEST(one.connects() == texts{});
    one.at(one.now - start + 1ms);
    BOOST_TEST(one.connects() == texts{"seed:1"});
  }
}

BOOST_AUTO_TEST_CASE(a_seed_that_is_a_member_is_not_tried_while_that_is_linked_or_left) {
  node one(id("a"), {"dns:1"});
  one.at(0ms);
  one.effects.clear();
  one.up(id("b"), "dns:1");
  BOOST_TEST(!(*one.state.deadline() < start + 5s));
  one.at(20s);
  BOOST_TEST(one.connects() == texts{});
  one.down(id("b"));
  one.at(20s + 250ms);
  BOOST_TEST(one.connects() == (texts{"b:1", "dns:1"}));
  one.up(id("b"), "b:1");
  one.hear(id("b"), {told_of(id("b"), false, 2, true)});
  one.down(id("b"));
  one.state.connect_failed("dns:1", one.now, one.effects);
  one.at(60s);
  BOOST_TEST(one.connects() == texts{});
}

BOOST_AUTO_TEST_CASE(a_seed_that_is_this_node_is_dropped) {
  node one(id("a"), {"dns:1", "a:1"});
  one.at(0ms);
  BOOST_TEST(one.connects() == texts{"dns:1"});
  one.state.seed_is_self("dns:1");
  BOOST_TEST(!one.state.deadline().has_value());
}

BOOST_AUTO_TEST_CASE(the_node_of_the_lesser_name_tries_first) {
  node one(id("b"));
  one.up(id("c"));
  one.hear(id("c"), {told_of(id("a")), told_of(id("d"))});
  BOOST_TEST((one.effects.connects == std::vector<connect_request>{{"d:1", "d"}}));
  one.effects.clear();
  one.at(999ms);
  BOOST_TEST(one.connects() == texts{});
  one.at(1s);
  BOOST_TEST(one.connects() == texts{"a:1"});
}

BOOST_AUTO_TEST_CASE(an_attempt_ends_with_any_link_to_who_is_there) {
  node one(id("a"), {}, {{id("b"), "b:1", 1, false}, {id("c"), "c:1", 1, false}});
  one.at(0ms);
  BOOST_TEST(one.connects() == (texts{"b:1", "c:1"}));
  one.up(id("b"));
  one.down(id("b"));
  one.at(1s);
  BOOST_TEST(one.connects() == texts{"b:1"});
  one.up(id("d"), "c:1");  // somebody else is there now
  BOOST_TEST(one.connects() == texts{});
  one.at(11s);
  BOOST_TEST(one.connects() == texts{"c:1"});
}

BOOST_AUTO_TEST_CASE(an_address_that_changes_to_and_fro_is_not_tried_twice_at_a_time) {
  node one(id("a"));
  one.up(id("b"));
  const auto say_where = [&](const char* address, std::uint64_t version) {
    one.hear(id("b"), {{{id("c"), address, version, false}, false}});
    return one.connects();
  };
  BOOST_TEST(say_where("c:1", 1) == texts{"c:1"});
  BOOST_TEST(say_where("d:1", 2) == texts{"d:1"});
  one.at(60s);
  BOOST_TEST(say_where("c:1", 3) == texts{});
  one.state.connect_failed("c:1", one.now, one.effects);
  BOOST_TEST(say_where("e:1", 4) == texts{"e:1"});
  BOOST_TEST(say_where("c:1", 5) == texts{});  // its back-off holds
}

BOOST_AUTO_TEST_CASE(who_was_where_a_linked_member_is_now_is_not_looked_for) {
  node one(id("a"), {}, {{id("b"), "c:1", 1, false}});
  one.up(id("c"));
  one.at(60s);
  BOOST_TEST(one.connects() == texts{});
}

BOOST_AUTO_TEST_CASE(links_that_do_not_last_count_as_failures) {
  node one(id("a"));
  for (const auto pause : {200ms, 400ms, 800ms}) {
    one.up(id("b"));
    one.down(id("b"));
    BOOST_TEST((*one.state.deadline() - one.now).count() >= pause.count() * 3 / 4);
  }
  one.up(id("b"));
  one.at(10s);
  one.down(id("b"));
  BOOST_TEST((*one.state.deadline() - one.now).count() <= 250);
}

BOOST_AUTO_TEST_CASE(who_is_admitted) {
  node one(id("a"));
  one.up(id("b", 5, 3));
  BOOST_TEST(one.state.admit(id("a", 9)) == admission::own_name);
  BOOST_TEST(one.state.admit(id("b", 6)) == admission::name_taken);
  BOOST_TEST(one.state.admit(id("b", 5, 2)) == admission::older_incarnation);
  BOOST_TEST(one.state.admit(id("b", 5, 3)) == admission::ok);
  BOOST_TEST(one.state.admit(id("b", 5, 4)) == admission::ok);
  BOOST_TEST(one.state.admit(id("c")) == admission::ok);
  one.hear(id("b", 5, 3), {told_of(id("c", 5), true), told_of(id("d", 5), false)});
  BOOST_TEST(one.state.admit(id("c", 6)) == admission::name_taken);
  BOOST_TEST(one.state.admit(id("d", 6)) == admission::ok);
  one.down(id("b", 5, 3));
  BOOST_TEST(one.state.admit(id("c", 6)) == admission::ok);
  BOOST_TEST(one.state.admit(id("b", 6)) == admission::ok);
  one.effects.clear();
  one.up(id("b", 5, 2));  // admitted before it was known
  BOOST_TEST((one.effects.disconnects == std::vector{id("b", 5, 2)}));
  BOOST_TEST(one.events() == events{});
}

BOOST_AUTO_TEST_CASE(a_member_comes_goes_is_dead_once_and_returns) {
  node one(id("a"));
  one.up(id("b"));
  BOOST_TEST(one.events() == (events{{kind::joined, id("b")}, {kind::up, id("b")}}));
  BOOST_TEST(one.state_of("b") == member_state::linked);
  one.at(1s);
  one.down(id("b"));
  BOOST_TEST(one.events() == (events{{kind::down, id("b")}}));
  one.at(10'999ms);
  BOOST_TEST(one.state_of("b") == member_state::unlinked);
  BOOST_TEST(one.events() == events{});
  one.at(11s);
  one.at(30s);
  BOOST_TEST(one.events() == (events{{kind::dead, id("b")}}));
  BOOST_TEST(one.state_of("b") == member_state::dead);
  BOOST_TEST((one.state.find("b")->since == start + 11s));
  one.up(id("b", 1, 2));
  BOOST_TEST(one.events() == (events{{kind::replaced, id("b", 1, 2)},
                                     {kind::returned, id("b", 1, 2)},
                                     {kind::up, id("b", 1, 2)}}));
}

BOOST_AUTO_TEST_CASE(who_has_a_link_with_a_linked_member_is_not_dead) {
  node one(id("a"));
  one.up(id("b"));
  one.hear(id("b"), {told_of(id("c"), true)});
  one.at(60s);
  BOOST_TEST(one.state_of("c") == member_state::unlinked);
  one.down(id("b"));  // nobody tells any more
  one.at(70s);
  BOOST_TEST(one.state_of("c") == member_state::dead);
  one.events();
  one.up(id("b"));
  one.hear(id("b"), {told_of(id("c"), true)});
  BOOST_TEST(one.events().back() == (member_event{kind::returned, id("c")}));
}

BOOST_AUTO_TEST_CASE(a_late_end_of_an_earlier_link_does_nothing) {
  node one(id("a"));
  one.up(id("b"));
  one.events();
  one.up(id("b", 1, 2));
  BOOST_TEST(
      one.events() ==
      (events{{kind::down, id("b")}, {kind::replaced, id("b", 1, 2)}, {kind::up, id("b", 1, 2)}}));
  one.down(id("b"));
  BOOST_TEST(one.events() == events{});
  one.hear(id("b"), {told_of(id("c"))});
  BOOST_TEST(!one.state.find("c").has_value());
}

BOOST_AUTO_TEST_CASE(what_is_newer_stands) {
  node one(id("a"));
  one.up(id("b"));
  one.hear(id("b"), {told_of(id("c", 1, 2), false, 5)});
  one.hear(id("b"), {told_of(id("c", 1, 1), false, 5, true)});
  one.hear(id("b"), {told_of(id("c", 1, 2), false, 4, true)});
  BOOST_TEST(one.state_of("c") == member_state::unlinked);
  one.hear(id("b"), {told_of(id("c", 1, 3), false, 1)});
  BOOST_TEST(one.known("c") == id("c", 1, 3));
  one.hear(id("b"), {told_of(id("c", 1, 3), false, 6, true)});
  BOOST_TEST(one.state_of("c") == member_state::left);
  one.hear(id("b"), {told_of(id("c", 2), true, 1)});  // another home, which `b` has a link with
  BOOST_TEST(one.known("c") == id("c", 2));
  one.hear(id("b"), {told_of(id("c", 2), true, 1), told_of(id("d", 1), true, 1)});
  one.up(id("e"));
  one.hear(id("e"), {told_of(id("c", 1, 4), false, 90)});  // nobody has a link with that
  BOOST_TEST(one.known("c") == id("c", 2));
  one.hear(id("b"), {told_of(id("e", 1, 2), false, 9)});  // the link is with the first
  BOOST_TEST(one.known("e") == id("e"));
}

BOOST_AUTO_TEST_CASE(a_node_outbids_what_is_said_of_it_but_not_all_the_time) {
  node one(id("b"), {}, {{id("b", 1, 0), "b:1", 4, true}});
  BOOST_TEST(one.state.self().version == 5U);
  BOOST_TEST(!one.state.self().left);
  one.up(id("a"));
  one.hear(id("a"), {told_of(id("b", 1, 1), true, 5)});  // true
  BOOST_TEST(one.state.self().version == 5U);
  one.hear(id("a"), {told_of(id("b", 1, 1), true, 9, true)});
  BOOST_TEST(one.state.self().version == 10U);
  BOOST_TEST(one.told()[1].record.version == 10U);
  one.hear(id("a"), {told_of(id("b", 2), true, 20)});
  BOOST_TEST(one.state.self().version == 10U);
  one.at(5s);
  BOOST_TEST(one.state.self().version == 21U);
}

BOOST_AUTO_TEST_CASE(of_two_nodes_of_one_name_the_lesser_home_stays) {
  node one(id("a"));
  one.up(id("b"));
  one.up(id("x", 5));
  one.events();
  one.hear(id("b"), {told_of(id("x", 6), true, 9)});
  BOOST_TEST(one.effects.disconnects.empty());
  BOOST_TEST((one.told().back().record == member_record{id("x", 5), "x:1", 9, false}));
  one.hear(id("b"), {told_of(id("x", 4), true, 1)});
  BOOST_TEST((one.effects.disconnects == std::vector{id("x", 5)}));
  BOOST_TEST(one.events() == (events{{kind::down, id("x", 5)}, {kind::replaced, id("x", 4)}}));
  BOOST_TEST(one.state.admit(id("x", 5)) == admission::name_taken);
  BOOST_TEST(one.state.admit(id("x", 4)) == admission::ok);
}

BOOST_AUTO_TEST_CASE(all_is_told_at_link_up_at_changes_and_from_time_to_time) {
  node one(id("b"));
  one.up(id("a"));
  BOOST_TEST(one.effects.messages.back().to == texts{"a"});
  BOOST_TEST(one.told().size() == 2U);
  BOOST_TEST(one.told()[0].linked);
  one.up(id("c"));
  BOOST_TEST(one.effects.messages.back().to == (texts{"a", "c"}));
  one.effects.clear();
  one.hear(id("a"), {told_of(id("a"), false, 1)});
  BOOST_TEST(one.effects.messages.size() == 1U);  // its version
  one.effects.clear();
  one.hear(id("a"), {told_of(id("a"), false, 1)});
  BOOST_TEST(one.effects.messages.empty());
  BOOST_TEST((one.state.deadline() == start + 5s));
  one.at(5s);
  BOOST_TEST(one.effects.messages.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_left_connects_to_nobody_until_it_joins) {
  node one(id("a"), {"seed:1"}, {{id("b"), "b:1", 1, false}});
  one.up(id("c"));
  one.effects.clear();
  one.state.leave(one.now, one.effects);
  BOOST_TEST(one.told()[0].record.left);
  BOOST_TEST(one.told()[0].record.version == 2U);
  one.down(id("c"));
  for (const char* const each : {"seed:1", "b:1"})
    one.state.connect_failed(each, one.now, one.effects);
  one.effects.clear();
  one.at(60s);
  BOOST_TEST(one.connects() == texts{});
  one.up(id("d"));
  BOOST_TEST((one.effects.disconnects == std::vector{id("d")}));
  BOOST_TEST(one.effects.messages.front().to == texts{"d"});
  BOOST_TEST(one.state_of("d") == member_state::unlinked);
  one.state.join("more:1", one.now, one.effects);
  BOOST_TEST(!one.state.self().left);
  one.at(62s);
  texts tried = one.connects();
  std::ranges::sort(tried);
  BOOST_TEST(tried == (texts{"b:1", "c:1", "d:1", "more:1", "seed:1"}));
}

BOOST_AUTO_TEST_CASE(who_left_misses_nobody_until_it_joins) {
  node one(id("a"));
  one.up(id("b"));
  one.state.leave(one.now, one.effects);
  one.down(id("b"));
  (void)one.events();
  one.at(60s);
  BOOST_TEST(one.events().empty());
  BOOST_TEST(!one.state.deadline().has_value());
  one.state.join("", one.now, one.effects);
  one.at(69s);
  BOOST_TEST(one.events().empty());
  one.at(70s);
  BOOST_TEST((one.events() == events{{kind::dead, id("b")}}));
}

BOOST_AUTO_TEST_CASE(a_join_does_not_wait_for_what_failed_before) {
  node one(id("a"), {"seed:1"});
  one.at(0s);
  for (int i = 0; i != 10; ++i) {
    one.state.connect_failed("seed:1", one.now, one.effects);
    one.at(one.now - start + 13s);
  }
  one.state.connect_failed("seed:1", one.now, one.effects);
  (void)one.connects();
  one.at(one.now - start + 1s);
  BOOST_TEST(one.connects() == texts{});
  one.state.join("", one.now, one.effects);
  BOOST_TEST(one.connects() == texts{"seed:1"});
  one.state.connect_failed("seed:1", one.now, one.effects);
  one.at(one.now - start + 1s);
  BOOST_TEST(one.connects() == texts{"seed:1"});  // pauses are short again
}

BOOST_AUTO_TEST_CASE(who_left_is_not_looked_for_and_may_come_back) {
  node one(id("a"));
  one.up(id("b"));
  one.hear(id("b"), {told_of(id("b"), false, 2, true)});
  BOOST_TEST(one.events().back() == (member_event{kind::left, id("b")}));
  one.down(id("b"));
  one.events();
  one.at(60s);
  BOOST_TEST(one.connects() == texts{});
  BOOST_TEST(one.events() == events{});
  BOOST_TEST(one.state.admit(id("b", 1, 2)) == admission::ok);
  one.up(id("b", 1, 2));
  BOOST_TEST(one.events() == (events{{kind::joined, id("b", 1, 2)}, {kind::up, id("b", 1, 2)}}));
  BOOST_TEST(!one.state.find("b")->record.left);
}

BOOST_AUTO_TEST_CASE(who_is_forgotten_comes_back_only_with_a_link) {
  node one(id("a"), {}, {{id("b"), "b:1", 3, true}, {id("d"), "d:1", 3, false}},
           {.forget_dead_after = 30min});
  one.at(10s);
  one.at(10s + 30min);
  BOOST_TEST(one.events().back() == (member_event{kind::forgotten, id("d")}));
  one.at(1h);
  BOOST_TEST(one.state.members().size() == 1U);
  BOOST_TEST(one.state.records().size() == 1U);
  one.up(id("c"));
  one.events();
  one.hear(id("c"), {told_of(id("b")), told_of(id("d")), told_of(id("e"), false, 1, true)});
  BOOST_TEST(one.events() == events{});
  one.hear(id("c"), {told_of(id("b"), true)});
  BOOST_TEST(one.events() == (events{{kind::joined, id("b")}}));
  BOOST_TEST(one.state.find("b")->record.version == 3U);
}

BOOST_AUTO_TEST_CASE(who_is_dead_can_be_forgotten_and_is_for_all_who_left) {
  node one(id("a"), {}, {{id("b"), "b:1", 3, false}});
  one.up(id("c"));
  one.at(10s);
  BOOST_TEST(one.state_of("b") == member_state::dead);
  one.events();
  one.connects();
  one.effects.clear();
  BOOST_TEST(one.state.forget("b", one.now, one.effects) == "");
  BOOST_TEST(one.events() == (events{{kind::left, id("b")}}));
  BOOST_TEST(one.effects.records_changed);
  BOOST_TEST(one.state_of("b") == member_state::left);
  BOOST_TEST((one.told()[1].record == member_record{id("b"), "b:1", 4, true}));
  one.effects.clear();
  BOOST_TEST(one.state.forget("b", one.now, one.effects) == "");  // it is already
  BOOST_TEST(one.events() == events{});

  node other(id("c"), {}, {{id("b"), "b:1", 3, false}});
  other.up(id("a"));
  other.at(10s);
  other.events();
  other.hear(id("a"), {told_of(id("b"), false, 4, true)});
  BOOST_TEST(other.events() == (events{{kind::left, id("b")}}));
}

BOOST_AUTO_TEST_CASE(who_was_forgotten_joins_again_in_the_same_life_and_in_the_next) {
  for (const std::uint64_t incarnation : {1, 2}) {
    node one(id("a"), {}, {{id("b"), "b:1", 3, false}});
    one.at(10s);
    BOOST_TEST(one.state.forget("b", one.now, one.effects) == "");
    one.events();
    const node_identity back = id("b", 1, incarnation);
    BOOST_TEST(one.state.admit(back) == admission::ok);
    one.up(back);
    one.hear(back, {told_of(back, false, 3)});
    BOOST_TEST(std::ranges::count(one.events(), kind::joined, &member_event::what) == 1);
    BOOST_TEST(one.state_of("b") == member_state::linked);

    node returned(back, {}, {{back, "b:1", 2, false}});  // with what it knew
    returned.up(id("a"));
    returned.hear(id("a"), {told_of(back, true, 4, true)});
    BOOST_TEST(returned.state.self().version == 5U);
    BOOST_TEST(!returned.state.self().left);
  }
}

BOOST_AUTO_TEST_CASE(two_that_forgot_each_other_come_together_when_one_joins_the_other) {
  node one(id("a"), {"b:1"}, {{id("b"), "b:1", 3, false}});
  one.at(0ms);
  one.up(id("b"), "b:1");
  one.down(id("b"));
  one.at(20s);
  BOOST_TEST(one.state.forget("b", one.now, one.effects) == "");
  one.state.connect_failed("b:1", one.now, one.effects);
  one.effects.clear();
  one.at(60s);
  BOOST_TEST(one.connects() == texts{});
  one.state.join("b:1", one.now, one.effects);
  one.at(62s);
  BOOST_TEST(one.connects() == texts{"b:1"});
  one.up(id("b"), "b:1");
  one.hear(id("b"), {told_of(id("b"), false, 3)});
  BOOST_TEST(one.state_of("b") == member_state::linked);

  node restarted(id("a"), {"b:1"}, {{id("b"), "b:1", 4, true}});
  restarted.at(0ms);
  BOOST_TEST(restarted.connects() == texts{"b:1"});
}

BOOST_AUTO_TEST_CASE(who_is_not_dead_is_not_forgotten) {
  node one(id("a"), {}, {{id("d"), "d:1", 3, false}});
  one.up(id("b"));
  one.hear(id("b"), {told_of(id("c"), true)});
  one.at(9'999ms);
  one.events();
  one.effects.clear();
  for (const char* const each : {"a", "b", "c", "d", "e"})
    BOOST_TEST(one.state.forget(each, one.now, one.effects) != "", each);
  BOOST_TEST(one.events() == events{});
  BOOST_TEST(!one.effects.records_changed);
  one.at(10s);
  BOOST_TEST(one.state.forget("d", one.now, one.effects) == "");
}

BOOST_AUTO_TEST_CASE(who_is_linked_has_not_left_by_what_others_say) {
  node one(id("a"));
  one.up(id("b"));
  one.up(id("c"));
  one.events();
  one.effects.clear();
  one.hear(id("b"), {told_of(id("c"), false, 2, true)});
  BOOST_TEST(one.events() == events{});
  BOOST_TEST(one.state_of("c") == member_state::linked);
  BOOST_TEST((one.told()[2].record == member_record{id("c"), "c:1", 2, false}));  // it hears of it
  one.hear(id("c"), {told_of(id("c"), false, 2, true)});
  BOOST_TEST(one.events() == (events{{kind::left, id("c")}}));
}

BOOST_AUTO_TEST_CASE(there_are_not_more_members_than_can_be_told) {
  node one(id("a"));
  one.up(id("b"));
  std::vector<gossiped_member> many;
  for (std::size_t i = 0; i != max_members; ++i)
    many.push_back(told_of(id("n" + std::to_string(10'000 + i))));
  one.hear(id("b"), many);
  BOOST_TEST(one.state.members().size() == max_members);
  BOOST_TEST(one.told().size() == max_members);
  BOOST_TEST(one.state.admit(id("z")) == admission::cluster_full);
  BOOST_TEST(one.state.admit(id("n10000")) == admission::ok);
}

BOOST_AUTO_TEST_SUITE_END()
