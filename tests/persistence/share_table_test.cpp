#include "persistence/share_table.hpp"

#include "persistence/keys.hpp"
#include "tests/persistence/faulty_disk.hpp"
#include "tests/persistence/opened_log.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <map>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

using offsets = std::vector<log_offset>;

const std::string share = "$share/g/a/+";

struct fixture {
  faulty_disk disk;
  std::unique_ptr<database> store = *database::open("dir", {.env = &disk});
  share_table table{*store};
  share_table::figures figures;

  void commit() { BOOST_TEST_REQUIRE(store->commit(true).has_value()); }
  std::map<std::string, kept_share> load() {
    std::map<std::string, kept_share> found;
    figures = table.load([&](kept_share&& group) { found.emplace(group.share, std::move(group)); });
    return found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(persistence_share_table, fixture)

BOOST_AUTO_TEST_CASE(what_was_kept_of_a_group_comes_back) {
  table.keep(
      {.share = share,
       .positions = {5, 6},
       .outstanding = {2, 3, 7},
       .settled = {9},
       .with_nodes = {{.node = 1, .at_least_once = {2}, .exactly_once = {3, 7}},
                      {.node = 0xFFFF'FFFF'FFFF'FFFF, .at_least_once = {}, .exactly_once = {}}},
       .loans = {}});
  commit();
  const auto found = load();
  BOOST_TEST(figures.damaged == 0U);
  BOOST_TEST(figures.groups == 1U);
  const kept_share& group = found.at(share);
  BOOST_TEST((group.positions == offsets{5, 6}));
  BOOST_TEST((group.outstanding == offsets{2, 3, 7}));
  BOOST_TEST((group.settled == offsets{9}));
  BOOST_TEST_REQUIRE(group.with_nodes.size() == 2U);
  BOOST_TEST((group.with_nodes[0].at_least_once == offsets{2}));
  BOOST_TEST((group.with_nodes[0].exactly_once == offsets{3, 7}));
  BOOST_TEST(group.with_nodes[1].node == 0xFFFF'FFFF'FFFF'FFFF);
}

BOOST_AUTO_TEST_CASE(group_of_an_earlier_version_is_read) {
  std::string value{"\1\2\0\0\0\1", 6};
  for (const char offset : {5, 6, 3, 8, 9})
    value.append(7, '\0').append(1, offset);
  store->put(keys::share(share), value);
  commit();
  const auto found = load();
  BOOST_TEST(figures.damaged == 0U);
  BOOST_TEST((found.at(share).positions == offsets{5, 6}));
  BOOST_TEST((found.at(share).outstanding == offsets{3}));
  BOOST_TEST((found.at(share).settled == offsets{8, 9}));
  BOOST_TEST(found.at(share).with_nodes.empty());
}

BOOST_AUTO_TEST_CASE(loans_come_back_with_their_group_or_alone) {
  table.keep({.share = share, .positions = {5}, .outstanding = {}, .settled = {}});
  table.add_loan(share, {7, 1, 100});
  table.add_loan(share, {7, 2, 101});
  table.add_loan(share, {8, 1, 102});
  table.add_loan("$share/other/x", {7, 1, 103});
  table.change_loans(
      share, {.ended = {{{7, 1, 100}, loan_outcome::returned}, {{8, 1, 102}, loan_outcome::done}},
              .forgotten = {{7, 2, 101}}});
  commit();
  const auto found = load();
  BOOST_TEST(figures.damaged == 0U);
  BOOST_TEST(figures.loans == 3U);
  BOOST_TEST((found.at(share).loans == std::vector<kept_loan>{{{7, 1, 100}, loan_outcome::returned},
                                                              {{8, 1, 102}, loan_outcome::done}}));
  const kept_share& other = found.at("$share/other/x");
  BOOST_TEST(other.positions.empty());
  BOOST_TEST((other.loans == std::vector<kept_loan>{{{7, 1, 103}, loan_outcome::open}}));
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_left_out_and_counted) {
  table.keep({.share = share,
              .positions = {5},
              .outstanding = {2},
              .settled = {1},
              .with_nodes = {{.node = 1, .at_least_once = {2}, .exactly_once = {}}},
              .loans = {}});
  table.add_loan(share, {7, 1, 100});
  commit();
  const std::string key = keys::share(share);
  const std::string value = **store->get(key);
  // It may end behind the settled ones: no node has any then.
  const std::size_t without_nodes = 6 + 8 + 8 + 4 + 8;
  for (std::size_t size = 0; size != value.size(); ++size)
    BOOST_TEST(is_whole_share(key, value.substr(0, size)) == (size == without_nodes), size);
  BOOST_TEST(!is_whole_share(keys::share("a/b"), value));
  const std::string loan = keys::loan(share, 7, 1);
  const std::string kept = **store->get(loan);
  BOOST_TEST(is_whole_loan(loan, kept));
  BOOST_TEST(!is_whole_loan(loan, kept + 'x'));
  BOOST_TEST(!is_whole_loan(loan, kept.substr(1)));
  BOOST_TEST(!is_whole_loan(loan.substr(0, loan.size() - 1), kept));
  BOOST_TEST(!is_whole_loan(loan, kept.substr(0, 8) + '\3'));

  store->put(key, value.substr(0, 3));
  store->put(loan, kept.substr(0, 3));
  commit();
  BOOST_TEST(load().empty());
  BOOST_TEST(figures.damaged == 2U);
  commit();
  (void)load();
  BOOST_TEST(figures.damaged == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(persistence_loans)

BOOST_AUTO_TEST_CASE(loan_is_found_by_its_offset_and_by_nothing_else) {
  faulty_disk disk;
  opened_log opened(disk, {{.filter = "s/#"}});
  opened.append({{.topic = "a", .payload = "1"}});
  const message_block_ptr lent =
      make_block({{.topic = "a", .payload = "2"}, {.topic = "s/x", .payload = "3"}});
  const std::array<std::uint32_t, 2> both{0, 1};
  const log_offset first = opened.log->append_loan(*lent, both, {.publisher = "node"});
  opened.append({{.topic = "a", .payload = "4"}});
  BOOST_TEST_REQUIRE(opened.commit());
  for (int round = 0; round != 2; ++round) {
    const log_offset head = opened.log->head();
    for (const std::vector<std::string>& filters :
         {std::vector<std::string>{"#"}, {"a"}, {"a", "s/+"}, {"+"}}) {
      log_query all;
      all.filters = filters;
      all.up_to = head;
      const contents found = read_all(opened.reader(), all);
      BOOST_TEST((found == contents{{first - 1, "a=1"}, {first + 2, "a=4"}}));
    }
    const auto one = opened.reader().get(first + 1, {});
    BOOST_TEST_REQUIRE((one.has_value() && one->has_value()));
    BOOST_TEST((*one)->block->topic((*(*one)->block)[0]) == "s/x");
    check_figures(opened);
    opened.close();
    opened.open();
  }
}

BOOST_AUTO_TEST_CASE(loans_go_when_nobody_has_them_and_topics_keep_their_numbers) {
  faulty_disk disk;
  opened_log opened(disk);
  opened.append({{.topic = "a", .payload = "1"}});
  const message_block_ptr lent = make_block({{.topic = "a", .payload = "2"}});
  const std::array<std::uint32_t, 1> only{0};
  const log_offset first = opened.log->append_loan(*lent, only, {});
  (void)opened.log->append_loan(*lent, only, {});
  BOOST_TEST_REQUIRE(opened.commit());
  BOOST_TEST(opened.log->trim(loan_part, {.passed = first})->records == 1U);
  BOOST_TEST_REQUIRE(opened.commit());
  BOOST_TEST(!opened.reader().get(first, {})->has_value());
  BOOST_TEST(opened.reader().get(first + 1, {})->has_value());
  log_query all;
  all.filters = {"a"};
  all.up_to = opened.log->head();
  BOOST_TEST(read_all(opened.reader(), all).size() == 1U);
  check_figures(opened);
}

BOOST_AUTO_TEST_CASE(declared_streams_do_not_take_the_number_of_loans) {
  faulty_disk disk;
  opened_log opened(disk);
  opened.close();
  opened.streams = {{.filter = "s/#"}};
  opened.open();
  BOOST_TEST(opened.log->streams().of("s/x") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
