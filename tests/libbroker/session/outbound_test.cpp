#include "tests/libbroker/session/scene.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos0 = qos::at_most_once;
constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

connect with_receive_maximum(std::uint16_t count) {
  connect request = scene::request_v5();
  request.receive_maximum = count;
  return request;
}

connect with_maximum_packet_size(std::uint32_t size) {
  connect request = scene::request_v5();
  request.maximum_packet_size = size;
  return request;
}

connect with_aliases(std::uint16_t count) {
  connect request = scene::request_v5();
  request.topic_alias_maximum = count;
  return request;
}

match_details_ptr identifiers(std::vector<std::uint32_t> list) {
  return make_match_details(std::move(list));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_outbound)

BOOST_AUTO_TEST_CASE(sent_bytes_count_payload_however_a_message_is_sent) {
  scene s;
  s.online();
  s.deliver({.payload = "abc"});
  BOOST_TEST(s.counted.publish_bytes_sent == 3U);
  s.deliver({.payload = "defg", .qos = qos1});
  BOOST_TEST(s.counted.publish_bytes_sent == 7U);
}

BOOST_AUTO_TEST_CASE(sent_packets_count_every_packet) {
  scene s;
  s.online();
  s.send(pingreq{});
  BOOST_TEST(s.counted.packets_sent == 2U);  // CONNACK, PINGRESP
  s.publish({.qos = qos1, .id = 1});
  for (const auto& block : s.blocks())
    s.accept(block);
  BOOST_TEST(s.counted.packets_sent == 3U);
  s.dismiss(reason_code::server_shutting_down);
  BOOST_TEST(s.counted.packets_sent == 4U);
}

BOOST_AUTO_TEST_CASE(delivery_takes_the_lower_of_published_and_granted_qos) {  // [MQTT5-3.8.4-8]
  scene s;
  s.online();
  for (const qos published : {qos0, qos1, qos2})
    for (const qos granted : {qos0, qos1, qos2})
      s.deliver({.payload = "m", .qos = published}, granted);
  BOOST_TEST(s.received() == "PUBLISH t m\nPUBLISH t m\nPUBLISH t m\n"
                             "PUBLISH t m\nPUBLISH t m q1 id=1\nPUBLISH t m q1 id=2\n"
                             "PUBLISH t m\nPUBLISH t m q1 id=3\nPUBLISH t m q2 id=4\n");
}

