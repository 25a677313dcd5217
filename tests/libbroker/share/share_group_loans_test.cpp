// What nodes lend to each other's groups, one group at a time; for whole worlds see
// share_network_test.cpp.

#include "tests/libbroker/share/group_scene.hpp"

#include <numeric>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(share_group_loans)

BOOST_AUTO_TEST_CASE(what_a_node_lends_behind_the_last_member_goes_to_another_node) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  group_scene s;
  s.join(bob, qos2);
  s.join(1);
  s.answer();
  s.group.set_room(bob, {.room = 1, .members = 1}, s.effects);
  s.leave(1);
  s.group.lend(ann,
               {.block = s.message("a", 0, qos1), .lender = 7, .lender_name = "ann", .offsets = {}},
               s.effects);
  s.collect();
  BOOST_TEST(s.take(bob) == texts{"a q1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(loans_that_wait_do_not_keep_returned_messages_from_other_nodes) {
  const std::uint64_t ann = share_id_of_node("ann");
  group_scene s;
  s.join(1, qos1, true, 1);
  s.join(ann, qos2, true);
  s.answer();
  s.route("1", 1);  // takes all the room here
  std::vector<log_offset> offsets(100);
  std::iota(offsets.begin(), offsets.end(), 1);
  s.lend(ann, 7, offsets, 2);
  BOOST_TEST(s.inbox[1].size() == 1U);
  s.set_room(ann, 10);
  s.route("102", 102);  // what waits does not keep it back, either
  BOOST_TEST(s.take(ann) == texts{"102 q1 tracked"}, boost::test_tools::per_element());
  s.gives_back(ann, {102});
  s.answer();
  s.set_room(ann, 10);
  BOOST_TEST(s.asked() == "get 102");
  s.page({102});
  BOOST_TEST(s.take(ann) == texts{"102 q1 tracked"}, boost::test_tools::per_element());
}

// Else it would come again at once, and so on.
BOOST_AUTO_TEST_CASE(who_lends_more_than_there_is_room_for_is_told_to_wait) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  group_scene s;
  s.join(1, qos1, false, 4);
  s.answer();
  s.group.ask(ann, {.lender = 7, .number = 1}, s.effects);
  s.group.ask(bob, {.lender = 8, .number = 1}, s.effects);
  s.collect();
  BOOST_TEST(s.room_told(ann) == 4U);
  s.lend(ann, 7, {1, 2, 3, 4}, 1);
  BOOST_TEST(s.room_told(bob) == 4U);
  s.lend(bob, 8, {1, 2, 3, 4}, 5);
  BOOST_TEST(s.take(1).size() == 4U);
  BOOST_TEST(s.room_told(ann) == 0U);
  BOOST_TEST(s.room_told(bob) == 0U);
  s.done(1, {1, 2});
  BOOST_TEST(s.room_told(ann) == 2U);  // each its part
  BOOST_TEST(s.room_told(bob) == 2U);
  s.done(1, {3, 4});
  s.now += 1s;
  s.collect();
  // Whether they confirm that, or are away, does not matter.
  BOOST_TEST(s.room_told(ann) == 4U);
}

BOOST_AUTO_TEST_CASE(who_lends_more_bytes_than_there_is_room_for_is_told_to_wait) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  config small;
  small.limits.delivery_credit = 1;
  group_scene s("$share/g/t", 1, small);
  s.join(1, qos1, false, 100);
  s.join(2, qos0);  // these two have room for nothing that is lent
  s.join(3, qos0);
  s.answer();
  s.group.ask(ann, {.lender = 7, .number = 1}, s.effects);
  s.group.ask(bob, {.lender = 8, .number = 1}, s.effects);
  s.lend(ann, 7, {1}, 1);
  BOOST_TEST(s.room_told(bob) == 100U);
  s.lend(bob, 8, {1}, 2);
  BOOST_TEST(s.room_told(ann) == 0U);
  BOOST_TEST(s.room_told(bob) == 0U);
}

