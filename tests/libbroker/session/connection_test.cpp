#include "tests/libbroker/session/scene.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;
using namespace std::string_view_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;
constexpr std::uint32_t never = 0xFFFFFFFF;

connect with_expiry(std::uint32_t seconds) {
  connect request = scene::request_v5();
  request.session_expiry_interval = seconds;
  return request;
}

connect clean(connect request = scene::request_v5()) {
  request.clean_start = true;
  return request;
}

connect with_keep_alive(std::uint16_t seconds) {
  connect request = scene::request_v5();
  request.keep_alive = seconds;
  return request;
}

connect with_will(std::uint32_t delay, connect request = scene::request_v5()) {
  request.will =
      will{.topic = "w", .payload = as_bytes("gone"), .qos = qos1, .delay_interval = delay};
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_connection)

// -- begin, resume, end -----------------------------------------------------------

BOOST_AUTO_TEST_CASE(first_connection_finds_no_session) {  // [MQTT5-3.1.2-6]
  scene s;
  s.attach();
  BOOST_TEST(s.received() == "CONNACK\n");
  BOOST_TEST(s.machine.connected());
}

BOOST_AUTO_TEST_CASE(session_is_present_until_its_expiry) {  // [MQTT5-3.1.2-5], [MQTT5-3.1.2-23]
  scene s;
  s.online(with_expiry(10));
  s.lose();
  s.wait(9999ms);
  BOOST_TEST(!s.ended);
  s.attach(with_expiry(10));
  BOOST_TEST(s.received() == "CONNACK present\n");
  s.lose();
  s.wait(10s);
  BOOST_TEST(s.ended);
  BOOST_TEST(!s.machine.deadline().has_value());
  s.attach();
  BOOST_TEST(s.received() == "CONNACK\n");
}

BOOST_AUTO_TEST_CASE(session_with_expiry_0_ends_with_its_connection) {
  scene s;
  s.online(with_expiry(0));
  s.subscribed("t");
  s.lose();
  BOOST_TEST(s.ended);
  BOOST_TEST(s.machine.subscriptions() == 0U);
  BOOST_TEST_REQUIRE(s.requests.size() == 1U);
  const auto& request = std::get<shard_unsubscribe>(s.requests[0].what);
  BOOST_TEST(request.number == 0U);
  BOOST_TEST(request.filters.at(0) == "t");
  BOOST_TEST(s.requests[0].epoch == s.machine.epoch());
}

BOOST_AUTO_TEST_CASE(session_that_never_expires_has_no_deadline) {
  scene s;
  s.online(with_expiry(never));
  s.lose();
  BOOST_TEST(!s.machine.deadline().has_value());
  s.wait(std::chrono::hours(24 * 365 * 10));
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\n");
}

BOOST_AUTO_TEST_CASE(clean_start_makes_a_new_session) {  // [MQTT5-3.1.2-4], [MQTT311-3.1.2-6]
  scene s;
  s.online();
  s.subscribed("t");
  s.publish({.qos = qos2, .id = 1});
  s.deliver({.qos = qos1});
  s.lose();
  s.requests.clear();
  s.deliver({.qos = qos1});
  (void)s.received();
  const std::uint32_t epoch = s.machine.epoch();
  s.attach(clean());
  BOOST_TEST(s.received() == "CONNACK\n");
  BOOST_TEST(s.machine.epoch() != epoch);
  BOOST_TEST(s.machine.subscriptions() == 0U);
  BOOST_TEST(s.machine.in_flight() == 0U);
  BOOST_TEST(s.machine.queued_messages() == 0U);
  BOOST_TEST_REQUIRE(s.requests.size() == 1U);
  BOOST_TEST(std::holds_alternative<shard_unsubscribe>(s.requests[0].what));
  s.requests.clear();
  s.publish({.payload = "new", .qos = qos2, .id = 1});
  BOOST_TEST(s.routed() == "t new\n");
}

BOOST_AUTO_TEST_CASE(resume_keeps_the_epoch_and_counts_the_connection) {
  scene s;
  s.online();
  const auto [epoch, connection] = std::pair(s.machine.epoch(), s.machine.connection_epoch());
  s.lose();
  s.online();
  BOOST_TEST(s.machine.epoch() == epoch);
  BOOST_TEST(s.machine.connection_epoch() == connection + 1);
}