BOOST_AUTO_TEST_CASE(qos1_delivery_is_complete_with_puback) {
  scene s;
  s.online();
  s.deliver({.qos = qos1});
  BOOST_TEST(s.machine.in_flight() == 1U);
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.machine.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(qos2_delivery_is_complete_with_pubcomp) {  // [MQTT5-4.3.3-4]
  scene s;
  s.online();
  s.deliver({.qos = qos2});
  (void)s.received();
  s.respond(packet_type::pubrec, 1);
  BOOST_TEST(s.received() == "PUBREL 1\n");
  BOOST_TEST(s.machine.in_flight() == 1U);
  s.respond(packet_type::pubrec, 1);
  BOOST_TEST(s.received() == "PUBREL 1\n");
  s.respond(packet_type::pubcomp, 1);
  BOOST_TEST(s.machine.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(pubrec_with_an_error_ends_the_delivery) {
  scene s;
  s.online();
  s.deliver({.qos = qos2});
  (void)s.received();
  s.respond(packet_type::pubrec, 1, reason_code::quota_exceeded);
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.machine.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(acknowledgements_of_unknown_ids_do_no_harm) {
  scene s;
  s.online();
  s.deliver({.qos = qos1});
  s.deliver({.qos = qos2});
  (void)s.received();
  s.respond(packet_type::puback, 9);
  s.respond(packet_type::pubcomp, 9);
  s.respond(packet_type::pubrec, 9, reason_code::quota_exceeded);
  BOOST_TEST(s.received() == "");
  s.respond(packet_type::pubrec, 9);
  BOOST_TEST(s.received() == "PUBREL 9 92\n");
  s.respond(packet_type::pubrec, 1);   // of a QoS 1 message
  s.respond(packet_type::puback, 2);   // of a QoS 2 message
  s.respond(packet_type::pubcomp, 2);  // before PUBREC
  BOOST_TEST(s.received() == "PUBREL 1 92\n");
  BOOST_TEST(s.machine.in_flight() == 2U);
  BOOST_TEST(s.machine.connected());
}

BOOST_AUTO_TEST_CASE(packet_ids_are_reused_as_late_as_possible) {
  scene s;
  s.online();
  s.deliver({.qos = qos1});
  s.deliver({.qos = qos1});
  s.deliver({.qos = qos1});
  s.respond(packet_type::puback, 2);
  s.respond(packet_type::puback, 1);
  (void)s.received();
  s.deliver({.qos = qos1});
  s.deliver({.qos = qos1});
  s.deliver({.qos = qos1});
  BOOST_TEST(s.received() == "PUBLISH t m q1 id=2\nPUBLISH t m q1 id=1\nPUBLISH t m q1 id=4\n");
}

// -- flow control -----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(receive_maximum_bounds_what_is_sent_and_not_acknowledged) {
  // [MQTT5-3.3.4-9], MQTT5 §4.9
  scene s;
  s.online(with_receive_maximum(2));
  s.deliver({{.payload = "1", .qos = qos1},
             {.payload = "2", .qos = qos2},
             {.payload = "3", .qos = qos1},
             {.payload = "4", .qos = qos2},
             {.payload = "0", .qos = qos0},
             {.payload = "5", .qos = qos1}},
            {.maximum_qos = qos2});
  BOOST_TEST(s.received() == "PUBLISH t 1 q1 id=1\nPUBLISH t 2 q2 id=2\nPUBLISH t 0\n");
  s.respond(packet_type::pubrec, 2);  // gives nothing back
  BOOST_TEST(s.received() == "PUBREL 2\n");
  s.respond(packet_type::pubcomp, 2);
  BOOST_TEST(s.received() == "PUBLISH t 3 q1 id=2\n");
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.received() == "PUBLISH t 4 q2 id=1\n");
  s.respond(packet_type::pubrec, 1, reason_code::unspecified_error);  // gives back
  BOOST_TEST(s.received() == "PUBLISH t 5 q1 id=1\n");
  BOOST_TEST(s.machine.queued_messages() == 0U);
}

BOOST_AUTO_TEST_CASE(unknown_acknowledgements_give_no_quota) {
  scene s;
  s.online(with_receive_maximum(1));
  s.deliver({.payload = "1", .qos = qos1});
  s.deliver({.payload = "2", .qos = qos1});
  (void)s.received();
  for (const packet_id id : {2, 3, 65535})
    s.respond(packet_type::puback, id);
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_CASE(max_in_flight_bounds_clients_without_receive_maximum) {
  config settings;
  settings.session.max_in_flight = 2;
  scene s(settings);
  s.online(scene::request_v3());
  for (int i = 0; i != 4; ++i)
    s.deliver({.qos = qos1});
  BOOST_TEST(s.machine.in_flight() == 2U);
  BOOST_TEST(s.machine.queued_messages() == 2U);
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.machine.in_flight() == 2U);
  BOOST_TEST(s.machine.queued_messages() == 1U);
}

BOOST_AUTO_TEST_CASE(quota_is_renewed_with_each_connection) {  // MQTT5 §4.9
  scene s;
  s.online(with_receive_maximum(1));
  s.deliver({.payload = "1", .qos = qos1});
  s.deliver({.payload = "2", .qos = qos1});
  s.lose();
  (void)s.received();
  s.attach(with_receive_maximum(2));
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t 1 q1 id=1 dup\nPUBLISH t 2 q1 id=2\n");
}

// -- resume -----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(resume_repeats_what_is_in_flight_in_its_order) {
  // [MQTT5-4.4.0-1], [MQTT5-4.6.0-1], [MQTT5-3.3.1-1]
  scene s;
  s.online();
  for (const auto text : {"1", "2", "3", "4"})
    s.deliver({.payload = text, .qos = qos2});
  s.respond(packet_type::pubrec, 1);
  s.respond(packet_type::pubcomp, 1);
  s.deliver({.payload = "5", .qos = qos1});  // takes identifier 1
  for (int i = 6; i != 8; ++i)
    s.deliver({.payload = std::to_string(i), .qos = qos1});
  s.respond(packet_type::puback, 6);
  s.respond(packet_type::pubrec, 3);
  s.lose();
  s.deliver({.payload = "late", .qos = qos1});
  (void)s.received();
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\n"
                             "PUBLISH t 2 q2 id=2 dup\n"
                             "PUBREL 3\n"
                             "PUBLISH t 4 q2 id=4 dup\n"
                             "PUBLISH t 5 q1 id=1 dup\n"
                             "PUBLISH t 6 q1 id=5 dup\n"
                             "PUBLISH t late q1 id=6\n");
}

