#include "libbroker/inspection/actor_ranking.hpp"

#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

actor_page page_of(const list_actors& wanted, const std::vector<actor_row>& all) {
  actor_ranking ranking(wanted);
  for (const actor_row& each : all) {
    actor_row seen = each;
    seen.kind.clear();
    seen.name.clear();
    ranking.offer(seen, each.kind, each.name);
  }
  return ranking.take();
}

std::vector<std::uint64_t> ids(const actor_page& page) {
  std::vector<std::uint64_t> all;
  for (const actor_row& each : page.rows)
    all.push_back(each.id);
  return all;
}

const std::vector<actor_row> some = {{1, "shard", "0", 5, 10, 300},
                                     {2, "session", "ann", 0, 30, 100},
                                     {3, "session", "bob", 9, 20, 100},
                                     {4, "session", "eve", 0, 1, 200}};

using numbers = std::vector<std::uint64_t>;

}  // namespace

BOOST_AUTO_TEST_SUITE(actor_ranking_of_pages)

BOOST_AUTO_TEST_CASE(each_order_has_the_most_first_and_then_who_began_first) {
  const auto in = [](actor_order order) { return ids(page_of({.order = order}, some)); };
  BOOST_TEST(in(actor_order::mailbox) == (numbers{3, 1, 2, 4}), boost::test_tools::per_element());
  BOOST_TEST(in(actor_order::time) == (numbers{1, 4, 2, 3}), boost::test_tools::per_element());
  BOOST_TEST(in(actor_order::messages) == (numbers{2, 3, 1, 4}), boost::test_tools::per_element());
  BOOST_TEST(in(actor_order::id) == (numbers{1, 2, 3, 4}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(rows_come_whole_and_of_the_kind) {
  const actor_page page = page_of({.kind = "session", .limit = 2}, some);
  BOOST_TEST(page.total == 3U);
  BOOST_TEST(page.behind == 1U);
  BOOST_TEST((page.rows == std::vector{some[2], some[1]}));
  BOOST_TEST(page_of({.kind = "nothing"}, some).total == 0U);
}

BOOST_AUTO_TEST_CASE(pages_follow_each_other_without_gap_or_double) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round != 50; ++round) {
    std::vector<actor_row> all;
    for (std::uint64_t id = 1; id <= 1 + random() % 300; ++id)
      all.push_back({id, random() % 2 == 0 ? "session" : "shard", "n", random() % 5, random() % 5,
                     random() % 5});
    std::ranges::shuffle(all, random);
    list_actors wanted{.kind = random() % 2 == 0 ? "session" : "",
                       .order = static_cast<actor_order>(1 + random() % 4),
                       .limit = static_cast<std::uint32_t>(1 + random() % 40)};
    std::vector<actor_row> expected;
    std::ranges::copy_if(all, std::back_inserter(expected), [&](const actor_row& each) {
      return wanted.kind.empty() || each.kind == wanted.kind;
    });
    std::ranges::sort(expected, [&](const actor_row& left, const actor_row& right) {
      const actor_place a = place_in(wanted.order, left);
      const actor_place b = place_in(wanted.order, right);
      return a.value != b.value ? a.value > b.value : a.id < b.id;
    });
    std::vector<actor_row> got;
    for (;;) {
      const actor_page page = page_of(wanted, all);
      BOOST_TEST_REQUIRE(page.total == expected.size());
      got.insert(got.end(), page.rows.begin(), page.rows.end());
      BOOST_TEST_REQUIRE(page.behind == expected.size() - got.size());
      if (page.behind == 0) break;
      wanted.after = place_in(wanted.order, got.back());
    }
    BOOST_TEST_REQUIRE((got == expected));
  }
}

BOOST_AUTO_TEST_CASE(a_page_is_bounded_in_rows_and_bytes_and_what_does_not_fit_is_counted) {
  std::vector<actor_row> many;
  for (std::uint64_t id = 1; id <= 2000; ++id)
    many.push_back({id, "session", std::string(1000, 'x')});
  const actor_page page = page_of({.order = actor_order::id, .limit = 100'000}, many);
  BOOST_TEST(page.rows.size() > 100U);
  BOOST_TEST(page.rows.size() <= most_rows);
  BOOST_TEST(page.behind == 2000 - page.rows.size());
  BOOST_TEST(page.rows.front().name == std::string(longest_row_name, 'x') + "…");
  // What a stranger's connection carries.
  BOOST_TEST(encode(inspection_answer(page)).size() < 60U * 1024);
  BOOST_TEST(page_of({.limit = 0}, many).rows.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
