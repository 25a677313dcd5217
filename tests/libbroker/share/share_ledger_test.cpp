#include "libbroker/share/share_ledger.hpp"

#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <optional>
#include <set>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

using offsets = std::vector<log_offset>;

}  // namespace

BOOST_AUTO_TEST_SUITE(share_ledger_)

BOOST_AUTO_TEST_CASE(a_message_is_its_members_until_it_is_done_or_returned) {
  share_ledger ledger;
  ledger.assign(5, 100, qos::at_least_once, 1);
  ledger.assign(3, 10, qos::at_least_once, 2);  // shards do not hand out in the order of offsets
  ledger.assign(7, 1, qos::at_least_once, 1);
  BOOST_TEST(ledger.outstanding() == (offsets{3, 5, 7}), boost::test_tools::per_element());
  BOOST_TEST(ledger.held_by(1).messages == 2U);
  BOOST_TEST(ledger.held_by(1).bytes == 101U);
  BOOST_TEST((ledger.complete(5, 2) == std::nullopt));  // not its own
  BOOST_TEST((ledger.complete(5, 1) == 100U));
  BOOST_TEST((ledger.complete(5, 1) == std::nullopt));
  BOOST_TEST((ledger.give_back(3, 2) == 10U));
  BOOST_TEST((ledger.complete(3, 2) == std::nullopt));
  BOOST_TEST(ledger.has_returned());
  BOOST_TEST(ledger.is_free(3));
  BOOST_TEST(ledger.first_free(9, true) == (offsets{3}), boost::test_tools::per_element());
  ledger.assign(3, 10, qos::at_least_once, 1);
  BOOST_TEST(!ledger.has_returned());
  BOOST_TEST(ledger.outstanding() == (offsets{3, 7}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(loans_that_nobody_has_are_told_from_what_was_returned) {
  share_ledger ledger;
  ledger.restore({2, 6});
  BOOST_TEST(!ledger.has_waiting());
  ledger.put_loan(3, 10);
  BOOST_TEST(ledger.has_waiting());
  BOOST_TEST(ledger.is_free(3));
  BOOST_TEST(ledger.first_free(9, true) == (offsets{2, 3, 6}), boost::test_tools::per_element());
  BOOST_TEST(ledger.first_free(2, true) == (offsets{2, 3}), boost::test_tools::per_element());
  BOOST_TEST(ledger.first_free(9, false) == (offsets{2, 6}), boost::test_tools::per_element());
  ledger.assign(3, 10, qos::at_least_once, 1);
  BOOST_TEST(!ledger.has_waiting());
  BOOST_TEST((ledger.give_back(3, 1) == 10U));
  BOOST_TEST(ledger.has_waiting());  // it is a loan still
  BOOST_TEST(ledger.size() == 2U);   // beside loans
  ledger.forget(2);
  ledger.forget(6);
  BOOST_TEST(!ledger.has_returned());
  BOOST_TEST(ledger.first_free(9, false).empty());
}

BOOST_AUTO_TEST_CASE(an_earlier_life_is_gone_on_with) {
  share_ledger ledger;
  ledger.restore({2, 4, 6});
  ledger.hold(4, 1);
  ledger.hold(9, 1);  // handed out after the last write
  ledger.settle(10);
  BOOST_TEST(ledger.first_free(9, true) == (offsets{2, 6}), boost::test_tools::per_element());
  for (const log_offset known : {2, 4, 6, 9, 10})
    BOOST_TEST(ledger.is_known(known));
  BOOST_TEST(!ledger.is_known(8));
  ledger.pass(9);
  ledger.pass(10);
  BOOST_TEST(ledger.is_known(9));
  BOOST_TEST(!ledger.is_known(10));
  BOOST_TEST(ledger.outstanding() == (offsets{2, 4, 6, 9}), boost::test_tools::per_element());
  ledger.hold(12, 1);
  (void)ledger.complete(12, 1);
  BOOST_TEST(ledger.is_known(12));  // it must not be handed out when its turn comes
  ledger.pass(12);
  BOOST_TEST(!ledger.is_known(12));
  (void)ledger.complete(9, 1);  // its turn has come
  BOOST_TEST(!ledger.is_known(9));
  (void)ledger.complete(4, 1);
  BOOST_TEST(ledger.settled() == (offsets{4}), boost::test_tools::per_element());
  ledger.pass_all(5);
  BOOST_TEST(ledger.settled().empty());
  BOOST_TEST(ledger.outstanding() == (offsets{2, 6}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(it_does_what_a_map_does_under_random_operations) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t bound) { return random() % bound; };
  share_ledger ledger;
  std::map<log_offset, std::uint64_t> model;  // 0: returned
  log_offset next = 1;
  for (int step = 0; step != 20'000; ++step) {
    const log_offset one = 1 + below(next);
    const auto at = model.find(one);
    const std::uint64_t session = 1 + below(3);
    switch (below(5)) {
    case 0:
    case 1:
      next += below(3);
      ledger.assign(next, 8, qos::at_least_once, session);
      model[next] = session;
      break;
    case 2:
    case 3: {
      const bool own = at != model.end() && at->second == session;
      BOOST_REQUIRE_EQUAL(ledger.complete(one, session).has_value(), own);
      if (own) model.erase(at);
      break;
    }
    default: {
      const bool own = at != model.end() && at->second == session;
      BOOST_REQUIRE_EQUAL(ledger.give_back(one, session).has_value(), own);
      if (own) at->second = 0;
    }
    }
    BOOST_REQUIRE_EQUAL(ledger.size(), model.size());
    if (step % 100 != 0) continue;
    offsets all;
    offsets returned;
    share_ledger::holding first;
    for (const auto& [offset, holder] : model) {
      all.push_back(offset);
      if (holder == 0) returned.push_back(offset);
      if (holder == 1) first = {first.messages + 1, first.bytes + 8};
    }
    BOOST_REQUIRE(ledger.outstanding() == all);
    BOOST_REQUIRE(ledger.first_free(all.size() + 1, true) == returned);
    BOOST_REQUIRE_EQUAL(ledger.has_returned(), !returned.empty());
    BOOST_REQUIRE_EQUAL(ledger.held_by(1).messages, first.messages);
    BOOST_REQUIRE_EQUAL(ledger.held_by(1).bytes, first.bytes);
  }
}

BOOST_AUTO_TEST_SUITE_END()
