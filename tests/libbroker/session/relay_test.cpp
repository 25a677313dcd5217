// What the end of a session on another node has for the client, and what of it the client still
// wants.

#include "tests/libbroker/session/durable_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// The client has come to this node with its subscriptions to "t" and "$share/g/s", and the first
/// end of its session is read.
struct moved : scene {
  explicit moved(const connect& request = request_v5(), const config& with = {})
      : scene(with), version(request.version) {
    online(request);
    machine.adopt({.expiry = 1000,
                   .subscriptions = {{.filter = "t", .options = {.qos = qos2}},
                                     {.filter = "$share/g/s", .options = {.qos = qos2}}},
                   .in_flight = {7},
                   .ends = {first}},
                  second, effects);
    collect();
    answer();
    disk.take(*this);
    if (machine.is_durable()) machine.cut({}, effects);
    collect();
    disk.take(*this);
    read_next_end();
  }

  void read_next_end() {
    machine.want_relay();
    collect();
    BOOST_TEST_REQUIRE(machine.has_relay());
  }
  /// Returns what the end is told.
  std::string relay(const any_packet& packet) {
    machine.relay(encode_any(packet, version).view(), now, effects);
    return told();
  }
  std::string acknowledge(packet_type type, packet_id id) {
    machine.receive(encode_any(typed_response{type, {.id = id}}, version).view(), now, effects);
    return told();
  }
  std::string told() {
    std::string text;
    std::string_view rest = as_text(effects.relayed.view());
    while (!rest.empty()) {
      const auto scanned = scan_frame(as_bytes(rest), 0);
      text += describe(decode_any(scanned->packet, version, role::server)) + "\n";
      rest.remove_prefix(scanned->size);
    }
    collect();
    return text;
  }
  std::string text_of(packet_type type, packet_id id) {
    return describe(any_packet(typed_response{type, {.id = id}})) + "\n";
  }
  void unsubscribed(std::string_view filter) {
    unsubscribe(filter);
    answer();
    BOOST_TEST(received() == "UNSUBACK 1 00\n");
  }

  void consumed(const session_end& which) {
    machine.end_consumed(which, now, effects);
    collect();
  }

  static inline const session_end first{"one", 8};
  static inline const session_end second{"two", 9};
  const protocol_version version;
  kept disk;
};

publish message(std::string_view topic, qos level, packet_id id, bool dup = false) {
  publish packet;
  packet.dup = dup;
  packet.topic = topic;
  packet.payload = as_bytes(std::string_view("m"));
  packet.qos = level;
  packet.id = id;
  return packet;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_relay)

BOOST_AUTO_TEST_CASE(client_gets_what_the_end_has) {
  moved s;
  BOOST_TEST(s.relay(message("t", qos1, 1)) == "");
  BOOST_TEST(s.relay(message("s", qos2, 2)) == "");
  BOOST_TEST(s.received() == "PUBLISH t m q1 id=1\nPUBLISH s m q2 id=2\n");
  BOOST_TEST(s.acknowledge(packet_type::puback, 1) == s.text_of(packet_type::puback, 1));
  BOOST_TEST(s.acknowledge(packet_type::pubrec, 2) == s.text_of(packet_type::pubrec, 2));
}

