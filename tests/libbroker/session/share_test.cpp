// What a session tells the group of a shared subscription of messages that the group counts.

#include "tests/libbroker/session/durable_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// A member of `$share/g/t` on a node with a log.
struct member : scene {
  explicit member(const connect& request = scene::request_v5()) : scene(with_data_dir()) {
    online(request);
    disk.take(*this);
    subscribe("$share/g/t", {.qos = qos2}, 1, 5);
    disk.take(*this);
    answer();
    BOOST_TEST(received() == "SUBACK 1 02\n");
    reports.clear();
  }

  void give(log_offset offset, qos level, std::optional<std::uint32_t> expiry = {}) {
    give(*this, offset, level, expiry);
  }
  static void give(scene& to, log_offset offset, qos level,
                   std::optional<std::uint32_t> expiry = {}) {
    const message_block_ptr block = make_block(
        {{.payload = std::to_string(offset), .qos = level, .id = 1, .expiry = expiry}}, to.now);
    const std::uint32_t only = 0;
    message_block::place_in_log(*block, {&only, 1}, offset);
    delivery batch;
    batch.add(block, 0);
    to.machine.deliver(batch, options(), 0, to.now, to.effects);
    to.collect();
  }
  static delivery_options options() {
    return {.maximum_qos = qos2, .tracked = true, .details = make_match_details({5}, "$share/g/t")};
  }

  kept disk;
};

std::string text_of(const share_report& report) {
  std::string text;
  for (const auto& [name, list] :
       {std::pair{"done", &report.done}, std::pair{"returned", &report.returned},
        std::pair{"held", &report.held}})
    for (const log_offset offset : *list)
      text += std::string(name) + ' ' + std::to_string(offset) + '\n';
  if (report.number != 0) text += "tell\n";
  return text;
}

/// What was reported since the last call.
std::string reported(scene& s) {
  std::string text;
  for (const share_call& each : std::exchange(s.reports, {})) {
    BOOST_TEST(each.share == "$share/g/t");
    text += text_of(std::get<share_report>(each.what));
  }
  return text;
}

/// What the session said when it left the group; a reference lives until shards have answered.
const share_report& said_at_the_end(const scene& s) {
  const share_report* said = nullptr;
  for (const auto& each : s.requests)
    if (const auto* call = std::get_if<share_call>(&each.what))
      if (const auto* leave = std::get_if<share_leave>(&call->what)) said = &leave->last;
  BOOST_REQUIRE(said != nullptr);
  return *said;
}

/// The group has written down what it was told last.
void confirm(scene& s, request_number number) {
  s.machine.share_kept(number, s.now, s.effects);
  s.collect();
}

request_number last_number(const scene& s) {
  return std::get<share_report>(s.reports.back().what).number;
}

connect narrow(std::uint16_t receive_maximum) {
  connect request = scene::request_v5();
  request.receive_maximum = receive_maximum;
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_share)

BOOST_AUTO_TEST_CASE(room_is_what_the_client_takes_at_a_time) {
  member s(narrow(3));
  BOOST_TEST(s.machine.share_room() == 3U);
  BOOST_TEST(s.machine.shares() == std::vector<std::string>{"$share/g/t"});
  s.give(1, qos1);
  BOOST_TEST(s.machine.share_room() == 3U);
  s.lose();
  BOOST_TEST(s.machine.share_room() == 0U);
  member wide;
  BOOST_TEST(wide.machine.share_room() == config().session.max_in_flight);
}

BOOST_AUTO_TEST_CASE(acknowledged_message_is_done) {
  member s;
  s.give(10, qos1);
  s.give(11, qos1);
  BOOST_TEST(s.received() == "PUBLISH t 10 q1 id=1 ids=5\nPUBLISH t 11 q1 id=2 ids=5\n");
  BOOST_TEST(reported(s) == "");
  s.respond(packet_type::puback, 2);
  BOOST_TEST(reported(s) == "done 11\n");
  s.respond(packet_type::puback, 1, reason_code::quota_exceeded);  // [MQTT5-4.8.2-6]
  BOOST_TEST(reported(s) == "done 10\n");
}

