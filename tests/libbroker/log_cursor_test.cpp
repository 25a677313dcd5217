#include "libbroker/log_cursor.hpp"

#include "libbroker/topic.hpp"
#include "tests/libbroker/message/make_block.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using verdict = log_cursor::verdict;
using phase = log_cursor::phase;

namespace {

/// A page with one message at each offset, whose topics are of shards `offset % shards`.
log_page page_of(std::uint32_t shards, const std::vector<log_offset>& offsets, log_offset reached) {
  log_page page;
  for (const log_offset offset : offsets) {
    std::string topic;
    for (int i = 0; topic.empty() || shard_of(topic, shards) != offset % shards; ++i)
      topic = "t/" + std::to_string(i);
    message_block_ptr block = make_block({{.topic = topic}});
    message_block::place_in_log(*block, std::array{0U}, offset);
    page.runs.push_back({.publisher = "", .block = std::move(block)});
  }
  page.reached = reached;
  return page;
}

std::vector<log_offset> take_all(log_cursor& cursor) {
  std::vector<log_offset> taken;
  for (; const auto next = cursor.next(); cursor.pop())
    taken.push_back((*next->run.block)[next->index].log_offset);
  return taken;
}

/// Brings `cursor`, which reads, to the end of the log.
void read_to(log_cursor& cursor, log_offset end) {
  cursor.take_page(page_of(1, {}, end));
  BOOST_TEST(take_all(cursor).empty());
}

using offsets = std::vector<log_offset>;

}  // namespace

BOOST_AUTO_TEST_SUITE(log_cursor_)

BOOST_AUTO_TEST_CASE(new_one_is_live_from_the_head_on) {
  log_cursor cursor(2, 10);
  BOOST_TEST((cursor.now() == phase::live));
  BOOST_TEST((cursor.arrives(0, 11) == verdict::take));
  cursor.taken(0, 11);
  BOOST_TEST(cursor.positions() == (offsets{11, 10}));
}

BOOST_AUTO_TEST_CASE(who_missed_nothing_is_where_the_shards_were) {
  log_cursor cursor(2, 10);
  cursor.taken(0, 11);
  const auto number = cursor.leave(phase::away, {});
  BOOST_TEST_REQUIRE(number.has_value());
  BOOST_TEST((cursor.arrives(1, 20) == verdict::leave));
  BOOST_TEST(!cursor.answered(0, *number, 30));
  BOOST_TEST(cursor.answered(1, *number, 30));
  BOOST_TEST(cursor.positions() == (offsets{30, 10}));  // shard 1 had one more
  BOOST_TEST(!cursor.leave(phase::away, {}).has_value());
}

BOOST_AUTO_TEST_CASE(what_could_not_be_taken_is_read) {
  log_cursor cursor(1, 10);
  const auto number = cursor.leave(phase::reading, 0);
  BOOST_TEST(!cursor.may_read());
  BOOST_TEST(cursor.answered(0, *number, 30));
  BOOST_TEST(cursor.may_read());
  BOOST_TEST(cursor.position() == 10U);
}

BOOST_AUTO_TEST_CASE(what_was_set_back_is_read_again) {
  log_cursor cursor(1, 10);
  cursor.taken(0, 15);
  const auto number = cursor.leave(phase::away, {});
  cursor.set_back("t", 12);
  BOOST_TEST(cursor.answered(0, *number, 30));
  BOOST_TEST(cursor.positions() == offsets{11});
}

