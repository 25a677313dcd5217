#include "tests/libbroker/session/scene.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// Answers the SUBSCRIBE at the front of the requests as a shard with retained
/// messages for the filters at `positions`.
void answer_with_retained(scene& s, const std::vector<std::uint32_t>& positions,
                          std::uint64_t sequence = 5) {
  const auto request = std::get<shard_subscribe>(s.requests.at(0).what);
  s.requests.pop_front();
  s.machine.subscribed(request.shard, request.number, sequence, positions, s.effects);
  s.collect();
}

match_details_ptr share() { return make_match_details({}, "$share/g/t"); }

/// What came back from the session, `filter topic payload` one per line.
std::string returned(scene& s) {
  std::string lines;
  for (const auto& each : s.requests)
    if (const auto* call = std::get_if<share_call>(&each.what))
      if (const auto* p = std::get_if<share_return>(&call->what))
        lines += call->share + ' ' + text_of(*p->block, 0) + '\n';
  return lines;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_subscribe)

BOOST_AUTO_TEST_CASE(suback_waits_for_the_shard) {  // [MQTT5-3.8.4-1]
  scene s;
  s.online();
  s.subscribe("a", {.qos = qos1}, 9, 33);
  BOOST_TEST(s.received() == "");
  BOOST_TEST_REQUIRE(s.requests.size() == 1U);
  const auto& request = std::get<shard_subscribe>(s.requests[0].what);
  BOOST_TEST(request.filters.at(0).filter == "a");
  BOOST_TEST(request.filters.at(0).identifier == 33U);
  BOOST_TEST((request.filters.at(0).options == subscription_options{.qos = qos1}));
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 9 01\n");
}

BOOST_AUTO_TEST_CASE(filter_with_wildcard_goes_to_every_shard_and_suback_waits_for_all) {
  scene s({}, 3);
  s.online();
  s.subscribe("a/+");
  BOOST_TEST_REQUIRE(s.requests.size() == 3U);
  const auto last = s.requests.back();
  s.requests.pop_back();
  s.answer();
  BOOST_TEST(s.received() == "");
  s.requests.push_back(last);
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 1 00\n");
}

BOOST_AUTO_TEST_CASE(suback_has_one_code_per_filter_in_their_order) {  // [MQTT5-3.8.4-6]
  config settings;
  settings.limits.max_subscriptions_per_session = 3;
  settings.limits.max_filter_levels = 3;
  scene s(settings);
  s.online();
  s.send(subscribe{.id = 1,
                   .entries = {{"a", {.qos = qos2}},
                               {"a/#/b", {}},
                               {"b", {.qos = qos1}},
                               {"1/2/3/4", {}},
                               {"#", {}},
                               {"c", {}},
                               {"a", {}}}});
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 1 02 8f 01 8f 00 97 00 +reason\n");
  BOOST_TEST(s.machine.subscriptions() == 3U);
}

BOOST_AUTO_TEST_CASE(refused_filters_have_one_code_in_3_1_1) {
  scene s;
  s.online(scene::request_v3());
  s.send(subscribe{.id = 1, .entries = {{"a/#/b", {}}, {"a", {.qos = qos1}}}});
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 1 80 01\n");
}

BOOST_AUTO_TEST_CASE(features_that_are_off_are_refused) {
  config settings;
  settings.features.wildcard_subscriptions = false;
  settings.features.shared_subscriptions = false;
  settings.features.subscription_identifiers = false;
  scene s(settings);
  s.online();
  s.subscribe("a/#", {}, 1);
  s.subscribe("$share/g/a", {}, 2);
  s.subscribe("a", {}, 3, 7);
  BOOST_TEST(s.received() == "SUBACK 1 a2 +reason\nSUBACK 2 9e +reason\nSUBACK 3 a1 +reason\n");
  BOOST_TEST(s.requests.empty());
}

