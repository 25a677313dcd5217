// Subscriptions that are served from the log.

#include "tests/libbroker/message/make_block.hpp"
#include "tests/libbroker/session/durable_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos0 = qos::at_most_once;
constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

connect narrow(std::uint16_t receive_maximum) {
  connect request = scene::request_v5();
  request.receive_maximum = receive_maximum;
  return request;
}

/// MQTT 5.0 without a session that outlives the connection.
connect passing() {
  connect request = scene::request_v5();
  request.session_expiry_interval = 0;
  return request;
}

/// A client on a node with a log.
struct reader : scene {
  explicit reader(const connect& request = scene::request_v5(), config settings = with_data_dir())
      : scene(std::move(settings)) {
    online(request);
    disk.take(*this);
  }

  /// A replay that begins behind `after`, with SUBACK out of the way.
  void replay(std::string_view text, subscription_options options, log_offset after = 0,
              std::uint32_t identifier = 0) {
    subscribe(text, options, 1, identifier);
    begin_replay(after);
    write();
    BOOST_TEST(received().starts_with("SUBACK 1 0"));
  }

  kept disk;
};

logged_message logged(log_offset offset, qos level = qos1) {
  return {.offset = offset,
          .what = {.topic = "s",
                   .payload = std::to_string(offset),
                   .qos = level,
                   .id = static_cast<packet_id>(level == qos0 ? 0 : 1)}};
}

std::vector<logged_message> range(log_offset from, log_offset to, qos level = qos1) {
  std::vector<logged_message> all;
  for (log_offset offset = from; offset != to; ++offset)
    all.push_back(logged(offset, level));
  return all;
}

using strings = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(session_replay)

BOOST_AUTO_TEST_CASE(suback_waits_for_the_beginning_and_the_disk) {
  reader s;
  s.subscribe("$replay/9/s/#", {.qos = qos1}, 5);
  BOOST_TEST(s.asked() == "begin s/#\n");
  s.begin_replay(8);
  BOOST_TEST(s.received() == "");
  s.write();
  BOOST_TEST(s.received() == "SUBACK 5 01\n");
  BOOST_TEST(s.asked() == "follow s/# after 8\n");
}

BOOST_AUTO_TEST_CASE(replay_that_begins_later_than_asked_says_so) {
  reader s;
  s.subscribe("$replay/5/s", {.qos = qos1}, 5);
  s.begin_replay(4, 8);
  s.write();
  BOOST_TEST(s.received() == "SUBACK 5 01 +reason\n");
  BOOST_TEST(s.asked() == "follow s after 8\n");
}

BOOST_AUTO_TEST_CASE(replayed_message_says_where_it_lies_behind_what_its_publisher_says) {
  for (const qos level : {qos0, qos1}) {
    reader s;
    s.replay("$replay/1/s", {.qos = level}, 0, 77);
    strings properties;
    s.on_packet = [&](const any_packet& packet) {
      if (const auto* p = std::get_if<publish>(&packet))
        properties = split_properties(p->properties);
    };
    logged_message message = logged(123);
    message.properties = user_property("offset", "the publisher's");
    message.received_at += 1ms;
    s.page({message}, 123);
    BOOST_TEST((properties == strings{user_property("offset", "the publisher's"),
                                      identifier_property(77), user_property("offset", "123"),
                                      user_property("timestamp", "1970-01-01T01:00:00.001Z")}));
  }
}

BOOST_AUTO_TEST_CASE(clients_of_3_1_1_are_sent_the_message_alone) {
  reader s(scene::request_v3());
  s.replay("$replay/1/s", {.qos = qos1});
  logged_message message = logged(3);
  message.properties = user_property("a", "1");
  s.page({logged(2, qos0), message}, 3);
  BOOST_TEST(s.received() == "PUBLISH s 2\nPUBLISH s 3 q1 id=1\n");
}

BOOST_AUTO_TEST_CASE(replay_has_the_lower_qos_and_retain_as_published) {
  for (const bool as_published : {false, true}) {
    reader s;
    s.replay("$replay/1/s", {.qos = qos1, .retain_as_published = as_published});
    std::vector<logged_message> messages{logged(1, qos0), logged(2, qos1), logged(3, qos2)};
    for (logged_message& each : messages)
      each.what.retain = true;
    s.page(messages, 3);
    const std::string retain = as_published ? " retain" : "";
    BOOST_TEST(s.received() == "PUBLISH s 1" + retain + " offset=1\n" +              //
                                   "PUBLISH s 2 q1 id=1" + retain + " offset=2\n" +  //
                                   "PUBLISH s 3 q1 id=2" + retain + " offset=3\n");
  }
}

