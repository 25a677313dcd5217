#include "libbroker/router/filter_entry.hpp"

#include "libbroker/router/match_cache.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(filter_entry_)

BOOST_AUTO_TEST_CASE(a_subscription_list_is_a_map_by_subscriber) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  for (int round = 0; round != 20; ++round) {
    subscription_list list;
    std::map<subscriber_index, std::uint32_t> expected;
    for (int step = 0; step != 500; ++step) {
      const auto subscriber = static_cast<subscriber_index>(engine() % 80);
      // Grows and shrinks past the size where the list gets and loses its index.
      const bool grow = engine() % 10 < (step / 100 % 2 == 0 ? 8U : 2U);
      if (grow) {
        const auto identifier = static_cast<std::uint32_t>(engine());
        const bool existed = expected.contains(subscriber);
        BOOST_REQUIRE_EQUAL(list.put({.subscriber = subscriber, .identifier = identifier}),
                            existed);
        expected[subscriber] = identifier;
      } else {
        BOOST_REQUIRE_EQUAL(list.erase(subscriber), expected.erase(subscriber) == 1);
      }
      std::map<subscriber_index, std::uint32_t> members;
      for (const subscription& member : list)
        members[member.subscriber] = member.identifier;
      BOOST_REQUIRE_EQUAL(list.size(), expected.size());
      BOOST_REQUIRE_EQUAL(list.empty(), expected.empty());
      BOOST_REQUIRE(members == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_cached_topic_is_searched_for_once_until_a_filter_came_or_went) {
  match_cache cache;
  filter_entry entry;
  int searches = 0;
  const auto find = [&](std::string_view, std::vector<filter_entry*>& into) {
    ++searches;
    into.push_back(&entry);
  };
  for (int i = 0; i != 3; ++i)
    BOOST_TEST(cache.lookup("a", find).size() == 1U);
  BOOST_TEST(searches == 1);
  cache.invalidate();
  BOOST_TEST(cache.lookup("a", find).size() == 1U);
  BOOST_TEST(searches == 2);
}

BOOST_AUTO_TEST_CASE(topics_that_share_a_place_in_the_cache_are_not_mixed_up) {
  match_cache cache;
  std::map<std::string, filter_entry, std::less<>> entries;
  for (int i = 0; i != 20'000; ++i)
    entries.try_emplace(std::to_string(i));
  const auto find = [&](std::string_view topic, std::vector<filter_entry*>& into) {
    into.push_back(&entries.find(topic)->second);
  };
  for (int round = 0; round != 2; ++round)
    for (auto& [topic, entry] : entries) {
      const auto& found = cache.lookup(topic, find);
      BOOST_REQUIRE(found == std::vector<filter_entry*>{&entry});
    }
}

BOOST_AUTO_TEST_SUITE_END()
