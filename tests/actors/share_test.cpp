// Share groups with durable members: the real store and log reader on a disk in memory.

#include "actors/retention_actor.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/data_directory.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

std::vector<int> sorted(std::vector<int> list) {
  std::ranges::sort(list);
  return list;
}

std::vector<int> all_of(const collector& one, const collector& other) {
  std::vector<int> all = one.payloads;
  all.insert(all.end(), other.payloads.begin(), other.payloads.end());
  return sorted(all);
}

std::size_t share_groups(stage& node) {
  return node.ask<directory_description>(node.node().directories[0], describe_directory{})
      ->share_groups;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_share)

BOOST_AUTO_TEST_CASE(group_of_passing_members_leaves_the_log_alone) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("$share/g/t", qos1);
  ann.publish("t", "1", qos1, 1);
  BOOST_TEST(bob.received() == "PUBLISH t 1 q1 id=1\n");
  BOOST_TEST(data.records() == 0U);
  BOOST_TEST(share_groups(node) == 1U);
  bob.hang_up();
  node.run();
  BOOST_TEST(share_groups(node) == 0U);
}

BOOST_AUTO_TEST_CASE(messages_wait_in_the_log_while_all_members_are_away) {
  data_directory data;
  stage node(durable(), 2, 1, data.maker());
  player ann = node.online(passing("ann"));
  collector bob(node.online(lasting("bob")));
  collector eve(node.online(lasting("eve")));
  bob.at().subscribed("$share/g/t", qos1);
  eve.at().subscribed("$share/g/t", qos1);
  publish_numbers(ann, 0, 10);
  drain(bob);
  drain(eve);
  BOOST_TEST(!bob.payloads.empty());
  BOOST_TEST(!eve.payloads.empty());
  bob.at().hang_up();
  eve.at().hang_up();
  node.run();
  for (int i = 10; i != 2010; i += 500) {
    publish_numbers(ann, i, i + 500);
    BOOST_TEST(!ann.received().empty());
  }
  eve.reconnect(node.enter(lasting("eve")));
  drain(eve);
  bob.reconnect(node.enter(lasting("bob")));
  drain(bob);
  publish_numbers(ann, 2010, 2030);
  drain(bob);
  drain(eve);
  BOOST_TEST(all_of(bob, eve) == numbers(0, 2030));
}

BOOST_AUTO_TEST_CASE(member_takes_one_at_a_time_if_it_says_so) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player slow = node.online(narrow("slow", 1));
  collector fast(node.online(lasting("fast")));
  slow.subscribed("$share/g/t", qos1);
  fast.at().subscribed("$share/g/t", qos1);
  publish_numbers(ann, 0, 50);
  drain(fast);
  publish_numbers(ann, 50, 100);
  drain(fast);
  BOOST_TEST(fast.payloads.size() == 99U);
  BOOST_TEST(slow.received() == "PUBLISH t 0 q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(what_a_lost_member_did_not_acknowledge_another_gets) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos1);
  publish_numbers(ann, 0, 3);
  BOOST_TEST(!bob.received().empty());
  collector eve(node.online(lasting("eve")));
  eve.at().subscribed("$share/g/t", qos1);
  bob.hang_up();
  drain(eve);
  BOOST_TEST(eve.payloads == numbers(0, 3));
  BOOST_TEST(node.enter(lasting("bob")).received() == "CONNACK present\n");
}

BOOST_AUTO_TEST_CASE(qos_2_that_was_sent_stays_with_its_member) {  // [MQTT5-4.8.2-4]
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos2);
  publish_numbers(ann, 0, 1, qos2);
  BOOST_TEST(bob.received() == "PUBLISH t 0 q2 id=1\n");
  player eve = node.online(lasting("eve"));
  eve.subscribed("$share/g/t", qos2);
  bob.hang_up();
  BOOST_TEST(eve.received() == "");
  player again = node.enter(lasting("bob"));
  BOOST_TEST(again.received() == "CONNACK present\nPUBLISH t 0 q2 id=1 dup\n");
  again.hang_up();
  node.run();
  connect fresh = lasting("bob");
  fresh.clean_start = true;
  BOOST_TEST(node.enter(fresh).received() == "CONNACK\n");
  BOOST_TEST(eve.received() == "");  // [MQTT5-4.8.2-5]
}