BOOST_AUTO_TEST_CASE(joining_leaves_no_gap_and_brings_nothing_twice) {
  log_cursor cursor(2, offsets{10, 20});
  BOOST_TEST((cursor.now() == phase::away));
  cursor.read_on();
  BOOST_TEST(cursor.position() == 10U);
  cursor.asked(1, 25);
  BOOST_TEST(!cursor.may_read());
  BOOST_TEST(cursor.is_answer(1));
  BOOST_TEST(!cursor.is_answer(1));
  cursor.take_page(page_of(2, {11, 12, 19, 21, 22}, 25));
  BOOST_TEST(take_all(cursor) == (offsets{12, 21, 22}));  // 11 and 19 are below 20 of their shard
  BOOST_TEST(cursor.positions() == (offsets{25, 25}));

  const request_number number = cursor.join();
  BOOST_TEST((cursor.arrives(0, 26) == verdict::leave));  // sent before the shard was asked
  BOOST_TEST(!cursor.answered(0, number, 30));
  BOOST_TEST((cursor.arrives(0, 32) == verdict::hold));
  BOOST_TEST((cursor.arrives(1, 27) == verdict::leave));
  BOOST_TEST(cursor.answered(1, number, 29));
  BOOST_TEST((cursor.now() == phase::closing));
  BOOST_TEST(cursor.end(99) == 30U);
  cursor.take_page(page_of(2, {26, 27, 29, 30, 31, 32}, 30));
  BOOST_TEST(take_all(cursor) == (offsets{26, 27, 29, 30}));  // the rest comes from the shards
  BOOST_TEST(cursor.positions() == (offsets{30, 29}));
  cursor.become_live();
  BOOST_TEST((cursor.arrives(1, 31) == verdict::take));
}

BOOST_AUTO_TEST_CASE(page_may_be_ahead_of_a_shard) {
  log_cursor cursor(1, offsets{10});
  cursor.read_on();
  cursor.take_page(page_of(1, {20}, 20));  // on the disk, but its shard does not know yet
  BOOST_TEST(take_all(cursor) == offsets{20});
  BOOST_TEST(cursor.answered(0, cursor.join(), 15));
  cursor.become_live();
  BOOST_TEST((cursor.arrives(0, 20) == verdict::leave));
  BOOST_TEST((cursor.arrives(0, 21) == verdict::take));
}

BOOST_AUTO_TEST_CASE(late_answers_do_not_count) {
  log_cursor cursor(1, offsets{10});
  cursor.read_on();
  read_to(cursor, 20);
  const request_number joined = cursor.join();
  const auto left = cursor.leave(phase::away, {});
  BOOST_TEST_REQUIRE(left.has_value());
  BOOST_TEST(!cursor.answered(0, joined, 30));
  BOOST_TEST((cursor.arrives(0, 31) == verdict::leave));
  BOOST_TEST(cursor.answered(0, *left, 40));
  BOOST_TEST(cursor.positions() == offsets{20});
}

BOOST_AUTO_TEST_CASE(number_of_shards_may_change) {
  // Two shards became three.
  log_cursor cursor(3, offsets{10, 20});
  cursor.read_on();
  BOOST_TEST(cursor.position() == 10U);
  log_page page;
  offsets wanted;
  for (log_offset offset = 5; offset != 30; ++offset) {
    const std::string topic = "t/" + std::to_string(offset);
    message_block_ptr block = make_block({{.topic = topic}});
    message_block::place_in_log(*block, std::array{0U}, offset);
    page.runs.push_back({.publisher = "", .block = std::move(block)});
    if (offset > (shard_of(topic, 2) == 0 ? 10U : 20U)) wanted.push_back(offset);
  }
  page.reached = 15;  // what lies above comes with the next page
  const log_page whole = page;
  std::erase_if(page.runs, [](const log_run& run) { return (*run.block)[0].log_offset > 15; });
  cursor.take_page(std::move(page));
  offsets taken = take_all(cursor);
  // Another restart, with yet another number.
  log_cursor third(4, cursor.positions());
  third.read_on();
  log_page rest = whole;
  rest.reached = 30;
  third.take_page(std::move(rest));
  const offsets more = take_all(third);
  taken.insert(taken.end(), more.begin(), more.end());
  BOOST_TEST(taken == wanted);
  BOOST_TEST(third.positions() == (offsets{30, 30, 30, 30}));
}

BOOST_AUTO_TEST_SUITE_END()
