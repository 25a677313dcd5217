#include "tests/libbroker/session/durable_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::string_view_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

config with_receive_maximum(std::uint16_t count) {
  config settings;
  settings.session.receive_maximum = count;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_inbound)

BOOST_AUTO_TEST_CASE(qos0_publish_is_routed_and_not_answered) {
  scene s;
  s.online();
  s.publish({.topic = "a/b", .payload = "x"});
  BOOST_TEST(s.routed() == "a/b x\n");
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_CASE(qos1_publish_is_acknowledged_when_its_shard_took_it) {  // [MQTT5-4.3.2-4]
  scene s;
  s.online();
  s.publish({.qos = qos1, .id = 9});
  BOOST_TEST(s.received() == "");
  s.answer();
  BOOST_TEST(s.received() == "PUBACK 9\n");
}

BOOST_AUTO_TEST_CASE(qos2_publish_is_routed_once_despite_dup) {  // [MQTT5-4.3.3-10]
  scene s;
  s.online();
  s.publish({.payload = "x", .qos = qos2, .id = 9});
  s.publish({.payload = "x", .qos = qos2, .id = 9, .dup = true});
  BOOST_TEST(s.received() == "");
  const auto routed = s.blocks();
  BOOST_TEST_REQUIRE(routed.size() == 1U);
  s.accept(routed[0]);
  BOOST_TEST(s.received() == "PUBREC 9\n");
  s.publish({.payload = "x", .qos = qos2, .id = 9, .dup = true});
  BOOST_TEST(s.routed() == "");
  BOOST_TEST(s.received() == "PUBREC 9\n");
  s.respond(packet_type::pubrel, 9);
  BOOST_TEST(s.received() == "PUBCOMP 9\n");  // [MQTT5-4.3.3-11], [MQTT311-4.3.3-2]
}

BOOST_AUTO_TEST_CASE(packet_id_names_a_new_message_after_pubrel) {
  scene s;
  s.online();
  for (int i = 0; i != 2; ++i) {
    s.publish({.payload = std::to_string(i), .qos = qos2, .id = 9});
    s.answer();
    s.respond(packet_type::pubrel, 9);
    BOOST_TEST(s.received() == "PUBREC 9\nPUBCOMP 9\n");
  }
  s.publish({.payload = "third", .qos = qos2, .id = 9});
  BOOST_TEST(s.routed() == "t third\n");
}

BOOST_AUTO_TEST_CASE(pubrel_of_an_unknown_id_is_answered_with_not_found) {
  scene s;
  s.online();
  s.respond(packet_type::pubrel, 5);
  BOOST_TEST(s.received() == "PUBCOMP 5 92\n");
  BOOST_TEST(s.machine.connected());
}

BOOST_AUTO_TEST_CASE(pubrel_of_an_unknown_id_completes_in_3_1_1) {
  scene s;
  s.online(scene::request_v3());
  s.respond(packet_type::pubrel, 5);
  BOOST_TEST(s.received() == "PUBCOMP 5\n");
}

BOOST_AUTO_TEST_CASE(qos2_publish_of_a_lost_connection_is_not_routed_again_after_resume) {
  scene s;
  s.online();
  s.publish({.qos = qos2, .id = 3});
  const auto routed = s.blocks();
  s.lose();
  s.attach();
  BOOST_TEST(s.received() == "CONNACK present\n");
  s.publish({.qos = qos2, .id = 3, .dup = true});
  BOOST_TEST(s.routed() == "");
  BOOST_TEST(s.received() == "");
  s.accept(routed[0]);  // late
  BOOST_TEST(s.received() == "PUBREC 3\n");
}

BOOST_AUTO_TEST_CASE(late_accepted_while_offline_is_remembered_for_the_dup) {
  scene s;
  s.online();
  s.publish({.qos = qos2, .id = 3});
  const auto routed = s.blocks();
  s.lose();
  s.accept(routed[0]);
  s.online();
  s.publish({.qos = qos2, .id = 3, .dup = true});
  BOOST_TEST(s.routed() == "");
  BOOST_TEST(s.received() == "PUBREC 3\n");
}

BOOST_AUTO_TEST_CASE(accepted_of_an_earlier_connection_acknowledges_no_qos1_publish) {
  scene s;
  s.online();
  s.publish({.payload = "old", .qos = qos1, .id = 3});
  const auto routed = s.blocks();
  s.lose();
  s.online();
  s.publish({.payload = "new", .qos = qos1, .id = 3});
  s.accept(routed[0]);
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.requests.size() == 1U);
  s.answer();
  BOOST_TEST(s.received() == "PUBACK 3\n");
}