BOOST_AUTO_TEST_CASE(clean_session_of_3_1_1_ends_with_its_connection) {  // [MQTT311-3.1.2-6]
  scene s;
  s.online(scene::request_v3(true));
  s.lose();
  BOOST_TEST(s.ended);
  s.attach(scene::request_v3(false));
  BOOST_TEST(s.received() == "CONNACK\n");
  s.lose();
  BOOST_TEST(!s.ended);
  s.attach(scene::request_v3(false));
  BOOST_TEST(s.received() == "CONNACK present\n");
}

BOOST_AUTO_TEST_CASE(connack_of_3_1_has_no_session_present_flag) {
  scene s;
  connect request = scene::request_v3();
  request.version = protocol_version::v3_1;
  s.online(request);
  s.lose();
  s.attach(request);
  BOOST_TEST(s.received() == "CONNACK\n");
}

BOOST_AUTO_TEST_CASE(sessions_of_3_1_1_expire_as_configured) {
  config settings;
  settings.session.expiry_for_v3 = 60s;
  scene s(settings);
  s.online(scene::request_v3());
  s.lose();
  s.wait(60s);
  BOOST_TEST(s.ended);
}

BOOST_AUTO_TEST_CASE(expiry_is_bounded_and_the_client_told) {
  config settings;
  settings.session.max_expiry = 60s;
  scene s(settings);
  s.online(with_expiry(never));
  BOOST_TEST(s.answered.session_expiry_interval.value() == 60U);
  s.lose();
  s.wait(60s);
  BOOST_TEST(s.ended);
  s.online(with_expiry(59));
  BOOST_TEST(!s.answered.session_expiry_interval.has_value());
}

BOOST_AUTO_TEST_CASE(disconnect_may_change_the_expiry) {
  scene s;
  s.online(with_expiry(100));
  s.disconnect(reason_code::normal_disconnection, 5);
  s.wait(5s);
  BOOST_TEST(s.ended);
  s.online(with_expiry(100));
  s.disconnect(reason_code::normal_disconnection, 0);
  BOOST_TEST(s.ended);
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_CASE(disconnect_must_not_set_an_expiry_where_connect_set_none) {
  scene s;
  s.online(with_expiry(0));
  s.disconnect(reason_code::normal_disconnection, 5);
  BOOST_TEST(s.received() == "DISCONNECT 82 +reason\n");
  BOOST_TEST(s.ended);
}

BOOST_AUTO_TEST_CASE(take_over_tells_the_old_connection_and_resumes) {  // [MQTT5-3.1.4-3]
  scene s;
  s.online();
  s.deliver({.qos = qos1});
  (void)s.received();
  s.dismiss(reason_code::session_taken_over);
  BOOST_TEST(s.received() == "DISCONNECT 8e\n");
  BOOST_TEST(s.closed);
  BOOST_TEST(!s.machine.connected());
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t m q1 id=1 dup\n");
}

BOOST_AUTO_TEST_CASE(dismiss_says_nothing_in_3_1_1_and_nothing_to_nobody) {
  scene s;
  s.online(scene::request_v3());
  s.dismiss(reason_code::server_shutting_down);
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.closed);
  s.closed = false;
  s.dismiss(reason_code::server_shutting_down);
  s.lose();
  BOOST_TEST(!s.closed);
}

BOOST_AUTO_TEST_CASE(connack_tells_what_the_broker_decided) {
  config settings;
  settings.features.wildcard_subscriptions = false;
  settings.features.subscription_identifiers = false;
  settings.features.shared_subscriptions = false;
  settings.session.topic_alias_maximum = 9;
  scene s(settings);
  s.online();
  BOOST_TEST(s.answered.wildcard_subscription_available.value() == false);
  BOOST_TEST(s.answered.subscription_identifiers_available.value() == false);
  BOOST_TEST(s.answered.shared_subscription_available.value() == false);
  BOOST_TEST(s.answered.topic_alias_maximum == 9);
}

BOOST_AUTO_TEST_CASE(connack_carries_the_assigned_id_and_response_information) {
  config settings;
  settings.features.response_information_prefix = "reply/";
  scene s(settings);
  connect request = scene::request_v5();
  request.request_response_information = true;
  std::string assigned;
  std::string response;
  s.on_packet = [&](const any_packet& packet) {
    const connack& answer = std::get<connack>(packet);
    assigned = answer.assigned_client_identifier.value_or("");  // [MQTT5-3.1.3-7]
    response = answer.response_information;
  };
  s.machine.attach(request, true, s.now, s.effects);
  s.collect();
  BOOST_TEST(assigned == "client");
  BOOST_TEST(response == "reply/client/");
}

