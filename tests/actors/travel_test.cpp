// What a session says to other nodes when it goes there, and to whom it listens.

#include "actors/registry_actor.hpp"
#include "tests/actors/fake_cluster.hpp"
#include "tests/actors/fake_store.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

config with_data_dir() {
  config settings;
  settings.node.data_dir = "data";
  return settings;
}

/// A node on which a session of an earlier life is restored.
struct scene {
  explicit scene(const kept_moves& moves, bool is_in_cluster = true)
      : home(with_data_dir(), 1, 1, [this](caf::actor_system& system, node_context& node) {
          store.maker()(system, node);
          node.log_reader = system.spawn([this]() -> log_reader_handle::behavior_type {
            return {
                [this](const read_log&) { ++reads; }, [](const find_replay&) {},
                [](const find_unneeded&) {},          [](const log_grown&) {},
                [](const end_long_waits&) {},
            };
          });
        }) {
    if (is_in_cluster) others.join(home);
    const kept_session earlier{
        .client_id = "ann",
        .login = {.expiry = 100, .will = nullptr},
        .subscriptions = {{.filter = "t", .options = {.qos = qos::at_least_once}}},
        .inbound_qos2 = {},
        .progress = {.positions = {0}, .in_flight = {}},
        .moves = moves};
    caf::anon_send(home.node().directory_of("ann"),
                   restore_session{std::make_shared<const kept_session>(earlier)});
    home.run();
    for (const directory_handle& each : home.node().directories)
      caf::anon_send(each, go_on{});
    home.run();
  }

  /// Nodes do not say in time how far they are.
  void answer_slowly() {
    for (const fence_session& each : std::exchange(others.fences, {})) {
      ++asked;
      caf::anon_send(each.who,
                     session_fenced{each.number, {}, each.origins, !each.origins.empty()});
    }
    home.run();
  }

  fake_store store;
  fake_cluster others;
  std::size_t reads = 0;
  std::size_t asked = 0;
  stage home;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_travel)

BOOST_AUTO_TEST_CASE(slow_nodes_are_not_asked_more_and_more) {
  scene s(
      {.begins = {{.node = "b", .home = 2}, {.node = "c", .home = 3}, {.node = "d", .home = 4}}});
  BOOST_TEST(s.others.fences.size() == 3U);  // each as it is linked
  for (int second = 0; second != 60; ++second) {
    s.answer_slowly();
    s.home.wait(1s);
  }
  BOOST_TEST(s.asked >= 10U);
  BOOST_TEST(s.asked <= 20U);
}

BOOST_AUTO_TEST_CASE(client_whose_session_has_only_late_ends_is_served_at_once) {
  scene s({.ends = {{.node = "b", .number = 7, .is_late = true}}});
  s.home.node().log_head = 5;
  const player ann = s.home.online(lasting("ann"));
  BOOST_TEST(s.reads == 1U);
}

BOOST_AUTO_TEST_CASE(client_is_served_at_once_by_a_node_that_has_left_the_cluster) {
  scene s({.ends = {{.node = "b", .number = 7}}}, false);
  s.home.node().log_head = 5;
  const player ann = s.home.online(lasting("ann"));
  BOOST_TEST(s.reads == 1U);
}

BOOST_AUTO_TEST_CASE(session_is_given_when_all_it_has_received_is_accepted) {
  fake_cluster others;
  stage home;
  others.join(home);
  player bob = home.online(lasting("bob"));
  const shard_handle shard = home.node().shards.front();
  home.hold(shard);
  bob.publish("t", "m", qos::exactly_once, 7);
  others.said.clear();
  const session_message take{
      .what = session_message::verb::take, .client_id = "bob", .number = 200};
  caf::anon_send(home.node().directory_of("bob"),
                 session_said{"b", std::make_shared<const session_message>(take)});
  home.run();
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(others.said.empty());
  home.let_go(shard);
  home.run();
  BOOST_TEST_REQUIRE(others.said.size() == 1U);
  BOOST_TEST_REQUIRE(others.said.front().state.has_value());
  BOOST_TEST((others.said.front().state->inbound_qos2 == std::vector<packet_id>{7}));
}

// Else a relay that is opened as soon as there is a link would end at once, and nobody knew.
BOOST_AUTO_TEST_CASE(who_has_spoken_is_not_taken_for_away) {
  using verb = session_message::verb;
  fake_cluster others;
  stage home;
  others.join(home);
  home.online(lasting("bob")).hang_up();
  for (const verb what : {verb::take, verb::hand_over}) {
    const session_message said{.what = what, .client_id = "bob", .number = 200};
    caf::anon_send(home.node().directory_of("bob"),
                   session_said{"b", std::make_shared<const session_message>(said)});
    home.run();
  }
  BOOST_TEST_REQUIRE(others.follows.size() == 1U);  // it is an end
  BOOST_TEST(others.follows[0].node == "b");
  BOOST_TEST(others.follows[0].has_spoken);

  const session_handle who = others.follows[0].who;
  const registry_handle registry = home.system().spawn<registry_actor>(home.node());
  const std::size_t before = home.handled<node_followed>(who);
  caf::anon_send(registry, follow_node{"b", who, true});
  home.run();
  BOOST_TEST(home.handled<node_followed>(who) == before);
  caf::anon_send(registry, nodes_linked{.names = {"b"}});
  home.wait(2s);
  BOOST_TEST(home.handled<node_followed>(who) == before + 1);
  caf::anon_send(registry, follow_node{"c", who});
  home.run();
  BOOST_TEST(home.handled<node_followed>(who) == before + 2);
  caf::anon_send(registry, follow_node{"d", who, true});  // and the link broke at once
  home.wait(2s);
  BOOST_TEST(home.handled<node_followed>(who) == before + 3);
  caf::anon_send_exit(registry, caf::exit_reason::user_shutdown);
  home.run();
}

BOOST_AUTO_TEST_SUITE_END()
