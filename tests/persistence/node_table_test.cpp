#include "persistence/node_table.hpp"

#include "persistence/keys.hpp"
#include "persistence/node_record.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

std::vector<kept_node> loaded(database& store) {
  std::vector<kept_node> found;
  (void)node_table(store).load([&](kept_node&& node) { found.push_back(std::move(node)); });
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(persistence_node_table)

BOOST_AUTO_TEST_CASE(what_was_kept_of_a_node_comes_back) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  node_table nodes(*store);
  nodes.apply({.name = "b", .handled = {5, 6}, .routes = {{"x/#", route_interest::lasting}}});
  nodes.apply({.name = "a", .handled = {7}, .routes = {}});
  nodes.apply({.name = "b", .handled = {}, .routes = {{"y", route_interest::lasting, 9}}});
  BOOST_REQUIRE(store->commit(true));
  const auto found = loaded(*store);
  BOOST_REQUIRE(found.size() == 2U);
  BOOST_TEST(found[0].name == "a");
  BOOST_TEST((found[1].handled == std::vector<log_offset>{5, 6}));
  BOOST_TEST((found[1].routes == std::vector<kept_route>{{"x/#", route_interest::lasting},
                                                         {"y", route_interest::lasting, 9}}));
}

BOOST_AUTO_TEST_CASE(a_route_that_is_lasting_no_longer_goes_and_a_node_that_left_does) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  node_table nodes(*store);
  nodes.apply({.name = "b", .handled = {5}, .routes = {{"x", route_interest::lasting}}});
  nodes.apply({.name = "bc", .handled = {5}, .routes = {}});
  BOOST_REQUIRE(store->commit(true));
  nodes.apply({.name = "b", .handled = {}, .routes = {{"x", route_interest::passing}}});
  BOOST_REQUIRE(store->commit(true));
  BOOST_TEST(loaded(*store)[0].routes.empty());
  nodes.apply({.name = "b", .handled = {}, .routes = {}, .forgets = true});
  BOOST_REQUIRE(store->commit(true));
  const auto left = loaded(*store);
  BOOST_REQUIRE(left.size() == 1U);
  BOOST_TEST(left[0].name == "bc");
}

BOOST_AUTO_TEST_CASE(damaged_parts_are_left_out_and_removed) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  store->put(keys::node_progress("b"), "odd");
  store->put(keys::node_route("b", "a/#/b"), "\3");
  store->put(keys::node_route("b", "x"), "\3");
  BOOST_REQUIRE(store->commit(true));
  std::vector<kept_node> found;
  const auto figures =
      node_table(*store).load([&](kept_node&& node) { found.push_back(std::move(node)); });
  BOOST_TEST(figures.damaged == 2U);
  BOOST_REQUIRE(found.size() == 1U);
  BOOST_TEST(found[0].routes.size() == 1U);
  BOOST_REQUIRE(store->commit(true));
  BOOST_TEST(node_table(*store).load([](kept_node&&) {}).damaged == 0U);
}

BOOST_AUTO_TEST_CASE(marks_move_on_by_home_and_partition) {
  faulty_disk disk;
  auto store = *database::open("dir", {.env = &disk});
  node_table nodes(*store);
  nodes.move_on(
      {.home = 9, .marks = {{.partition = 0, .offset = 4}, {.partition = 63, .offset = 5}}});
  nodes.move_on({.home = 9, .marks = {{.partition = 0, .offset = 6}}});
  nodes.move_on({.home = 10, .marks = {{.partition = 1, .offset = 7}}});
  BOOST_REQUIRE(store->commit(true));
  const auto marks = nodes.load_marks();
  BOOST_REQUIRE(marks.size() == 2U);
  BOOST_TEST(marks.at(9)[0] == 6U);
  BOOST_TEST(marks.at(9)[63] == 5U);
  BOOST_TEST(marks.at(9)[1] == 0U);
  BOOST_TEST(marks.at(10)[1] == 7U);
}

BOOST_AUTO_TEST_CASE(a_data_directory_keeps_name_and_home_and_counts_its_lives) {
  faulty_disk disk;
  {
    auto store = *database::open("dir", {.env = &disk});
    const auto first = begin_life(*store, "", 0xABC);
    BOOST_REQUIRE(first);
    BOOST_TEST(first->name == "node-0000000000000abc");
    BOOST_TEST(first->home == 0xABCU);
    BOOST_TEST(first->incarnation == 1U);
  }
  auto store = *database::open("dir", {.env = &disk});
  const auto second = begin_life(*store, "", 0xDEF);
  BOOST_REQUIRE(second);
  BOOST_TEST(second->name == "node-0000000000000abc");
  BOOST_TEST(second->home == 0xABCU);
  BOOST_TEST(second->incarnation == 2U);
  const auto third = begin_life(*store, "named", 0xDEF);
  BOOST_REQUIRE(third);
  BOOST_TEST(third->name == "named");
  BOOST_TEST(third->home == 0xABCU);
}

BOOST_AUTO_TEST_SUITE_END()