BOOST_AUTO_TEST_CASE(loans_that_wait_and_new_messages_take_turns) {
  const std::uint64_t ann = share_id_of_node("ann");
  group_scene s;
  make_durable(s, 1);
  s.lend(ann, 7, {11, 12, 13}, 1);
  BOOST_TEST(s.take(1) == texts{"11 q1 tracked"}, boost::test_tools::per_element());
  s.route("4", 4);
  s.answer();
  s.done(1, {1});
  s.answer();
  BOOST_TEST(s.asked() == "get 2");
  s.page({2});
  s.done(1, {2});
  BOOST_TEST(s.asked().starts_with("after"));
  s.page({4});
  s.done(1, {4});
  BOOST_TEST(s.asked() == "get 3");
  s.page({3});
  BOOST_TEST(s.take(1) == (texts{"2 q1 tracked", "4 q1 tracked", "3 q1 tracked"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(new_messages_have_their_turn_at_the_end_of_the_log) {
  const std::uint64_t ann = share_id_of_node("ann");
  group_scene s;
  make_durable(s, 1);
  s.lend(ann, 7, {11, 12, 13, 14, 15}, 1);
  s.route("6", 6);
  s.answer();
  s.done(1, {1});
  s.answer();
  s.page({2});
  s.done(1, {2});
  s.page({6});
  s.route("7", 7);
  s.done(1, {6});
  BOOST_TEST(s.asked() == "get 3");
  s.page({3});
  s.done(1, {3});
  BOOST_TEST(s.asked() == "after 6");
  s.page({7});
  s.done(1, {7});
  BOOST_TEST(s.asked() == "get 4");
}

BOOST_AUTO_TEST_CASE(loans_do_not_wait_for_turns_of_nobody) {
  const std::uint64_t ann = share_id_of_node("ann");
  for (const bool fails : {false, true}) {
    group_scene s;
    make_durable(s, 1);
    std::vector<log_offset> offsets(130);
    std::iota(offsets.begin(), offsets.end(), 1);
    s.lend(ann, 7, offsets, 1);
    s.join(2, qos1, false, 200);
    BOOST_TEST_REQUIRE(s.read.has_value());
    const std::vector<log_offset> first = s.read->offsets;
    BOOST_TEST(first.size() == 64U);
    s.page(fails ? std::vector<log_offset>() : first, fails);
    BOOST_TEST_REQUIRE(s.read.has_value());
    BOOST_TEST(s.read->offsets.front() == (fails ? 2U : 66U));
  }
}

BOOST_AUTO_TEST_CASE(disk_that_refuses_a_loan_is_lent_nothing_for_a_while) {
  const std::uint64_t ann = share_id_of_node("ann");
  group_scene s;
  make_durable(s);
  s.group.ask(ann, {.lender = 7, .number = 1}, s.effects);
  s.collect();
  BOOST_TEST(s.room_told(ann) == 10U);
  s.lend(ann, 7, {1, 2}, 0);
  const auto* refused = std::get_if<share_report>(&s.words.at(s.words.size() - 2).what);
  BOOST_TEST_REQUIRE(refused != nullptr);
  BOOST_TEST(refused->returned == (std::vector<log_offset>{1, 2}),
             boost::test_tools::per_element());
  BOOST_TEST(s.room_told(ann) == 0U);
  s.now += 999ms;
  s.collect();
  BOOST_TEST(s.room_told(ann) == 0U);
  s.now += 1ms;
  s.collect();
  BOOST_TEST(s.room_told(ann) == 10U);
  BOOST_TEST(s.take(1).empty());
}

// Leaving, it may be the last for whom there was a log. [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(what_a_member_says_when_it_leaves_counts_before_loans_go_back) {
  const std::uint64_t ann = share_id_of_node("ann");
  group_scene s;
  make_durable(s);
  s.lend(ann, 7, {11, 12}, 1, qos2);
  BOOST_TEST(s.take(1).size() == 2U);
  s.leave(1, {.number = 3, .done = {1}, .returned = {2}, .held = {}});
  BOOST_TEST(!s.group.is_durable());
  BOOST_TEST((s.ended_loans == std::vector<kept_loan>{{{7, 11, 1}, loan_outcome::done},
                                                      {{7, 12, 2}, loan_outcome::returned}}));
  BOOST_TEST(!s.has_ended);
  s.write();
  BOOST_TEST(!s.has_ended);  // ann has not confirmed
}

BOOST_AUTO_TEST_CASE(what_is_lent_at_qos_2_is_written_down_soon_and_then_sent) {
  const std::uint64_t ann = share_id_of_node("ann");
  group_scene s;
  make_durable(s, 0);
  s.join(ann, qos2, true);
  s.answer();
  s.set_room(ann, 10);
  s.route("1", 1, qos2);
  BOOST_TEST(s.inbox[ann].empty());
  BOOST_TEST((s.group.deadline() == s.now + 10ms));
  s.now += 10ms;
  s.collect();
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST_REQUIRE(s.kept->with_nodes.size() == 1U);
  BOOST_TEST(s.kept->with_nodes.front().exactly_once == std::vector<log_offset>{1});
  BOOST_TEST(s.inbox[ann].empty());
  s.write();
  BOOST_TEST(s.take(ann) == texts{"1 q2 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_a_node_is_given_is_not_behind_the_question_what_it_has) {
  group_scene s;
  const std::uint64_t node = share_id_of_node("ann");
  make_durable(s, 0);
  s.join(node, qos2, true);
  s.answer();
  s.set_room(node, 10);
  auto messages = intrusive_ptr<delivery>::adopt(new delivery());
  messages->add(group_scene::message("m", 1, qos1), 0);
  s.group.deliver(*messages, 0, s.effects);
  BOOST_TEST(s.group.pending_messages() == 1U);
  s.group.ask_node(node, s.effects);
  BOOST_TEST(s.effects.deliveries.size() == 1U);
  BOOST_TEST(s.effects.words.size() == 1U);
  s.collect();
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_node_that_was_forgotten_before_the_crash_is_over) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  group_scene s;
  s.head = 5;
  s.group.restore({.share = "$share/g/t",
                   .positions = {5},
                   .outstanding = {1, 2, 3, 4},
                   .settled = {},
                   .with_nodes = {{ann, {1}, {2}}, {bob, {3}, {4}}},
                   .loans = {{{7, 1, 5}, loan_outcome::done}, {{8, 1, 5}, loan_outcome::done}}});
  s.join(1, qos2, true, 10);
  s.answer();
  s.group.go_on(s.effects);
  s.group.node_died(bob, true, s.effects);
  s.group.forget_lender(bob, 8, s.effects);
  s.collect();
  BOOST_TEST(s.asked() == "get 3");
  s.page({3});
  s.done(1, {3});
  s.now += 1s;
  s.collect();
  BOOST_TEST(s.kept->outstanding == (std::vector<log_offset>{1, 2}),
             boost::test_tools::per_element());
  BOOST_TEST(s.forgotten == (std::vector<share_loan>{{8, 1, 5}}));
}

BOOST_AUTO_TEST_SUITE_END()
