// The end of a node, step by step.

#include "actors/end_now.hpp"
#include "tests/actors/stage.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr protocol_version v3_1_1 = protocol_version::v3_1_1;

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_shutdown)

BOOST_AUTO_TEST_CASE(clients_are_told_why_they_are_dismissed) {
  stage node({}, 2, 2);
  player ann = node.online(lasting("ann"));
  player bob = node.online(passing("bob"));
  player old = node.online({.version = v3_1_1, .client_id = "old"});
  node.stop_reading();
  node.settle_shards();
  node.dismiss_everybody();
  BOOST_TEST(ann.received() == "DISCONNECT 8b\n");
  BOOST_TEST(bob.received() == "DISCONNECT 8b\n");
  BOOST_TEST(old.received() == "");
  BOOST_TEST(ann.cut_off());
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(old.cut_off());
  BOOST_TEST(node.online_clients() == 0U);
}

BOOST_AUTO_TEST_CASE(what_was_read_is_delivered_and_acknowledged_before_the_end) {
  stage node;
  const shard_handle shard = node.node().shards[0];
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  node.hold(shard);
  ann.publish("t", "m", qos::at_least_once, 1);
  node.run();
  node.stop_reading();
  ann.publish("t", "too late", qos::at_least_once, 2);
  node.run();
  BOOST_TEST(!ann.line().to_broker.empty());
  node.let_go(shard);
  node.settle_shards();
  node.dismiss_everybody();
  BOOST_TEST(ann.received() == "PUBACK 1\nDISCONNECT 8b\n");
  BOOST_TEST(bob.received() == "PUBLISH t m q1 id=1\nDISCONNECT 8b\n");
}

BOOST_AUTO_TEST_CASE(client_that_comes_during_shutdown_is_refused) {
  stage node;
  node.stop_reading();
  player bob = node.enter(lasting("bob"));
  player old = node.enter({.version = v3_1_1, .client_id = "old"});
  BOOST_TEST(bob.received() == "CONNACK 88\n");  // [MQTT5-3.2.2-8]
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(old.cut_off());
  BOOST_TEST(old.line().to_client == "\x20\x02\x00\x03"s);  // server unavailable
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(offline_and_ending_sessions_do_not_hold_up_the_end) {
  stage node;
  const directory_handle directory = node.node().directories[0];
  player away = node.online(lasting("away"));
  away.hang_up();
  player leaver = node.online(passing("leaver"));
  BOOST_TEST(node.sessions() == 2U);
  node.hold(directory);
  caf::anon_send(directory, stop_all_reading{});
  leaver.hang_up();  // wants to be forgotten when the directory has begun to shut down
  node.run();
  node.let_go(directory);
  node.run();
  node.dismiss_everybody();
  BOOST_TEST(leaver.cut_off());
}

BOOST_AUTO_TEST_CASE(client_that_does_not_read_does_not_hold_up_the_end) {
  stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  bob.take(0);
  ann.publish("t", "m");
  node.run();
  node.stop_reading();
  node.settle_shards();
  node.dismiss_everybody();
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(when_time_is_up_the_goodbye_overtakes_what_is_queued) {
  stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  const session_handle busy = bob.session();
  node.hold(busy);
  for (int i = 0; i != 3; ++i) {
    ann.publish("t", "m");
    node.run();
  }
  caf::anon_send(node.node().directories[0], stop_all_reading{});
  caf::anon_send(node.node().directories[0], dismiss_all{.at_once = true});
  node.run();
  node.let_go(busy);
  BOOST_TEST(bob.received() == "DISCONNECT 8b\n");
  node.dismissed_otherwise();
}

BOOST_AUTO_TEST_CASE(sessions_that_are_left_end_with_their_directory) {
  stage node;
  player ann = node.online(passing("ann"));
  const session_handle busy = ann.session();
  const std::size_t actors = node.actors();
  node.hold(busy);
  ann.publish("t", "m");
  node.run();
  end_now(node.node().directories[0]);
  node.run();
  node.let_go(busy);
  node.run();
  BOOST_TEST(node.actors() == actors - 2);
  BOOST_TEST(ann.cut_off());
  node.dismissed_otherwise();
}

BOOST_AUTO_TEST_CASE(everybody_ends_whatever_is_going_on) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 200; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      std::mt19937_64 random(seed + round);
      config settings;
      settings.limits.publish_credit = 1 + random() % 500;
      settings.limits.output_buffer = 100 + random() % 5000;
      settings.limits.delivery_credit = 1000 + random() % 5000;
      stage node(settings, 1 + random() % 3, 1 + random() % 2);
      node.shuffle(seed + round);
      std::vector<player> clients;
      packet_id id = 0;
      for (int i = 0; i != 100; ++i) {
        const std::string name = "c" + std::to_string(random() % 8);
        const auto who = clients.empty() ? 0 : random() % clients.size();
        switch (clients.empty() ? 0 : random() % 8) {
        case 0: {
          connect request = random() % 2 == 0 ? lasting(name, 1 + random() % 3) : passing(name);
          request.will = will{.topic = "t/will",
                              .payload = as_bytes("gone"),
                              .delay_interval = static_cast<std::uint32_t>(random() % 3)};
          clients.push_back(node.enter(request));
          break;
        }
        case 1: clients[who].subscribe("t/#", static_cast<qos>(random() % 3), ++id); break;
        case 2: clients[who].subscribe("$share/g/t/+", static_cast<qos>(random() % 3), ++id); break;
        case 3: clients[who].hang_up(); break;
        case 4: clients[who].take(random() % 2000); break;
        case 5:
          for (std::uint64_t steps = random() % 60; steps != 0; --steps)
            node.step();
          break;
        case 6:
          if (random() % 4 == 0) node.wait(std::chrono::milliseconds(random() % 2000));
          break;
        default:
          clients[who].publish("t/" + std::to_string(random() % 4),
                               std::string(random() % 500, 'x'), static_cast<qos>(random() % 3),
                               ++id, random() % 4 == 0);
        }
      }
      for (std::uint64_t steps = random() % 100; steps != 0; --steps)
        node.step();
    }  // the stage checks that nobody and nothing is left
  }
}

BOOST_AUTO_TEST_SUITE_END()
