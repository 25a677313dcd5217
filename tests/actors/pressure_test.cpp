// Who is too fast, too slow, too large or gone.

#include "tests/actors/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

std::size_t lines(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Room for about one message of 1000 bytes under way, and for a few waiting.
config tight() {
  config settings;
  settings.limits.publish_credit = 1000;
  settings.limits.publish_backlog = 4000;
  return settings;
}

const std::string kilobyte(1000, 'x');

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_pressure)

// -- publishers -----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(publisher_without_credit_has_its_routing_withheld_and_resumed) {
  stage node(tight());
  const shard_handle shard = node.node().shards[0];
  const auto& load = node.node().shard_load[0].bytes;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t", qos::at_most_once);
  const std::size_t routed = node.handled<route>(shard);
  node.hold(shard);
  for (packet_id id = 1; id != 4; ++id) {
    ann.publish("t", kilobyte, qos::at_least_once, id);
    node.run();
  }
  BOOST_TEST(load < 1500U);
  BOOST_TEST(node.node().counts.total().publishes_held == 2U);
  ann.send(pingreq{});  // is still read
  BOOST_TEST(ann.received() == "PINGRESP\n");
  node.let_go(shard);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2\nPUBACK 3\n");
  BOOST_TEST(lines(bob.received()) == 3U);
  BOOST_TEST(node.handled<route>(shard) == routed + 3);
  BOOST_TEST(load == 0U);
}

BOOST_AUTO_TEST_CASE(publisher_is_not_read_beyond_its_backlog) {
  stage node(tight());
  const shard_handle shard = node.node().shards[0];
  player ann = node.online(passing("ann"));
  node.hold(shard);
  packet_id id = 0;
  while (ann.line().to_broker.empty() && id != 100) {
    ann.publish("t", kilobyte, qos::at_least_once, ++id);
    node.run();
  }
  BOOST_TEST(id > 4U);
  BOOST_TEST(id < 10U);
  ann.send(pingreq{});
  BOOST_TEST(ann.received() == "");
  node.let_go(shard);
  const std::string answers = ann.received();
  BOOST_TEST(lines(answers) == id + 1U);
  BOOST_TEST(answers.find("PINGRESP\n") != answers.npos);
}

BOOST_AUTO_TEST_CASE(order_holds_across_withheld_publishes_and_subscriptions) {
  stage node(tight(), 2);
  player ann = node.online(passing("ann"));
  for (const shard_handle& each : node.node().shards)
    node.hold(each);
  ann.publish("t", kilobyte);
  node.run();
  ann.publish("t", "before");
  node.run();
  ann.subscribe("t");
  ann.publish("t", "between");
  ann.send(unsubscribe{.id = 2, .filters = {"t"}});
  ann.publish("t", "after");
  node.run();
  for (const shard_handle& each : node.node().shards)
    node.let_go(each);
  BOOST_TEST(ann.received() == "SUBACK 1 02\nPUBLISH t between\nUNSUBACK 2 00\n");
}

