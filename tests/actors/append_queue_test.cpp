#include "actors/append_queue.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;

namespace {

route block_of(std::uint64_t publisher, int messages = 1) {
  message_block_builder builder;
  for (int i = 0; i != messages; ++i)
    builder.add({.qos = qos::at_least_once, .topic = "t", .id = 1}, "t", protocol_version::v5);
  route request;
  request.block = builder.seal({.publisher = publisher});
  return request;
}

std::string ready(append_queue& queue) {
  std::string all;
  while (const auto next = queue.pop_ready())
    all += std::to_string(next->request.block->publisher()) + '@' + std::to_string(next->first) +
           (next->failed ? "! " : " ");
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(append_queue_)

BOOST_AUTO_TEST_CASE(blocks_are_ready_in_their_order_when_they_are_in_the_log) {
  append_queue queue;
  queue.push(block_of(1, 2), {0, 1}, 0);
  queue.push(block_of(2), {0}, 0);
  BOOST_TEST(queue.unsent_bytes() != 0U);
  BOOST_TEST(queue.take_unsent(1).size() == 2U);
  BOOST_TEST(queue.unsent_bytes() == 0U);
  queue.push(block_of(1), {}, 0);
  queue.push(block_of(3), {0}, 0);
  BOOST_TEST(queue.take_unsent(2).size() == 1U);
  BOOST_TEST(queue.has_earlier_of(*block_of(1).block));
  BOOST_TEST(ready(queue) == "");
  queue.answered({.ticket = 1, .done = true, .first = {5, 7}});
  BOOST_TEST(ready(queue) == "1@5 2@7 1@0 ");
  BOOST_TEST(!queue.has_earlier_of(*block_of(1).block));
  queue.answered({.ticket = 2, .done = false, .first = {8}});
  BOOST_TEST(ready(queue) == "3@0! ");
  BOOST_TEST(queue.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_asked_for_twice) {
  append_queue queue;
  queue.push(block_of(1), {0}, 0);
  BOOST_TEST(queue.take_unsent(1).size() == 1U);
  BOOST_TEST(queue.take_unsent(2).empty());
}

BOOST_AUTO_TEST_CASE(routed_through_says_neither_too_little_nor_too_much) {
  append_queue queue;
  BOOST_TEST(queue.routed_through(7) == 7U);
  queue.push(block_of(1), {0}, 7);
  BOOST_TEST(queue.take_unsent(1).size() == 1U);
  queue.push(block_of(2), {0}, 7);
  BOOST_TEST(queue.take_unsent(2).size() == 1U);
  // Another shard's messages are in the log meanwhile.
  BOOST_TEST(queue.routed_through(9) == 7U);
  queue.answered({.ticket = 1, .done = true, .first = {8}});
  BOOST_TEST(ready(queue) == "1@8 ");
  BOOST_TEST(queue.routed_through(9) == 8U);  // the first was routed, the second was not
  queue.answered({.ticket = 2, .done = true, .first = {10}});
  BOOST_TEST(ready(queue) == "2@10 ");
  BOOST_TEST(queue.routed_through(12) == 12U);
}

BOOST_AUTO_TEST_SUITE_END()
