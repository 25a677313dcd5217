// Sessions that outlive the process: what is written, and what waits for it.

#include "libbroker/topic.hpp"
#include "tests/libbroker/session/durable_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <array>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

connect request_with_will(std::uint32_t expiry, std::uint32_t delay) {
  connect request = scene::request_v5();
  request.session_expiry_interval = expiry;
  request.will =
      will{.topic = "will", .payload = as_bytes("w"), .qos = qos1, .delay_interval = delay};
  return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session_durable)

BOOST_AUTO_TEST_CASE(nothing_is_written_without_a_data_directory_or_for_a_session_that_ends) {
  scene memory;
  memory.online();
  memory.subscribed("a");
  memory.lose();
  BOOST_TEST(memory.writes.empty());

  scene s(with_data_dir());
  connect request = scene::request_v5();
  request.session_expiry_interval = 0;
  s.online(request);
  s.subscribed("a");
  s.publish({.qos = qos2, .id = 1});
  s.answer();
  BOOST_TEST(s.received() == "PUBREC 1\n");
  s.disconnect();
  BOOST_TEST(s.writes.empty());
}

BOOST_AUTO_TEST_CASE(suback_and_unsuback_come_after_the_disk_and_the_shards) {
  scene s(with_data_dir());
  s.online();
  s.write();
  s.subscribe("a", {.qos = qos1}, 5);
  s.answer();
  BOOST_TEST(s.received() == "");
  s.write();
  BOOST_TEST(s.received() == "SUBACK 5 01\n");
  s.unsubscribe("a", 6);
  s.write();
  BOOST_TEST(s.received() == "");
  s.answer();
  BOOST_TEST(s.received() == "UNSUBACK 6 00\n");
}

BOOST_AUTO_TEST_CASE(subscription_that_cannot_be_written_is_refused_and_gone) {
  for (const bool is_v5 : {true, false}) {
    scene s(with_data_dir());
    s.online(is_v5 ? scene::request_v5() : scene::request_v3());
    s.write();
    s.subscribe("a", {.qos = qos1}, 5);
    s.answer();
    s.write(false);
    BOOST_TEST(s.received() == (is_v5 ? "SUBACK 5 97 +reason\n" : "SUBACK 5 80\n"));
    BOOST_TEST_REQUIRE(s.requests.size() == 1U);
    const auto* gone = std::get_if<shard_unsubscribe>(&s.requests[0].what);
    BOOST_TEST_REQUIRE(gone != nullptr);
    BOOST_TEST(gone->filters == std::vector<std::string>{"a"});
    s.answer();
    BOOST_TEST(s.received() == "");
  }
}

BOOST_AUTO_TEST_CASE(pubrec_and_pubcomp_come_after_the_disk) {
  scene s(with_data_dir());
  s.online();
  s.write();
  s.publish({.qos = qos2, .id = 9});
  s.answer();
  BOOST_TEST(s.received() == "");
  s.publish({.qos = qos2, .id = 9, .dup = true});  // nothing has been promised yet
  BOOST_TEST(s.routed() == "");
  BOOST_TEST(s.received() == "");
  s.write();
  BOOST_TEST(s.received() == "PUBREC 9\n");
  s.respond(packet_type::pubrel, 9);
  BOOST_TEST(s.received() == "");
  s.write();
  BOOST_TEST(s.received() == "PUBCOMP 9\n");
}

BOOST_AUTO_TEST_CASE(pubrec_of_a_message_whose_id_cannot_be_written_says_so) {
  scene s(with_data_dir());
  s.online();
  s.write();
  s.publish({.payload = "1", .qos = qos2, .id = 9});
  s.answer();
  s.write(false);
  BOOST_TEST(s.received() == "PUBREC 9 97\n");
  s.publish({.payload = "2", .qos = qos2, .id = 9});
  BOOST_TEST(s.routed() == "t 2\n");
}

