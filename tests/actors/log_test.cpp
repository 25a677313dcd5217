// Durable sessions that are slow, away or behind: the real store and log reader on a disk in
// memory, and whoever has something to do may run next.

#include "actors/end_now.hpp"
#include "actors/retention_actor.hpp"
#include "libbroker/topic.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/data_directory.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <tuple>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// Publishers and durable subscribers that do what chance wants.
class crowd {
public:
  crowd(stage& node, std::mt19937_64& random) : node_(node), random_(random) {
    for (const char* each : {"ann", "amy", "abe"})
      publishers_.push_back(node.online(passing(each)));
    for (const char* each : {"#", "t/+", "t/1", "t/2"}) {
      const qos level = below(2) == 0 ? qos1 : qos2;
      const auto maximum = static_cast<std::uint16_t>(1 + below(5));
      readers_.push_back({each, level, maximum, collector(node.online(narrow(each, maximum)))});
      readers_.back().client.at().subscribed(each, level);
    }
  }

  void step() {
    reader& who = readers_[below(readers_.size())];
    switch (below(10)) {
    case 0:
    case 1:
    case 2:
    case 3: return publish();
    case 4:
      if (who.online && who.client.welcome) {  // else the next connection might come first
        who.client.at().hang_up();
        who.online = false;
      } else if (!who.online) {
        come_back(who);
      }
      return;
    case 5:
    case 6:
      if (who.online) who.client.answer(who.client.at().arrived());
      return;
    default:
      for (std::size_t n = below(12); n-- != 0;)
        (void)node_.step();
    }
  }

  /// Everybody comes back and takes what is due.
  void check() {
    for (reader& who : readers_) {
      if (!who.online) come_back(who);
      drain(who.client);
      std::map<int, int> times;
      std::map<std::tuple<std::string, qos, std::size_t>, int> last;
      for (const int number : who.client.payloads) {
        const message& sent = sent_.at(number);
        if (++times[number] != 1) {
          BOOST_TEST((std::min(sent.level, who.level) == qos1), number << " came twice");
          continue;
        }
        int& previous = last[{sent.topic, std::min(sent.level, who.level), sent.publisher}];
        BOOST_TEST(previous < number, number << " came behind " << previous);
        previous = number;
      }
      for (const auto& [number, sent] : sent_)
        BOOST_TEST(times.contains(number) == matches(who.filter, sent.topic),
                   number << " of " << sent_.size() << " to " << who.filter);
    }
  }

private:
  struct message {
    std::string topic;
    qos level{};
    std::size_t publisher = 0;
  };
  struct reader {
    std::string filter;
    qos level{};
    std::uint16_t maximum = 0;
    collector client;
    bool online = true;
  };

  std::size_t below(std::size_t bound) { return random_() % bound; }

  void publish() {
    const std::size_t publisher = below(publishers_.size());
    player& by = publishers_[publisher];
    for (std::size_t n = below(4); n-- != 0;) {
      const int number = static_cast<int>(sent_.size()) + 1;
      const message next{"t/" + std::to_string(below(3)), below(2) == 0 ? qos1 : qos2, publisher};
      by.publish(next.topic, std::to_string(number), next.level, static_cast<packet_id>(number));
      sent_.emplace(number, next);
    }
  }

  void come_back(reader& who) {
    who.client.reconnect(node_.enter(narrow(who.filter, who.maximum)));
    who.online = true;
  }

  stage& node_;
  std::mt19937_64& random_;
  std::vector<player> publishers_;
  std::vector<reader> readers_;
  std::map<int, message> sent_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_log)

BOOST_AUTO_TEST_CASE(message_for_a_durable_session_is_acknowledged_when_it_is_in_the_log) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("t");
  data.disk.fail_writes_from(1);
  ann.publish("t", "lost", qos1, 1);
  ann.publish("elsewhere", "not lost", qos1, 2);
  BOOST_TEST(ann.received() == "PUBACK 1 97 +reason\nPUBACK 2\n");
  BOOST_TEST(bob.received() == "");
  data.disk.heal();
  ann.publish("t", "kept", qos1, 1);
  BOOST_TEST(ann.received() == "PUBACK 1\n");
  BOOST_TEST(bob.received() == "PUBLISH t kept q1 id=1\n");
  BOOST_TEST(data.records() == 1U);
}