BOOST_AUTO_TEST_CASE(no_local_leaves_out_what_the_client_published) {
  reader s;
  s.replay("$replay/1/s", {.qos = qos1, .no_local = true});
  logged_message own = logged(2);
  own.publisher = "client";
  s.page({logged(1), own, logged(3)}, 4);
  BOOST_TEST(s.received() == "PUBLISH s 1 q1 id=1 offset=1\nPUBLISH s 3 q1 id=2 offset=3\n");
  BOOST_TEST(s.asked() == "follow s after 4\n");
}

BOOST_AUTO_TEST_CASE(what_expired_is_left_out) {
  reader s;
  s.replay("$replay/1/s", {.qos = qos1});
  std::vector<logged_message> messages{logged(1, qos0), logged(2), logged(3)};
  for (logged_message& each : messages) {
    each.what.expiry = 10;
    each.received_at -= 10s;
  }
  messages[2].received_at += 6s;
  s.page(messages, 3);
  BOOST_TEST(s.received() == "PUBLISH s 3 q1 id=1 expiry=6 offset=3\n");
  BOOST_TEST(s.counted.dropped_expired == 2U);
}

BOOST_AUTO_TEST_CASE(qos_0_waits_for_room_in_the_output_and_is_never_dropped) {
  config settings = with_data_dir();
  settings.limits.output_buffer = 500;
  reader s(scene::request_v5(), settings);
  s.replay("$replay/1/s", {.qos = qos0});
  s.stall(true);
  s.page(range(1, 101, qos0), 100);
  BOOST_TEST(s.machine.output().size() <= 600U);
  BOOST_TEST(s.asked() == "");  // nor is more read than the client takes
  s.stall(false);
  std::string expected;
  for (int i = 1; i != 101; ++i)
    expected += "PUBLISH s " + std::to_string(i) + " offset=" + std::to_string(i) + '\n';
  BOOST_TEST(s.received() == expected);
  BOOST_TEST(s.counted.dropped_output_full == 0U);
  BOOST_TEST(s.asked() == "follow s after 100\n");
}

BOOST_AUTO_TEST_CASE(replayed_qos_0_that_is_larger_than_the_output_buffer_passes) {
  config settings = with_data_dir();
  settings.limits.output_buffer = 200;
  reader s(scene::request_v5(), settings);
  s.replay("$replay/1/s", {.qos = qos0});
  logged_message large = logged(1);
  large.what.payload = std::string(900, 'x');
  s.page({large, logged(2)}, 2);
  const std::string got = s.received();
  BOOST_TEST(std::ranges::count(got, '\n') == 2);
  BOOST_TEST(s.counted.dropped_output_full == 0U);
}

BOOST_AUTO_TEST_CASE(window_paces_a_replay_whether_the_session_lasts_or_not) {
  for (const bool lasts : {true, false})
    for (const qos level : {qos1, qos2}) {
      connect request = lasts ? scene::request_v5() : passing();
      request.receive_maximum = 2;
      reader s(request);
      s.replay("$replay/1/s", {.qos = level});
      s.page(range(1, 6, level), 5);
      std::string got;
      for (int i = 0; i != 20; ++i) {
        s.write();
        const std::string lines = s.received();
        got += lines;
        for (packet_id id = 1; id != 6; ++id) {
          const std::string end = " id=" + std::to_string(id) + " ";
          if (lines.find(end) != std::string::npos)
            s.respond(level == qos1 ? packet_type::puback : packet_type::pubrec, id);
          if (lines.find("PUBREL " + std::to_string(id) + "\n") != std::string::npos)
            s.respond(packet_type::pubcomp, id);
        }
      }
      for (int i = 1; i != 6; ++i)
        BOOST_TEST(got.find(" offset=" + std::to_string(i) + "\n") != std::string::npos,
                   (lasts ? "lasting" : "passing")
                       << ", QoS " << static_cast<int>(level) << ", offset " << i);
      BOOST_TEST(std::count(got.begin(), got.end(), 'H') == 5);  // PUBLISH
      BOOST_TEST(s.asked() == "follow s after 5\n");
    }
}

