#include "apps/troupe-bench/plan.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::bench;

namespace {

plan planned(options wanted) {
  complete(wanted);
  return make_plan(wanted);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_plan)

BOOST_AUTO_TEST_CASE(one_session_gets_all_that_drain_publishes_and_only_later) {
  const plan made = planned({.scenario = scenario::drain, .count = 40, .publishers = 4});
  BOOST_TEST(made.received_later);
  BOOST_TEST(!made.retain);
  BOOST_REQUIRE(made.topics.size() == 4U);
  BOOST_REQUIRE(made.receivers.size() == 1U);
  BOOST_TEST(made.receivers[0].stream_count == 4U);
  BOOST_REQUIRE(made.clients.size() == 5U);
  BOOST_REQUIRE(made.clients[0].subscribes.has_value());
  BOOST_TEST(made.clients[0].subscribes->filter == "bench/drain/+");
  BOOST_TEST(!made.clients[0].subscribes->deferred);
  for (std::size_t index = 1; index < made.clients.size(); ++index)
    BOOST_TEST(made.clients[index].publishes.size() == 1U);
}

BOOST_AUTO_TEST_CASE(nobody_is_expected_to_get_what_offline_publishes) {
  const plan made = planned({.scenario = scenario::offline, .count = 3});
  BOOST_TEST(made.topics.size() == 1U);
  BOOST_REQUIRE(made.clients.size() == 4U);
  for (std::size_t index = 0; index < 3; ++index)
    BOOST_TEST(made.clients[index].subscribes.value().filter == made.topics[0]);
  BOOST_TEST(made.clients[3].publishes.size() == 1U);
  for (const receiver_plan& each : made.receivers)
    BOOST_TEST(each.stream_count == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