BOOST_AUTO_TEST_CASE(resume_repeats_no_more_than_the_new_quota) {
  scene s;
  s.online();
  for (const auto text : {"1", "2", "3"})
    s.deliver({.payload = text, .qos = qos1});
  s.lose();
  (void)s.received();
  s.attach(with_receive_maximum(1));
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t 1 q1 id=1 dup\n");
  s.deliver({.payload = "4", .qos = qos1});  // waits for its turn
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.received() == "PUBLISH t 2 q1 id=2 dup\n");
  s.respond(packet_type::puback, 2);
  BOOST_TEST(s.received() == "PUBLISH t 3 q1 id=3 dup\n");
  s.respond(packet_type::puback, 3);
  BOOST_TEST(s.received() == "PUBLISH t 4 q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(client_may_acknowledge_what_is_not_yet_repeated) {
  // Was a null dereference.
  scene s;
  s.online();
  s.deliver({.payload = "1", .qos = qos1});
  s.deliver({.payload = "2", .qos = qos1});
  s.deliver({.payload = "3", .qos = qos2});
  s.deliver({.payload = "4", .qos = qos2});
  s.lose();
  (void)s.received();
  s.attach(with_receive_maximum(1));
  s.respond(packet_type::puback, 2);
  s.respond(packet_type::pubrec, 3, reason_code::unspecified_error);
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.machine.in_flight() == 1U);
  BOOST_TEST(s.received().ends_with("PUBLISH t 4 q2 id=4 dup\n"));
}

BOOST_AUTO_TEST_CASE(resume_in_another_version_speaks_that_version) {
  scene s;
  s.online();
  s.deliver({{.qos = qos1, .expiry = 50}}, {.maximum_qos = qos1, .details = identifiers({3})});
  BOOST_TEST(s.received() == "PUBLISH t m q1 id=1 expiry=50 ids=3\n");
  s.lose();
  s.attach(scene::request_v3());
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t m q1 id=1 dup\n");
}

// -- the queue --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(offline_session_keeps_qos1_and_qos2_only) {
  scene s;
  s.online();
  s.lose();
  s.deliver({{.payload = "0"}, {.payload = "1", .qos = qos1}, {.payload = "2", .qos = qos2}},
            {.maximum_qos = qos2});
  BOOST_TEST(s.machine.queued_messages() == 2U);
  BOOST_TEST(s.machine.queued_bytes() > 0U);
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t 1 q1 id=1\nPUBLISH t 2 q2 id=2\n");
  BOOST_TEST(s.machine.queued_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(queue_takes_no_more_messages_than_its_limit) {
  config settings;
  settings.session.max_queued_messages = 2;
  scene s(settings);
  s.online();
  s.lose();
  for (const auto text : {"1", "2", "3"})
    s.deliver({.payload = text, .qos = qos1});
  BOOST_TEST(s.counted.dropped_queue_full == 1U);
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t 1 q1 id=1\nPUBLISH t 2 q1 id=2\n");
}

BOOST_AUTO_TEST_CASE(queue_takes_no_more_bytes_than_its_limit) {
  config settings;
  settings.session.max_queued_bytes = 100;
  scene s(settings);
  s.online();
  s.lose();
  s.deliver({.payload = std::string(60, 'a'), .qos = qos1});
  s.deliver({.payload = std::string(60, 'b'), .qos = qos1});
  s.deliver({.payload = "c", .qos = qos1});
  BOOST_TEST(s.counted.dropped_queue_full == 1U);
  BOOST_TEST(s.machine.queued_messages() == 2U);
  BOOST_TEST(s.machine.queued_bytes() <= 100U);
}

BOOST_AUTO_TEST_CASE(queue_limit_counts_only_what_the_window_has_no_room_for) {
  config settings;
  settings.session.max_queued_messages = 1;
  scene s(settings);
  s.online(with_receive_maximum(3));
  const script_message message{.qos = qos1};
  s.deliver({message, message, message, message, message}, {.maximum_qos = qos1});
  BOOST_TEST(s.machine.in_flight() == 3U);
  BOOST_TEST(s.machine.queued_messages() == 1U);
  BOOST_TEST(s.counted.dropped_queue_full == 1U);
}

BOOST_AUTO_TEST_CASE(message_that_expires_in_the_queue_is_not_sent) {  // [MQTT5-3.3.2-5]
  scene s;
  s.online();
  s.lose();
  s.deliver({.payload = "short", .qos = qos1, .expiry = 5});
  s.deliver({.payload = "long", .qos = qos1, .expiry = 50});
  s.wait(5s);
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t long q1 id=1 expiry=45\n");
  BOOST_TEST(s.counted.dropped_expired == 1U);
}

BOOST_AUTO_TEST_CASE(expiry_interval_is_sent_less_the_time_waited) {  // [MQTT5-3.3.2-6]
  scene s;
  s.online(with_receive_maximum(1));
  s.deliver({.payload = "1", .qos = qos1, .expiry = 10});
  s.deliver({.payload = "2", .qos = qos1, .expiry = 10});
  s.wait(2500ms);
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.received() == "PUBLISH t 1 q1 id=1 expiry=10\nPUBLISH t 2 q1 id=1 expiry=8\n");
}

