#include "apps/troupe-bench/sequence_tracker.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <set>
#include <vector>

using troupe::bench::sequence_tracker;

BOOST_AUTO_TEST_SUITE(bench_sequence_tracker)

BOOST_AUTO_TEST_CASE(messages_in_order_lose_repeat_and_reorder_nothing) {
  sequence_tracker tracker;
  for (std::uint64_t sequence = 0; sequence < 1000; ++sequence)
    BOOST_TEST(tracker.record(sequence));
  BOOST_TEST(tracker.next() == 1000U);
  BOOST_TEST(tracker.lost(1000) == 0U);
  BOOST_TEST(tracker.duplicates() == 0U);
  BOOST_TEST(tracker.reordered() == 0U);
}

BOOST_AUTO_TEST_CASE(a_gap_is_lost_until_it_is_filled) {
  sequence_tracker tracker;
  tracker.record(0);
  tracker.record(200);
  BOOST_TEST(tracker.lost(201) == 199U);
  BOOST_TEST(tracker.record(100));
  BOOST_TEST(tracker.lost(201) == 198U);
  BOOST_TEST(tracker.reordered() == 1U);
  BOOST_TEST(tracker.next() == 201U);
}

BOOST_AUTO_TEST_CASE(what_never_came_at_the_end_is_lost) {
  sequence_tracker tracker;
  BOOST_TEST(tracker.lost(10) == 10U);
  tracker.record(0);
  BOOST_TEST(tracker.lost(10) == 9U);
}

BOOST_AUTO_TEST_CASE(a_repeated_message_is_a_duplicate_wherever_it_was_before) {
  sequence_tracker tracker;
  tracker.record(0);
  tracker.record(1);
  tracker.record(5);
  tracker.record(3);
  BOOST_TEST(!tracker.record(0));  // in order
  BOOST_TEST(!tracker.record(5));  // behind a gap
  BOOST_TEST(!tracker.record(3));  // in a gap
  BOOST_TEST(tracker.duplicates() == 3U);
  BOOST_TEST(tracker.reordered() == 1U);
  BOOST_TEST(tracker.lost(6) == 2U);
}

BOOST_AUTO_TEST_CASE(random_loss_repetition_and_order_are_counted_as_a_set_counts_them) {
  const auto seed = std::random_device{}();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    constexpr std::uint64_t published = 2000;
    std::vector<std::uint64_t> arrivals;
    for (std::uint64_t sequence = 0; sequence < published; ++sequence)
      for (unsigned copies = random() % 10 < 8 ? 1 : random() % 3; copies != 0; --copies)
        arrivals.push_back(sequence);
    for (int swaps = 0; swaps < 100; ++swaps)
      std::swap(arrivals[random() % arrivals.size()], arrivals[random() % arrivals.size()]);

    sequence_tracker tracker;
    std::set<std::uint64_t> seen;
    std::uint64_t duplicates = 0;
    std::uint64_t reordered = 0;
    for (const std::uint64_t sequence : arrivals) {
      const bool late = !seen.empty() && sequence < *seen.rbegin();
      const bool first = seen.insert(sequence).second;
      duplicates += first ? 0 : 1;
      reordered += first && late ? 1 : 0;
      BOOST_REQUIRE(tracker.record(sequence) == first);
    }
    BOOST_TEST(tracker.lost(published) == published - seen.size());
    BOOST_TEST(tracker.duplicates() == duplicates);
    BOOST_TEST(tracker.reordered() == reordered);
  }
}

BOOST_AUTO_TEST_SUITE_END()
