// How sessions begin, are taken over, resumed and end.

#include "tests/actors/stage.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr protocol_version v3_1_1 = protocol_version::v3_1_1;

connect clean(connect request) {
  request.clean_start = true;
  return request;
}

connect with_will(connect request, std::uint32_t delay = 0) {
  request.will = will{.topic = "will", .payload = as_bytes("gone"), .delay_interval = delay};
  return request;
}

/// Hears wills.
player witness_of_wills(stage& node) {
  player witness = node.online(passing("witness"));
  witness.subscribed("will");
  return witness;
}

constexpr std::string_view the_will = "PUBLISH will gone\n";

/// Shards that wait for no more than one message: what they do ends with their step.
config flushing_every_message() {
  config settings;
  settings.scheduler.batch_messages = 1;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_session)

// -- take-over --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(take_over_ends_the_old_connection_and_resumes_on_the_new_one) {
  // [MQTT5-3.1.4-3], [MQTT5-3.1.2-5]
  stage node;
  player ann = node.online(passing("ann"));
  player old_bob = node.online(lasting("bob"));
  old_bob.subscribed("t");
  ann.publish("t", "first", qos::at_least_once, 1);
  BOOST_TEST(old_bob.received() == "PUBLISH t first q1 id=1\n");

  player bob = node.enter(lasting("bob"));
  BOOST_TEST(bob.received() == "CONNACK present\nPUBLISH t first q1 id=1 dup\n");
  BOOST_TEST(old_bob.received() == "DISCONNECT 8e\n");
  BOOST_TEST(old_bob.cut_off());
  BOOST_TEST(node.sessions() == 2U);
  BOOST_TEST(node.online_clients() == 2U);
  ann.publish("t", "second", qos::at_least_once, 2);
  BOOST_TEST(bob.received() == "PUBLISH t second q1 id=2\n");
}

BOOST_AUTO_TEST_CASE(take_over_closes_a_3_1_1_connection_without_a_word) {  // [MQTT311-3.1.4-2]
  stage node;
  player old_bob = node.online({.version = v3_1_1, .client_id = "bob"});
  player bob = node.enter({.version = v3_1_1, .client_id = "bob"});
  BOOST_TEST(bob.received() == "CONNACK present\n");
  BOOST_TEST(old_bob.received() == "");
  BOOST_TEST(old_bob.cut_off());
}

BOOST_AUTO_TEST_CASE(take_over_of_a_session_that_ends_with_its_connection_begins_a_new_one) {
  stage node;
  player ann = node.online(passing("ann"));
  player old_bob = node.online(passing("bob"));
  old_bob.subscribed("t");
  player bob = node.enter(passing("bob"));
  BOOST_TEST(bob.received() == "CONNACK\n");
  BOOST_TEST(old_bob.received() == "DISCONNECT 8e\n");
  ann.publish("t", "m");
  BOOST_TEST(bob.received() == "");
  bob.subscribed("t");
  ann.publish("t", "m");
  BOOST_TEST(bob.received() == "PUBLISH t m\n");
  BOOST_TEST(node.sessions() == 2U);
}