BOOST_AUTO_TEST_CASE(more_than_receive_maximum_unacknowledged_ends_the_connection) {
  // [MQTT5-3.3.4-8] is the client's; the answer is MQTT5 §3.3.4's
  scene s(with_receive_maximum(3));
  s.online();
  BOOST_TEST(s.answered.receive_maximum.value() == 3);
  s.publish({.qos = qos1, .id = 1});
  s.publish({.qos = qos2, .id = 2});
  s.publish({.qos = qos1, .id = 3});
  s.publish({});  // QoS 0 does not count
  BOOST_TEST(s.machine.connected());
  s.publish({.qos = qos1, .id = 4});
  BOOST_TEST(s.received() == "DISCONNECT 93 +reason\n");
  BOOST_TEST(s.closed);
}

BOOST_AUTO_TEST_CASE(acknowledgements_give_receive_quota_back) {
  scene s(with_receive_maximum(2));
  s.online();
  for (packet_id id = 1; id != 20; ++id) {
    s.publish({.qos = qos1, .id = id});
    s.publish({.qos = qos2, .id = 100});
    s.answer();
    s.respond(packet_type::pubrel, 100);
  }
  BOOST_TEST(s.machine.connected());
  s.publish({.qos = qos2, .id = 1});
  s.answer();  // PUBREC alone gives nothing back
  s.publish({.qos = qos2, .id = 2});
  s.answer();
  s.publish({.qos = qos2, .id = 3});
  BOOST_TEST(!s.machine.connected());
  BOOST_TEST((s.close_reason->code == reason_code::receive_maximum_exceeded));
}

BOOST_AUTO_TEST_CASE(receive_maximum_does_not_bind_clients_of_3_1_1) {
  scene s(with_receive_maximum(1));
  s.online(scene::request_v3());
  for (packet_id id = 1; id != 10; ++id)
    s.publish({.qos = qos1, .id = id});
  BOOST_TEST(s.machine.connected());
}

BOOST_AUTO_TEST_CASE(neighbouring_publishes_of_one_shard_travel_in_one_block) {
  scene s;
  s.online();
  byte_buffer wire;
  for (const auto text : {"a", "b", "c"})
    encode(publish{.topic = "t", .payload = as_bytes(text)}, protocol_version::v5, wire);
  s.send(as_text(wire.view()));
  const auto blocks = s.blocks();
  BOOST_TEST_REQUIRE(blocks.size() == 1U);
  BOOST_TEST(blocks[0]->size() == 3U);
  BOOST_TEST(blocks[0]->publisher() == 7U);
  BOOST_TEST(blocks[0]->connection_epoch() == s.machine.connection_epoch());
  BOOST_TEST((blocks[0]->received_at() == s.now));
}

BOOST_AUTO_TEST_CASE(a_publish_goes_to_the_shard_of_its_topic) {
  scene s({}, 4);
  s.online();
  for (const std::string topic : {"a", "b", "c", "d", "e", "f"}) {
    s.publish({.topic = topic});
    BOOST_TEST_REQUIRE(s.requests.size() == 1U);
    BOOST_TEST(std::get<shard_publish>(s.requests[0].what).shard == partition_of(topic) % 4);
    s.requests.clear();
  }
}