BOOST_AUTO_TEST_CASE(granted_qos_is_bounded_by_the_maximum) {  // [MQTT5-3.9.3-1]
  config settings;
  settings.features.max_qos = qos1;
  scene s(settings);
  s.online();
  s.subscribe("a", {.qos = qos2});
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 1 01\n");
}

BOOST_AUTO_TEST_CASE(a_filter_counts_once_however_often_it_is_subscribed) {  // [MQTT5-3.8.4-3]
  config settings;
  settings.limits.max_subscriptions_per_session = 1;
  scene s(settings);
  s.online();
  s.subscribed("a");
  s.subscribed("a", {.qos = qos2});
  BOOST_TEST(s.machine.subscriptions() == 1U);
}

// -- UNSUBSCRIBE ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(unsuback_has_one_code_per_filter) {  // [MQTT5-3.10.4-4], [MQTT5-3.10.4-5]
  scene s;
  s.online();
  s.subscribed("a");
  s.send(unsubscribe{.id = 4, .filters = {"b", "a", "a", "a/#/b"}});
  BOOST_TEST(s.received() == "");
  s.answer();
  BOOST_TEST(s.received() == "UNSUBACK 4 11 00 11 8f\n");
  BOOST_TEST(s.machine.subscriptions() == 0U);
}

BOOST_AUTO_TEST_CASE(unsubscribe_of_nothing_is_answered_at_once) {
  scene s;
  s.online();
  s.unsubscribe("a", 4);
  BOOST_TEST(s.received() == "UNSUBACK 4 11\n");
  BOOST_TEST(s.requests.empty());
}

BOOST_AUTO_TEST_CASE(unsubscribe_overtakes_no_pending_subscribe) {
  scene s;
  s.online();
  s.subscribe("a", {}, 1);
  s.unsubscribe("a", 2);
  BOOST_TEST_REQUIRE(s.requests.size() == 2U);
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 1 00\nUNSUBACK 2 00\n");
}

BOOST_AUTO_TEST_CASE(replies_to_requests_of_an_earlier_connection_are_ignored) {
  scene s;
  s.online();
  s.subscribe("a", {}, 1);
  s.unsubscribe("a", 2);
  s.lose();
  s.online();
  s.subscribe("b", {}, 3);
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 3 00\n");
}

// -- retained messages ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(retained_messages_come_after_suback_with_retain_set) {
  // [MQTT5-3.3.1-8], [MQTT5-3.3.1-9]
  scene s;
  s.online();
  s.subscribe("a/#", {.qos = qos1}, 1, 5);
  answer_with_retained(s, {0}, 77);
  BOOST_TEST(s.received() == "SUBACK 1 01\n");
  BOOST_TEST_REQUIRE(s.read.has_value());
  BOOST_TEST(s.read->filter == "a/#");
  BOOST_TEST(s.read->from.as_of == 77U);
  BOOST_TEST(!s.read->from.started);
  s.retained_page({{.topic = "a/1", .retain = true}}, false);
  BOOST_TEST_REQUIRE(s.read.has_value());
  BOOST_TEST(s.read->from.after == "a/1");
  s.retained_page({{.topic = "a/2", .qos = qos2, .retain = true}}, true);
  BOOST_TEST(s.received() == "PUBLISH a/1 m retain ids=5\nPUBLISH a/2 m q1 id=1 retain ids=5\n");
  BOOST_TEST(!s.read.has_value());
}

BOOST_AUTO_TEST_CASE(retain_handling_says_when_retained_messages_are_sent) {
  // [MQTT5-3.3.1-9], [MQTT5-3.3.1-10], [MQTT5-3.3.1-11]
  const auto reads = [](retain_handling how) {
    scene s;
    s.online();
    std::string when;
    for (int i = 0; i != 2; ++i) {
      s.subscribe("a", {.retain_handling = how});
      answer_with_retained(s, {0});
      when += s.read ? '1' : '0';
      if (s.read) s.retained_page({}, true);
    }
    s.unsubscribe("a");
    s.answer();
    s.subscribe("a", {.retain_handling = how});
    answer_with_retained(s, {0});
    return when + (s.read ? '1' : '0');
  };
  BOOST_TEST(reads(retain_handling::send) == "111");
  BOOST_TEST(reads(retain_handling::send_if_new) == "101");
  BOOST_TEST(reads(retain_handling::do_not_send) == "000");
}