BOOST_AUTO_TEST_CASE(expired_message_is_not_delivered_at_all) {
  scene s;
  s.online();
  const message_block_ptr block = make_block({{.expiry = 1}, {.qos = qos1, .expiry = 1}}, s.now);
  delivery batch;
  batch.add(block, 0);
  batch.add(block, 1);
  s.now += 1s;
  s.machine.deliver(batch, {.maximum_qos = qos2}, 0, s.now, s.effects);
  s.collect();
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.counted.dropped_expired == 2U);
}

BOOST_AUTO_TEST_CASE(message_in_flight_is_repeated_though_expired) {
  scene s;
  s.online();
  s.deliver({.qos = qos2, .expiry = 1});
  s.lose();
  (void)s.received();
  s.wait(10s);
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t m q2 id=1 dup expiry=0\n");
}

BOOST_AUTO_TEST_CASE(messages_kept_for_long_stay_what_they_were) {
  scene s;
  s.online(with_receive_maximum(2));
  std::vector<script_message> batch;
  for (const auto text : {"1", "2", "3", "4"})
    batch.push_back({.payload = text, .qos = qos2});
  s.deliver(batch, {.maximum_qos = qos2});
  s.respond(packet_type::pubrec, 1);
  s.wait(6s);
  s.respond(packet_type::pubcomp, 1);
  s.lose();
  (void)s.received();
  s.wait(10s);
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t 2 q2 id=2 dup\nPUBLISH t 3 q2 id=1 dup\n"
                             "PUBLISH t 4 q2 id=3\n");
  for (const packet_id id : {1, 2, 3}) {
    s.respond(packet_type::pubrec, id);
    s.respond(packet_type::pubcomp, id);
  }
  s.wait(6s);
  BOOST_TEST(!s.machine.deadline().has_value());  // nothing is kept
}

BOOST_AUTO_TEST_CASE(completing_a_resumed_exchange_gives_no_quota_that_it_did_not_take) {
  // [MQTT5-3.3.4-9]
  scene s;
  s.online();
  s.deliver({.payload = "1", .qos = qos2});
  s.deliver({.payload = "2", .qos = qos2});
  s.respond(packet_type::pubrec, 1);
  s.lose();
  for (const auto text : {"3", "4"})
    s.deliver({.payload = text, .qos = qos1});
  (void)s.received();
  s.attach(with_receive_maximum(2));
  BOOST_TEST(s.received() ==
             "CONNACK present\nPUBREL 1\nPUBLISH t 2 q2 id=2 dup\nPUBLISH t 3 q1 id=3\n");
  s.respond(packet_type::pubcomp, 1);
  BOOST_TEST(s.received() == "");
  s.respond(packet_type::puback, 3);
  BOOST_TEST(s.received().starts_with("PUBLISH t 4 q1"));
}

