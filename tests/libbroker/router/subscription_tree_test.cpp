#include "libbroker/router/subscription_tree.hpp"

#include "libbroker/router/filter_entry.hpp"
#include "libbroker/topic.hpp"
#include "tests/libbroker/router/topic_words.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <memory>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

using filter_map = std::map<std::string, filter_entry, std::less<>>;

std::vector<std::string> found_in(const subscription_tree& tree, const filter_map& filters,
                                  std::string_view topic) {
  std::vector<filter_entry*> found;
  tree.match(topic, found);
  std::vector<std::string> names;
  for (const filter_entry* const entry : found)
    for (const auto& [filter, known] : filters)
      if (&known == entry) names.push_back(filter);
  BOOST_TEST(names.size() == found.size(), "an entry that is not in the tree was found");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> expected_in(const filter_map& filters, std::string_view topic) {
  std::vector<std::string> names;
  for (const auto& [filter, entry] : filters)
    if (matches(filter, topic)) names.push_back(filter);
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(subscription_tree_)

// [MQTT5-4.7.1-1] [MQTT5-4.7.1-2] [MQTT5-4.7.2-1]
BOOST_AUTO_TEST_CASE(it_finds_what_a_linear_search_finds_whatever_came_and_went) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  topic_words words(engine);
  for (int round = 0; round != 30; ++round) {
    subscription_tree tree;
    filter_map filters;
    const unsigned most = 1 + engine() % 40;
    for (int step = 0; step != 600; ++step) {
      if (filters.size() < most && engine() % 2 == 0) {
        const std::string filter = words.filter();
        if (!parse_topic_filter(filter)->has_wildcard) continue;
        const auto [at, is_new] = filters.try_emplace(filter);
        if (is_new) tree.insert(filter, at->second);
      } else if (!filters.empty() && engine() % 2 == 0) {
        const auto at =
            std::next(filters.begin(), static_cast<std::ptrdiff_t>(engine() % filters.size()));
        tree.erase(at->first);
        filters.erase(at);
      }
      BOOST_REQUIRE_EQUAL(tree.size(), filters.size());
      BOOST_REQUIRE_EQUAL(tree.empty(), filters.empty());
      for (int i = 0; i != 3; ++i) {
        const std::string topic = words.name();
        BOOST_TEST_INFO("topic " << topic);
        BOOST_REQUIRE(found_in(tree, filters, topic) == expected_in(filters, topic));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_was_found_is_appended) {
  subscription_tree tree;
  filter_entry entry;
  tree.insert("a/+", entry);
  filter_entry other;
  std::vector<filter_entry*> found{&other};
  tree.match("a/b", found);
  BOOST_REQUIRE_EQUAL(found.size(), 2U);
  BOOST_TEST((found[0] == &other));
  BOOST_TEST((found[1] == &entry));
}

BOOST_AUTO_TEST_CASE(a_topic_of_many_levels_is_found) {
  std::string deep = "a";
  for (int i = 0; i != 2'000; ++i)
    deep += "/a";
  subscription_tree tree;
  filter_entry all;
  filter_entry exact;
  tree.insert(deep + "/#", all);
  tree.insert("+" + deep.substr(1), exact);
  std::vector<filter_entry*> found;
  tree.match(deep, found);
  BOOST_TEST(found.size() == 2U);
  tree.erase(deep + "/#");
  tree.erase("+" + deep.substr(1));
  BOOST_TEST(tree.empty());
}

BOOST_AUTO_TEST_SUITE_END()
