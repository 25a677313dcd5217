// Streams and replays: the real store and log reader on a disk in memory.

#include "actors/end_now.hpp"
#include "actors/retention_actor.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/data_directory.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <utility>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos0 = qos::at_most_once;
constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// A node with a stream of everything below `s`.
struct scene {
  explicit scene(config settings = durable(),
                 std::vector<stream_config> streams = {{.filter = "s/#"}}, std::size_t shards = 1)
      : data(streams), node(with(std::move(settings), streams), shards, 1, data.maker()) {}

  static config with(config settings, std::vector<stream_config> streams) {
    settings.streams = std::move(streams);
    return settings;
  }

  data_directory data;
  stage node;
};

void publish_stream(player& by, int from, int to, qos level = qos1) {
  for (int i = from; i != to; ++i)
    by.publish("s/" + std::to_string(i % 3), std::to_string(i), level,
               static_cast<packet_id>(level == qos0 ? 0 : i + 1));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_replay)

BOOST_AUTO_TEST_CASE(stream_is_kept_though_nobody_subscribes) {
  scene with;
  player ann = with.node.online(passing("ann"));
  ann.publish("s/a", "1", qos0);
  ann.publish("s/b", "2", qos1, 1);
  ann.publish("t", "3", qos1, 2);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2\n");
  BOOST_TEST(with.data.log->streams().kept(1).messages == 2U);
  BOOST_TEST(with.data.log->streams().kept(0).messages == 0U);
}

BOOST_AUTO_TEST_CASE(replay_delivers_history_and_then_what_comes) {
  scene with;
  player ann = with.node.online(passing("ann"));
  ann.publish("s/a", "1", qos0);
  ann.publish("s/b", "2", qos1, 1);
  ann.publish("t", "3", qos1, 2);
  with.node.run();
  player bob = with.node.online(passing("bob"));
  bob.subscribe("$replay/earliest/s/+", qos1);
  BOOST_TEST(bob.received() == "SUBACK 1 01\n"
                               "PUBLISH s/a 1 offset=1\n"
                               "PUBLISH s/b 2 q1 id=1 offset=2\n");
}

BOOST_AUTO_TEST_CASE(replay_is_paced_by_the_receive_maximum) {
  scene with;
  player ann = with.node.online(passing("ann"));
  publish_stream(ann, 0, 600);  // more than two pages
  with.node.run();
  publish_stream(ann, 600, 1200);
  with.node.run();
  player eve = with.node.online(narrow("eve", 2));
  eve.subscribe("$replay/earliest/s/#", qos1);
  const std::string first = eve.received();
  BOOST_TEST(std::count(first.begin(), first.end(), '\n') == 3);  // SUBACK and two messages

  collector bob(with.node.online(narrow("bob", 7)));
  bob.at().subscribe("$replay/earliest/s/#", qos2);
  drain(bob);
  BOOST_TEST(bob.payloads == numbers(0, 1200));
  publish_stream(ann, 1200, 1210, qos2);
  drain(bob);
  BOOST_TEST(bob.payloads == numbers(0, 1210));
}

BOOST_AUTO_TEST_CASE(bad_replay_is_refused_with_a_reason) {
  scene with;
  player bob = with.node.online(passing("bob"));
  for (const char* bad :
       {"$replay/yesterday/s/#", "$replay/earliest", "$replay/-1x/s", "$replay/earliest/s#",
        "$replay/earliest/$share/g/s", "$replay/1/$replay/1/s"}) {
    bob.subscribe(bad, qos1);
    BOOST_TEST(bob.received() == "SUBACK 1 8f +reason\n", bad);
  }
  stage forgetful;
  player eve = forgetful.online(passing("eve"));
  eve.subscribe("$replay/earliest/s", qos1);
  BOOST_TEST(eve.received() == "SUBACK 1 83 +reason\n");
}

BOOST_AUTO_TEST_CASE(replay_below_retention_begins_with_the_oldest_and_says_so) {
  scene with(durable(), {{.filter = "s/#", .max_bytes = 1}});
  const auto retention = with.node.system().spawn<retention_actor>(with.node.node());
  player ann = with.node.online(passing("ann"));
  for (int i = 0; i != 3; ++i) {
    publish_stream(ann, i, i + 1);
    with.node.run();
  }
  with.node.wait(61s);
  publish_stream(ann, 3, 5);
  with.node.run();
  player bob = with.node.online(passing("bob"));
  bob.subscribe("$replay/2/s/#", qos0);
  const std::string lines = bob.received();
  BOOST_TEST(lines.starts_with("SUBACK 1 00 +reason\nPUBLISH s/0 3 offset=4\n"), lines);
  bob.subscribe("$replay/earliest/s/#", qos0);
  BOOST_TEST(bob.received().starts_with("SUBACK 1 00\nPUBLISH s/0 3 offset=4\n"));
  end_now(retention);
}