BOOST_AUTO_TEST_CASE(publishes_before_a_subscribe_reach_the_shard_before_it) {
  scene s;
  s.online();
  byte_buffer wire;
  encode(publish{.topic = "t"}, protocol_version::v5, wire);
  encode(subscribe{.id = 1, .entries = {{"t", {}}}}, protocol_version::v5, wire);
  encode(publish{.topic = "t"}, protocol_version::v5, wire);
  encode(unsubscribe{.id = 2, .filters = {"t"}}, protocol_version::v5, wire);
  s.send(as_text(wire.view()));
  std::vector<std::size_t> kinds;
  for (const auto& each : s.requests)
    kinds.push_back(each.what.index());
  BOOST_TEST(kinds == (std::vector<std::size_t>{0, 1, 0, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(part_of_a_packet_is_left_for_the_next_call) {
  scene s;
  s.online();
  byte_buffer wire;
  encode(publish{.topic = "t", .payload = as_bytes("abc")}, protocol_version::v5, wire);
  const std::size_t whole = wire.size();
  encode(publish{.topic = "t", .payload = as_bytes("def")}, protocol_version::v5, wire);
  for (std::size_t size = whole; size != wire.size(); ++size) {
    BOOST_TEST(s.machine.receive(wire.view().first(size), s.now, s.effects) == whole);
    s.collect();
    BOOST_TEST(s.routed() == "t abc\n");
  }
}

// -- refusals ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(sys_topics_are_refused_and_the_connection_goes_on) {
  scene s;
  s.online();
  s.publish({.topic = "$SYS/x"});
  s.publish({.topic = "$SYS/x", .qos = qos1, .id = 1});
  s.publish({.topic = "$SYS/x", .qos = qos2, .id = 2});
  BOOST_TEST(s.received() == "PUBACK 1 87 +reason\nPUBREC 2 87 +reason\n");
  BOOST_TEST(s.requests.empty());
  s.respond(packet_type::pubrel, 2);  // the exchange ended with PUBREC
  BOOST_TEST(s.received() == "PUBCOMP 2 92\n");
}

BOOST_AUTO_TEST_CASE(refused_publish_of_3_1_1_is_acknowledged_and_dropped) {  // [MQTT311-3.3.5-2]
  scene s;
  s.online(scene::request_v3());
  s.publish({.topic = "$SYS/x", .qos = qos1, .id = 1});
  s.publish({.topic = "$SYS/x", .qos = qos2, .id = 2});
  s.publish({.topic = "$SYS/x", .qos = qos2, .id = 2, .dup = true});
  s.respond(packet_type::pubrel, 2);
  BOOST_TEST(s.received() == "PUBACK 1\nPUBREC 2\nPUBREC 2\nPUBCOMP 2\n");
  BOOST_TEST(s.requests.empty());
}

BOOST_AUTO_TEST_CASE(topic_over_the_limits_is_refused) {
  config settings;
  settings.limits.max_topic_levels = 2;
  settings.limits.max_topic_length = 5;
  scene s(settings);
  s.online();
  s.publish({.topic = "a/b", .qos = qos1, .id = 1});
  s.publish({.topic = "a/b/c", .qos = qos1, .id = 2});
  s.publish({.topic = "abcdef", .qos = qos1, .id = 3});
  BOOST_TEST(s.received() == "PUBACK 2 90 +reason\nPUBACK 3 90 +reason\n");
  BOOST_TEST(s.routed() == "a/b m\n");
}

BOOST_AUTO_TEST_CASE(qos_above_the_maximum_ends_the_connection) {  // [MQTT5-3.2.2-11]
  config settings;
  settings.features.max_qos = qos1;
  scene s(settings);
  s.online();
  BOOST_TEST((s.answered.maximum_qos == qos1));
  s.publish({.qos = qos2, .id = 1});
  BOOST_TEST(s.received() == "DISCONNECT 9b +reason\n");
}

BOOST_AUTO_TEST_CASE(retain_where_it_is_off_ends_the_connection) {  // [MQTT5-3.2.2-14]
  config settings;
  settings.features.retain_available = false;
  scene s(settings);
  s.online();
  BOOST_TEST(s.answered.retain_available.value() == false);
  s.publish({.retain = true});
  BOOST_TEST(s.received() == "DISCONNECT 9a +reason\n");
}

BOOST_AUTO_TEST_CASE(reason_string_is_left_out_where_the_client_wants_none) {  // [MQTT5-3.1.2-29]
  scene s;
  connect request = scene::request_v5();
  request.request_problem_information = false;
  s.online(request);
  s.publish({.topic = "$SYS/x", .qos = qos1, .id = 1});
  s.subscribe("a/#/b");
  BOOST_TEST(s.received() == "PUBACK 1 87\nSUBACK 1 8f\n");
  s.send("\xF0\x00"sv);  // DISCONNECT may carry one all the same
  BOOST_TEST(s.received() == "DISCONNECT 82 +reason\n");
}

BOOST_AUTO_TEST_CASE(reason_string_is_left_out_where_it_makes_the_packet_too_large) {
  // [MQTT5-3.4.2-2], [MQTT5-3.5.2-2], [MQTT5-3.9.2-1], [MQTT5-3.14.2-3]
  bool with = false;
  bool without = false;
  for (std::uint32_t size = 16; size != 80; ++size) {
    scene s;  // checks the size of each packet
    connect request = scene::request_v5();
    request.maximum_packet_size = size;
    s.attach(request);
    (void)s.received();
    s.publish({.topic = "$SYS/x", .qos = qos1, .id = 1});
    s.publish({.topic = "$SYS/x", .qos = qos2, .id = 2});
    s.subscribe("a/#/b");
    s.send("\xF0\x00"sv);
    const std::string lines = s.received();
    BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == 4);
    with |= lines == "PUBACK 1 87 +reason\nPUBREC 2 87 +reason\nSUBACK 1 8f +reason\n"
                     "DISCONNECT 82 +reason\n";
    without |= lines == "PUBACK 1 87\nPUBREC 2 87\nSUBACK 1 8f\nDISCONNECT 82\n";
  }
  BOOST_TEST(with);
  BOOST_TEST(without);
}

// -- topic aliases ----------------------------------------------------------------

BOOST_AUTO_TEST_CASE(alias_stands_for_the_topic_it_was_last_set_to) {
  scene s;
  s.online();
  s.publish({.topic = "a", .payload = "1", .alias = 3});
  s.publish({.topic = "", .payload = "2", .alias = 3});
  s.publish({.topic = "b", .payload = "3", .alias = 3});
  s.publish({.topic = "", .payload = "4", .alias = 3});
  BOOST_TEST(s.routed() == "a 1\na 2\nb 3\nb 4\n");
}

BOOST_AUTO_TEST_CASE(alias_above_the_maximum_ends_the_connection) {  // [MQTT5-3.3.2-9]
  scene s;
  s.online();
  s.publish({.alias = s.answered.topic_alias_maximum});
  BOOST_TEST(s.machine.connected());
  s.publish({.alias = static_cast<std::uint16_t>(s.answered.topic_alias_maximum + 1)});
  BOOST_TEST(s.received() == "DISCONNECT 94 +reason\n");
}

BOOST_AUTO_TEST_CASE(alias_that_was_not_set_ends_the_connection) {
  scene s;
  s.online();
  s.publish({.topic = "a", .alias = 3});
  s.publish({.topic = "", .alias = 2});
  BOOST_TEST(s.received() == "DISCONNECT 82 +reason\n");
}

BOOST_AUTO_TEST_CASE(aliases_do_not_survive_the_connection) {  // [MQTT5-3.3.2-7]
  scene s;
  s.online();
  s.publish({.topic = "a", .alias = 3});
  s.lose();
  s.online();
  s.publish({.topic = "", .alias = 3});
  BOOST_TEST(s.received() == "DISCONNECT 82 +reason\n");
}

// -- the rest ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(pingreq_is_answered) {  // [MQTT5-3.12.4-1]
  scene s;
  s.online();
  s.send(pingreq{});
  BOOST_TEST(s.received() == "PINGRESP\n");
}

BOOST_AUTO_TEST_CASE(packets_that_break_the_protocol_end_the_connection) {
  const auto ends_with = [](std::string_view wire, std::string_view answer) {
    scene s;
    s.online();
    s.send(wire);
    BOOST_TEST(s.received() == answer);
    BOOST_TEST(s.closed);
    BOOST_TEST(s.close_reason.has_value());
  };
  const byte_buffer second = encode_any(scene::request_v5(), protocol_version::v5);
  ends_with(as_text(second.view()), "DISCONNECT 82 +reason\n");  // [MQTT5-3.1.0-2]
  ends_with("\xF0\x00"sv, "DISCONNECT 82 +reason\n");            // [MQTT5-4.12.0-7]
  ends_with("\xD0\x00"sv, "DISCONNECT 82 +reason\n");            // PINGRESP
  ends_with("\x01", "DISCONNECT 81 +reason\n");
}

BOOST_AUTO_TEST_CASE(packet_over_the_size_limit_is_refused_by_its_header) {
  config settings;
  settings.limits.max_packet_size = 100;
  scene s(settings);
  s.online();
  BOOST_TEST(s.answered.maximum_packet_size.value() == 100U);
  s.send("\x30\x7F");
  BOOST_TEST(s.received() == "DISCONNECT 95 +reason\n");
}

BOOST_AUTO_TEST_CASE(violations_in_3_1_1_close_without_a_word) {  // [MQTT311-4.8.0-1]
  scene s;
  s.online(scene::request_v3());
  s.send("\xF0\x00"sv);
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.closed);
}

