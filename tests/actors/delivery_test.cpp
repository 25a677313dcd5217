// The main path: a publisher's session, the shards, the subscriber's session.

#include "libbroker/topic.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/stage.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

std::string numbered(std::string_view prefix, std::size_t number) {
  return std::string(prefix) + std::to_string(number);
}

/// A topic of each of `shards` shards.
std::vector<std::string> one_topic_per_shard(std::size_t shards) {
  std::vector<std::string> topics(shards);
  for (std::size_t i = 0, found = 0; found != shards; ++i) {
    std::string topic = numbered("t/", i);
    std::string& place = topics[partition_of(topic) % shards];
    if (!place.empty()) continue;
    place = std::move(topic);
    ++found;
  }
  return topics;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_delivery)

BOOST_AUTO_TEST_CASE(qos0_message_reaches_the_subscriber) {
  for (const std::size_t shards : {1U, 2U, 3U}) {
    stage node({}, shards, shards);
    player ann = node.online(passing("ann"));
    player bob = node.online(passing("bob"));
    bob.subscribed("t/+");
    ann.publish("t/1", "hello");
    BOOST_TEST(bob.received() == "PUBLISH t/1 hello\n");
    BOOST_TEST(ann.received() == "");
  }
}

BOOST_AUTO_TEST_CASE(qos1_message_is_acknowledged_to_both_sides) {  // [MQTT5-4.3.2-4]
  stage node({}, 2, 2);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  ann.publish("t", "hello", qos::at_least_once, 7);
  BOOST_TEST(ann.received() == "PUBACK 7\n");
  BOOST_TEST(bob.received() == "PUBLISH t hello q1 id=1\n");
  bob.respond(packet_type::puback, 1);
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(qos2_message_takes_both_handshakes) {  // [MQTT5-4.3.3-8], [MQTT5-4.3.3-11]
  stage node({}, 2, 2);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  ann.publish("t", "hello", qos::exactly_once, 7);
  BOOST_TEST(ann.received() == "PUBREC 7\n");
  BOOST_TEST(bob.received() == "PUBLISH t hello q2 id=1\n");
  ann.respond(packet_type::pubrel, 7);
  bob.respond(packet_type::pubrec, 1);
  BOOST_TEST(ann.received() == "PUBCOMP 7\n");
  BOOST_TEST(bob.received() == "PUBREL 1\n");
  bob.respond(packet_type::pubcomp, 1);
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(acknowledgement_waits_for_the_shard) {
  stage node;
  player ann = node.online(passing("ann"));
  node.hold(node.node().shards[0]);
  ann.publish("t", "hello", qos::at_least_once, 1);
  ann.publish("t", "hello", qos::exactly_once, 2);
  BOOST_TEST(ann.received() == "");
  node.let_go(node.node().shards[0]);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBREC 2\n");
}

BOOST_AUTO_TEST_CASE(subscription_matches_what_comes_behind_it_only) {
  stage node;
  player ann = node.online(passing("ann"));
  ann.publish("t", "before");
  ann.subscribe("t");
  ann.publish("t", "between");
  ann.send(unsubscribe{.id = 2, .filters = {"t"}});
  ann.publish("t", "after");
  BOOST_TEST(ann.received() == "SUBACK 1 02\nPUBLISH t between\nUNSUBACK 2 00\n");
}

BOOST_AUTO_TEST_CASE(suback_waits_for_every_shard_of_a_wildcard_filter) {
  stage node({}, 2);
  player bob = node.online(passing("bob"));
  node.hold(node.node().shards[1]);
  bob.subscribe("t/#");
  BOOST_TEST(bob.received() == "");
  node.let_go(node.node().shards[1]);
  BOOST_TEST(bob.received() == "SUBACK 1 02\n");
}

BOOST_AUTO_TEST_CASE(retained_messages_of_every_shard_follow_the_suback) {  // [MQTT5-3.3.1-9]
  stage node({}, 2);
  const auto topics = one_topic_per_shard(2);
  player ann = node.online(passing("ann"));
  ann.publish(topics[0], "first", qos::at_least_once, 1, true);
  ann.publish(topics[1], "second", qos::at_least_once, 2, true);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2\n");
  player bob = node.online(passing("bob"));
  bob.subscribe("t/+", qos::at_most_once);
  BOOST_TEST(bob.received() == "SUBACK 1 00\nPUBLISH " + topics[0] + " first retain\nPUBLISH " +
                                   topics[1] + " second retain\n");
}

BOOST_AUTO_TEST_CASE(publishes_of_one_read_cost_one_delivery_per_shard_and_one_write) {
  stage node({}, 2);
  const auto& shards = node.node().shards;
  const auto topics = one_topic_per_shard(2);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t/#", qos::at_most_once);

  const auto count = [&](std::size_t shard) { return node.handled<route>(shards[shard]); };
  const auto before = std::array{count(0), count(1)};
  const std::size_t deliveries = node.handled<deliver>(bob.session());
  const std::size_t flushes = node.handled<flush>(bob.session());
  const std::size_t bob_writes = bob.line().writes;
  const std::size_t ann_writes = ann.line().writes;
  for (std::size_t i = 0; i != 200; ++i)
    ann.publish(topics[i % 2], std::to_string(i), qos::at_least_once,
                static_cast<packet_id>(i + 1));
  node.hold(bob.session());
  node.run();
  node.let_go(bob.session());
  node.run();
  for (std::size_t shard = 0; shard != 2; ++shard)
    BOOST_TEST(count(shard) == before[shard] + 1);
  BOOST_TEST(node.handled<deliver>(bob.session()) == deliveries + 2);
  BOOST_TEST(node.handled<flush>(bob.session()) == flushes + 1);
  BOOST_TEST(bob.line().writes == bob_writes + 1);
  BOOST_TEST(ann.line().writes == ann_writes + 1);
  const std::string lines = bob.received();
  BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == 200);
}

BOOST_AUTO_TEST_CASE(reads_of_many_publishers_share_a_flush) {
  stage node;
  const shard_handle shard = node.node().shards[0];
  player bob = node.online(passing("bob"));
  bob.subscribed("t", qos::at_most_once);
  std::vector<player> all;
  for (std::size_t i = 0; i != 20; ++i)
    all.push_back(node.online(passing(numbered("ann", i))));
  const std::size_t flushes = node.handled<flush>(shard);
  const std::size_t writes = bob.line().writes;
  node.hold(shard);
  for (player& each : all)
    each.publish("t", "m");
  node.run();
  node.let_go(shard);
  node.run();
  BOOST_TEST(node.handled<flush>(shard) == flushes + 1);
  BOOST_TEST(node.handled<deliver>(bob.session()) == 1U);
  BOOST_TEST(bob.line().writes == writes + 1);
}

BOOST_AUTO_TEST_CASE(actors_with_a_home_are_queued_there_whoever_wakes_them) {
  stage node;
  player ann = node.online(passing("ann"));  // connections belong to the workers in turn
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  const auto queued = [&](const auto& who) {
    return std::pair(node.queued_at(0, who), node.queued_at(1, who));
  };
  const auto ann_before = queued(ann.session());
  const auto bob_before = queued(bob.session());
  const auto shard_before = queued(node.node().shards[0]);
  ann.publish("t", "m");  // from outside, then by actors of another home
  node.run();
  BOOST_TEST(queued(ann.session()).first == ann_before.first);
  BOOST_TEST(queued(ann.session()).second > ann_before.second);
  BOOST_TEST(queued(bob.session()).first > bob_before.first);
  BOOST_TEST(queued(bob.session()).second == bob_before.second);
  BOOST_TEST(queued(node.node().shards[0]).first > shard_before.first);
  BOOST_TEST(queued(node.node().shards[0]).second == shard_before.second);
}

BOOST_AUTO_TEST_CASE(messages_of_a_topic_keep_their_order_whoever_runs_when) {  // [MQTT5-4.6.0-5]
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 50; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      stage node({}, 3, 2);
      node.shuffle(seed + round);
      const auto topics = one_topic_per_shard(3);
      player ann = node.online(passing("ann"));
      player bob = node.online(passing("bob"));
      bob.subscribed("t/#", qos::at_most_once);
      for (std::size_t i = 0; i != 60; ++i) {
        ann.publish(topics[i % 3], std::to_string(i));
        if (i % 4 == 0)
          for (int steps = 0; steps != 5; ++steps)
            node.step();
      }
      std::array<std::string, 3> expected;
      for (std::size_t i = 0; i != 60; ++i)
        expected[i % 3] += "PUBLISH " + topics[i % 3] + ' ' + std::to_string(i) + '\n';
      const std::string all = bob.received();
      for (std::size_t topic = 0; topic != 3; ++topic) {
        std::string of_topic;
        std::string_view rest = all;
        for (std::size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1))
          if (rest.starts_with("PUBLISH " + topics[topic] + ' '))
            of_topic += rest.substr(0, end + 1);
        BOOST_TEST(of_topic == expected[topic]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(qos2_messages_arrive_once_and_in_order_at_a_client_that_is_taken_over) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 50; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      std::mt19937_64 random(seed + round);
      config settings;
      settings.session.max_in_flight = static_cast<std::uint16_t>(1 + random() % 5);
      stage node(settings, 1, 2);
      node.shuffle(seed + round);
      player ann = node.online(passing("ann"));
      collector bob(node.online(lasting("bob")));
      bob.at().subscribed("t");
      constexpr int messages = 40;
      for (int i = 0; i != messages; ++i) {
        ann.publish("t", std::to_string(i), qos::exactly_once, static_cast<packet_id>(i + 1));
        for (std::uint64_t steps = random() % 12; steps != 0; --steps)
          node.step();
        bob.answer(bob.at().arrived());
        // An older connection that comes to the directory later would win.
        if (bob.welcome && random() % 6 == 0) bob.reconnect(node.enter(lasting("bob")));
      }
      for (std::string lines; !(lines = bob.at().received()).empty();)
        bob.answer(lines);
      std::vector<int> expected(messages);
      for (int i = 0; i != messages; ++i)
        expected[static_cast<std::size_t>(i)] = i;
      BOOST_TEST(bob.payloads == expected, boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