BOOST_AUTO_TEST_CASE(message_that_expired_or_is_too_large_is_done) {
  connect small = scene::request_v5();
  small.maximum_packet_size = 28;
  small.receive_maximum = 1;
  member s(small);
  s.give(1'000'000'000'000'000'000, qos1);
  BOOST_TEST(reported(s) == "done 1000000000000000000\n");
  s.give(2, qos1);
  s.give(3, qos1, 1);
  s.now += 2s;
  s.respond(packet_type::puback, 1);
  BOOST_TEST(reported(s) == "done 2\ndone 3\n");
}

BOOST_AUTO_TEST_CASE(qos_2_is_done_when_the_client_has_received_it) {
  member s;
  s.give(10, qos2);
  BOOST_TEST(s.received() == "");
  s.disk.take(s);
  BOOST_TEST(s.disk.session.progress.in_flight.at(0).share == "$share/g/t");
  BOOST_TEST(s.received() == "PUBLISH t 10 q2 id=1 ids=5\n");
  s.respond(packet_type::pubrec, 1);
  const request_number number = last_number(s);
  BOOST_TEST(reported(s) == "done 10\ntell\n");
  s.disk.take(s);
  BOOST_TEST(s.received() == "PUBREL 1\n");
  confirm(s, number);
  s.respond(packet_type::pubcomp, 1);
  BOOST_TEST(s.machine.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(qos_2_is_kept_until_its_group_has_written_it_down) {
  member s(narrow(1));
  s.give(10, qos2);
  s.disk.take(s);
  s.respond(packet_type::pubrec, 1);
  const request_number number = last_number(s);
  s.disk.take(s);
  s.respond(packet_type::pubcomp, 1);
  (void)s.received();
  BOOST_TEST(s.machine.in_flight() == 1U);
  s.now += 1s;
  s.collect();
  s.disk.take(s);
  BOOST_TEST_REQUIRE(s.disk.session.progress.in_flight.size() == 1U);
  BOOST_TEST(s.disk.session.progress.in_flight[0].released);
  // The exchange is over: the client has room for the next, and repeats itself in vain.
  s.give(11, qos1);
  BOOST_TEST(s.received() == "PUBLISH t 11 q1 id=2 ids=5\n");
  s.respond(packet_type::pubcomp, 1);
  s.respond(packet_type::pubrec, 1);
  BOOST_TEST(s.received() == "PUBREL 1 92\n");
  s.lose();
  s.online(narrow(1));
  BOOST_TEST(s.received() == "");
  confirm(s, number);
  BOOST_TEST(s.machine.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(refused_qos_2_is_done) {  // [MQTT5-4.8.2-6]
  member s;
  s.give(10, qos2);
  s.disk.take(s);
  s.respond(packet_type::pubrec, 1, reason_code::quota_exceeded);
  BOOST_TEST(reported(s) == "done 10\ntell\n");
}

// [MQTT5-4.8.2-4]
BOOST_AUTO_TEST_CASE(others_get_what_a_client_that_goes_has_not_got) {
  member s(narrow(4));
  s.give(10, qos1);
  s.give(11, qos2);
  s.disk.take(s);
  s.give(12, qos2);  // not sent: it is not on the disk
  s.give(13, qos1);
  s.give(14, qos1);  // waits
  s.lose();
  BOOST_TEST(std::get<share_report>(s.reports.at(0).what).is_away);
  BOOST_TEST(reported(s) == "returned 10\nreturned 12\nreturned 13\nreturned 14\n");
  s.give(15, qos1);
  BOOST_TEST(reported(s) == "returned 15\n");
  s.disk.take(s);
  BOOST_TEST(s.disk.session.progress.in_flight.size() == 1U);
  (void)s.received();
  s.attach();
  BOOST_TEST(s.received().starts_with("CONNACK present"));
  BOOST_TEST(s.asked() == "get 11\n");
  s.page({{.offset = 11, .what = {.payload = "11", .qos = qos2, .id = 1}}}, 0);
  BOOST_TEST(s.received() == "PUBLISH t 11 q2 id=2 dup ids=5\n");
}

// [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(nobody_gets_qos_2_that_was_sent_when_the_session_ends) {
  member s;
  s.give(10, qos1);
  s.give(11, qos2);
  s.disk.take(s);
  s.disconnect(reason_code::normal_disconnection, 0);
  BOOST_TEST(s.ended);
  BOOST_TEST(text_of(said_at_the_end(s)) == "done 11\nreturned 10\n");
  BOOST_TEST(reported(s) == "");
}

BOOST_AUTO_TEST_CASE(
    what_was_sent_is_the_clients_own_once_it_has_unsubscribed) {  // [MQTT5-3.10.4-3]
  member s(narrow(2));
  s.give(10, qos1);
  s.give(11, qos2);
  s.give(12, qos1);  // waits
  s.disk.take(s);
  s.reports.clear();
  s.unsubscribe("$share/g/t", 7);
  s.disk.take(s);
  BOOST_TEST(text_of(said_at_the_end(s)) == "done 10\ndone 11\nreturned 12\ntell\n");
  BOOST_TEST(reported(s) == "");
  s.answer();
  (void)s.received();
  s.lose();
  BOOST_TEST(reported(s) == "");
  s.disk.take(s);

  after_restart t(s.disk);
  t.answer();
  t.attach();
  (void)t.received();
  t.page({{.offset = 10, .what = {.payload = "10", .qos = qos1, .id = 1}},
          {.offset = 11, .what = {.payload = "11", .qos = qos2, .id = 1}}},
         0);
  BOOST_TEST(t.received() == "PUBLISH t 10 q1 id=1 dup\nPUBLISH t 11 q2 id=2 dup\n");
}

BOOST_AUTO_TEST_CASE(what_comes_behind_unsubscribe_is_for_others) {
  member s;
  s.unsubscribe("$share/g/t", 7);
  s.give(10, qos2);
  BOOST_TEST_REQUIRE(s.reports.size() == 1U);
  BOOST_TEST(std::get<share_report>(s.reports[0].what).is_away);  // else it would come again
  BOOST_TEST(reported(s) == "returned 10\n");
  s.answer();
  s.disk.take(s);
  BOOST_TEST(s.received() == "UNSUBACK 7 00\n");
}

BOOST_AUTO_TEST_CASE(what_was_sent_for_an_earlier_epoch_is_given_back) {
  member s;
  const message_block_ptr block = make_block({{.payload = "10", .qos = qos1, .id = 1}}, s.now);
  const std::uint32_t only = 0;
  message_block::place_in_log(*block, {&only, 1}, 10);
  delivery batch;
  batch.add(block, 0);
  s.machine.return_delivery(batch, member::options(), s.effects);
  s.collect();
  BOOST_TEST(!std::get<share_report>(s.reports.at(0).what).is_away);  // of the new client
  BOOST_TEST(reported(s) == "returned 10\n");
}

BOOST_AUTO_TEST_CASE(session_goes_on_with_its_qos_2_after_a_restart) {
  member s;
  for (const log_offset offset : {10, 11, 12})
    s.give(offset, qos2);
  s.give(13, qos1);
  s.disk.take(s);
  s.respond(packet_type::pubrec, 2);
  s.disk.take(s);

  after_restart t(s.disk);
  const request_number number = last_number(t);
  BOOST_TEST(reported(t) == "done 11\nheld 10\nheld 12\ntell\n");
  t.answer();
  t.attach();
  (void)t.received();
  t.page({{.offset = 10, .what = {.payload = "10", .qos = qos2, .id = 1}},
          {.offset = 12, .what = {.payload = "12", .qos = qos2, .id = 1}}},
         0);
  BOOST_TEST(t.received() ==
             "PUBLISH t 10 q2 id=1 dup ids=5\nPUBREL 2\nPUBLISH t 12 q2 id=3 dup ids=5\n");
  confirm(t, number);
  t.respond(packet_type::pubcomp, 2);
  t.respond(packet_type::pubrec, 1);
  BOOST_TEST(reported(t) == "done 10\ntell\n");
}

BOOST_AUTO_TEST_SUITE_END()