BOOST_AUTO_TEST_CASE(nothing_that_was_not_begun_comes_once_the_client_has_unsubscribed) {
  moved s;  // [MQTT5-3.10.4-2], [MQTT311-3.10.4-2]
  s.unsubscribed("t");
  BOOST_TEST(s.relay(message("t", qos1, 1)) == s.text_of(packet_type::puback, 1));
  BOOST_TEST(s.relay(message("t", qos2, 2)) == s.text_of(packet_type::pubrec, 2));
  // The end has not heard it, and sends again over the next relay.
  s.machine.end_relay(s.now, s.effects);
  s.read_next_end();
  s.subscribed("t", {.qos = qos2});
  BOOST_TEST(s.relay(message("t", qos2, 2, true)) == s.text_of(packet_type::pubrec, 2));
  const any_packet release = typed_response{packet_type::pubrel, {.id = 2}};
  BOOST_TEST(s.relay(release) == s.text_of(packet_type::pubcomp, 2));
  BOOST_TEST(s.received() == "");

  s.relay(message("s", qos2, 2));
  BOOST_TEST(s.received() == "PUBLISH s m q2 id=2\n");
  s.unsubscribed("$share/g/s");
  BOOST_TEST(s.relay(message("s", qos1, 3)) == s.text_of(packet_type::puback, 3));
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_CASE(so_it_is_with_3_1_1) {
  moved s(scene::request_v3());
  s.unsubscribe("t");
  s.answer();
  BOOST_TEST(s.received() == "UNSUBACK 1\n");
  BOOST_TEST(s.relay(message("t", qos2, 2)) == s.text_of(packet_type::pubrec, 2));
  const any_packet release = typed_response{packet_type::pubrel, {.id = 2}};
  BOOST_TEST(s.relay(release) == s.text_of(packet_type::pubcomp, 2));
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_CASE(what_was_declined_is_of_one_end) {
  moved s;
  s.unsubscribed("t");
  s.relay(message("t", qos2, 2));
  s.machine.end_consumed(moved::first, s.now, s.effects);  // it has lost it
  s.collect();
  s.read_next_end();
  BOOST_TEST(s.relay(message("s", qos2, 2)) == "");
  BOOST_TEST(s.received() == "PUBLISH s m q2 id=2\n");
}

BOOST_AUTO_TEST_CASE(identifiers_of_what_was_declined_are_taken) {
  moved s;
  s.unsubscribed("t");
  s.relay(message("t", qos2, 1));
  s.machine.end_relay(s.now, s.effects);
  s.collect();
  s.deliver({.topic = "s", .qos = qos2});
  BOOST_TEST(s.received() == "PUBLISH s m q2 id=2\n");
}

BOOST_AUTO_TEST_CASE(what_may_be_begun_is_completed) {  // by a life of this node that has crashed
  moved s;
  s.unsubscribed("t");
  BOOST_TEST(s.relay(message("t", qos2, 2, true)) == "");
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2 dup\n");
  BOOST_TEST(s.relay(typed_response{packet_type::pubrel, {.id = 2}}) == "");
  BOOST_TEST(s.received() == "PUBREL 2\n");
}

BOOST_AUTO_TEST_CASE(what_was_begun_is_completed) {  // [MQTT5-3.10.4-3], [MQTT311-3.10.4-3]
  moved s;
  s.relay(message("t", qos2, 2));
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2\n");
  s.unsubscribed("t");
  s.relay(message("t", qos1, 7));  // begun at the node that the client came from
  BOOST_TEST(s.received() == "PUBLISH t m q1 id=7\n");
  BOOST_TEST(s.acknowledge(packet_type::pubrec, 2) == s.text_of(packet_type::pubrec, 2));
  BOOST_TEST(s.relay(typed_response{packet_type::pubrel, {.id = 2}}) == "");
  BOOST_TEST(s.received() == "PUBREL 2\n");
}

BOOST_AUTO_TEST_CASE(identifiers_are_on_the_disk_before_the_client_has_them) {
  moved s(scene::request_v5(), with_data_dir());
  s.relay(message("t", qos1, 1));
  BOOST_TEST(s.received() == "PUBLISH t m q1 id=1\n");
  s.relay(message("t", qos2, 2));
  s.relay(message("t", qos1, 3));
  s.relay(message("t", qos2, 7));  // it is known of the move
  BOOST_TEST(s.received() == "");
  s.write(false);
  BOOST_TEST(s.received() == "");
  s.wait(std::chrono::seconds(2));
  s.disk.take(s);
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2\nPUBLISH t m q1 id=3\nPUBLISH t m q2 id=7\n");

  // Killed, and before the end can be reached.
  after_restart next(s.disk);
  next.online();
  next.machine.end_relay(next.now, next.effects);
  next.collect();
  next.deliver({.topic = "t", .qos = qos2});
  s.disk.take(next);
  BOOST_TEST(next.received() == "PUBLISH t m q2 id=4\n");
}

BOOST_AUTO_TEST_CASE(held_packets_go_with_the_connection) {
  moved s(scene::request_v5(), with_data_dir());
  s.relay(message("t", qos2, 2));
  s.lose();
  s.disk.take(s);
  s.online();
  s.read_next_end();
  BOOST_TEST(s.received() == "");
  s.relay(message("t", qos2, 2, true));
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2 dup\n");
}

BOOST_AUTO_TEST_CASE(exchanges_of_an_end_that_is_gone_are_completed) {
  connect request = scene::request_v5();
  request.receive_maximum = 3;
  moved s(request);
  s.relay(message("t", qos2, 1));
  s.relay(message("t", qos2, 2));
  s.relay(message("t", qos1, 3));
  s.acknowledge(packet_type::pubrec, 1);
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=1\nPUBLISH t m q2 id=2\nPUBLISH t m q1 id=3\n");
  s.consumed(moved::first);
  BOOST_TEST(s.received() == "PUBREL 1\n");
  s.machine.want_relay();
  s.collect();
  BOOST_TEST(!s.machine.has_relay());  // the identifiers are in use
  BOOST_TEST(s.acknowledge(packet_type::pubrec, 2) == "");
  BOOST_TEST(s.received() == "PUBREL 2\n");
  BOOST_TEST(s.acknowledge(packet_type::pubcomp, 1) == "");
  BOOST_TEST(s.acknowledge(packet_type::puback, 3) == "");
  BOOST_TEST(!s.machine.has_relay());
  BOOST_TEST(s.acknowledge(packet_type::pubcomp, 2) == "");
  BOOST_TEST(s.machine.has_relay());
  s.relay(message("t", qos2, 2));
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2\n");
}

BOOST_AUTO_TEST_CASE(exchanges_of_the_last_end_are_completed_over_the_next_connection) {
  moved s;
  s.consumed(moved::first);
  s.read_next_end();
  s.relay(message("t", qos2, 2));
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2\n");
  s.lose();
  s.consumed(moved::second);
  s.attach();
  BOOST_TEST(
      s.received().ends_with("\nPUBREL 2\nPUBREL 7\n"));  // 7 is of the node that it came from
  s.deliver({.topic = "t", .qos = qos2});
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=1\n");
  s.acknowledge(packet_type::pubcomp, 2);
  s.deliver({.topic = "t", .qos = qos2});
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=2\n");
}

BOOST_AUTO_TEST_CASE(an_earlier_end_that_has_something_again_comes_behind_the_one_that_is_read) {
  moved s;
  s.machine.end_relay(s.now, s.effects);
  s.machine.end_waits(moved::first, true, s.now, s.effects);
  s.collect();
  s.read_next_end();
  s.machine.end_waits(moved::first, false, s.now, s.effects);
  s.collect();
  BOOST_TEST((*s.machine.next_end() == moved::first));
  BOOST_TEST((*s.machine.end_in_turn() == moved::second));
  s.relay(message("t", qos1, 1));
  s.acknowledge(packet_type::puback, 1);
  s.consumed(moved::second);
  BOOST_TEST(!s.machine.has_relay());
  s.read_next_end();
  s.consumed(moved::first);
  s.deliver({.topic = "t", .qos = qos1});
  BOOST_TEST(s.received() == "PUBLISH t m q1 id=1\nPUBREL 7\nPUBLISH t m q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(a_relay_waits_for_what_was_sent_at_qos_1) {
  moved s;  // the end's node may have crashed, and not know for what its identifiers stood
  s.relay(message("t", qos1, 1));
  s.machine.end_relay(s.now, s.effects);
  s.machine.want_relay();
  s.collect();
  BOOST_TEST(!s.machine.has_relay());
  BOOST_TEST(s.acknowledge(packet_type::puback, 1) == "");
  BOOST_TEST(s.machine.has_relay());
}

BOOST_AUTO_TEST_CASE(an_end_uses_no_identifier_that_the_client_has_of_others) {
  moved s;
  s.relay(message("t", qos2, 2));
  const auto taken = s.machine.terms().taken;
  BOOST_TEST((taken == std::vector<packet_id>{2, 7}));

  scene end;
  end.online();
  end.subscribed("t", {.qos = qos2});
  end.deliver({.topic = "t", .qos = qos2});  // 1 is its own
  end.lose();
  end.machine.hand_over(5, {}, end.now, end.effects);
  end.collect();
  end.machine.avoid({1, 2, 7});
  end.attach();
  for (int i = 0; i != 2; ++i)
    end.deliver({.topic = "t", .qos = qos2});
  BOOST_TEST(end.received().ends_with(
      "PUBLISH t m q2 id=1 dup\nPUBLISH t m q2 id=3\nPUBLISH t m q2 id=4\n"));
}

BOOST_AUTO_TEST_CASE(nothing_of_its_own_is_sent_before_it_is_known_what_is_an_ends) {
  scene s(with_data_dir());
  kept disk;
  s.online();
  s.machine.adopt({.expiry = 1000, .subscriptions = {{.filter = "t", .options = {.qos = qos2}}}},
                  moved::first, s.effects);
  s.collect();
  s.answer();
  s.deliver({.topic = "t", .qos = qos2});
  disk.take(s);
  s.machine.cut({}, s.effects);
  s.collect();
  BOOST_TEST(s.received() == "");
  disk.take(s);
  disk.take(s);
  BOOST_TEST(s.received() == "PUBLISH t m q2 id=1\n");
}

BOOST_AUTO_TEST_CASE(ends_that_wait_are_not_waited_for) {
  moved s;
  s.machine.end_waits(moved::first, true, s.now, s.effects);
  s.machine.end_waits(moved::second, true, s.now, s.effects);
  s.collect();
  s.lose();
  s.deliver({.topic = "t", .qos = qos1});
  s.attach();
  BOOST_TEST(s.received().ends_with("\nPUBLISH t m q1 id=1\n"));
}

BOOST_AUTO_TEST_CASE(an_end_outlives_a_relay_to_a_session_that_does_not) {
  scene s(with_data_dir());
  s.online();
  s.lose();
  s.machine.hand_over(5, {}, s.now, s.effects);
  s.collect();
  connect terms = scene::request_v5();
  terms.session_expiry_interval = 0;
  s.online(terms);
  s.machine.let_go(s.now, s.effects);
  s.collect();
  BOOST_TEST(!s.ended);
  BOOST_TEST(s.machine.exists());
}

BOOST_AUTO_TEST_CASE(an_end_has_more_also_where_the_log_was_empty) {
  scene s(with_data_dir());
  s.online();
  s.lose();
  const origin_cut near{.node = "near", .home = 2, .last = 0};
  const origin_cut far{.node = "far", .home = 3, .last = 10};
  s.machine.hand_over(5, {near, far}, s.now, s.effects);
  for (const origin_cut& each : {near, far}) {
    BOOST_TEST(!s.machine.has_more());
    s.machine.origins_asked();
    s.machine.origins_come({each}, s.now, s.effects);
    s.collect();
  }
  BOOST_TEST(s.machine.has_more());
}

BOOST_AUTO_TEST_CASE(what_is_not_accepted_is_not_taken_along) {
  scene s;
  s.online();
  s.publish({.qos = qos2, .id = 7});
  BOOST_TEST(s.machine.awaits_acceptance());
  const auto routed = s.blocks();
  s.lose();
  BOOST_TEST(s.machine.awaits_acceptance());
  s.accept(routed.front());
  BOOST_TEST(!s.machine.awaits_acceptance());
  BOOST_TEST((s.machine.describe_move().inbound_qos2 == std::vector<packet_id>{7}));
}

BOOST_AUTO_TEST_CASE(malformed_packets_of_the_end_do_not_get_to_the_client) {
  const std::string no_topic("\x32\x05\0\x03t/\xFF", 7);
  const std::string wildcard("\x32\x06\0\x01#\0\x01\0", 8);
  const std::string release("\x62\x01\0", 3);
  const std::string length("\x32\xFF\xFF\xFF\xFF", 5);
  for (const std::string& each : {no_topic, wildcard, release, length}) {
    moved s;
    s.machine.relay(as_bytes(each), s.now, s.effects);
    BOOST_TEST(!s.machine.has_relay());
    BOOST_TEST(s.told() == "");
    BOOST_TEST(s.received() == "");
  }
}

BOOST_AUTO_TEST_SUITE_END()