BOOST_AUTO_TEST_CASE(what_follows_the_end_of_the_connection_is_not_handled) {
  scene s;
  s.online();
  byte_buffer wire;
  encode(disconnect{}, protocol_version::v5, wire);
  encode(publish{.topic = "t"}, protocol_version::v5, wire);
  s.send(as_text(wire.view()));
  BOOST_TEST(s.requests.empty());
  BOOST_TEST(s.counted.packets_received == 1U);
}

BOOST_AUTO_TEST_CASE(received_packets_and_payload_are_counted) {
  scene s;
  s.online();
  s.publish({.payload = "abc"});
  s.publish({.payload = "de", .qos = qos2, .id = 1});
  s.send(pingreq{});
  BOOST_TEST(s.counted.packets_received == 3U);
  BOOST_TEST(s.counted.publishes_received == 2U);
  BOOST_TEST(s.counted.publish_bytes_received == 5U);
}

BOOST_AUTO_TEST_CASE(what_is_refused_is_answered_over_the_connection_that_repeated_it) {
  scene s;
  s.online();
  s.publish({.qos = qos::exactly_once, .id = 1});
  const auto first = s.blocks();
  s.lose();
  s.online();
  s.publish({.qos = qos::exactly_once, .id = 1, .dup = true});
  BOOST_TEST(s.blocks().empty());
  s.machine.not_kept(*first.front(), s.effects);
  s.collect();
  BOOST_TEST(s.received() == "PUBREC 1 97 +reason\n");
  s.publish({.qos = qos::exactly_once, .id = 1, .dup = true});
  BOOST_TEST(s.blocks().size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_releases_before_the_answer_is_written_gets_none) {
  scene s(with_data_dir());
  s.online();
  s.publish({.qos = qos::exactly_once, .id = 1});
  s.accept(s.blocks().front());
  s.respond(packet_type::pubrel, 1);
  s.write();
  BOOST_TEST(s.received() == "PUBCOMP 1\n");
  BOOST_TEST(!s.machine.awaits_acceptance());
}

BOOST_AUTO_TEST_SUITE_END()
