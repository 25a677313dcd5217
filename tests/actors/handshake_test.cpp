// From accept to CONNACK, or to a refusal.

#include "tests/actors/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr protocol_version v3_1_1 = protocol_version::v3_1_1;

std::string wire(const any_packet& packet) {
  return std::string(as_text(encode_any(packet, protocol_version::v5).view()));
}

std::uint64_t failures(stage& node) { return node.node().counts.total().handshakes_failed; }

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_handshake)

BOOST_AUTO_TEST_CASE(silent_connection_is_closed_when_its_time_is_over) {
  stage node;
  player bob = node.dial();
  node.wait(node.node().settings.limits.connect_timeout - 100ms);
  BOOST_TEST(!bob.cut_off());
  BOOST_TEST(node.node().counts.handshakes == 1U);
  node.wait(100ms);
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(bob.received() == "");
  BOOST_TEST(node.node().counts.handshakes == 0U);
  BOOST_TEST(failures(node) == 1U);
}

BOOST_AUTO_TEST_CASE(client_that_sends_its_connect_too_slowly_is_closed) {
  stage node;
  player bob = node.dial();
  const std::string bytes = wire(lasting("bob"));
  for (std::size_t i = 0; i + 1 != bytes.size() && !bob.cut_off(); ++i) {
    bob.send_bytes(bytes.substr(i, 1));
    node.wait(1s);
  }
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(deadline_of_the_handshake_does_not_bind_the_session) {
  stage node;
  player bob = node.online(passing("bob"));
  node.wait(node.node().settings.limits.connect_timeout * 2);
  BOOST_TEST(!bob.cut_off());
}

BOOST_AUTO_TEST_CASE(connect_may_come_byte_by_byte) {
  stage node;
  player bob = node.dial();
  for (const char byte : wire(lasting("bob")) + wire(pingreq{})) {
    bob.send_bytes({&byte, 1});
    node.run();
  }
  BOOST_TEST(bob.received() == "CONNACK\nPINGRESP\n");
}

BOOST_AUTO_TEST_CASE(packets_behind_the_connect_are_not_lost) {
  stage node;
  player bob = node.dial();
  bob.connect(lasting("bob"));
  bob.subscribe("t");
  bob.publish("t", "m");
  // The handshake takes the first part of this, the session the second.
  bob.publish("t", std::string(2000, 'x'));
  bob.send(pingreq{});
  BOOST_TEST(bob.received() == "CONNACK\nPINGRESP\nSUBACK 1 02\nPUBLISH t m\nPUBLISH t " +
                                   std::string(2000, 'x') + "\n");
}

BOOST_AUTO_TEST_CASE(client_that_hangs_up_behind_its_packets_is_heard) {
  stage node;
  player ann = node.online(passing("ann"));
  ann.subscribed("t");
  player bob = node.enter(passing("bob"));
  bob.publish("t", "m");
  bob.hang_up();
  BOOST_TEST(ann.received() == "PUBLISH t m\n");
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(node.sessions() == 1U);
}

BOOST_AUTO_TEST_CASE(client_that_hangs_up_before_its_connect_is_forgotten) {
  stage node;
  player bob = node.dial();
  bob.send_bytes(wire(lasting("bob")).substr(0, 5));
  bob.hang_up();
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(node.node().counts.handshakes == 0U);
  BOOST_TEST(failures(node) == 1U);
}

BOOST_AUTO_TEST_CASE(first_packet_has_to_be_connect) {  // [MQTT5-3.1.0-1], [MQTT311-3.1.0-1]
  stage node;
  player bob = node.dial();
  bob.send(pingreq{});
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(malformed_connect_of_5_0_is_answered_with_the_reason) {  // [MQTT5-3.1.4-1]
  stage node;
  std::string bytes = wire(lasting("bob"));
  bytes[9] |= 1;  // the reserved connect flag [MQTT5-3.1.2-3]
  player bob = node.dial();
  bob.send_bytes(bytes);
  BOOST_TEST(bob.received().starts_with("CONNACK 81"));
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(failures(node) == 1U);
}

BOOST_AUTO_TEST_CASE(malformed_connect_of_3_1_1_is_closed_without_connack) {
  // [MQTT311-3.1.2-3], [MQTT311-3.1.4-1]
  stage node;
  std::string bytes = wire(connect{.version = v3_1_1, .client_id = "bob"});
  bytes[9] |= 1;
  player bob = node.dial();
  bob.send_bytes(bytes);
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(unknown_protocol_version_is_refused) {  // [MQTT5-3.1.2-2], [MQTT311-3.1.2-2]
  stage node;
  for (const protocol_version known : {protocol_version::v5, v3_1_1}) {
    std::string bytes = wire(connect{.version = known, .client_id = "bob"});
    bytes[8] = known == protocol_version::v5 ? 6 : 2;
    player bob = node.dial();
    bob.send_bytes(bytes);
    BOOST_TEST(bob.cut_off());
    BOOST_TEST(bob.line().to_client == "\x20\x02\x00\x01"s);
  }
}

BOOST_AUTO_TEST_CASE(connect_beyond_the_limit_is_refused_by_its_header) {
  config settings;
  settings.limits.max_connect_size = 1000;
  stage node(settings);
  player bob = node.dial();
  bob.send_bytes("\x10\xE9\x07");  // 1001 bytes follow
  BOOST_TEST(bob.cut_off());
  player ann = node.dial();
  const std::string long_id(900, 'a');
  ann.connect(lasting(long_id));
  BOOST_TEST(ann.received() == "CONNACK\n");
}

BOOST_AUTO_TEST_CASE(unknown_authentication_method_is_refused) {  // [MQTT5-4.12.0-1]
  stage node;
  connect request = lasting("bob");
  request.authentication_method = "SCRAM-SHA-1";
  player bob = node.enter(request);
  BOOST_TEST(bob.received().starts_with("CONNACK 8c"));
  BOOST_TEST(bob.cut_off());
}

BOOST_AUTO_TEST_CASE(listener_without_anonymous_clients_wants_credentials) {  // [MQTT5-3.1.4-2]
  stage node;
  connect named = lasting("bob");
  named.user_name = "bob";
  player stranger = node.dial(false);
  stranger.connect(lasting("stranger"));
  BOOST_TEST(stranger.received().starts_with("CONNACK 87"));
  BOOST_TEST(stranger.cut_off());
  player bob = node.dial(false);
  bob.connect(named);
  BOOST_TEST(bob.received().starts_with("CONNACK 86"));
  BOOST_TEST(bob.cut_off());
  player old = node.dial(false);
  old.connect({.version = v3_1_1, .client_id = "old"});
  BOOST_TEST(old.cut_off());
  BOOST_TEST(old.line().to_client == "\x20\x02\x00\x05"s);  // not authorized [MQTT311-3.2.2-5]
  BOOST_TEST(node.sessions() == 0U);
  BOOST_TEST(failures(node) == 3U);
}

BOOST_AUTO_TEST_CASE(refused_client_that_takes_no_answer_is_closed_all_the_same) {
  stage node;
  player bob = node.dial(false);
  bob.take(0);
  bob.connect(lasting("bob"));
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(bob.received() == "");
}

BOOST_AUTO_TEST_CASE(connection_is_closed_in_time_even_while_the_authenticator_thinks) {
  stage node;
  node.hold(node.node().authenticator);
  player bob = node.enter(lasting("bob"));
  node.wait(node.node().settings.limits.connect_timeout);
  BOOST_TEST(node.node().counts.handshakes == 0U);
  // On its own worker, not where the authenticator lets go of it.
  BOOST_TEST(bob.cut_off());
  node.let_go(node.node().authenticator);
  BOOST_TEST(bob.received() == "");
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(client_that_hangs_up_while_it_is_authenticated_ends_its_session) {
  stage node;
  node.hold(node.node().authenticator);
  player bob = node.enter(passing("bob"));
  node.run();
  bob.hang_up();
  node.run();
  node.let_go(node.node().authenticator);
  BOOST_TEST(bob.cut_off());
  BOOST_TEST(node.sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(connection_on_its_way_to_the_session_tells_nobody) {
  stage node;
  node.hold(node.node().directories[0]);
  player bob = node.enter(passing("bob"));
  node.run();
  BOOST_TEST(node.node().counts.handshakes == 0U);
  BOOST_TEST(!bob.line().owner);
  BOOST_TEST(!bob.line().deadline.has_value());
  bob.send(pingreq{});
  bob.hang_up();
  node.run();
  node.let_go(node.node().directories[0]);
  BOOST_TEST(bob.received() == "CONNACK\nPINGRESP\n");
  BOOST_TEST(bob.cut_off());
}

BOOST_AUTO_TEST_CASE(client_without_identifier_gets_one_that_nobody_has) {
  // [MQTT5-3.1.3-6], [MQTT5-3.1.3-7]
  stage node({}, 1, 2);
  player ann = node.online(passing(""));
  player bob = node.online(passing(""));
  BOOST_TEST(!ann.cut_off());
  BOOST_TEST(!bob.cut_off());
  BOOST_TEST(node.sessions() == 2U);
}

BOOST_AUTO_TEST_CASE(assigned_identifier_is_told_and_resumes_the_session) {  // [MQTT5-3.1.3-7]
  stage node;
  player ann = node.enter(lasting(""));
  node.run();
  const std::string answer = ann.line().to_client;
  const auto found = scan_frame(as_bytes(answer), 0);
  const auto connack = decode_connack(found->packet, protocol_version::v5);
  BOOST_TEST_REQUIRE(connack->assigned_client_identifier.has_value());
  ann.hang_up();
  player again = node.enter(lasting(*connack->assigned_client_identifier));
  BOOST_TEST(again.received() == "CONNACK present\n");
}

BOOST_AUTO_TEST_SUITE_END()