// -- a slow client ----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(qos0_to_a_full_output_buffer_is_dropped_and_counted) {
  config settings;
  settings.limits.output_buffer = 200;
  scene s(settings);
  s.online();
  s.stall(true);
  for (int i = 0; i != 5; ++i)
    s.deliver({.payload = std::string(90, 'x')});
  BOOST_TEST(s.counted.dropped_output_full == 3U);
  BOOST_TEST(s.counted.publishes_sent == 2U);
  BOOST_TEST(s.machine.output().size() <= 200U);
}

BOOST_AUTO_TEST_CASE(qos0_that_is_larger_than_the_output_buffer_passes_when_nothing_waits) {
  config settings;
  settings.limits.output_buffer = 200;
  scene s(settings);
  s.online();
  s.stall(true);
  s.deliver({.payload = std::string(900, 'x')});
  BOOST_TEST(s.counted.publishes_sent == 1U);
  s.deliver({.payload = std::string(900, 'x')});
  BOOST_TEST(s.counted.dropped_output_full == 1U);
}

BOOST_AUTO_TEST_CASE(qos1_waits_for_a_full_output_buffer_to_drain) {
  config settings;
  settings.limits.output_buffer = 200;
  scene s(settings);
  s.online();
  s.stall(true);
  for (int i = 0; i != 5; ++i)
    s.deliver({.payload = std::string(150, 'x'), .qos = qos1});
  BOOST_TEST(s.machine.in_flight() == 2U);
  BOOST_TEST(s.machine.queued_messages() == 3U);
  s.stall(false);
  BOOST_TEST(s.machine.in_flight() == 5U);
  BOOST_TEST(s.counted.dropped_queue_full == 0U);
}

// -- maximum packet size ----------------------------------------------------------

BOOST_AUTO_TEST_CASE(message_too_large_for_the_client_is_skipped) {
  // [MQTT5-3.1.2-24], [MQTT5-3.1.2-25]
  for (const qos level : {qos0, qos1, qos2}) {
    scene s;
    connect request = with_maximum_packet_size(50);
    request.receive_maximum = 1;
    s.online(request);
    s.deliver({{.payload = std::string(60, 'x'), .qos = level}, {.payload = "fits", .qos = level}},
              {.maximum_qos = qos2});
    BOOST_TEST(s.received().starts_with("PUBLISH t fits"));
    BOOST_TEST(s.counted.dropped_too_large == 1U);
    BOOST_TEST(s.counted.publishes_sent == 1U);
    BOOST_TEST(s.machine.in_flight() == (level == qos0 ? 0U : 1U));
  }
}

BOOST_AUTO_TEST_CASE(message_in_flight_that_the_resumed_client_cannot_take_is_complete) {
  scene s;
  s.online();
  s.deliver({.payload = std::string(60, 'x'), .qos = qos2});
  s.deliver({.payload = "fits", .qos = qos2});
  s.lose();
  (void)s.received();
  s.attach(with_maximum_packet_size(50));
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH t fits q2 id=2 dup\n");
  BOOST_TEST(s.machine.in_flight() == 1U);
}

BOOST_AUTO_TEST_CASE(topic_alias_never_makes_a_packet_too_large) {
  for (std::size_t size = 10; size != 40; ++size) {
    for (const qos level : {qos0, qos1}) {
      scene s;  // checks the size of each packet
      connect request = with_aliases(4);
      request.maximum_packet_size = 40;
      s.attach(request);
      s.deliver({.topic = "topic", .payload = std::string(size, 'x'), .qos = level});
      s.deliver({.topic = "topic", .payload = std::string(size, 'x'), .qos = level});
      // 2 fixed header, 2 + 5 topic, 1 property length, and the packet identifier
      const bool fits = size + 10 + (level == qos0 ? 0 : 2) <= 40;
      BOOST_TEST(s.counted.publishes_sent == (fits ? 2U : 0U));
    }
  }
}

// -- topic aliases, subscription identifiers, flags -------------------------------

BOOST_AUTO_TEST_CASE(topic_is_left_out_once_its_alias_is_known) {
  scene s;
  s.online(with_aliases(1));
  s.deliver({.topic = "a"});
  s.deliver({.topic = "a", .qos = qos1});
  s.deliver({.topic = "b"});
  s.deliver({.topic = "a"});
  BOOST_TEST(s.received() == "PUBLISH a m alias\nPUBLISH - m q1 id=1 alias\n"
                             "PUBLISH b m alias\nPUBLISH a m alias\n");
}