BOOST_AUTO_TEST_CASE(a_message_that_a_member_refuses_nobody_else_gets) {  // [MQTT5-4.8.2-6]
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos2);
  publish_numbers(ann, 0, 1, qos2);
  BOOST_TEST(bob.received() == "PUBLISH t 0 q2 id=1\n");
  player eve = node.online(lasting("eve"));
  eve.subscribed("$share/g/t", qos2);
  bob.send(typed_response{packet_type::pubrec, {.id = 1, .code = reason_code::quota_exceeded}});
  BOOST_TEST(bob.received() == "");
  bob.hang_up();
  BOOST_TEST(eve.received() == "");
}

BOOST_AUTO_TEST_CASE(exchange_ends_though_its_group_has_ended) {
  data_directory data;
  config settings = durable();
  settings.session.max_in_flight = 1;
  stage node(settings, 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos2);
  publish_numbers(ann, 0, 1, qos2);
  BOOST_TEST(bob.received() == "PUBLISH t 0 q2 id=1\n");
  bob.send(unsubscribe{.id = 3, .filters = {"$share/g/t"}});
  BOOST_TEST(bob.received() == "UNSUBACK 3 00\n");
  BOOST_TEST(share_groups(node) == 0U);
  bob.respond(packet_type::pubrec, 1);
  BOOST_TEST(bob.received() == "PUBREL 1\n");
  bob.respond(packet_type::pubcomp, 1);
  bob.subscribed("u", qos1);
  ann.publish("u", "1", qos1, 9);
  BOOST_TEST(bob.received() == "PUBLISH u 1 q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(window_is_free_again_soon_after_an_exchange_at_qos_2) {
  data_directory data;
  config settings = durable();
  settings.session.max_in_flight = 1;
  stage node(settings, 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos2);
  publish_numbers(ann, 0, 1, qos1);  // the group has a second to write that down
  BOOST_TEST(bob.received() == "PUBLISH t 0 q1 id=1\n");
  bob.respond(packet_type::puback, 1);
  publish_numbers(ann, 1, 3, qos2);
  BOOST_TEST(bob.received() == "PUBLISH t 1 q2 id=1\n");
  bob.respond(packet_type::pubrec, 1);
  BOOST_TEST(bob.received() == "PUBREL 1\n");
  bob.respond(packet_type::pubcomp, 1);
  node.wait(20ms);
  BOOST_TEST(bob.received() == "PUBLISH t 2 q2 id=1\n");
}

BOOST_AUTO_TEST_CASE(subscribing_and_leaving_in_one_go_is_answered) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player bob = node.online(lasting("bob"));
  player ann = node.online(lasting("ann"));
  const shard_handle shard = node.node().shards[0];
  node.hold(shard);
  bob.subscribe("$share/g/t", qos1);
  node.run();
  ann.subscribe("$share/g/t", qos1);
  ann.send(unsubscribe{.id = 3, .filters = {"$share/g/t"}});
  node.run();
  node.let_go(shard);
  const std::string got = ann.received();
  BOOST_TEST(got.find("SUBACK 1 01\n") != got.npos, got);
  BOOST_TEST(got.find("UNSUBACK 3 00\n") != got.npos, got);
  BOOST_TEST(bob.received() == "SUBACK 1 01\n");
}