BOOST_AUTO_TEST_CASE(presence_counts_for_shared_subscriptions_only) {
  scene s;
  s.online();
  s.subscribed("t");
  s.lose();
  s.online();
  BOOST_TEST(s.presence_changes == 0);
  s.subscribed("$share/g/t");
  s.lose();
  BOOST_TEST(s.presence_changes == 1);
  s.online();
  BOOST_TEST(s.presence_changes == 2);
  BOOST_TEST(s.machine.has_shared_subscriptions());
}

// -- keep alive -------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(silence_of_one_and_a_half_keep_alives_ends_the_connection) {
  // [MQTT5-3.1.2-22], [MQTT311-3.1.2-24]
  scene s;
  s.online(with_keep_alive(3));
  s.wait(4499ms);
  BOOST_TEST(s.machine.connected());
  s.send(pingreq{});
  (void)s.received();
  s.machine.tick(s.now + 4499ms, s.effects);
  BOOST_TEST(s.machine.connected());
  s.wait(4500ms);
  BOOST_TEST(s.received() == "DISCONNECT 8d +reason\n");
}

BOOST_AUTO_TEST_CASE(keep_alive_0_waits_for_ever) {
  scene s;
  s.online(with_keep_alive(0));
  s.wait(std::chrono::hours(100));
  BOOST_TEST(s.machine.connected());
  BOOST_TEST(!s.machine.deadline().has_value());
}

BOOST_AUTO_TEST_CASE(longest_keep_alive_does_not_overflow) {
  scene s;
  s.online(with_keep_alive(65535));
  const time_point due = s.now + 98'302'500ms;
  s.wait(5s);
  BOOST_TEST((s.machine.deadline() == due));
}

BOOST_AUTO_TEST_CASE(server_keep_alive_replaces_a_longer_one) {  // [MQTT5-3.1.2-21]
  config settings;
  settings.session.max_keep_alive = 60s;
  for (const std::uint16_t asked : {0, 61, 60, 59}) {
    scene s(settings);
    s.online(with_keep_alive(asked));
    BOOST_TEST(s.machine.keep_alive() == (asked == 59 ? 59 : 60));
    BOOST_TEST(s.answered.server_keep_alive.has_value() == (asked == 0 || asked == 61));
  }
  scene s(settings);
  connect request = scene::request_v3();  // cannot be told
  request.keep_alive = 100;
  s.online(request);
  BOOST_TEST(s.machine.keep_alive() == 100);
}

// -- will -------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(normal_disconnect_discards_the_will) {  // [MQTT5-3.14.4-3], [MQTT311-3.14.4-3]
  scene s;
  s.online(with_will(0));
  s.disconnect();
  s.wait(200s);
  BOOST_TEST(s.routed() == "");
}

BOOST_AUTO_TEST_CASE(disconnect_with_will_message_publishes_it) {  // [MQTT5-3.1.2-8]
  scene s;
  s.online(with_will(0));
  s.disconnect(reason_code::disconnect_with_will_message);
  BOOST_TEST(s.routed() == "w gone\n");
}

BOOST_AUTO_TEST_CASE(
    every_other_end_publishes_the_will_once) {  // [MQTT5-3.1.2-8], [MQTT5-3.1.2-10]
  const auto publishes = [](auto end) {
    scene s;
    connect request = with_will(0);
    request.keep_alive = 10;
    s.online(request);
    end(s);
    BOOST_TEST(!s.machine.connected());
    s.wait(1000s);  // the session ends too
    BOOST_TEST(s.ended);
    BOOST_TEST(s.routed() == "w gone\n");
  };
  publishes([](scene& s) { s.lose(); });
  publishes([](scene& s) { s.send("\x01"); });
  publishes([](scene& s) { s.wait(15s); });
  publishes([](scene& s) { s.dismiss(reason_code::server_shutting_down); });
}

BOOST_AUTO_TEST_CASE(will_comes_after_what_was_published_before_it) {
  // A will overtook publishes of the same read.
  for (const std::string_view end : {"\x01"sv, "\xE0\x01\x04"sv}) {
    scene s;
    s.online(with_will(0));
    byte_buffer wire;
    encode(publish{.topic = "w", .payload = as_bytes("online")}, protocol_version::v5, wire);
    wire.append(end);
    s.send(as_text(wire.view()));
    BOOST_TEST(s.routed() == "w online\nw gone\n");
  }
}