BOOST_AUTO_TEST_CASE(aliases_start_anew_with_each_connection) {
  scene s;
  s.online(with_aliases(5));
  s.deliver({.topic = "a", .qos = qos1});
  s.lose();
  (void)s.received();
  s.attach(with_aliases(5));
  BOOST_TEST(s.received() == "CONNACK present\nPUBLISH a m q1 id=1 dup alias\n");
}

BOOST_AUTO_TEST_CASE(no_alias_is_sent_to_a_client_that_takes_none) {  // [MQTT5-3.1.2-26]
  scene s;
  s.online();
  s.deliver({.topic = "a"});
  s.deliver({.topic = "a"});
  BOOST_TEST(s.received() == "PUBLISH a m\nPUBLISH a m\n");
}

BOOST_AUTO_TEST_CASE(outbound_aliases_can_be_switched_off) {
  config settings;
  settings.session.outbound_topic_aliases = 0;
  scene s(settings);
  s.online(with_aliases(9));
  s.deliver({.topic = "a"});
  BOOST_TEST(s.received() == "PUBLISH a m\n");
}

BOOST_AUTO_TEST_CASE(subscription_identifiers_go_with_the_message_at_each_qos) {
  scene s;
  s.online();
  for (const qos level : {qos0, qos1, qos2})
    s.deliver({{.qos = level}}, {.maximum_qos = qos2, .details = identifiers({1, 200, 70'000})});
  BOOST_TEST(s.received() == "PUBLISH t m ids=1,200,70000\nPUBLISH t m q1 id=1 ids=1,200,70000\n"
                             "PUBLISH t m q2 id=2 ids=1,200,70000\n");
}

BOOST_AUTO_TEST_CASE(retain_flag_is_kept_only_as_published) {  // [MQTT5-3.3.1-12], [MQTT5-3.3.1-13]
  scene s;
  s.online();
  for (const bool as_published : {false, true})
    for (const qos level : {qos0, qos1})
      s.deliver({{.qos = level, .retain = true}, {.qos = level}},
                {.maximum_qos = qos2, .retain_as_published = as_published});
  BOOST_TEST(s.received() == "PUBLISH t m\nPUBLISH t m\n"
                             "PUBLISH t m q1 id=1\nPUBLISH t m q1 id=2\n"
                             "PUBLISH t m retain\nPUBLISH t m\n"
                             "PUBLISH t m q1 id=3 retain\nPUBLISH t m q1 id=4\n");
}

BOOST_AUTO_TEST_CASE(no_local_skips_the_sessions_own_messages) {  // [MQTT5-3.8.3-3]
  scene s;
  s.online();
  for (const qos level : {qos0, qos1}) {
    s.deliver({{.payload = "own", .qos = level}}, {.maximum_qos = qos2, .no_local = true},
              protocol_version::v5, s.machine.number());
    s.deliver({{.payload = "other", .qos = level}}, {.maximum_qos = qos2, .no_local = true});
  }
  BOOST_TEST(s.received() == "PUBLISH t other\nPUBLISH t other q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(publisher_and_subscriber_may_speak_different_versions) {
  for (const auto publisher : {protocol_version::v3_1_1, protocol_version::v5})
    for (const auto subscriber :
         {protocol_version::v3_1, protocol_version::v3_1_1, protocol_version::v5}) {
      scene s;
      connect request = scene::request_v5();
      request.version = subscriber;
      s.online(request);
      s.deliver({{.payload = "0"}, {.payload = "1", .qos = qos1}}, {.maximum_qos = qos2},
                publisher);
      BOOST_TEST(s.received() == "PUBLISH t 0\nPUBLISH t 1 q1 id=1\n");
    }
}

BOOST_AUTO_TEST_CASE(sent_messages_are_counted) {
  scene s;
  s.online();
  s.deliver({.payload = "abc", .qos = qos1});
  s.deliver({{.payload = "defg"}}, {.details = identifiers({1})});
  BOOST_TEST(s.counted.publishes_sent == 2U);
  BOOST_TEST(s.counted.publish_bytes_sent == 7U);
}

BOOST_AUTO_TEST_SUITE_END()
