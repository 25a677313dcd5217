// What people are told of a session.

#include "libbroker/rfc3339.hpp"
#include "tests/libbroker/session/durable_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <map>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

std::string text_of(const fact_value& value) {
  struct visitor {
    std::string operator()(std::monostate) const { return "-"; }
    std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
    std::string operator()(std::uint64_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::vector<std::uint64_t>& numbers) const {
      std::string all = "[";
      for (const std::uint64_t each : numbers)
        all += std::to_string(each) + ",";
      return all + "]";
    }
  };
  return std::visit(visitor{}, value);
}

/// One group, `name value` one a line.
std::string facts(const scene& s, const std::string& group, const connection_facts& by = {}) {
  const clock_reading now{.monotonic = s.now, .wall = wall_time(s.now.time_since_epoch())};
  for (const fact_group& each : s.machine.facts(by, now)) {
    if (each.name != group) continue;
    std::string all;
    for (const fact& one : each.facts)
      all += one.name + ' ' + text_of(one.value) + '\n';
    return all;
  }
  return "there is no group " + group;
}

bool has(const std::string& all, const std::string& line) {
  return ('\n' + all).find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_facts)

BOOST_AUTO_TEST_CASE(login_says_who_how_and_since_when) {
  scene s;
  connect request = scene::request_v5();
  request.clean_start = true;
  request.keep_alive = 30;
  request.session_expiry_interval = 100;
  s.online(request);
  const connection_facts by{
      .user = "u", .address = "127.0.0.1:5", .since = s.now, .node = "mqtt-1"};
  s.wait(5s);
  BOOST_TEST(facts(s, "login", by) == "client_id client\nuser u\nversion 5.0\nconnected yes\n"
                                      "since 1970-01-01T01:00:00.000Z\naddress 127.0.0.1:5\n"
                                      "node mqtt-1\nclean_start yes\nkeep_alive 30\nexpiry 100\n"
                                      "expires_at -\n");
  s.lose();
  BOOST_TEST(facts(s, "login", {.since = s.now, .node = "mqtt-1"}) ==
             "client_id client\nuser -\nversion 5.0\nconnected no\n"
             "since 1970-01-01T01:00:05.000Z\naddress -\nnode mqtt-1\nclean_start yes\n"
             "keep_alive 30\nexpiry 100\nexpires_at 1970-01-01T01:01:45.000Z\n");
}

BOOST_AUTO_TEST_CASE(a_session_that_never_expires_of_an_old_client_in_another_life) {
  scene s;
  connect request = scene::request_v5();
  request.session_expiry_interval = 0xFFFFFFFF;
  s.online(request);
  BOOST_TEST(has(facts(s, "login"), "expiry never"));
  BOOST_TEST(has(facts(s, "login"), "since -"));
  scene old;
  old.online(scene::request_v3());
  BOOST_TEST(has(facts(old, "login"), "version 3.1.1"));
  BOOST_TEST(has(facts(old, "login"), "clean_start no"));
}

BOOST_AUTO_TEST_CASE(qos_says_what_is_in_flight_by_stage_and_what_waits) {
  scene s;
  connect request = scene::request_v5();
  request.receive_maximum = 4;
  s.online(request);
  s.subscribed("t", {.qos = qos2});
  s.deliver({.qos = qos1});
  for (int i = 0; i != 3; ++i)
    s.deliver({.qos = qos2});
  s.deliver({.payload = "waits", .qos = qos1});
  s.respond(packet_type::pubrec, 2);
  s.publish({.qos = qos2, .id = 9});
  s.publish({.qos = qos2, .id = 300});
  const std::string found = facts(s, "qos");
  for (const std::string line :
       {"in_flight_qos1 1", "in_flight_qos2 2", "in_flight_released 1", "in_flight_finished 0",
        "received_qos2 2", "received_qos2_ids [9,300,]", "receive_maximum_of_client 4",
        "send_quota 0", "receive_maximum 1024", "max_in_flight 1024", "maximum_packet_size -",
        "queued_messages 1"})
    BOOST_TEST(has(found, line), line << " in\n" << found);
}

BOOST_AUTO_TEST_CASE(cursors_are_there_for_a_durable_session_only) {
  scene memory;
  memory.online();
  BOOST_TEST(facts(memory, "cursors") == "");

  kept disk;
  scene s(with_data_dir(), 2);
  s.online();
  disk.take(s);
  BOOST_TEST(facts(s, "cursors") == "phase live\nlog_head 0\nshard_0 0\nshard_1 0\n");
  s.lose();
  BOOST_TEST(facts(s, "cursors").starts_with("phase away\n"));
}

BOOST_AUTO_TEST_CASE(replays_say_how_far_they_are) {
  scene s(with_data_dir());
  s.online();
  s.write();
  s.subscribe("$replay/earliest/a", {.qos = qos1});
  BOOST_TEST(facts(s, "replays") == "$replay/earliest/a -\n");
  s.begin_replay(7);
  s.write();
  BOOST_TEST(facts(s, "replays") == "$replay/earliest/a 7\n");
  BOOST_TEST(has(facts(s, "subscriptions"), "count 1"));
}

BOOST_AUTO_TEST_CASE(a_will_is_told_without_its_payload) {
  scene s;
  BOOST_TEST(facts(s, "will") == "");
  connect request = scene::request_v5();
  request.will = will{.topic = "gone",
                      .payload = as_bytes("secret"),
                      .qos = qos1,
                      .retain = true,
                      .delay_interval = 9};
  s.online(request);
  BOOST_TEST(facts(s, "will") == "topic gone\nqos 1\nretain yes\ndelay 9\n");
  const clock_reading now{.monotonic = s.now};
  for (const fact_group& group : s.machine.facts({}, now))
    for (const fact& each : group.facts)
      BOOST_TEST(text_of(each.value).find("secret") == std::string::npos);
  s.disconnect();
  BOOST_TEST(facts(s, "will") == "");
}

BOOST_AUTO_TEST_CASE(a_session_that_moved_says_where_the_rest_is) {
  scene s;
  s.online();
  BOOST_TEST(facts(s, "moves") == "");
  s.lose();
  s.machine.hand_over(5, {}, s.now, s.effects);
  s.collect();
  BOOST_TEST(has(facts(s, "moves"), "is_end yes"));
}

BOOST_AUTO_TEST_SUITE_END()