BOOST_AUTO_TEST_CASE(each_of_several_replays_has_its_own_place_and_identifier) {
  reader s;
  s.replay("$replay/1/s", {.qos = qos1}, 0, 1);
  s.replay("$replay/7/#", {.qos = qos0}, 6, 2);
  BOOST_TEST(s.asked() == "follow s after 0\nfollow # after 6\n");
  s.page({logged(1), logged(9)}, 9);
  BOOST_TEST(s.received() ==
             "PUBLISH s 1 q1 id=1 ids=1 offset=1\nPUBLISH s 9 q1 id=2 ids=1 offset=9\n");
  BOOST_TEST(s.asked() == "follow # after 6\nfollow s after 9\n");
  s.page({logged(9)}, 10);
  BOOST_TEST(s.received() == "PUBLISH s 9 ids=2 offset=9\n");
  BOOST_TEST(s.asked() == "follow s after 9\nfollow # after 10\n");
  s.unsubscribe("$replay/1/s", 2);
  s.write();
  BOOST_TEST(s.received() == "UNSUBACK 2 00\n");
  s.page({logged(11)}, 11);
  s.page({logged(11)}, 12);
  BOOST_TEST(s.received() == "PUBLISH s 11 ids=2 offset=11\n");
  BOOST_TEST(s.asked() == "follow # after 12\n");
}

BOOST_AUTO_TEST_CASE(read_that_failed_is_tried_again_from_the_same_place) {
  reader s;
  s.replay("$replay/1/s", {.qos = qos1});
  s.page({logged(1)}, 3);
  BOOST_TEST(s.received() == "PUBLISH s 1 q1 id=1 offset=1\n");
  s.fail_page();
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.asked() == "follow s after 3\n");
  s.page({logged(4)}, 4);
  BOOST_TEST(s.received() == "PUBLISH s 4 q1 id=2 offset=4\n");
}

BOOST_AUTO_TEST_CASE(late_page_of_a_replay_that_ended_is_nobodys) {
  reader s;
  s.replay("$replay/1/s", {.qos = qos1});
  s.unsubscribe("$replay/1/s", 2);
  s.subscribe("$replay/1/s", {.qos = qos1}, 3);  // a new one
  BOOST_TEST(s.asked() == "follow s after 0\nbegin s\n");
  s.page({logged(1)}, 1);
  s.begin_replay(0);
  s.write();
  BOOST_TEST(s.received() == "UNSUBACK 2 00\nSUBACK 3 01\n");
  s.page({logged(1)}, 1);
  BOOST_TEST(s.received() == "PUBLISH s 1 q1 id=1 offset=1\n");
}

BOOST_AUTO_TEST_CASE(replay_that_ends_before_it_began_is_granted_all_the_same) {
  reader s;
  s.subscribe("$replay/1/s", {.qos = qos1}, 2);
  s.unsubscribe("$replay/1/s", 3);
  s.write();
  BOOST_TEST(s.received() == "SUBACK 2 01\nUNSUBACK 3 00\n");
  s.begin_replay(0);
  BOOST_TEST(s.asked() == "");
  BOOST_TEST(s.machine.pending_requests() == 0U);
}

BOOST_AUTO_TEST_CASE(late_page_of_an_earlier_connection_is_asked_for_again) {
  reader s(narrow(2));
  s.replay("$replay/1/s", {.qos = qos1});
  s.page(range(1, 5), 9);
  BOOST_TEST(s.received() == "PUBLISH s 1 q1 id=1 offset=1\nPUBLISH s 2 q1 id=2 offset=2\n");
  s.respond(packet_type::puback, 1);
  s.respond(packet_type::puback, 2);
  BOOST_TEST(s.received() == "PUBLISH s 3 q1 id=1 offset=3\nPUBLISH s 4 q1 id=2 offset=4\n");
  BOOST_TEST(s.asked() == "follow s after 9\n");
  s.dismiss(reason_code::session_taken_over);
  s.write();
  s.attach(narrow(10));
  s.write();
  BOOST_TEST(s.received() != "");
  s.page({logged(10)}, 10);  // the late one …
  BOOST_TEST(s.received() == "");
  BOOST_TEST_REQUIRE(s.asked() == "get 3 4\n");
  s.page({logged(3), logged(4)}, 0);
  BOOST_TEST(s.received() ==
             "PUBLISH s 3 q1 id=1 dup offset=3\nPUBLISH s 4 q1 id=2 dup offset=4\n");
  BOOST_TEST(s.asked() == "follow s after 9\n");
  s.page({logged(10)}, 10);  // … and the one that counts
  BOOST_TEST(s.received() == "PUBLISH s 10 q1 id=3 offset=10\n");
}