BOOST_AUTO_TEST_CASE(large_publish_passes_when_nothing_else_is_under_way) {
  stage node(tight());
  player ann = node.online(passing("ann"));
  ann.publish("t", std::string(100'000, 'x'), qos::at_least_once, 1);
  ann.publish("t", std::string(100'000, 'x'), qos::at_least_once, 2);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2\n");
}

BOOST_AUTO_TEST_CASE(shard_without_credit_withholds_everybodys_routing_but_lets_nobody_starve) {
  config settings;
  settings.limits.shard_credit = 1000;
  stage node(settings);
  const shard_handle shard = node.node().shards[0];
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  node.hold(shard);
  for (packet_id id = 1; id != 4; ++id)
    for (player* each : {&ann, &bob}) {
      each->publish("t", kilobyte, qos::at_least_once, id);
      node.run();
    }
  BOOST_TEST(node.node().shard_load[0].bytes < 2000U);
  BOOST_TEST(node.node().counts.total().publishes_held == 5U);
  node.let_go(shard);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2\nPUBACK 3\n");
  BOOST_TEST(bob.received() == "PUBACK 1\nPUBACK 2\nPUBACK 3\n");
}

BOOST_AUTO_TEST_CASE(keep_alive_stands_still_while_the_broker_does_not_read) {
  stage node(tight());
  const shard_handle shard = node.node().shards[0];
  connect request = passing("ann");
  request.keep_alive = 2;
  player ann = node.online(request);
  node.hold(shard);
  for (packet_id id = 1; id != 10; ++id) {
    ann.publish("t", kilobyte, qos::at_least_once, id);
    node.run();
  }
  node.wait(60s);
  BOOST_TEST(!ann.cut_off());
  node.let_go(shard);
  BOOST_TEST(lines(ann.received()) == 9U);
  node.wait(4s);
  BOOST_TEST(ann.cut_off());
}

BOOST_AUTO_TEST_CASE(what_clients_leave_behind_waits_for_credit_and_is_bounded) {
  config settings = tight();
  settings.limits.shard_credit = 10'000;
  stage node(settings);
  const shard_handle shard = node.node().shards[0];
  node.hold(shard);
  for (int i = 0; i != 20; ++i) {
    player ann = node.online(passing("ann" + std::to_string(i)));
    for (int n = 0; n != 3; ++n) {
      ann.publish("t", kilobyte);
      node.run();
    }
    ann.disconnect();
    node.run();
    BOOST_TEST(ann.cut_off());
  }
  BOOST_TEST(node.node().left_behind <= 10'000U);
  BOOST_TEST(node.node().counts.total().publishes_dropped != 0U);
  BOOST_TEST(node.sessions() != 0U);  // they stay until it is all routed
  node.let_go(shard);
  node.run();
  BOOST_TEST(node.node().left_behind == 0U);
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(qos2_message_that_was_left_behind_and_dropped_may_be_sent_again) {
  // Its packet identifier stayed taken: the client waited for a PUBREC for ever.
  config settings = tight();
  settings.limits.shard_credit = 1;
  stage node(settings);
  const shard_handle shard = node.node().shards[0];
  player bob = node.online(passing("bob"));
  bob.subscribed("#");
  connect request = lasting("ann");
  request.will = will{.topic = "will", .payload = as_bytes("gone")};
  player ann = node.online(request);
  node.hold(shard);
  for (packet_id id = 1; id != 4; ++id) {
    ann.publish("t", kilobyte, qos::exactly_once, id);
    node.run();
  }
  ann.hang_up();
  node.run();
  BOOST_TEST(node.node().counts.total().publishes_dropped == 2U);
  node.let_go(shard);
  BOOST_TEST(bob.received() == "PUBLISH t " + kilobyte + " q2 id=1\nPUBLISH will gone\n");
  ann = node.online(lasting("ann"));
  ann.publish("t", "again", qos::exactly_once, 3);
  BOOST_TEST(ann.received() == "PUBREC 3\n");
  BOOST_TEST(bob.received() == "PUBLISH t again q2 id=2\n");
}

BOOST_AUTO_TEST_CASE(client_that_takes_nothing_of_what_it_asks_for_is_closed_in_time) {
  config settings;
  settings.limits.output_buffer = 500;
  stage node(settings);
  connect request = passing("bob");
  request.keep_alive = 2;
  player bob = node.online(request);
  bob.take(0);
  for (int i = 0; i != 400; ++i) {
    bob.send(pingreq{});
    node.run();
  }
  for (int i = 0; i != 10 && !bob.cut_off(); ++i) {
    bob.send(pingreq{});
    node.wait(1s);
  }
  BOOST_TEST(bob.cut_off());
}

BOOST_AUTO_TEST_CASE(withheld_publishes_survive_the_connection) {
  for (const bool lasts : {false, true}) {
    stage node(tight());
    player bob = node.online(passing("bob"));
    bob.subscribed("#", qos::at_most_once);
    connect request = lasts ? lasting("ann") : passing("ann");
    request.will = will{.topic = "will", .payload = as_bytes("gone")};
    player ann = node.online(request);
    node.hold(node.node().shards[0]);
    for (const std::string_view topic : {"a", "b", "c"}) {
      ann.publish(topic, kilobyte);
      node.run();
    }
    ann.hang_up();
    BOOST_TEST(ann.cut_off());
    node.let_go(node.node().shards[0]);
    BOOST_TEST(bob.received() == "PUBLISH a " + kilobyte + "\nPUBLISH b " + kilobyte +
                                     "\nPUBLISH c " + kilobyte + "\nPUBLISH will gone\n");
  }
}

BOOST_AUTO_TEST_CASE(member_that_left_behind_its_withheld_subscription_counts_as_offline) {
  stage node(tight());
  const shard_handle shard = node.node().shards[0];
  player bob = node.online(passing("bob"));
  bob.subscribed("$share/g/t");
  player ann = node.online(lasting("ann"));
  node.hold(shard);
  ann.publish("x", kilobyte);
  node.run();
  ann.publish("x", kilobyte);  // waits for credit, and so does what follows
  ann.subscribe("$share/g/t");
  node.run();
  ann.hang_up();
  node.run();
  node.let_go(shard);
  node.run();
  for (packet_id id = 1; id != 5; ++id)
    bob.publish("t", std::to_string(id));
  BOOST_TEST(bob.received() == "PUBLISH t 1\nPUBLISH t 2\nPUBLISH t 3\nPUBLISH t 4\n");
}

// -- subscribers ------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(slow_client_gets_everything_in_pieces) {
  stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  bob.take(0);
  std::string expected;
  for (packet_id id = 1; id != 50; ++id) {
    ann.publish("t", kilobyte + std::to_string(id), qos::at_least_once, id);
    expected +=
        "PUBLISH t " + kilobyte + std::to_string(id) + " q1 id=" + std::to_string(id) + '\n';
  }
  std::string all = bob.received();
  BOOST_TEST(all == "");
  for (int i = 0; i != 100; ++i) {
    bob.take(777);
    all += bob.received();
  }
  BOOST_TEST(all == expected);
}

BOOST_AUTO_TEST_CASE(client_that_takes_nothing_is_not_written_to_in_vain) {
  stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  bob.take(0);
  ann.publish("t", "m");
  node.run();
  const std::size_t writes = bob.line().writes;
  for (int i = 0; i != 20; ++i) {
    ann.publish("t", "m");
    node.run();
  }
  BOOST_TEST(bob.line().writes == writes);
}

BOOST_AUTO_TEST_CASE(qos0_for_a_slow_client_is_dropped_beyond_its_output_buffer) {
  config settings;
  settings.limits.output_buffer = 5000;
  stage node(settings);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t", qos::at_most_once);
  bob.take(0);
  for (int i = 0; i != 20; ++i) {
    ann.publish("t", kilobyte);
    node.run();
  }
  BOOST_TEST(node.node().counts.total().traffic.dropped_output_full == 16U);
  bob.take(1'000'000);
  BOOST_TEST(lines(bob.received()) == 4U);
  ann.publish("t", "m");
  BOOST_TEST(bob.received() == "PUBLISH t m\n");
}

BOOST_AUTO_TEST_CASE(qos1_for_a_slow_client_waits_beyond_its_output_buffer) {
  config settings;
  settings.limits.output_buffer = 5000;
  stage node(settings);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t", qos::at_least_once);
  bob.take(0);
  for (packet_id id = 1; id != 21; ++id) {
    ann.publish("t", kilobyte, qos::at_least_once, id);
    node.run();
  }
  BOOST_TEST(lines(ann.received()) == 20U);
  bob.take(1'000'000);
  BOOST_TEST(lines(bob.received()) == 20U);
}

BOOST_AUTO_TEST_CASE(client_that_does_not_read_its_answers_is_not_read_either) {
  config settings;
  settings.limits.output_buffer = 100;
  stage node(settings);
  player bob = node.online(passing("bob"));
  bob.take(0);
  for (int i = 0; i != 200; ++i) {
    bob.send(pingreq{});
    node.run();
  }
  BOOST_TEST(!bob.line().to_broker.empty());
  bob.take(1'000'000);
  BOOST_TEST(lines(bob.received()) == 200U);
  BOOST_TEST(bob.line().to_broker.empty());
}

BOOST_AUTO_TEST_CASE(session_that_does_not_keep_up_loses_deliveries_and_others_do_not) {
  config settings;
  settings.limits.delivery_credit = 5000;
  stage node(settings);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  player eve = node.online(passing("eve"));
  bob.subscribed("t", qos::at_most_once);
  eve.subscribed("t", qos::at_most_once);
  const session_handle slow = bob.session();
  node.hold(slow);
  for (int i = 0; i != 20; ++i) {
    ann.publish("t", kilobyte);
    node.run();
  }
  BOOST_TEST(lines(eve.received()) == 20U);
  const auto dropped = node.node().counts.total().deliveries_dropped;
  BOOST_TEST(dropped > 10U);
  node.let_go(slow);
  BOOST_TEST(lines(bob.received()) == 20U - dropped);
  ann.publish("t", "m");
  BOOST_TEST(bob.received() == "PUBLISH t m\n");
  BOOST_TEST(
      node.ask<shard_description>(node.node().shards[0], describe_shard{})->deliveries_dropped ==
      dropped);
}

// -- packets larger than buffers ----------------------------------------------------------

BOOST_AUTO_TEST_CASE(packet_larger_than_the_read_buffer_arrives_whole) {
  config settings;
  settings.scheduler.read_buffer = 4096;
  stage node(settings);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t", qos::at_most_once);
  const std::string large(50'000, 'x');
  ann.publish("t", large, qos::at_least_once, 1);  // at once
  ann.publish("t", "small");
  BOOST_TEST(ann.received() == "PUBACK 1\n");
  BOOST_TEST(bob.received() == "PUBLISH t " + large + "\nPUBLISH t small\n");
  const std::string bytes(as_text(
      encode_any(publish{.topic = "t", .payload = as_bytes(large)}, protocol_version::v5).view()));
  for (std::size_t at = 0; at < bytes.size(); at += 1234) {  // in pieces
    ann.send_bytes(std::string_view(bytes).substr(at, 1234));
    node.run();
  }
  ann.publish("t", "small");
  BOOST_TEST(bob.received() == "PUBLISH t " + large + "\nPUBLISH t small\n");
}

BOOST_AUTO_TEST_CASE(busy_client_leaves_others_their_turn) {
  config settings;
  settings.scheduler.read_buffer = 4096;
  stage node(settings);
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  for (int i = 0; i != 100; ++i)
    ann.publish("t", kilobyte);
  const std::size_t events = node.handled<io_ready>(ann.session());
  node.run();
  // A buffer's worth at a time, each by a message of its own.
  BOOST_TEST(node.handled<io_ready>(ann.session()) - events >= 25U);
  BOOST_TEST(ann.line().to_broker.empty());
}

// -- connections that end -------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(everything_that_a_client_sent_before_it_hung_up_is_read) {
  config settings;
  settings.scheduler.read_buffer = 4096;
  stage node(settings);
  player ann = node.online(passing("ann"));
  ann.subscribed("#", qos::at_most_once);
  connect request = passing("bob");
  request.will = will{.topic = "will", .payload = as_bytes("gone")};
  player bob = node.online(request);
  for (int i = 0; i != 10; ++i)
    bob.publish("t", kilobyte);
  bob.disconnect();
  bob.hang_up();
  BOOST_TEST(lines(ann.received()) == 10U);  // and no will
  BOOST_TEST(bob.cut_off());
}

BOOST_AUTO_TEST_CASE(hang_up_that_arrives_with_the_last_bytes_is_noticed) {
  stage node;
  player bob = node.online(passing("bob"));
  bob.line().to_broker = as_text(encode_any(pingreq{}, protocol_version::v5).view());
  bob.hang_up();  // one event for both
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(broken_connection_ends_although_output_waits_for_it) {
  stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  bob.take(0);
  ann.publish("t", kilobyte);
  node.run();
  bob.reset();
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(node.sessions() == 1U);
}

BOOST_AUTO_TEST_CASE(broken_connection_ends_although_it_is_not_read) {
  config settings;
  settings.limits.output_buffer = 500;
  stage node(settings);
  player ann = node.online(passing("ann"));
  ann.subscribed("will");
  connect request = passing("bob");
  request.keep_alive = 2;
  request.will = will{.topic = "will", .payload = as_bytes("gone")};
  player bob = node.online(request);
  bob.subscribed("t");
  bob.take(0);
  ann.publish("t", kilobyte, qos::at_least_once, 1);  // more than the output buffer
  BOOST_TEST(ann.received() == "PUBACK 1\n");
  bob.send(pingreq{});
  node.run();
  bob.reset();
  node.wait(10s);
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(ann.received() == "PUBLISH will gone\n");
}

BOOST_AUTO_TEST_SUITE_END()