BOOST_AUTO_TEST_CASE(answers_of_an_earlier_connection_are_not_sent_over_the_next_one) {
  scene s(with_data_dir());
  s.online();
  s.write();
  s.publish({.qos = qos2, .id = 9});
  s.answer();
  s.write();
  BOOST_TEST(s.received() == "PUBREC 9\n");
  s.respond(packet_type::pubrel, 9);
  s.lose();
  s.online();
  s.write();
  BOOST_TEST(s.received() == "");
  s.respond(packet_type::pubrel, 9);
  BOOST_TEST(s.received() == "PUBCOMP 9 92\n");
}

// Positions are by partition until all that was there with other shards has been passed.
BOOST_AUTO_TEST_CASE(what_waits_sets_back_the_position_of_each_of_its_partitions) {
  kept disk;
  disk.session.login.expiry = 100;
  disk.session.subscriptions = {{.filter = "#", .options = {.qos = qos1}}};
  disk.session.progress.positions = {0, 0};
  after_restart s(disk);
  s.answer();
  connect narrow = scene::request_v5();
  narrow.receive_maximum = 1;
  s.attach(narrow);
  for (const auto& each : std::exchange(s.requests, {}))
    if (const auto* live = std::get_if<shard_set_live>(&each.what))
      s.machine.live_set(live->shard, live->number, 0, s.now, s.effects);
  s.collect();
  const message_block_ptr block = make_block({{.topic = "a", .qos = qos1, .id = 1},
                                              {.topic = "b", .qos = qos1, .id = 2},
                                              {.topic = "c", .qos = qos1, .id = 3}},
                                             s.now);
  message_block::place_in_log(*block, std::array{0U, 1U, 2U}, 1);
  delivery batch;
  for (std::uint32_t i = 0; i != block->size(); ++i)
    batch.add(block, i);
  s.machine.deliver(batch, {.maximum_qos = qos1}, 0, s.now, s.effects);
  s.now += 1s;
  s.collect();
  disk.take(s);
  const std::vector<log_offset>& positions = disk.session.progress.positions;
  BOOST_TEST_REQUIRE(positions.size() == partition_count);
  BOOST_TEST(positions[partition_of("b")] < 2U);
  BOOST_TEST(positions[partition_of("c")] < 3U);
}

BOOST_AUTO_TEST_CASE(session_goes_on_after_a_restart) {
  kept disk;
  scene s(with_data_dir());
  s.online();
  s.subscribe("a/+", {.qos = qos1, .no_local = true}, 1, 77);
  s.subscribe("gone", {}, 2);
  s.subscribe("$share/g/b", {.qos = qos2}, 3);
  s.unsubscribe("gone", 4);
  s.publish({.qos = qos2, .id = 9});
  s.answer();
  disk.take(s);
  s.publish({.qos = qos2, .id = 10});
  s.answer();
  disk.take(s);
  s.respond(packet_type::pubrel, 10);
  disk.take(s);

  after_restart t(disk);
  std::string filters;
  for (const scene::request& each : t.requests) {
    if (const auto* const call = std::get_if<share_call>(&each.what)) {
      const auto& joins = std::get<share_join>(call->what);
      BOOST_TEST(joins.lasting);
      BOOST_TEST(joins.room == 0U);
      filters += call->share + " q" + std::to_string(static_cast<int>(joins.options.qos)) + "\n";
      continue;
    }
    const auto* asked = std::get_if<shard_subscribe>(&each.what);
    BOOST_TEST_REQUIRE(asked != nullptr);
    for (const filter_request& one : asked->filters)
      filters += one.filter + " q" + std::to_string(static_cast<int>(one.options.qos)) +
                 (one.options.no_local ? " no-local" : "") + " " + std::to_string(one.identifier) +
                 "\n";
  }
  BOOST_TEST(filters == "$share/g/b q2\na/+ q1 no-local 77\n");
  t.answer();
  BOOST_TEST(t.received() == "");
  t.attach();
  BOOST_TEST(t.answered.session_present);
  t.write();
  BOOST_TEST(t.received().starts_with("CONNACK"));
  t.publish({.qos = qos2, .id = 9, .dup = true});  // [MQTT5-4.3.3-10]
  BOOST_TEST(t.routed() == "");
  BOOST_TEST(t.received() == "PUBREC 9\n");
  t.respond(packet_type::pubrel, 10);
  BOOST_TEST(t.received() == "PUBCOMP 10 92\n");
}

