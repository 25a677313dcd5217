#include "libbroker/log_interests.hpp"

#include "libbroker/topic.hpp"
#include "tests/libbroker/router/topic_words.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(log_interests_)

BOOST_AUTO_TEST_CASE(nobody_needs_anything_by_default) {
  const auto all = std::make_shared<const log_interests>();
  BOOST_TEST(all->passed(7) == 7U);
  BOOST_TEST(!needed_topics(all).needs("t", 3));
}

BOOST_AUTO_TEST_CASE(message_is_needed_when_some_session_has_not_passed_it) {
  std::mt19937_64 random(seed_for_test());
  for (int round = 0; round != 300; ++round) {
    topic_words words(random);
    std::vector<log_interest> sessions(random() % 5);
    const auto first = std::make_shared<log_interests>();
    log_interests second;
    log_offset lowest = 100;
    for (log_interest& each : sessions) {
      each.after = random() % 100;
      for (auto n = random() % 3; n != 0; --n)
        each.filters.push_back(random() % 2 == 0 ? words.name() : words.filter());
      for (auto n = random() % 3; n != 0; --n)
        each.pinned.push_back(1 + random() % 100);
      if (!each.filters.empty()) lowest = std::min(lowest, each.after);
      for (const log_offset offset : each.pinned)
        lowest = std::min(lowest, offset - 1);
      (random() % 2 == 0 ? *first : second).add(each);
    }
    first->add(second);
    BOOST_TEST(first->passed(100) == lowest);
    needed_topics needed(first);
    for (int asked = 0; asked != 50; ++asked) {
      const std::string topic = words.name();
      const log_offset offset = 1 + random() % 100;
      const bool wanted = std::ranges::any_of(sessions, [&](const log_interest& each) {
        return std::ranges::count(each.pinned, offset) != 0 ||
               (offset > each.after &&
                std::ranges::any_of(each.filters, [&](const std::string& filter) {
                  return matches(filter, topic);
                }));
      });
      BOOST_TEST(needed.needs(topic, offset) == wanted, topic << " at " << offset);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
