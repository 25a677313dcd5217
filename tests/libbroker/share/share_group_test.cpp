#include "libbroker/topic.hpp"
#include "tests/libbroker/share/group_scene.hpp"

#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(share_group_)

// -- without the log ------------------------------------------------------------------

// [MQTT5-4.8.2-3]
BOOST_AUTO_TEST_CASE(each_message_goes_to_one_member_in_turn) {
  group_scene s;
  for (std::uint64_t session = 1; session != 4; ++session)
    s.join(session, session == 2 ? qos1 : qos0, false, 10, session == 2 ? 7 : 0);
  s.answer();
  for (int i = 0; i != 6; ++i)
    s.route(std::to_string(i), 0, qos2);
  BOOST_TEST(s.take(1) == (texts{"0 q0", "3 q0"}), boost::test_tools::per_element());
  BOOST_TEST(s.take(2) == (texts{"1 q1 id7", "4 q1 id7"}), boost::test_tools::per_element());
  BOOST_TEST(s.take(3) == (texts{"2 q0", "5 q0"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(member_has_joined_when_all_shards_concerned_know_the_group) {
  group_scene wide("$share/g/+", 3);
  wide.join(1);
  BOOST_TEST(wide.requests.size() == 3U);
  BOOST_TEST(wide.joined.empty());
  wide.answer();
  BOOST_TEST(wide.joined.contains(1));
  wide.join(2);
  BOOST_TEST(wide.joined.contains(2));
  BOOST_TEST(wide.requests.empty());

  group_scene exact("$share/g/t", 3);
  exact.join(1);
  BOOST_TEST(exact.requests.size() == 1U);
  const auto& asked = std::get<shard_subscribe>(exact.requests.front());
  BOOST_TEST(asked.filters.at(0).filter == "t");
  BOOST_TEST(!asked.lasting);
}

BOOST_AUTO_TEST_CASE(members_that_are_online_are_preferred) {
  group_scene s;
  for (std::uint64_t session = 1; session != 4; ++session)
    s.join(session);
  s.answer();
  s.set_room(2, 0);
  for (int i = 0; i != 4; ++i)
    s.route("m");
  BOOST_TEST(s.take(1).size() == 2U);
  BOOST_TEST(s.take(2).empty());
  BOOST_TEST(s.take(3).size() == 2U);
  s.set_room(1, 0);
  s.set_room(3, 0);
  for (int i = 0; i != 6; ++i)
    s.route("m");
  for (std::uint64_t session = 1; session != 4; ++session)
    BOOST_TEST(s.take(session).size() == 2U);
}

// [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(what_a_member_cannot_deliver_others_get) {
  group_scene s;
  s.join(1);
  s.join(2);
  s.answer();
  s.leave(1);
  s.group.redeliver(group_scene::message("again", 0, qos1));
  s.collect();
  BOOST_TEST(s.take(2) == texts{"again q1"}, boost::test_tools::per_element());
  const std::uint32_t before = s.group.epoch();
  s.leave(2);
  BOOST_TEST(s.has_ended);
  BOOST_TEST(s.group.epoch() != before);
  BOOST_TEST(std::holds_alternative<shard_unsubscribe>(s.requests.back()));
  s.group.redeliver(group_scene::message("gone", 0, qos1));
  BOOST_TEST(!s.group.pending());
}

BOOST_AUTO_TEST_CASE(member_that_leaves_before_it_is_answered_is_answered_all_the_same) {
  group_scene s;
  s.join(1);
  s.leave(1);
  BOOST_TEST(s.joined.contains(1));
  BOOST_TEST(s.has_ended);
  s.join(2);  // a late answer of the shard does not count for it
  const auto stale = std::get<shard_subscribe>(s.requests.front());
  s.requests.erase(s.requests.begin(), s.requests.begin() + 2);
  s.group.subscribed(0, stale.number, 0, s.effects);
  s.collect();
  BOOST_TEST(!s.joined.contains(2));
  s.answer();
  BOOST_TEST(s.joined.contains(2));
}

BOOST_AUTO_TEST_CASE(a_member_that_subscribes_again_keeps_what_was_collected_before) {
  group_scene s;
  s.join(1, qos1);
  s.answer();
  auto messages = intrusive_ptr<delivery>::adopt(new delivery());
  messages->add(group_scene::message("m", 0, qos1), 0);
  s.group.deliver(*messages, 0, s.effects);
  BOOST_TEST(s.group.pending());
  s.join(1, qos0);
  BOOST_TEST(s.take(1) == texts{"m q1"}, boost::test_tools::per_element());
}

// -- with the log ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(durable_member_has_joined_when_that_is_on_the_disk) {
  group_scene s;
  s.join(1, qos1, true);
  BOOST_TEST(std::get<shard_subscribe>(s.requests.at(0)).lasting);
  s.head = 4;
  for (const auto& each : std::exchange(s.requests, {}))
    s.group.subscribed(0, std::get<shard_subscribe>(each).number, 4, s.effects);
  s.collect();
  BOOST_TEST(s.joined.empty());
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST(s.kept->positions == std::vector<log_offset>{4});
  s.write();
  BOOST_TEST(s.joined.contains(1));
}

BOOST_AUTO_TEST_CASE(group_becomes_durable_without_losing_or_repeating_a_message) {
  group_scene s("$share/g/+", 2);
  s.join(1, qos1);
  s.answer();
  s.head = 10;
  s.join(2, qos1, true);
  const auto asked = std::get<shard_subscribe>(s.requests.at(0)).number;
  s.requests.clear();
  s.group.subscribed(0, asked, 10, s.effects);
  // Routed by the second shard before it knew, though it lies in the log.
  s.route("9", 9, qos1, 1);
  s.route("11", 11, qos1, 0);  // nobody was promised anything yet
  BOOST_TEST(s.take(1).size() + s.take(2).size() == 2U);
  s.group.subscribed(1, asked, 9, s.effects);
  s.collect();
  s.write();
  BOOST_TEST(s.joined.contains(2));
  s.route("10", 10, qos1, 1);
  s.route("11", 11, qos1, 0);  // had it
  s.route("12", 12, qos1, 0);
  const texts first = s.take(1);
  const texts second = s.take(2);
  BOOST_TEST(first.size() == 1U);
  BOOST_TEST(second.size() == 1U);
  BOOST_TEST(first[0].ends_with("tracked"));
}

BOOST_AUTO_TEST_CASE(member_gets_no_more_than_it_has_room_for_and_the_rest_waits_in_the_log) {
  group_scene s;
  make_durable(s, 2);
  s.route_all(1, 6);
  BOOST_TEST(s.take(1) == (texts{"1 q1 tracked", "2 q1 tracked"}),
             boost::test_tools::per_element());
  s.answer();  // shards send no more
  BOOST_TEST(s.asked() == "");
  s.done(1, {1});
  BOOST_TEST(s.asked() == "after 2");
  s.page({3, 4, 5});
  BOOST_TEST(s.take(1) == texts{"3 q1 tracked"}, boost::test_tools::per_element());
  s.done(1, {2, 3});
  BOOST_TEST(s.take(1).size() == 2U);
  BOOST_TEST(!asks_to_be_live(s));
  s.done(1, {4, 5});
  BOOST_TEST(asks_to_be_live(s));
  s.answer();
  s.route("6", 6);
  BOOST_TEST(s.take(1) == texts{"6 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(room_is_counted_in_bytes_too) {
  config settings;
  settings.limits.delivery_credit = 1000;
  group_scene s("$share/g/t", 1, settings);
  make_durable(s, 100);
  for (log_offset i = 1; i != 6; ++i)
    s.route(std::string(600, 'x'), i);
  BOOST_TEST(s.take(1).size() == 2U);
}

// [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(what_a_member_that_is_away_gives_back_comes_first) {
  group_scene s;
  make_durable(s, 3);
  s.route_all(1, 4);
  (void)s.take(1);
  s.done(1, {2});
  s.gives_back(1, {1, 3});
  s.set_room(1, 0);
  s.answer();
  s.route("4", 4);
  BOOST_TEST(s.asked() == "");
  s.set_room(1, 3);
  BOOST_TEST(s.asked() == "get 1 3");
  s.page({1, 3});
  BOOST_TEST(s.take(1) == (texts{"1 q1 tracked", "3 q1 tracked"}),
             boost::test_tools::per_element());
  BOOST_TEST(s.asked() == "after 3");
  s.page({4});
  BOOST_TEST(s.take(1) == texts{"4 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_member_that_gives_back_is_away_whatever_else_is_under_way) {
  group_scene s;
  make_durable(s, 3);
  s.route("1", 1);
  s.gives_back(1, {1});
  s.answer();
  BOOST_TEST(s.asked() == "");
  s.join(2, qos1);
  s.answer();
  BOOST_TEST(s.asked() == "get 1");
  s.page({1});
  BOOST_TEST(s.take(2) == texts{"1 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_returned_message_of_which_nothing_is_left_is_done) {
  group_scene s;
  make_durable(s, 3);
  s.route("1", 1);
  s.route("2", 2);
  s.gives_back(1, {1, 2});
  s.answer();
  s.set_room(1, 3);
  s.page({}, true);
  BOOST_TEST(s.asked() == "get 1 2");  // the disk failed: again
  s.page({2});
  BOOST_TEST(s.take(1).back() == "2 q1 tracked");
  s.done(1, {2});
  s.answer();
  BOOST_TEST(!s.group.interest(2).has_value());
}

BOOST_AUTO_TEST_CASE(member_at_qos_0_gets_nothing_of_what_is_kept_for_others) {
  group_scene s;
  make_durable(s, 1);
  s.join(2, qos0, false, 1);
  s.route_all(1, 4);
  s.route("4", 0, qos0);
  s.route("5", 0, qos0);
  BOOST_TEST(s.take(1) == (texts{"1 q1 tracked", "4 q0"}), boost::test_tools::per_element());
  BOOST_TEST(s.take(2) == texts{"5 q0"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(group_whose_members_are_all_at_qos_0_leaves_the_log) {
  group_scene s;
  give_up_log(s);
  BOOST_TEST(!s.kept.has_value());
  const auto& asked = std::get<shard_subscribe>(s.requests.back());
  BOOST_TEST(!asked.lasting);
  BOOST_TEST(asked.epoch == s.group.epoch());
  s.answer();
  s.route("1", 1);
  BOOST_TEST(s.take(2) == texts{"1 q0"}, boost::test_tools::per_element());
  BOOST_TEST(!s.has_ended);
}

BOOST_AUTO_TEST_CASE(returned_messages_are_handed_out_again_however_many_they_are) {
  constexpr log_offset all = 16384;  // no more is handed out at a time
  group_scene s;
  make_durable(s, 50'000);
  std::vector<log_offset> offsets;
  for (log_offset i = 1; i != all + 10; ++i)
    s.route("m", i);
  BOOST_TEST(s.take(1).size() == all);
  for (log_offset i = 1; i != all + 1; ++i)
    offsets.push_back(i);
  s.gives_back(1, offsets);
  s.answer();
  s.set_room(1, 0);
  s.set_room(1, 50'000);
  BOOST_TEST(s.asked().starts_with("get 1 2 3 "));
  s.page({1, 2, 3});
  BOOST_TEST(s.take(1).size() == 3U);
}

BOOST_AUTO_TEST_CASE(no_more_is_read_again_than_there_is_room_for) {
  group_scene s;
  make_durable(s, 5);
  s.route_all(1, 6);
  s.gives_back(1, {1, 2, 3, 4, 5});
  s.answer();
  s.join(2, qos1, false, 2);
  BOOST_TEST(s.asked() == "get 1 2");
}

BOOST_AUTO_TEST_CASE(member_that_leaves_while_others_wait_is_answered) {
  group_scene s;
  s.join(1);
  s.join(2);
  s.leave(1);
  BOOST_TEST(s.joined.contains(1));
  BOOST_TEST(!s.joined.contains(2));
  s.answer();
  BOOST_TEST(s.joined.contains(2));
}

BOOST_AUTO_TEST_CASE(what_a_shard_did_not_send_while_the_group_became_durable_is_read) {
  group_scene s("$share/g/+", 2);
  s.join(1, qos1, true);
  const auto asked = std::get<shard_subscribe>(s.requests.at(0)).number;
  s.requests.clear();
  const shard_index first = shard_of("t", 2);
  s.group.subscribed(first, asked, 0, s.effects);
  s.head = 3;
  s.group.deliveries_missed(first, s.effects);
  s.group.subscribed(1 - first, asked, 0, s.effects);
  s.collect();
  s.answer();
  BOOST_TEST(s.asked() == "after 0");
  s.page({2, 3});
  BOOST_TEST(s.take(1).size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_outstanding_or_not_reached_is_needed) {
  group_scene s;
  make_durable(s, 2);
  s.route_all(1, 4);
  auto needed = s.group.interest(3);
  BOOST_TEST_REQUIRE(needed.has_value());
  BOOST_TEST(needed->after == 2U);
  BOOST_TEST(needed->filters == std::vector<std::string>{"t"});
  BOOST_TEST(needed->pinned == (std::vector<log_offset>{1, 2}), boost::test_tools::per_element());
  s.answer();
  s.done(1, {1, 2});
  s.page({3});
  s.done(1, {3});
  s.answer();
  s.head = 50;
  BOOST_TEST(!s.group.interest(50).has_value());
}

BOOST_AUTO_TEST_CASE(members_that_are_away_do_not_use_up_what_may_be_outstanding) {
  constexpr std::uint32_t most = 16384;
  group_scene s;
  s.join(1, qos2, true, most);
  s.join(2, qos2, true, 0);
  s.answer();
  for (log_offset i = 1; i <= most + 1; ++i)
    s.route(std::to_string(i), i, qos2);
  BOOST_TEST(s.take(1).size() == most);
  s.set_room(2, 5);
  BOOST_TEST(s.take(2).empty());
  s.report(1, {.is_away = true, .done = {}, .returned = {}, .held = {}});  // it keeps them
  s.answer();
  s.page({most + 1});
  BOOST_TEST(s.take(2) == texts{std::to_string(most + 1) + " q1 tracked"},
             boost::test_tools::per_element());
}

// -- what is kept -----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(progress_is_written_some_time_and_soon_for_who_waits) {
  group_scene s;
  make_durable(s);
  s.kept.reset();
  s.route("1", 1);
  BOOST_TEST(!s.kept.has_value());
  BOOST_TEST((s.group.deadline() == s.now + 1s));
  s.report(1, {.number = 5, .done = {1}, .returned = {}, .held = {}});
  BOOST_TEST(!s.kept.has_value());
  s.now += 10ms;
  s.collect();
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST(s.kept->positions == std::vector<log_offset>{1});
  BOOST_TEST(s.kept->outstanding.empty());
  s.route("2", 2);
  s.write();
  s.kept.reset();
  s.now += 1s;
  s.collect();
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST(s.kept->outstanding == std::vector<log_offset>{2});
}

BOOST_AUTO_TEST_CASE(failed_write_is_tried_again) {
  group_scene s;
  make_durable(s);
  s.report(1, {.number = 5, .done = {1}, .returned = {}, .held = {}});
  s.now += 10ms;
  s.collect();
  s.write(false);
  s.kept.reset();
  s.collect();
  BOOST_TEST(!s.kept.has_value());
  s.now += 1s;
  s.collect();
  BOOST_TEST(s.kept.has_value());
}

// It would ring for ever.
BOOST_AUTO_TEST_CASE(no_alarm_is_set_when_what_was_kept_could_not_be_dropped) {
  group_scene s;
  give_up_log(s);
  s.write(false);
  s.now += 1s;
  s.collect();
  BOOST_TEST(!s.group.deadline().has_value());
}

BOOST_AUTO_TEST_CASE(nobody_has_joined_a_group_that_is_not_on_the_disk) {
  group_scene s;
  s.join(1, qos1, true);
  for (const auto& each : std::exchange(s.requests, {}))
    s.group.subscribed(0, std::get<shard_subscribe>(each).number, 0, s.effects);
  s.collect();
  s.write(false);
  BOOST_TEST(s.joined.empty());
  BOOST_TEST(s.writing == 0U);
  s.now += 1s;
  s.collect();
  s.write();
  BOOST_TEST(s.joined.contains(1));
}

BOOST_AUTO_TEST_CASE(earlier_life_goes_on_where_it_was) {
  group_scene s;
  s.head = 9;
  s.group.restore(
      {.share = "$share/g/t", .positions = {5}, .outstanding = {2, 3, 4}, .settled = {}});
  s.join(1, qos2, true, 0);
  const auto& asked = std::get<shard_subscribe>(s.requests.at(0));
  BOOST_TEST(asked.lasting);
  BOOST_TEST(!asked.live);
  s.answer();
  // The session has one, another one it finished, and one came after the last write.
  s.report(1, {.number = 1, .done = {3, 8}, .returned = {}, .held = {2, 7}});
  s.answer();
  s.group.go_on(s.effects);
  s.collect();
  BOOST_TEST(!s.has_ended);
  BOOST_TEST(s.inbox[1].empty());
  s.set_room(1, 10);
  BOOST_TEST(s.asked() == "get 4");
  s.page({4});
  BOOST_TEST(s.asked() == "after 5");
  s.page({6, 7, 8, 9});
  BOOST_TEST(s.take(1) == (texts{"4 q1 tracked", "6 q1 tracked", "9 q1 tracked"}),
             boost::test_tools::per_element());
  s.done(1, {2, 4, 6, 7, 9});
  s.answer();
  BOOST_TEST(!s.group.interest(9).has_value());
  s.route_all(10, 25);
  BOOST_TEST(s.take(1).size() == 10U);  // all its room
}

BOOST_AUTO_TEST_CASE(what_was_held_and_is_done_before_its_turn_is_not_handed_out) {
  group_scene s;
  s.head = 7;
  s.group.restore({.share = "$share/g/t", .positions = {5}, .outstanding = {}, .settled = {}});
  s.join(1, qos2, true, 0);
  s.report(1, {.done = {}, .returned = {}, .held = {6}});
  s.answer();
  s.group.go_on(s.effects);
  s.collect();
  s.done(1, {6});
  s.now += 1s;
  s.collect();
  BOOST_TEST(s.kept->settled == std::vector<log_offset>{6});  // nor by the next life
  s.set_room(1, 10);
  s.page({6, 7});
  BOOST_TEST(s.take(1) == texts{"7 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(earlier_life_waits_for_members_that_count) {
  group_scene s;
  s.head = 6;
  s.group.restore({.share = "$share/g/t", .positions = {5}, .outstanding = {}, .settled = {}});
  s.join(1, qos0, true, 0);
  BOOST_TEST(s.group.is_durable());
  s.join(2, qos1, true, 0);
  s.answer();
  s.group.go_on(s.effects);
  s.collect();
  s.set_room(2, 1);
  BOOST_TEST(s.asked() == "after 5");
}

BOOST_AUTO_TEST_CASE(earlier_life_without_members_ends_and_what_was_kept_goes) {
  group_scene s;
  s.group.restore({.share = "$share/g/t", .positions = {5}, .outstanding = {2}, .settled = {}});
  s.kept = kept_share{};
  s.group.go_on(s.effects);
  s.collect();
  BOOST_TEST(!s.kept.has_value());
  BOOST_TEST(!s.has_ended);
  s.write();
  BOOST_TEST(s.has_ended);
}

BOOST_AUTO_TEST_SUITE_END()
