#include "libbroker/cluster/hybrid_clock.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr wall_time noon{1'800'000'000'000ms};

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_hybrid_clock)

BOOST_AUTO_TEST_CASE(a_stamp_is_milliseconds_and_a_counter) {
  hybrid_clock clock;
  const hybrid_stamp first = clock.next(noon);
  BOOST_TEST(first == std::uint64_t{1'800'000'000'000} << 16);
  BOOST_TEST((wall_of(first) == noon));
  BOOST_TEST(clock.next(noon) == first + 1);
  BOOST_TEST(clock.last() == first + 1);
  BOOST_TEST((wall_of(first + 1) == noon));
}

BOOST_AUTO_TEST_CASE(stamps_rise_whatever_the_calendar_does) {
  hybrid_clock clock;
  hybrid_stamp last = 0;
  const wall_time before_1970{-5'000ms};
  const wall_time farthest{wall_time::max()};
  for (const wall_time wall : {before_1970, before_1970, noon, noon - 1h, noon + 1ms, before_1970,
                               farthest, farthest, noon}) {
    const hybrid_stamp next = clock.next(wall);
    BOOST_TEST(next > last);
    last = next;
  }
}

BOOST_AUTO_TEST_CASE(a_full_counter_goes_into_the_next_millisecond) {
  hybrid_clock clock;
  hybrid_stamp last = clock.next(noon);
  for (int i = 0; i != 65'536; ++i)
    last = clock.next(noon);
  BOOST_TEST((wall_of(last) == noon + 1ms));
  BOOST_TEST(clock.next(noon + 1ms) == last + 1);
}

BOOST_AUTO_TEST_CASE(what_follows_a_stamp_of_another_node_is_greater) {
  hybrid_clock ahead;
  hybrid_clock behind;
  const hybrid_stamp cause = ahead.next(noon + 60s);
  BOOST_TEST(behind.observe(cause, noon));
  BOOST_TEST(behind.next(noon) == cause + 1);
  BOOST_TEST(behind.observe(1, noon));
  BOOST_TEST(behind.last() == cause + 1);
}

BOOST_AUTO_TEST_CASE(a_stamp_too_far_ahead_is_refused) {
  hybrid_clock ahead;
  hybrid_clock clock;
  BOOST_TEST(!clock.observe(ahead.next(noon + 60'001ms), noon));
  BOOST_TEST(!clock.observe(~std::uint64_t{0}, noon));
  BOOST_TEST(clock.last() == 0U);
  hybrid_clock strict(5ms);
  BOOST_TEST(strict.observe(hybrid_clock().next(noon + 5ms), noon));
  BOOST_TEST(!strict.observe(hybrid_clock().next(noon + 6ms), noon));
}

BOOST_AUTO_TEST_CASE(threads_that_share_a_clock_get_no_stamp_twice) {
  shared_hybrid_clock clock;
  constexpr std::uint32_t each = 3;
  constexpr int rounds = 20'000;
  std::vector<std::vector<hybrid_stamp>> got(4);
  std::vector<std::thread> threads;
  for (auto& mine : got)
    threads.emplace_back([&clock, &mine] {
      for (int i = 0; i != rounds; ++i)
        mine.push_back(clock.next(noon, each));
    });
  for (std::thread& thread : threads)
    thread.join();
  std::set<hybrid_stamp> all;
  for (const auto& mine : got) {
    BOOST_TEST(std::ranges::is_sorted(mine));
    for (const hybrid_stamp first : mine)
      for (std::uint32_t i = 0; i != each; ++i)
        all.insert(first + i);
  }
  BOOST_TEST(all.size() == got.size() * rounds * each);
  BOOST_TEST(clock.last() == *all.rbegin());
}

BOOST_AUTO_TEST_CASE(a_shared_clock_takes_what_a_plain_one_takes) {
  for (const auto ahead : {-1h, 0h, 1h}) {
    for (const auto more : {59'999ms, 60'000ms, 60'001ms}) {
      for (const hybrid_stamp counter : {0, 0xFFFF}) {
        const hybrid_stamp stamp = (hybrid_clock().next(noon + ahead + more) | counter);
        hybrid_clock plain;
        shared_hybrid_clock shared;
        BOOST_TEST(shared.observe(stamp, noon) == plain.observe(stamp, noon));
        BOOST_TEST(shared.last() == plain.last());
        BOOST_TEST(shared.next(noon) == plain.next(noon));
        BOOST_TEST((stamp <= shared.greatest_acceptable(noon)) == plain.observe(stamp, noon));
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