BOOST_AUTO_TEST_CASE(settling_waits_for_the_disk) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos1);
  publish_numbers(ann, 0, 1);
  (void)bob.received();
  node.hold(node.node().store);
  const directory_handle directory = node.node().directories[0];
  BOOST_TEST(!node.ask<settled>(directory, settle{}).has_value());
  node.let_go(node.node().store);
  BOOST_TEST(node.ask<settled>(directory, settle{}).has_value());
  BOOST_TEST(load_earlier_life(*data.store, 1, {}).shares.at(0).earlier->outstanding.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_the_group_does_not_need_any_more_goes) {
  data_directory data;
  stage node(durable(), 1, 1, data.maker());
  const auto retention = node.system().spawn<retention_actor>(node.node());
  player ann = node.online(passing("ann"));
  player bob = node.online(lasting("bob"));
  bob.subscribed("$share/g/t", qos1);
  ann.publish("t", "1", qos1, 1);
  BOOST_TEST(bob.received() == "PUBLISH t 1 q1 id=1\n");
  node.wait(61s);
  BOOST_TEST(data.records() == 1U);  // it is outstanding
  bob.respond(packet_type::puback, 1);
  node.wait(61s);
  BOOST_TEST(data.records() == 0U);
  bob.hang_up();
  node.run();
  ann.publish("t", "2", qos1, 2);
  node.wait(61s);
  BOOST_TEST(data.records() == 1U);  // nobody has had it
  caf::anon_send_exit(retention, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(group_goes_on_after_a_restart) {
  for (const bool power_fails : {false, true}) {
    std::mt19937_64 random(1);
    data_directory data;
    auto node = std::make_unique<stage>(durable(), 2, 1, data.maker());
    collector bob(node->online(lasting("bob", 1000)));
    collector eve(node->online(lasting("eve", 1000)));
    {
      player ann = node->online(passing("ann"));
      bob.at().subscribed("$share/g/t", qos2);
      eve.at().subscribed("$share/g/t", qos2);
      publish_numbers(ann, 0, 20, qos2);
      drain(bob);
      (void)eve.at().received();  // takes no notice
      publish_numbers(ann, 20, 30, qos2);
      drain(bob);
      bob.at().hang_up();
      node->run();
      publish_numbers(ann, 30, 40, qos2);
      BOOST_TEST(!ann.received().empty());
    }
    if (power_fails) data.cut_power(random);
    node.reset();
    data.close();
    data.open();
    node = std::make_unique<stage>(durable(), 3, 1, data.maker());
    node->restore(load_earlier_life(*data.store, 3, {}));
    BOOST_TEST(share_groups(*node) == 1U);
    bob.reconnect(node->enter(lasting("bob", 1000)));
    drain(bob);
    eve.reconnect(node->enter(lasting("eve", 1000)));
    drain(eve);
    drain(bob);
    BOOST_TEST(all_of(bob, eve) == numbers(0, 40));
    node.reset();
  }
}

BOOST_AUTO_TEST_CASE(group_without_members_left_is_forgotten) {
  data_directory data;
  auto node = std::make_unique<stage>(durable(), 1, 1, data.maker());
  {
    player bob = node->online(lasting("bob"));
    bob.subscribed("$share/g/t", qos1);
    bob.send(unsubscribe{.id = 3, .filters = {"$share/g/t"}});
    BOOST_TEST(bob.received() == "UNSUBACK 3 00\n");
    BOOST_TEST(share_groups(*node) == 0U);
    bob.subscribed("$share/g/t", qos1);
    BOOST_TEST(share_groups(*node) == 1U);
  }
  node.reset();
  BOOST_TEST(load_earlier_life(*data.store, 1, {}).shares.size() == 1U);
  data.close();
  data.open();
  node = std::make_unique<stage>(durable(), 1, 1, data.maker());
  earlier_life earlier = load_earlier_life(*data.store, 1, {});
  earlier.sessions.clear();  // as if it had expired
  node->restore(earlier);
  BOOST_TEST(share_groups(*node) == 0U);
  node.reset();
  BOOST_TEST(load_earlier_life(*data.store, 1, {}).shares.empty());
}

BOOST_AUTO_TEST_SUITE_END()