BOOST_AUTO_TEST_CASE(take_over_by_a_client_of_another_version_resumes) {
  stage node;
  player ann = node.online(passing("ann"));
  player old_bob = node.online({.version = v3_1_1, .client_id = "bob"});
  old_bob.subscribed("t");
  old_bob.hang_up();
  ann.publish("t", "m", qos::at_least_once, 1);
  player bob = node.enter(lasting("bob"));
  BOOST_TEST(bob.received() == "CONNACK present\nPUBLISH t m q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(offline_session_keeps_messages_for_its_return) {
  stage node;
  player ann = node.online(passing("ann"));
  player old_bob = node.online(lasting("bob"));
  old_bob.subscribed("t");
  old_bob.disconnect();
  BOOST_TEST(old_bob.cut_off());
  ann.publish("t", "kept", qos::at_least_once, 1);
  ann.publish("t", "dropped");
  BOOST_TEST(ann.received() == "PUBACK 1\n");
  player bob = node.enter(lasting("bob"));
  BOOST_TEST(bob.received() == "CONNACK present\nPUBLISH t kept q1 id=1\n");
}

// -- clean start and expiry ---------------------------------------------------------

BOOST_AUTO_TEST_CASE(clean_start_ends_the_old_session) {  // [MQTT5-3.1.2-4], [MQTT5-3.1.2-6]
  stage node({}, 2);
  player ann = node.online(passing("ann"));
  player old_bob = node.online(lasting("bob"));
  old_bob.subscribed("t");
  old_bob.subscribed("w/#");
  old_bob.hang_up();
  ann.publish("t", "for the old session", qos::at_least_once, 1);
  BOOST_TEST(ann.received() == "PUBACK 1\n");

  player bob = node.enter(clean(lasting("bob")));
  BOOST_TEST(bob.received() == "CONNACK\n");
  ann.publish("t", "m");
  ann.publish("w/1", "m");
  BOOST_TEST(bob.received() == "");
  for (const shard_handle& shard : node.node().shards)
    BOOST_TEST(node.ask<shard_description>(shard, describe_shard{})->subscriptions == 0U);
}

BOOST_AUTO_TEST_CASE(session_ends_when_its_expiry_has_passed) {  // [MQTT5-3.1.2-23]
  stage node;
  player bob = node.online(lasting("bob", 10));
  bob.subscribed("t");
  bob.hang_up();
  node.wait(9900ms);
  BOOST_TEST(node.sessions() == 1U);
  node.wait(100ms);
  BOOST_TEST(node.sessions() == 0U);
  BOOST_TEST(node.ask<shard_description>(node.node().shards[0], describe_shard{})->subscriptions ==
             0U);
  BOOST_TEST(node.online(lasting("bob", 10)).received() == "");
}

BOOST_AUTO_TEST_CASE(expiry_may_be_longer_than_the_longest_timer) {
  stage node;
  node.online(lasting("bob", 1500)).hang_up();
  node.wait(1499900ms);
  BOOST_TEST(node.sessions() == 1U);
  node.wait(100ms);
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(session_without_expiry_ends_with_its_connection) {
  stage node;
  player bob = node.online(passing("bob"));
  BOOST_TEST(node.sessions() == 1U);
  bob.hang_up();
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(session_that_was_resumed_does_not_expire) {
  stage node;
  node.online(lasting("bob", 10)).hang_up();
  node.wait(9s);
  player bob = node.enter(lasting("bob", 10));
  BOOST_TEST(bob.received() == "CONNACK present\n");
  node.wait(60s);
  BOOST_TEST(!bob.cut_off());
  bob.hang_up();
  node.wait(9900ms);
  BOOST_TEST(node.sessions() == 1U);
  node.wait(100ms);
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(disconnect_may_shorten_the_expiry) {
  stage node;
  player bob = node.online(lasting("bob", 100));
  bob.send(disconnect{.session_expiry_interval = 1});
  node.wait(1s);
  BOOST_TEST(node.sessions() == 0U);
}

// -- wills --------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(will_is_published_when_the_connection_is_lost) {  // [MQTT5-3.1.2-8]
  stage node;
  player witness = witness_of_wills(node);
  player bob = node.online(with_will(lasting("bob")));
  BOOST_TEST(witness.received() == "");
  bob.hang_up();
  BOOST_TEST(witness.received() == the_will);
}

BOOST_AUTO_TEST_CASE(will_is_not_published_after_disconnect_0x00) {  // [MQTT5-3.14.4-3]
  stage node;
  player witness = witness_of_wills(node);
  node.online(with_will(passing("bob"))).disconnect();
  node.online(with_will(passing("eve"))).disconnect(reason_code::disconnect_with_will_message);
  BOOST_TEST(witness.received() == the_will);
}

BOOST_AUTO_TEST_CASE(will_comes_behind_what_the_client_had_published) {
  stage node;
  player witness = witness_of_wills(node);
  player bob = node.online(with_will(passing("bob")));
  bob.publish("will", "last words");
  bob.hang_up();
  BOOST_TEST(witness.received() == "PUBLISH will last words\n" + std::string(the_will));
}

BOOST_AUTO_TEST_CASE(delayed_will_is_published_after_its_delay) {  // [MQTT5-3.1.3-9]
  stage node;
  player witness = witness_of_wills(node);
  node.online(with_will(lasting("bob"), 5)).hang_up();
  node.wait(4900ms);
  BOOST_TEST(witness.received() == "");
  node.wait(100ms);
  BOOST_TEST(witness.received() == the_will);
  node.wait(100s);
  BOOST_TEST(witness.received() == "");
}

BOOST_AUTO_TEST_CASE(delayed_will_does_not_outlive_its_session) {  // [MQTT5-3.1.2-8]
  stage node;
  player witness = witness_of_wills(node);
  node.online(with_will(lasting("bob", 2), 5)).hang_up();
  node.wait(2s);
  BOOST_TEST(witness.received() == the_will);
  BOOST_TEST(node.sessions() == 1U);
}

BOOST_AUTO_TEST_CASE(delayed_will_is_cancelled_by_the_clients_return) {  // [MQTT5-3.1.3-9]
  stage node;
  player witness = witness_of_wills(node);
  node.online(with_will(lasting("bob"), 5)).hang_up();
  node.wait(4s);
  player bob = node.enter(lasting("bob"));
  BOOST_TEST(bob.received() == "CONNACK present\n");
  node.wait(10s);
  BOOST_TEST(witness.received() == "");
}

BOOST_AUTO_TEST_CASE(delayed_will_is_published_at_once_by_a_clean_start) {  // [MQTT5-3.1.2-8]
  stage node;
  player witness = witness_of_wills(node);
  node.online(with_will(lasting("bob"), 5)).hang_up();
  BOOST_TEST(witness.received() == "");
  player bob = node.online(clean(lasting("bob")));
  BOOST_TEST(witness.received() == the_will);
}

BOOST_AUTO_TEST_CASE(will_without_delay_is_published_at_take_over) {  // [MQTT5-3.1.2-8]
  stage node;
  player witness = witness_of_wills(node);
  player old_bob = node.online(with_will(lasting("bob")));
  player bob = node.online(with_will(lasting("bob")));
  BOOST_TEST(witness.received() == the_will);
}

// -- keep alive ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(silent_client_is_cut_off_after_one_and_a_half_keep_alives) {
  // [MQTT5-3.1.2-22]
  stage node;
  player witness = witness_of_wills(node);
  connect request = with_will(passing("bob"));
  request.keep_alive = 2;
  player bob = node.online(request);
  node.wait(2900ms);
  BOOST_TEST(!bob.cut_off());
  node.wait(100ms);
  BOOST_TEST(bob.received().starts_with("DISCONNECT 8d"));
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(witness.received() == the_will);
}

BOOST_AUTO_TEST_CASE(any_packet_keeps_the_client_alive) {
  stage node;
  connect request = passing("bob");
  request.keep_alive = 2;
  player bob = node.online(request);
  for (int i = 0; i != 5; ++i) {
    node.wait(2900ms);
    if (i % 2 == 0)
      bob.send(pingreq{});
    else
      bob.publish("t", "m");
    BOOST_TEST(bob.received() == (i % 2 == 0 ? "PINGRESP\n" : ""));
  }
  node.wait(3s);
  BOOST_TEST(bob.cut_off());
}

BOOST_AUTO_TEST_CASE(keep_alive_of_0_is_none) {
  stage node;
  player bob = node.online(passing("bob"));
  node.wait(1h);
  BOOST_TEST(!bob.cut_off());
}

// -- stale messages -------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(event_of_an_old_connection_does_not_touch_the_new_one) {
  stage node;
  player old_bob = node.online(lasting("bob"));
  const io_ready stale{.watch = old_bob.line().watch, .readable = true, .hung_up = true};
  player bob = node.online(lasting("bob"));
  bob.line().to_broker = as_text(encode_any(pingreq{}, protocol_version::v5).view());
  caf::anon_send(bob.session(), stale);
  BOOST_TEST(bob.received() == "");
  bob.line().report({.readable = true});
  BOOST_TEST(bob.received() == "PINGRESP\n");
}

BOOST_AUTO_TEST_CASE(delivery_for_a_session_that_a_clean_start_ended_is_dropped) {
  stage node;
  const shard_handle shard = node.node().shards[0];
  player ann = node.online(passing("ann"));
  player old_bob = node.online(lasting("bob"));
  old_bob.subscribed("t");
  const session_handle session = old_bob.session();
  node.hold(shard);
  ann.publish("t", "m", qos::at_least_once, 1);
  player bob = node.online(clean(lasting("bob")));
  node.let_go(shard);
  BOOST_TEST(bob.received() == "");
  BOOST_TEST(node.handled<deliver>(session) == 1U);
}

BOOST_AUTO_TEST_CASE(accepted_of_a_session_that_a_clean_start_ended_is_dropped) {
  stage node(flushing_every_message());
  const shard_handle shard = node.node().shards[0];
  player old_bob = node.online(lasting("bob"));
  node.hold(shard);
  old_bob.publish("t", "old", qos::exactly_once, 1);
  node.run();
  player bob = node.online(clean(lasting("bob")));
  bob.publish("t", "new", qos::exactly_once, 1);
  node.run();
  node.step_of(shard);  // the old message is accepted
  BOOST_TEST(bob.received() == "");
  node.let_go(shard);
  BOOST_TEST(bob.received() == "PUBREC 1\n");
}

BOOST_AUTO_TEST_CASE(accepted_of_a_session_that_ended_with_its_connection_is_dropped) {
  stage node(flushing_every_message());
  const shard_handle shard = node.node().shards[0];
  player old_bob = node.online(passing("bob"));
  const directory_handle directory = node.node().directories[0];
  node.hold(shard);
  node.hold(directory);
  player bob = node.enter(passing("bob"));
  node.run();  // `claim` is with the directory, so that the session will live on
  old_bob.publish("t", "old", qos::exactly_once, 1);
  old_bob.disconnect();  // in the same read
  node.run();
  node.let_go(directory);
  BOOST_TEST(bob.received() == "CONNACK\n");
  bob.publish("t", "new", qos::exactly_once, 1);
  node.run();
  node.step_of(shard);  // the old message is accepted
  BOOST_TEST(bob.received() == "");
  node.let_go(shard);
  BOOST_TEST(bob.received() == "PUBREC 1\n");
}

BOOST_AUTO_TEST_CASE(suback_of_an_earlier_connection_does_not_go_to_the_new_one) {
  for (const bool clean_start : {false, true}) {
    stage node;
    const shard_handle shard = node.node().shards[0];
    player old_bob = node.online(lasting("bob"));
    node.hold(shard);
    old_bob.subscribe("t");
    node.run();
    player bob = node.online(clean_start ? clean(lasting("bob")) : lasting("bob"));
    node.let_go(shard);
    BOOST_TEST(bob.received() == "");
    bob.subscribe("t", qos::at_most_once, 1);
    BOOST_TEST(bob.received() == "SUBACK 1 00\n");
  }
}

BOOST_AUTO_TEST_CASE(retained_messages_read_for_an_earlier_connection_are_read_anew) {
  stage node;
  const shard_handle shard = node.node().shards[0];
  player ann = node.online(passing("ann"));
  ann.publish("t", "m", qos::at_most_once, 0, true);
  player old_bob = node.online(lasting("bob"));
  node.hold(shard);
  node.run();
  node.step_of(shard);
  old_bob.subscribe("t");
  while (old_bob.received().empty())
    node.step_of(shard);  // until the SUBACK; now the session asks for retained messages
  player bob = node.online(lasting("bob"));
  node.let_go(shard);
  BOOST_TEST(bob.received() == "PUBLISH t m retain\n");
}

BOOST_AUTO_TEST_CASE(qos2_message_of_a_connection_taken_over_is_acknowledged_to_the_new_one) {
  stage node;
  const shard_handle shard = node.node().shards[0];
  player old_bob = node.online(lasting("bob"));
  node.hold(shard);
  old_bob.publish("t", "m", qos::exactly_once, 1);
  old_bob.publish("t", "m", qos::at_least_once, 2);
  node.run();
  player bob = node.online(lasting("bob"));
  node.let_go(shard);
  BOOST_TEST(bob.received() == "PUBREC 1\n");  // the QoS 1 message is to be sent again
  bob.publish("t", "m", qos::at_least_once, 2);
  bob.respond(packet_type::pubrel, 1);
  BOOST_TEST(bob.received() == "PUBCOMP 1\nPUBACK 2\n");
}

// -- the directory ----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(session_that_wants_to_end_lives_on_with_a_client_on_its_way_to_it) {
  stage node;
  const directory_handle directory = node.node().directories[0];
  player old_bob = node.online(passing("bob"));
  const session_handle session = old_bob.session();
  node.hold(directory);
  player bob = node.enter(passing("bob"));
  node.run();  // `claim` is with the directory
  old_bob.hang_up();
  node.run();  // and `retire` behind it
  node.let_go(directory);
  BOOST_TEST(bob.received() == "CONNACK\n");
  BOOST_TEST((bob.session() == session));
  BOOST_TEST(node.handled<retired>(session) == 0U);
  BOOST_TEST(node.sessions() == 1U);
}