BOOST_AUTO_TEST_CASE(shared_subscriptions_get_no_retained_messages) {  // MQTT5 §4.8.2
  scene s;
  s.online();
  s.subscribed("$share/g/a");
  BOOST_TEST(!s.read.has_value());
}

BOOST_AUTO_TEST_CASE(no_local_skips_the_sessions_own_retained_messages) {  // [MQTT5-3.8.3-3]
  scene s;
  s.online();
  s.subscribe("a/#", {.no_local = true});
  answer_with_retained(s, {0});
  s.retained_page({{.topic = "a/own"}}, false, s.machine.number());
  s.retained_page({{.topic = "a/other"}}, true);
  BOOST_TEST(s.received() == "SUBACK 1 00\nPUBLISH a/other m retain\n");
}

BOOST_AUTO_TEST_CASE(filters_are_read_one_after_the_other_in_each_shard) {
  scene s({}, 2);
  s.online();
  s.send(subscribe{.id = 1, .entries = {{"a/#", {}}, {"b/#", {}}}});
  answer_with_retained(s, {1});
  answer_with_retained(s, {0, 1});
  std::string order;
  while (s.read) {
    order += s.read->filter + std::to_string(s.read->shard) + ' ';
    s.retained_page({}, true);
  }
  BOOST_TEST(order == "b/#0 a/#1 b/#1 ");
}

BOOST_AUTO_TEST_CASE(unsubscribe_while_a_page_is_under_way_drops_the_page) {
  scene s;
  s.online();
  s.subscribe("a/#");
  answer_with_retained(s, {0});
  s.unsubscribe("a/#", 2);
  s.answer();
  s.retained_page({{.topic = "a/1"}}, false);
  BOOST_TEST(s.received() == "SUBACK 1 00\nUNSUBACK 2 00\n");
  BOOST_TEST(!s.read.has_value());
}

BOOST_AUTO_TEST_CASE(subscribing_again_while_a_page_is_under_way_starts_anew) {
  scene s;
  s.online();
  s.subscribe("a/#");
  answer_with_retained(s, {0});
  s.unsubscribe("a/#", 2);
  s.answer();
  s.subscribe("a/#", {}, 3);
  answer_with_retained(s, {0});
  BOOST_TEST(s.received() == "SUBACK 1 00\nUNSUBACK 2 00\nSUBACK 3 00\n");
  s.retained_page({{.topic = "a/old"}}, false);
  BOOST_TEST(s.received() == "");
  BOOST_TEST_REQUIRE(s.read.has_value());
  BOOST_TEST(!s.read->from.started);
  s.retained_page({{.topic = "a/new"}}, true);
  BOOST_TEST(s.received() == "PUBLISH a/new m retain\n");
}

BOOST_AUTO_TEST_CASE(unsubscribe_before_suback_stops_the_reading) {
  // The read was repeated for ever.
  scene s;
  s.online();
  s.subscribe("a/#", {}, 1);
  s.unsubscribe("a/#", 2);
  answer_with_retained(s, {0});
  for (int i = 0; i != 3 && s.read; ++i)
    s.retained_page({{.topic = "a/1"}}, false);
  BOOST_TEST(!s.read.has_value());
  s.answer();
  BOOST_TEST(s.received() == "SUBACK 1 00\nUNSUBACK 2 00\n");
  s.subscribe("b", {}, 3);  // reading goes on for others
  answer_with_retained(s, {0});
  BOOST_TEST(s.read.has_value());
}