BOOST_AUTO_TEST_CASE(will_waits_for_its_delay) {
  scene s;
  s.online(with_will(10));
  s.lose();
  s.wait(9999ms);
  BOOST_TEST(s.routed() == "");
  s.wait(1ms);
  BOOST_TEST(s.routed() == "w gone\n");
  BOOST_TEST(!s.ended);
  s.wait(90s);
  BOOST_TEST(s.ended);
  BOOST_TEST(s.routed() == "");
}

BOOST_AUTO_TEST_CASE(will_is_published_when_the_session_ends_before_its_delay) {
  for (const std::uint32_t delay : {50U, never}) {
    scene s;
    s.online(with_will(delay, with_expiry(20)));
    s.lose();
    s.wait(19s);
    BOOST_TEST(s.routed() == "");
    s.wait(1s);
    BOOST_TEST(s.routed() == "w gone\n");
    BOOST_TEST(s.ended);
  }
}

BOOST_AUTO_TEST_CASE(will_is_published_at_once_when_the_session_ends_with_the_connection) {
  scene s;
  s.online(with_will(50, with_expiry(0)));
  s.lose();
  BOOST_TEST(s.routed() == "w gone\n");
}

BOOST_AUTO_TEST_CASE(return_within_the_delay_cancels_the_will) {  // [MQTT5-3.1.3-9]
  scene s;
  s.online(with_will(10));
  s.lose();
  s.wait(9s);
  s.online();
  s.wait(100s);
  s.lose();
  s.wait(50s);
  BOOST_TEST(s.routed() == "");
}

BOOST_AUTO_TEST_CASE(delay_of_an_earlier_will_does_not_hurry_the_next_one) {
  scene s;
  s.online(with_will(10, with_expiry(never)));
  s.lose();
  s.online(with_will(never, with_expiry(never)));
  s.lose();
  s.wait(1000s);
  BOOST_TEST(s.routed() == "");
}

BOOST_AUTO_TEST_CASE(take_over_publishes_a_will_without_delay_only) {  // [MQTT5-3.1.4-3]
  for (const std::uint32_t delay : {0U, 10U}) {
    scene s;
    s.online(with_will(delay));
    s.dismiss(reason_code::session_taken_over);
    s.attach();
    s.wait(50s);
    BOOST_TEST(s.routed() == (delay == 0 ? "w gone\n" : ""));
  }
}

BOOST_AUTO_TEST_CASE(clean_start_within_the_delay_publishes_the_will) {
  scene s;
  s.online(with_will(10));
  s.lose();
  s.attach(clean(with_will(10)));
  BOOST_TEST(s.routed() == "w gone\n");
  s.disconnect();
  s.wait(1000s);
  BOOST_TEST(s.routed() == "");
}

BOOST_AUTO_TEST_CASE(expiry_of_the_will_counts_from_its_publication) {  // MQTT5 §3.1.3.2.4
  scene s;
  connect request = with_will(10);
  request.will->message_properties = as_bytes("\x02\x00\x00\x00\x05\x18\x00\x00\x00\x0A"sv);
  request.will->message_expiry_interval = 5;
  request.will->has_message_expiry_interval = true;
  request.will->retain = true;
  s.online(request);
  s.lose();
  s.wait(10s);
  const auto blocks = s.blocks();
  BOOST_TEST_REQUIRE(blocks.size() == 1U);
  const message_block& block = *blocks[0];
  BOOST_TEST((block.received_at() == s.now));
  BOOST_TEST(!block.expired(block[0], s.now));
  BOOST_TEST(block.expired(block[0], s.now + 5s));
  BOOST_TEST(block[0].retain);  // [MQTT5-3.1.2-15]
  BOOST_TEST((block[0].qos == qos1));
  BOOST_TEST(block[0].properties_size == 5U);  // the delay stays behind
}

BOOST_AUTO_TEST_CASE(a_new_connection_brings_a_new_will) {
  scene s;
  s.online(with_will(0));
  s.disconnect();
  connect request = with_will(0);
  request.will->topic = "other";
  s.online(request);
  s.lose();
  BOOST_TEST(s.routed() == "other gone\n");
}

BOOST_AUTO_TEST_CASE(offline_machine_ignores_input_and_replies) {
  scene s;
  s.online();
  s.subscribe("t");
  s.lose();
  s.answer();
  s.send(pingreq{});
  s.machine.output_drained(s.now, s.effects);
  s.collect();
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_SUITE_END()