BOOST_AUTO_TEST_CASE(full_disk_refuses_what_it_cannot_keep_and_nothing_else) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  connect old{.version = protocol_version::v3_1_1, .clean_start = true, .client_id = "old"};
  player amy = node.online(old);
  collector bob(node.online(lasting("bob")));
  player eve = node.online(passing("eve"));
  bob.at().subscribed("t", qos1);
  eve.subscribed("u", qos1);
  std::uint64_t used = 0;
  for (const std::string& each : data.disk.files())
    used += data.disk.size_of(each);
  data.disk.set_size(used + 4000);

  std::vector<int> kept;
  std::string refused;
  for (int i = 1; i != 100; ++i) {
    const std::string number = std::to_string(i);
    const std::string payload = std::string(90 - number.size(), '0') + number;
    ann.publish("t", payload, qos1, static_cast<packet_id>(i));
    const std::string answer = ann.received();
    if (answer == "PUBACK " + std::to_string(i) + "\n")
      kept.push_back(i);
    else
      refused += answer;
  }
  BOOST_TEST(kept.size() > 5U);
  BOOST_TEST(refused.find("97 +reason") != refused.npos, refused);
  amy.publish("t", "0", qos1, 7);
  BOOST_TEST(amy.received() == "");  // 3.1.1 has no way to say so
  ann.publish("u", "1", qos1, 200);
  BOOST_TEST(ann.received() == "PUBACK 200\n");
  BOOST_TEST(eve.received() == "PUBLISH u 1 q1 id=1\n");
  drain(bob);
  BOOST_TEST(bob.payloads == kept);

  data.disk.set_size(UINT64_MAX);
  ann.publish("t", "1000", qos1, 300);
  BOOST_TEST(ann.received() == "PUBACK 300\n");
  kept.push_back(1000);
  drain(bob);
  BOOST_TEST(bob.payloads == kept);
}

BOOST_AUTO_TEST_CASE(what_nobody_could_read_later_does_not_touch_the_disk) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  player eve = node.online(lasting("eve"));
  bob.subscribed("t");
  eve.subscribed("t", qos::at_most_once);
  eve.subscribed("u", qos1);
  ann.publish("t", "1", qos1, 1);
  ann.publish("u", "2");
  node.run();
  BOOST_TEST(data.records() == 0U);
}

BOOST_AUTO_TEST_CASE(slow_client_gets_everything_once_and_in_order) {
  for (const qos level : {qos1, qos2}) {
    data_directory data;
    stage node(durable(3), 2, 1, data.maker());
    player ann = node.online(passing("ann"));
    collector bob(node.online(narrow("bob", 2)));
    bob.at().subscribed("#", level);
    for (int i = 0; i != 60; i += 20) {
      publish_numbers(ann, i, i + 20, level);
      BOOST_TEST(!ann.received().empty());
      drain(bob);
    }
    BOOST_TEST(bob.payloads == numbers(0, 60));
    // It is live again.
    publish_numbers(ann, 60, 62, level);
    drain(bob);
    BOOST_TEST(bob.payloads == numbers(0, 62));
    BOOST_TEST(node.node().counts.total().traffic.dropped_queue_full == 0U);
  }
}

BOOST_AUTO_TEST_CASE(messages_wait_in_the_log_for_a_client_that_is_away) {
  data_directory data;
  stage node(durable(), 2, 1, data.maker());
  player ann = node.online(passing("ann"));
  collector bob(node.online(lasting("bob")));
  bob.at().subscribed("t", qos1);
  publish_numbers(ann, 0, 3);
  drain(bob);
  bob.at().hang_up();
  node.run();
  for (int i = 3; i != 2003; i += 500) {  // several pages
    publish_numbers(ann, i, i + 500);
    BOOST_TEST(!ann.received().empty());
  }
  ann.publish("t", "9999");  // QoS 0 is not kept
  bob.reconnect(node.enter(lasting("bob")));
  drain(bob);
  BOOST_TEST(bob.payloads == numbers(0, 2003));
}