BOOST_AUTO_TEST_CASE(page_with_another_number_is_ignored) {
  scene s;
  s.online();
  s.subscribe("a");
  answer_with_retained(s, {0});
  (void)s.received();
  const shard_read_retained asked = *s.read;
  shard_read_retained other = asked;
  ++other.number;
  s.retained_reply(other, {{.topic = "a"}}, true);
  BOOST_TEST(s.received() == "");
  s.lose();
  s.online();
  s.retained_reply(asked, {{.topic = "a"}}, true);
  BOOST_TEST(s.received() == "");
}

BOOST_AUTO_TEST_CASE(reading_goes_on_where_it_stood_when_the_client_returns) {
  // What was left to read was lost with the connection.
  scene s;
  s.online();
  s.subscribe("a/#", {.qos = qos1});
  answer_with_retained(s, {0});
  s.retained_page({{.topic = "a/1", .qos = qos1}}, false);
  s.respond(packet_type::puback, 1);
  s.lose();
  (void)s.received();
  s.online();
  BOOST_TEST_REQUIRE(s.read.has_value());
  BOOST_TEST(s.read->from.started);
  s.retained_page({{.topic = "a/2", .qos = qos1}}, true);
  BOOST_TEST(s.received() == "PUBLISH a/2 m q1 id=1 retain\n");
  s.lose();
  s.read.reset();
  s.online();
  BOOST_TEST(!s.read.has_value());
}

BOOST_AUTO_TEST_CASE(subscribing_again_before_all_is_read_keeps_one_reading_per_shard) {
  scene s;
  s.online();
  for (packet_id id = 1; id != 200; ++id) {
    s.subscribe("a/#", {}, id);
    answer_with_retained(s, {0});
  }
  int pages = 0;
  for (; s.read; ++pages)
    s.retained_page({}, true);
  BOOST_TEST(pages == 2);  // the one that was under way, and one anew
}

