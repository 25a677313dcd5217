#include "libbroker/output_queue.hpp"

#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

std::string gathered(const output_queue& queue, std::size_t most_views = 10'000) {
  std::vector<byte_view> views(most_views);
  const std::size_t used = queue.gather(views);
  BOOST_TEST(used <= most_views);
  std::string text;
  for (std::size_t i = 0; i != used; ++i) {
    BOOST_TEST(!views[i].empty());
    text += as_text(views[i]);
  }
  return text;
}

message_block_ptr block_of(std::size_t messages, std::size_t payload) {
  return make_block(
      std::vector<test_message>(messages, {.topic = "t", .payload = std::string(payload, 'x')}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(output_queue_)

BOOST_AUTO_TEST_CASE(bytes_leave_in_the_order_in_which_they_came) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  std::vector<test_message> messages;
  for (int i = 0; i != 64; ++i)
    messages.push_back({.topic = "topic/" + std::to_string(i),
                        .payload = std::string(engine() % 120, static_cast<char>('0' + i))});
  for (int round = 0; round != 40; ++round) {
    // Some rounds rather fill the queue, some rather drain it.
    const unsigned drain = 1 + engine() % 6;
    output_queue queue;
    std::string expected;
    unsigned letter = 0;
    for (int step = 0; step != 400; ++step) {
      const unsigned action = engine() % (4 + drain);
      if (action < 2) {
        const std::string text(engine() % 300, static_cast<char>('a' + letter++ % 26));
        queue.tail().append(text);
        expected += text;
      } else if (action < 4) {
        const auto block = make_block(messages);
        const auto first = static_cast<std::uint32_t>(engine() % 64);
        const auto count = static_cast<std::uint32_t>(1 + engine() % (64 - first));
        const message_run run{block, first, count};
        expected += as_text(run.wire());
        queue.append(run);
      } else {
        const std::size_t most =
            engine() % 4 == 0 ? expected.size() : std::min<std::size_t>(expected.size(), 4'000);
        const std::size_t count = engine() % (most + 1);
        queue.consume(count);
        expected.erase(0, count);
      }
      BOOST_REQUIRE_EQUAL(queue.size(), expected.size());
      BOOST_REQUIRE_EQUAL(queue.empty(), expected.empty());
      BOOST_REQUIRE(gathered(queue) == expected);
      const std::string some = gathered(queue, 1 + engine() % 3);
      BOOST_REQUIRE(expected.starts_with(some));
      BOOST_REQUIRE_EQUAL(some.empty(), expected.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(consuming_what_a_few_views_hold_never_loses_the_place) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  const auto block = block_of(1, 2'000);
  output_queue queue;
  std::string expected;
  for (int i = 0; i != 500; ++i) {
    queue.tail().append(std::to_string(i));
    expected += std::to_string(i);
    queue.append({block, 0, 1});
    expected += as_text(block->wire(0, 1));
  }
  std::string sent;
  while (!queue.empty()) {
    std::array<byte_view, 3> views;
    const std::size_t used = queue.gather(views);
    BOOST_REQUIRE(used != 0);
    std::size_t offered = 0;
    for (std::size_t i = 0; i != used; ++i)
      offered += views[i].size();
    std::size_t taken = engine() % 3 == 0 ? offered : engine() % (offered + 1);
    queue.consume(taken);
    sent.append(expected, sent.size(), taken);
    BOOST_REQUIRE_EQUAL(queue.size(), expected.size() - sent.size());
    BOOST_REQUIRE(std::string_view(expected).substr(sent.size()).starts_with(gathered(queue, 2)));
  }
  BOOST_TEST(sent == expected);
}

BOOST_AUTO_TEST_CASE(a_long_run_is_referenced_and_a_short_one_copied) {
  auto large = block_of(1, output_queue::smallest_reference);
  output_queue queue;
  queue.append({large, 0, 1});
  std::array<byte_view, 4> views;
  BOOST_TEST(queue.gather(views) == 1U);
  BOOST_TEST((views[0].data() == large->wire(0, 1).data()));
  // The queue keeps it alive.
  const std::string expected(as_text(large->wire(0, 1)));
  large = nullptr;
  BOOST_TEST(gathered(queue) == expected);

  const auto small = block_of(1, output_queue::smallest_reference / 2);
  output_queue copies;
  copies.append({small, 0, 1});
  BOOST_TEST(copies.gather(views) == 1U);
  BOOST_TEST((views[0].data() != small->wire(0, 1).data()));
  BOOST_TEST(gathered(copies) == as_text(small->wire(0, 1)));
}

BOOST_AUTO_TEST_CASE(an_empty_queue_owns_no_memory) {
  output_queue queue;
  queue.tail().append(std::string(5'000, 'x'));
  queue.append({block_of(1, 5'000), 0, 1});
  queue.tail().append("rest");
  queue.consume(queue.size() - 1);
  BOOST_TEST(!queue.empty());
  queue.consume(1);
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.tail().capacity() == 0U);
  queue.tail().append("x");
  queue.clear();
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.size() == 0U);
  BOOST_TEST(queue.tail().capacity() == 0U);
}

BOOST_AUTO_TEST_CASE(a_tail_that_never_runs_empty_does_not_grow_for_ever) {
  output_queue queue;
  for (int i = 0; i != 10'000; ++i) {
    queue.tail().append(std::string(100, 'x'));
    if (i != 0) queue.consume(100);
  }
  BOOST_TEST(queue.size() == 100U);
  BOOST_TEST(queue.tail().capacity() < 2'000U);
}

BOOST_AUTO_TEST_SUITE_END()