BOOST_AUTO_TEST_CASE(what_was_in_flight_is_sent_again_first) {
  data_directory data;
  stage node(durable(), 2, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(narrow("bob", 2));
  bob.subscribed("#", qos2);
  publish_numbers(ann, 0, 2, qos1);
  publish_numbers(ann, 2, 4, qos2);
  BOOST_TEST(bob.received() == "PUBLISH t 0 q1 id=1\nPUBLISH t 1 q1 id=2\n");
  bob.hang_up();
  player again = node.enter(narrow("bob", 10));
  BOOST_TEST(again.received() ==
             "CONNACK present\nPUBLISH t 0 q1 id=1 dup\nPUBLISH t 1 q1 id=2 dup\n"
             "PUBLISH t 2 q2 id=3\nPUBLISH t 3 q2 id=4\n");
  again.respond(packet_type::pubrec, 3);
  BOOST_TEST(again.received() == "PUBREL 3\n");
  again.hang_up();
  player third = node.enter(narrow("bob", 10));
  BOOST_TEST(third.received() == "CONNACK present\nPUBLISH t 0 q1 id=1 dup\n"
                                 "PUBLISH t 1 q1 id=2 dup\nPUBREL 3\nPUBLISH t 3 q2 id=4 dup\n");
}

BOOST_AUTO_TEST_CASE(live_and_caught_up_messages_look_the_same) {
  data_directory data;
  stage node(durable(), 2, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.send(subscribe{.id = 1, .subscription_identifier = 7, .entries = {{"t", {.qos = qos1}}}});
  bob.send(subscribe{.id = 2,
                     .subscription_identifier = 5,
                     .entries = {{"+", {.qos = qos2, .retain_as_published = true}}}});
  node.run();
  (void)bob.received();
  ann.publish("t", "1", qos2, 1, true);
  const std::string live = bob.received();
  BOOST_TEST(live == "PUBLISH t 1 q2 id=1 retain ids=5,7\n");
  bob.respond(packet_type::pubrec, 1);
  BOOST_TEST(bob.received() == "PUBREL 1\n");
  bob.respond(packet_type::pubcomp, 1);
  bob.hang_up();
  ann.respond(packet_type::pubrel, 1);
  ann.publish("t", "1", qos2, 1, true);
  node.run();
  player again = node.enter(lasting("bob"));
  BOOST_TEST(again.received() == "CONNACK present\n" + live);
}

BOOST_AUTO_TEST_CASE(new_subscription_of_who_is_behind_brings_nothing_old) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player eve = node.online(lasting("eve"));
  eve.subscribed("#", qos1);
  collector bob(node.online(lasting("bob")));
  bob.at().subscribed("t", qos1);
  bob.at().hang_up();
  publish_numbers(ann, 0, 3);
  ann.publish("u", "77", qos1, 50);
  node.run();
  bob.reconnect(node.enter(lasting("bob")));
  bob.at().subscribe("u", qos1, 2);
  drain(bob);
  ann.publish("u", "78", qos1, 51);
  drain(bob);
  BOOST_TEST(bob.payloads == (std::vector<int>{0, 1, 2, 78}));
}

BOOST_AUTO_TEST_CASE(retained_message_in_flight_does_not_need_the_log) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  const auto retention = node.system().spawn<retention_actor>(node.node());
  player ann = node.online(passing("ann"));
  player eve = node.online(lasting("eve"));
  eve.subscribed("t", qos1);
  ann.publish("t", "1", qos1, 1, true);
  BOOST_TEST(eve.received() == "PUBLISH t 1 q1 id=1\n");
  eve.respond(packet_type::puback, 1);
  node.wait(61s);
  BOOST_TEST(data.records() == 0U);
  player bob = node.online(lasting("bob"));
  bob.subscribe("t", qos1);
  BOOST_TEST(bob.received() == "SUBACK 1 01\nPUBLISH t 1 q1 id=1 retain\n");
  bob.hang_up();
  player again = node.enter(lasting("bob"));
  BOOST_TEST(again.received() == "CONNACK present\nPUBLISH t 1 q1 id=1 dup retain\n");
  end_now(retention);
}

BOOST_AUTO_TEST_CASE(log_is_trimmed_to_what_somebody_needs) {
  data_directory data;
  config settings = durable();
  stage node(settings, 2, 2, data.maker());
  const auto retention = node.system().spawn<retention_actor>(node.node());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  player eve = node.online(lasting("eve"));
  bob.subscribed("t", qos1);
  eve.subscribed("elsewhere", qos1);
  for (int i = 0; i != 3; ++i) {
    publish_numbers(ann, i, i + 1);
    node.run();
  }
  BOOST_TEST(data.records() == 3U);
  node.wait(61s);
  BOOST_TEST(data.records() == 3U);  // bob has acknowledged none
  bob.respond(packet_type::puback, 1);
  bob.respond(packet_type::puback, 2);
  node.wait(61s);
  BOOST_TEST(data.records() == 1U);
  bob.hang_up();
  node.wait(61s);
  BOOST_TEST(data.records() == 1U);
  node.wait(120s);  // its session expires
  BOOST_TEST(data.records() == 0U);
  end_now(retention);
}

/// Clients come and go, acknowledge or do not, and the schedule is random; each gets every
/// message, at QoS 2 once, and those of one topic and QoS in order.
BOOST_AUTO_TEST_CASE(nothing_is_lost_or_doubled_whatever_happens_when) {
  std::mt19937_64 random(seed_for_test());
  for (int i = 0; i != 60; ++i) {
    data_directory data;
    stage node(durable(1 + random() % 6), 1 + random() % 3, 1, data.maker());
    node.shuffle(random());
    crowd all(node, random);
    for (int step = 0; step != 200; ++step)
      all.step();
    node.run();
    all.check();
  }
}

BOOST_AUTO_TEST_SUITE_END()
