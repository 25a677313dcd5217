// What the end of a session on another node has for the client, and what of it the client still
// wants.

#include "tests/libbroker/session/scene.hpp"

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
  explicit moved(const connect& request = request_v5()) : version(request.version) {
    online(request);
    machine.adopt({.expiry = 1000,
                   .subscriptions = {{.filter = "t", .options = {.qos = qos2}},
                                     {.filter = "$share/g/s", .options = {.qos = qos2}}},
                   .in_flight = {7},
                   .ends = {first}},
                  second, effects);
    collect();
    answer();
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

  static inline const session_end first{"one", 8};
  static inline const session_end second{"two", 9};
  const protocol_version version;
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