BOOST_AUTO_TEST_CASE(will_of_a_client_that_was_connected_is_published_after_a_restart) {
  kept disk;
  scene s(with_data_dir());
  s.online(request_with_will(0, 0));
  disk.take(s);
  BOOST_TEST(disk.exists);

  after_restart t(disk);
  BOOST_TEST(t.routed() == "will w\n");
  BOOST_TEST(t.ended);
  disk.take(t);
  BOOST_TEST(!disk.exists);
}

BOOST_AUTO_TEST_CASE(will_delay_begins_again_when_it_had_not_begun) {
  kept disk;
  scene s(with_data_dir());
  s.online(request_with_will(100, 10));
  disk.take(s);
  after_restart t(disk, 1h);
  BOOST_TEST(t.routed() == "");
  t.wait(9s);
  BOOST_TEST(t.routed() == "");
  t.wait(1s);
  BOOST_TEST(t.routed() == "will w\n");
}

BOOST_AUTO_TEST_CASE(will_delay_and_expiry_go_on_while_the_broker_is_down) {
  kept disk;
  scene s(with_data_dir());
  s.online(request_with_will(100, 10));
  s.lose();
  disk.take(s);
  {
    after_restart early(disk, 9s);
    BOOST_TEST(early.routed() == "");
    early.wait(1s);
    BOOST_TEST(early.routed() == "will w\n");
    BOOST_TEST(!early.ended);
  }
  after_restart late(disk, 11s);
  BOOST_TEST(late.routed() == "will w\n");
  BOOST_TEST(!late.ended);
  disk.take(late);
  {
    after_restart published(disk, 20s);
    BOOST_TEST(published.routed() == "");
  }
  after_restart too_late(disk, 101s);
  BOOST_TEST(too_late.routed() == "");
  BOOST_TEST(too_late.ended);
  disk.take(too_late);
  BOOST_TEST(!disk.exists);
}

BOOST_AUTO_TEST_CASE(nothing_is_left_of_a_session_that_ended) {
  kept disk;
  scene s(with_data_dir());
  s.online();
  s.subscribe("a");
  s.publish({.qos = qos2, .id = 9});
  s.publish({.qos = qos2, .id = 10});
  s.answer();
  disk.take(s);
  s.publish({.qos = qos2, .id = 11});
  s.answer();  // its write is under way
  s.lose();
  connect fresh = scene::request_v5();
  fresh.clean_start = true;
  s.attach(fresh);
  disk.take(s);
  BOOST_TEST(disk.session.subscriptions.empty());
  BOOST_TEST(disk.session.inbound_qos2.empty());
  BOOST_TEST(disk.session.login.connected);
  s.disconnect(reason_code::normal_disconnection, 0);
  disk.take(s);
  BOOST_TEST(s.ended);
  BOOST_TEST(!disk.exists);
}

BOOST_AUTO_TEST_CASE(unsubscribing_that_could_not_be_written_is_told_by_a_code_of_its_own) {
  scene s(with_data_dir());
  s.online();
  s.subscribe("t", {.qos = qos::at_least_once});
  s.answer();
  s.write();
  BOOST_TEST(s.received() == "SUBACK 1 01\n");
  s.unsubscribe("t");
  s.answer();
  s.write(false);
  BOOST_TEST(s.received() == "UNSUBACK 1 80\n");  // [MQTT5-3.11.3-2]
}

BOOST_AUTO_TEST_SUITE_END()
