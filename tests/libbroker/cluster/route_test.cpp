#include "libbroker/cluster/route_announcer.hpp"
#include "libbroker/cluster/route_table.hpp"

#include <boost/test/unit_test.hpp>

#include <vector>

using namespace troupe;

namespace {

using changes = std::vector<route_change>;
constexpr auto none = route_interest::none;
constexpr auto passing = route_interest::passing;
constexpr auto lasting = route_interest::lasting;

changes applied(route_table& table, changes told) {
  table.apply(told);
  return told;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_route)

BOOST_AUTO_TEST_CASE(what_is_known_already_changes_nothing) {
  route_table table;
  BOOST_TEST((applied(table, {{"a", passing}, {"b", passing}}).size() == 2));
  BOOST_TEST((applied(table, {{"a", passing}, {"b", lasting}}) == changes{{"b", lasting}}));
  BOOST_TEST((applied(table, {{"c", none}}).empty()));
  BOOST_TEST((applied(table, {{"a", none}}) == changes{{"a", none}}));
  BOOST_TEST(table.size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_a_snapshot_does_not_name_goes) {
  route_table table;
  (void)applied(table, {{"a", passing}, {"b", passing}});
  table.begin_snapshot();
  BOOST_TEST((applied(table, {{"b", passing}, {"c", passing}}) == changes{{"c", passing}}));
  BOOST_TEST(table.size() == 3U);  // until the whole of it is known
  BOOST_TEST((table.end_snapshot() == changes{{"a", none}}));
  BOOST_TEST(table.size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_breaks_off_is_begun_again) {
  route_table table;
  (void)applied(table, {{"a", passing}, {"b", passing}});
  table.begin_snapshot();
  (void)applied(table, {{"a", passing}});
  table.begin_snapshot();
  (void)applied(table, {{"b", passing}});
  BOOST_TEST((table.end_snapshot() == changes{{"a", none}}));
}

BOOST_AUTO_TEST_CASE(of_a_dead_node_everything_goes) {
  route_table table;
  (void)applied(table, {{"a", passing}, {"b", lasting}});
  BOOST_TEST(table.clear().size() == 2U);
  BOOST_TEST(table.size() == 0U);
}

BOOST_AUTO_TEST_CASE(a_change_is_known_everywhere_when_all_nodes_that_are_up_have_it) {
  route_announcer routes;
  routes.node_up(1, false);
  routes.node_up(2, false);
  routes.add({"a", passing});
  BOOST_TEST(routes.has_untold());
  BOOST_TEST((routes.tell() == changes{{"a", passing}}));
  BOOST_TEST(!routes.has_untold());
  const auto ticket = routes.last_ticket();
  BOOST_TEST(!routes.is_known_everywhere(ticket));
  routes.announced(1, ticket);
  BOOST_TEST(!routes.is_known_everywhere(ticket));
  routes.node_down(2);
  BOOST_TEST(routes.is_known_everywhere(ticket));
}

BOOST_AUTO_TEST_CASE(a_node_that_comes_later_has_nothing_before_it_has_its_snapshot) {
  route_announcer routes;
  BOOST_TEST(routes.is_known_everywhere(routes.last_ticket()));
  routes.node_up(1, true);
  BOOST_TEST(!routes.is_known_everywhere(routes.last_ticket()));
  routes.announced(1, routes.last_ticket());
  BOOST_TEST(routes.is_known_everywhere(routes.last_ticket()));
  routes.node_up(2, true);
  BOOST_TEST(!routes.is_known_everywhere(routes.last_ticket()));
}

BOOST_AUTO_TEST_CASE(what_a_node_was_told_before_its_link_broke_it_has_when_it_says_so) {
  route_announcer routes;
  routes.node_up(1, false);
  routes.add({"a", passing});
  (void)routes.tell();
  routes.node_down(1);
  BOOST_TEST(routes.is_known_everywhere(routes.last_ticket()));
  routes.node_up(1, false);
  BOOST_TEST(!routes.is_known_everywhere(routes.last_ticket()));
}

BOOST_AUTO_TEST_SUITE_END()