BOOST_AUTO_TEST_CASE(client_behind_an_ended_session_gets_one_of_its_own) {
  stage node;
  const directory_handle directory = node.node().directories[0];
  player old_bob = node.online(passing("bob"));
  const session_handle session = old_bob.session();
  node.hold(directory);
  old_bob.hang_up();
  node.run();
  player bob = node.enter(passing("bob"));
  node.run();
  node.let_go(directory);
  BOOST_TEST(bob.received() == "CONNACK\n");
  BOOST_TEST((bob.session() != session));
  BOOST_TEST(node.handled<retired>(session) == 1U);
  BOOST_TEST(node.sessions() == 1U);
}

BOOST_AUTO_TEST_CASE(expiry_that_meets_a_returning_client_ends_the_session_or_resumes_it) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 50; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      stage node;
      node.shuffle(seed + round);
      node.online(lasting("bob", 1)).hang_up();
      node.wait(900ms);
      player bob = node.enter(lasting("bob", 1));
      for (std::uint64_t steps = (seed + round) % 7; steps != 0; --steps)
        node.step();
      node.wait(100ms);
      BOOST_TEST(bob.received().starts_with("CONNACK"));
      BOOST_TEST(node.sessions() == 1U);
      bob.subscribed("t");
      bob.publish("t", "m");
      BOOST_TEST(bob.received() == "PUBLISH t m\n");
    }
  }
}

