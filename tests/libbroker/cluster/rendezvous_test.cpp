#include "libbroker/cluster/rendezvous.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

using namespace troupe;

namespace {

using names = std::vector<std::string>;

std::string key(int number) { return "client-" + std::to_string(number); }

std::string best_name(const rendezvous& nodes, const std::string& key) {
  return nodes.names()[nodes.best(key)];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_rendezvous)

BOOST_AUTO_TEST_CASE(weights_are_the_same_on_all_machines_for_ever) {
  BOOST_TEST(rendezvous::weight("a", "") == 6307683688427052216U);
  BOOST_TEST(rendezvous::weight("a", "client") == 13520947523924316384U);
  BOOST_TEST(rendezvous::weight("node-1.example", "client") == 9241037099091305720U);
  BOOST_TEST(rendezvous::weight("a", std::string(65'535, 'k')) == 7455795325217182483U);
}

BOOST_AUTO_TEST_CASE(the_order_of_names_does_not_matter_and_a_name_counts_once) {
  const rendezvous one(names{"a", "b", "c"});
  const rendezvous other(names{"c", "a", "b", "a"});
  BOOST_TEST(one.names() == other.names());
  for (int i = 0; i != 100; ++i)
    BOOST_TEST(one.best(key(i)) == other.best(key(i)));
}

BOOST_AUTO_TEST_CASE(the_best_is_the_first_in_order) {
  const rendezvous nodes(names{"a", "b", "c", "d", "e"});
  for (int i = 0; i != 100; ++i) {
    const auto all = nodes.first(key(i), 9);
    BOOST_TEST_REQUIRE(all.size() == 5U);
    BOOST_TEST(all.front() == nodes.best(key(i)));
    const auto three = nodes.first(key(i), 3);
    BOOST_TEST(three == std::vector<std::size_t>(all.begin(), all.begin() + 3));
    for (std::size_t at = 1; at != all.size(); ++at)
      BOOST_TEST(rendezvous::weight(nodes.names()[all[at - 1]], key(i)) >
                 rendezvous::weight(nodes.names()[all[at]], key(i)));
  }
  BOOST_TEST(rendezvous().first("key", 3).empty());
  BOOST_TEST(rendezvous(names{"only"}).best("key") == 0U);
}

BOOST_AUTO_TEST_CASE(a_node_that_goes_moves_only_its_own_keys_to_their_second) {
  const rendezvous before(names{"a", "b", "c", "d"});
  const rendezvous after(names{"a", "b", "d"});
  for (int i = 0; i != 1'000; ++i) {
    const auto order = before.first(key(i), 2);
    const std::string& best = before.names()[order[0]];
    const std::string& second = before.names()[order[1]];
    BOOST_TEST(best_name(after, key(i)) == (best == "c" ? second : best));
  }
}

BOOST_AUTO_TEST_CASE(keys_are_spread_evenly) {
  const rendezvous nodes(names{"node-1", "node-2", "node-3", "node-4"});
  constexpr int keys = 40'000;
  std::map<std::string, int> of;
  for (int i = 0; i != keys; ++i)
    ++of[best_name(nodes, key(i))];
  for (const auto& [name, count] : of)
    BOOST_TEST(std::abs(count - keys / 4) < keys / 4 / 20, name << " has " << count);
}

BOOST_AUTO_TEST_SUITE_END()