BOOST_AUTO_TEST_CASE(a_subscribe_of_more_than_65535_filters_is_served_whole) {
  config settings;
  settings.limits.max_subscriptions_per_session = 0;
  scene s(settings);
  s.online();
  subscribe many{.id = 1};
  std::vector<std::string> filters;
  for (int i = 0; i != 65'600; ++i)
    filters.push_back("f/" + std::to_string(i) + "/#");
  for (const std::string& filter : filters)
    many.entries.push_back({filter, {}});
  s.send(many);
  const auto& request = std::get<shard_subscribe>(s.requests.front().what);
  BOOST_TEST(request.filters.back().position == 65'599U);
  answer_with_retained(s, {65'590});
  BOOST_TEST_REQUIRE(s.read.has_value());
  BOOST_TEST(s.read->filter == "f/65590/#");
}

BOOST_AUTO_TEST_CASE(retained_messages_are_read_as_the_window_allows) {
  scene s;
  connect request = scene::request_v5();
  request.receive_maximum = 1;
  s.online(request);
  s.subscribe("a/#", {.qos = qos1});
  answer_with_retained(s, {0});
  s.retained_page({{.topic = "a/1", .qos = qos1}, {.topic = "a/2", .qos = qos1}}, false);
  BOOST_TEST(!s.read.has_value());
  s.respond(packet_type::puback, 1);
  BOOST_TEST(s.read.has_value());
}

BOOST_AUTO_TEST_CASE(retained_messages_are_read_as_the_output_allows) {
  config settings;
  settings.limits.output_buffer = 200;
  scene s(settings);
  s.online();
  s.subscribe("a/#");
  s.stall(true);
  answer_with_retained(s, {0});
  s.retained_page({{.topic = "a/1", .payload = std::string(110, 'x')}}, false);
  BOOST_TEST(!s.read.has_value());
  s.stall(false);
  BOOST_TEST(s.read.has_value());
}

// -- shared subscriptions ---------------------------------------------------------

BOOST_AUTO_TEST_CASE(end_of_the_session_hands_shared_messages_back) {  // [MQTT5-4.8.2-5]
  scene s;
  connect request = scene::request_v5();
  request.receive_maximum = 3;
  s.online(request);
  s.subscribed("$share/g/t");
  const auto deliver = [&](std::string text, qos level, bool shared) {
    s.deliver({{.payload = std::move(text), .qos = level}},
              {.maximum_qos = qos2, .details = shared ? share() : nullptr});
  };
  deliver("flight1", qos1, true);
  deliver("flight2", qos2, true);
  deliver("own", qos1, false);
  deliver("queued1", qos1, true);
  deliver("queued2", qos2, true);
  deliver("queued own", qos2, false);
  s.lose();
  BOOST_TEST(returned(s) == "");
  s.wait(100s);
  BOOST_TEST(s.ended);
  BOOST_TEST(returned(s) == "$share/g/t t flight1\n$share/g/t t queued1\n$share/g/t t queued2\n");
  // The leaving member is gone before its messages are dealt again.
  BOOST_TEST(std::holds_alternative<share_leave>(std::get<share_call>(s.requests.at(0).what).what));
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_client_that_is_at_another_node_is_handed_back) {
  scene s;
  s.online();
  s.subscribed("$share/g/t");
  s.subscribed("t", {.qos = qos1});
  s.lose();
  s.deliver({{.payload = "shared", .qos = qos1}}, {.maximum_qos = qos1, .details = share()});
  s.deliver({.payload = "its own", .qos = qos1}, qos1);
  s.machine.hand_over(9, {}, s.now, s.effects);
  s.machine.leave(s.now, s.effects);
  s.collect();
  BOOST_TEST(returned(s) == "$share/g/t t shared\n");
  BOOST_TEST(s.machine.queued_messages() == 1U);
}

BOOST_AUTO_TEST_CASE(acknowledged_shared_messages_are_not_handed_back) {
  scene s;
  s.online();
  s.subscribed("$share/g/t");
  s.deliver({{.qos = qos1}}, {.maximum_qos = qos2, .details = share()});
  s.respond(packet_type::puback, 1);
  s.disconnect(reason_code::normal_disconnection, 0);
  BOOST_TEST(s.ended);
  BOOST_TEST(returned(s) == "");
}

BOOST_AUTO_TEST_CASE(handed_back_message_keeps_its_origin_and_age) {
  scene s;
  s.online();
  s.subscribed("$share/g/t");
  const time_point sent = s.now;
  s.deliver({{.qos = qos1, .expiry = 500}}, {.maximum_qos = qos1, .details = share()});
  s.lose();
  s.wait(100s);
  const auto& back = std::get<share_return>(std::get<share_call>(s.requests.back().what).what);
  BOOST_TEST((back.block->received_at() == sent));
  BOOST_TEST(back.block->publisher() == 1U);
  BOOST_TEST((*back.block)[0].expiry_interval == 500U);
}

BOOST_AUTO_TEST_CASE(no_local_on_a_shared_subscription_ends_the_connection) {  // [MQTT5-3.8.3-4]
  scene s;
  s.online();
  s.subscribe("$share/g/t", {.no_local = true});
  BOOST_TEST(s.received() == "DISCONNECT 82 +reason\n");
}

BOOST_AUTO_TEST_CASE(a_reply_too_large_for_the_client_ends_the_connection) {  // [MQTT5-3.1.2-24]
  for (const std::size_t filters : {25U, 26U}) {
    scene s;
    connect request = scene::request_v5();
    request.maximum_packet_size = 30;  // SUBACK has 5 bytes and one for each filter
    s.online(request);
    subscribe packet{.id = 1};
    packet.entries.assign(filters, {.filter = "t"});
    s.send(packet);
    s.answer();
    BOOST_TEST(s.machine.connected() == (filters == 25));
    BOOST_TEST(s.machine.subscriptions() == (filters == 25 ? 1U : 0U));
    BOOST_TEST(s.received().starts_with(filters == 25 ? "SUBACK" : "DISCONNECT 95"));
    if (filters != 25) continue;
    s.send(unsubscribe{.id = 2, .filters = std::vector<std::string_view>(26, "t")});
    BOOST_TEST(s.received().starts_with("DISCONNECT 95"));
    BOOST_TEST(s.machine.subscriptions() == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