BOOST_AUTO_TEST_CASE(page_that_was_not_all_sent_is_read_again_by_the_next_connection) {
  reader s(narrow(1));
  s.replay("$replay/1/s", {.qos = qos1});
  s.page(range(1, 5), 9);
  BOOST_TEST(s.received() == "PUBLISH s 1 q1 id=1 offset=1\n");
  s.lose();
  s.write();
  s.attach();
  s.write();
  BOOST_TEST(s.received() != "");
  s.page({logged(1)}, 0);
  BOOST_TEST(s.received() == "PUBLISH s 1 q1 id=1 dup offset=1\n");
  BOOST_TEST(s.asked() == "follow s after 1\n");
}

BOOST_AUTO_TEST_CASE(replay_that_began_while_the_client_was_away_goes_on_with_it) {
  reader s;
  s.subscribe("$replay/-1h/s", {.qos = qos1});
  s.lose();
  s.begin_replay(7);
  BOOST_TEST(s.asked() == "");
  s.write();
  s.attach();
  s.write();
  BOOST_TEST(s.received() == "CONNACK present\n");  // the SUBACK was the other connection's
  BOOST_TEST(s.asked() == "follow s after 7\n");
}

BOOST_AUTO_TEST_CASE(clean_start_ends_replays) {
  reader s;
  s.replay("$replay/1/s", {.qos = qos1});
  s.lose();
  connect fresh = scene::request_v5();
  fresh.clean_start = true;
  s.online(fresh);
  s.write();
  BOOST_TEST(s.machine.subscriptions() == 0U);
  s.page({logged(1)}, 1);
  BOOST_TEST(s.received() == "");
  BOOST_TEST(s.asked() == "");
}

BOOST_AUTO_TEST_CASE(replay_that_cannot_be_written_is_refused_and_gone) {
  for (const bool began : {false, true}) {
    reader s;
    s.subscribe("$replay/1/s", {.qos = qos1}, 5);
    if (began) s.begin_replay(0);
    s.write(false);
    BOOST_TEST(s.received() == "SUBACK 5 97 +reason\n");
    BOOST_TEST(s.machine.subscriptions() == 0U);
    BOOST_TEST(s.machine.pending_requests() == 0U);
    if (began)
      s.page({logged(1)}, 1);
    else
      s.begin_replay(0);
    BOOST_TEST(s.received() == "");
    BOOST_TEST(s.asked() == "");
  }
}

// The second write used to leave it on the disk.
BOOST_AUTO_TEST_CASE(replay_whose_first_write_alone_failed_is_refused_and_gone) {
  reader s;
  s.subscribe("$replay/1/s", {.qos = qos1}, 5);
  s.begin_replay(0);
  BOOST_TEST_REQUIRE(s.writes.size() == 2U);
  const write_number first = s.writes.front().number;
  s.writes.pop_front();
  s.machine.written(first, false, s.now, s.effects);
  s.collect();
  BOOST_TEST(s.received() == "SUBACK 5 97 +reason\n");
  s.disk.take(s);
  BOOST_TEST(s.disk.session.subscriptions.empty());
}

// -- after a restart ------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(replay_goes_on_after_a_restart_where_its_client_was) {
  reader s(narrow(2));
  s.subscribe("$replay/5/s", {.qos = qos2}, 1, 77);
  s.begin_replay(4);
  s.disk.take(s);
  BOOST_TEST(s.received() == "SUBACK 1 02\n");
  s.page(range(5, 8, qos2), 7);
  BOOST_TEST(s.received() == "");  // packet identifiers and the place are to be written before
  s.wait(2s);
  s.disk.take(s);
  BOOST_TEST(s.received() == "PUBLISH s 5 q2 id=1 ids=77 offset=5\n"
                             "PUBLISH s 6 q2 id=2 ids=77 offset=6\n");
  s.respond(packet_type::pubrec, 1);
  s.disk.take(s);
  BOOST_TEST(s.received() == "PUBREL 1\n");

  after_restart t(s.disk);
  t.attach();
  t.write();
  BOOST_TEST(t.received() == "CONNACK present\nPUBREL 1\n");
  BOOST_TEST(t.asked() == "get 6\n");
  t.page({logged(6, qos2)}, 0);
  BOOST_TEST(t.received() == "PUBLISH s 6 q2 id=2 dup ids=77 offset=6\n");
  BOOST_TEST(t.asked() == "follow s after 6\n");
  t.page({logged(7, qos2)}, 7);
  t.write();
  BOOST_TEST(t.received() == "PUBLISH s 7 q2 id=3 ids=77 offset=7\n");
}