BOOST_AUTO_TEST_CASE(unsubscribing_ends_a_replay) {
  scene with;
  player ann = with.node.online(passing("ann"));
  player bob = with.node.online(lasting("bob"));
  bob.subscribe("$replay/earliest/s/#", qos1);
  BOOST_TEST(bob.received() == "SUBACK 1 01\n");
  bob.send(unsubscribe{.id = 2, .filters = {"$replay/earliest/s/#"}});
  BOOST_TEST(bob.received() == "UNSUBACK 2 00\n");
  bob.send(unsubscribe{.id = 2, .filters = {"$replay/earliest/s/#"}});
  BOOST_TEST(bob.received() == "UNSUBACK 2 11\n");
  publish_stream(ann, 0, 1);
  with.node.run();
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(replay_goes_on_with_the_next_connection) {
  scene with;
  player ann = with.node.online(passing("ann"));
  publish_stream(ann, 0, 600, qos2);
  with.node.run();
  collector bob(with.node.online(narrow("bob", 5)));
  bob.at().subscribe("$replay/earliest/s/#", qos2);
  for (int i = 0; i != 9; ++i)
    bob.answer(bob.at().received());
  bob.at().hang_up();
  with.node.run();
  publish_stream(ann, 600, 700);
  with.node.run();
  bob.reconnect(with.node.enter(narrow("bob", 5)));
  drain(bob);
  BOOST_TEST(bob.payloads == numbers(0, 700));
}

BOOST_AUTO_TEST_CASE(number_of_replays_is_limited) {
  config settings = durable();
  settings.limits.max_replays_per_session = 1;
  scene with(settings);
  player bob = with.node.online(passing("bob"));
  bob.subscribe("$replay/1/s/#", qos1);
  BOOST_TEST(bob.received() == "SUBACK 1 01\n");
  bob.subscribe("$replay/1/s/#", qos1);  // takes the place of the first
  BOOST_TEST(bob.received() == "SUBACK 1 01\n");
  bob.send(subscribe{.id = 2, .entries = {{"$replay/2/s/#", {}}, {"$replay/1/s/#", {}}}});
  BOOST_TEST(bob.received() == "SUBACK 2 97 00 +reason\n");
}

BOOST_AUTO_TEST_CASE(same_replay_twice_in_one_packet_is_answered) {
  scene with;
  player bob = with.node.online(lasting("bob"));
  bob.send(subscribe{.id = 2, .entries = {{"$replay/1/s", {.qos = qos1}}, {"$replay/1/s", {}}}});
  BOOST_TEST(bob.received() == "SUBACK 2 01 00\n");
}

BOOST_AUTO_TEST_CASE(unreadable_log_refuses_the_replay) {
  scene with;
  player ann = with.node.online(passing("ann"));
  publish_stream(ann, 0, 1);
  with.node.run();
  with.data.disk.fail_writes_from(1);
  publish_stream(ann, 1, 2);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2 97 +reason\n");
  player bob = with.node.online(passing("bob"));
  bob.subscribe("$replay/-1h/s/#", qos1);
  with.node.wait(2s);
  BOOST_TEST(bob.received() == "SUBACK 1 80 +reason\n");
  with.data.disk.heal();
}

BOOST_AUTO_TEST_CASE(who_waits_for_long_still_gets_what_comes) {
  scene with;
  player ann = with.node.online(passing("ann"));
  collector bob(with.node.online(passing("bob")));
  bob.at().subscribe("$replay/1/s/#", qos1);
  with.node.wait(3min);
  ann.publish("elsewhere", "1", qos1, 1);
  publish_stream(ann, 0, 3);
  drain(bob);
  BOOST_TEST(bob.payloads == numbers(0, 3));
}

/// Publishers and replays in any order of events: each replay has every message once, and
/// those of one topic and QoS in order.
BOOST_AUTO_TEST_CASE(replay_misses_and_doubles_nothing_whatever_happens_when) {
  std::mt19937_64 random(seed_for_test());
  for (int round = 0; round != 60; ++round) {
    scene with(durable(), {{.filter = "s/#"}}, 1 + random() % 3);
    with.node.shuffle(random());
    player ann = with.node.online(passing("ann"));
    int sent = 0;
    std::vector<qos> levels;  // of what was sent
    std::vector<std::pair<collector, qos>> readers;
    for (int step = 0; step != 60; ++step) {
      switch (random() % 6) {
      case 0:
        if (readers.size() < 3) {
          const std::string name = "r" + std::to_string(readers.size());
          const qos level = random() % 2 == 0 ? qos1 : qos2;
          readers.emplace_back(
              with.node.online(narrow(name, static_cast<std::uint16_t>(1 + random() % 5))), level);
          readers.back().first.at().subscribe("$replay/earliest/s/#", level);
        }
        break;
      case 1:
      case 2: {
        const int next = sent + static_cast<int>(random() % 8);
        levels.resize(static_cast<std::size_t>(next), random() % 2 == 0 ? qos1 : qos2);
        if (next != sent) publish_stream(ann, sent, next, levels.back());
        sent = next;
        break;
      }
      case 3:
        for (auto& [client, level] : readers)
          client.answer(client.at().arrived());
        break;
      default:
        for (auto n = random() % 20; n-- != 0;)
          (void)with.node.step();
      }
    }
    for (auto& [client, level] : readers) {
      drain(client);
      std::map<std::pair<int, qos>, int> before;  // by topic and level
      for (const int number : client.payloads) {
        const qos used = std::min(level, levels.at(static_cast<std::size_t>(number)));
        BOOST_TEST(number >= before[std::pair(number % 3, used)]);
        before[std::pair(number % 3, used)] = number;
      }
      std::vector<int> got = client.payloads;
      std::sort(got.begin(), got.end());
      BOOST_TEST(got == numbers(0, sent));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