BOOST_AUTO_TEST_CASE(of_clients_with_one_identifier_just_one_stays_however_they_race) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 200; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      std::mt19937_64 random(seed + round);
      stage node({}, 2);
      node.shuffle(seed + round);
      std::vector<player> clients;
      std::set<std::size_t> leavers;
      const bool some_leave = random() % 2 == 0;
      for (std::size_t i = 0; i != 6; ++i) {
        connect request = random() % 2 == 0 ? lasting("bob") : passing("bob");
        request.clean_start = random() % 2 == 0;
        clients.push_back(node.enter(request));
        clients.back().subscribe("t/+");
        for (std::uint64_t steps = random() % 40; steps != 0; --steps)
          node.step();
        if (!some_leave || random() % 2 == 0) continue;
        const auto who = static_cast<std::size_t>(random() % clients.size());
        leavers.insert(who);
        if (random() % 2 == 0)
          clients[who].hang_up();
        else
          clients[who].disconnect();
      }
      node.run();
      std::size_t staying = 0;
      for (std::size_t i = 0; i != clients.size(); ++i)
        if (!clients[i].cut_off()) {
          ++staying;
          BOOST_TEST(clients[i].received().ends_with("\nSUBACK 1 02\n"));
        }
      BOOST_TEST(staying <= 1U);
      if (leavers.empty()) BOOST_TEST(staying == 1U);
      BOOST_TEST(node.online_clients() == staying);
      BOOST_TEST(node.sessions() <= 1U);

      player last = node.enter(clean(passing("bob")));
      BOOST_TEST(last.received() == "CONNACK\n");
      last.subscribed("t/#");
      last.publish("t/1", "m");
      BOOST_TEST(last.received() == "PUBLISH t/1 m\n");
    }
  }
}

BOOST_AUTO_TEST_CASE(client_beyond_the_limit_of_sessions_is_refused) {
  config settings;
  settings.limits.max_sessions = 2;
  stage node(settings);
  std::vector<player> all;
  for (const std::string_view id : {"a", "b", "c"})
    all.push_back(node.online(lasting(id)));
  player late = node.enter(lasting("d"));
  BOOST_TEST(late.received().starts_with("CONNACK 97"));
  BOOST_TEST(late.cut_off());
  BOOST_TEST(node.online(lasting("a")).received() == "");
}

BOOST_AUTO_TEST_SUITE_END()