BOOST_AUTO_TEST_CASE(place_of_a_replay_is_written_with_its_acknowledgements_at_the_latest) {
  reader s;
  s.subscribe("$replay/5/s", {.qos = qos1});
  s.begin_replay(4);
  s.disk.take(s);
  s.page(range(5, 8), 9);
  s.respond(packet_type::puback, 1);
  s.respond(packet_type::puback, 2);
  s.wait(2s);
  s.collect();
  s.disk.take(s);
  after_restart t(s.disk);
  t.attach();
  t.write();
  BOOST_TEST(t.asked() == "get 7\n");
  t.page({logged(7)}, 0);
  BOOST_TEST(t.asked() == "follow s after 9\n");
}

BOOST_AUTO_TEST_CASE(place_of_a_replay_whose_write_failed_is_written_again) {
  reader s;
  s.subscribe("$replay/5/s", {.qos = qos0});
  s.begin_replay(4);
  s.disk.take(s);
  s.page(range(5, 8, qos0), 9);
  s.wait(2s);
  s.collect();
  BOOST_TEST(!s.writes.empty());
  s.write(false);
  s.wait(2s);
  s.collect();
  s.disk.take(s);
  after_restart t(s.disk);
  t.attach();
  t.write();
  BOOST_TEST(t.asked() == "follow s after 9\n");
}

BOOST_AUTO_TEST_CASE(copies_of_several_replays_are_sent_again_each_as_its_own) {
  reader s;
  for (const std::uint32_t identifier : {1U, 2U}) {
    s.subscribe(identifier == 1 ? "$replay/1/s" : "$replay/2/s", {.qos = qos1}, 1, identifier);
    s.begin_replay(0);
    s.disk.take(s);
  }
  s.subscribe("s", {.qos = qos1}, 3, 3);
  s.answer();
  s.disk.take(s);
  s.page({logged(7)}, 7);
  s.page({logged(7)}, 7);
  s.wait(2s);
  s.collect();
  s.disk.take(s);
  after_restart t(s.disk);
  t.answer();
  t.attach();
  t.write();
  BOOST_TEST(t.asked() == "get 7 7\n");
  t.page({logged(7), logged(7)}, 0);
  const std::string got = t.received();
  BOOST_TEST(got.find("PUBLISH s 7 q1 id=1 dup ids=1 offset=7\n") != got.npos, got);
  BOOST_TEST(got.find("PUBLISH s 7 q1 id=2 dup ids=2 offset=7\n") != got.npos, got);
}

// A replay that was to begin an hour ago used to begin an hour before the restart if it had
// come no further than offset 0.
BOOST_AUTO_TEST_CASE(time_ago_is_counted_once) {
  reader s;
  s.subscribe("$replay/-1h/s", {.qos = qos1});
  s.begin_replay(0);
  s.disk.take(s);
  after_restart t(s.disk, 2h);
  t.attach([] {
    connect request = scene::request_v5();
    request.session_expiry_interval = 0xFFFFFFFF;
    return request;
  }());
  BOOST_TEST(t.asked() == "follow s after 0\n");
}

BOOST_AUTO_TEST_CASE(replay_that_never_began_begins_after_the_restart) {
  reader s;
  s.subscribe("$replay/-1h/s", {.qos = qos1}, 1, 77);
  s.disk.take(s);
  after_restart t(s.disk);
  t.attach();
  t.write();
  BOOST_TEST(t.asked() == "begin s\n");
  t.begin_replay(3);
  BOOST_TEST(t.received() != "");
  t.page({logged(4)}, 4);
  BOOST_TEST(t.received() == "PUBLISH s 4 q1 id=1 ids=77 offset=4\n");
}

// It used to stand on the disk and to come back.
BOOST_AUTO_TEST_CASE(replay_that_was_refused_is_not_there_after_a_restart) {
  reader s;
  s.subscribe("$replay/-1h/s", {.qos = qos1}, 5);
  s.refuse_replay();
  s.disk.take(s);
  BOOST_TEST(s.received() == "SUBACK 5 80 +reason\n");
  BOOST_TEST(s.disk.session.subscriptions.empty());
}

BOOST_AUTO_TEST_CASE(replay_that_ended_is_not_there_after_a_restart) {
  for (const bool by_clean_start : {false, true}) {
    reader s;
    s.subscribe("$replay/1/s", {.qos = qos1});
    s.begin_replay(0);
    s.disk.take(s);
    s.page({logged(1)}, 1);
    BOOST_TEST(s.disk.session.subscriptions.size() == 1U);
    if (by_clean_start) {
      s.lose();
      connect fresh = scene::request_v5();
      fresh.clean_start = true;
      s.attach(fresh);
    } else {
      s.unsubscribe("$replay/1/s", 2);
    }
    s.wait(2s);
    s.disk.take(s);
    BOOST_TEST(s.disk.session.subscriptions.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
