#include "apps/troupe-bench/packet_id_window.hpp"

#include <boost/test/unit_test.hpp>
#include <random>
#include <set>
#include <vector>

using troupe::packet_id;
using troupe::bench::packet_id_window;

BOOST_AUTO_TEST_SUITE(bench_packet_id_window)

BOOST_AUTO_TEST_CASE(identifiers_in_use_are_distinct_and_never_zero) {
  const auto seed = std::random_device{}();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937 random(seed);
  packet_id_window window(100);
  std::vector<packet_id> used;
  for (int step = 0; step < 100'000; ++step) {
    if (window.available() != 0 && random() % 2 == 0) {
      used.push_back(window.take());
    } else if (!used.empty()) {
      std::swap(used[random() % used.size()], used.back());
      BOOST_REQUIRE(window.release(used.back()));
      used.pop_back();
    }
    BOOST_REQUIRE(window.available() + used.size() == 100U);
  }
  const std::set<packet_id> distinct(used.begin(), used.end());
  BOOST_TEST(distinct.size() == used.size());
  BOOST_TEST(distinct.count(0) == 0U);
}

BOOST_AUTO_TEST_CASE(the_largest_window_uses_every_identifier) {
  packet_id_window window(65535);
  std::set<packet_id> all;
  while (window.available() != 0)
    all.insert(window.take());
  BOOST_TEST(all.size() == 65535U);
}

BOOST_AUTO_TEST_CASE(an_identifier_not_in_use_cannot_be_released) {
  packet_id_window window(2);
  BOOST_TEST(!window.release(0));
  BOOST_TEST(!window.release(1));
  BOOST_TEST(!window.release(3));
  const packet_id id = window.take();
  BOOST_TEST(window.release(id));
  BOOST_TEST(!window.release(id));
}

BOOST_AUTO_TEST_SUITE_END()
