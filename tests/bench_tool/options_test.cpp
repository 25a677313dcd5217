#include "apps/troupe-bench/options.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

using namespace troupe;
using namespace troupe::bench;

namespace {

options completed(options wanted) {
  complete(wanted);
  return wanted;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_options)

BOOST_AUTO_TEST_CASE(messages_wait_for_durable_sessions_at_qos_1_at_least) {
  for (const auto each : {scenario::drain, scenario::offline}) {
    const options lowest = completed({.scenario = each});
    BOOST_TEST(lowest.persistent);
    BOOST_TEST((lowest.qos == qos::at_least_once));
    BOOST_TEST((completed({.scenario = each, .qos = qos::exactly_once}).qos == qos::exactly_once));
  }
}

BOOST_AUTO_TEST_CASE(the_publishers_of_drain_share_its_messages_evenly) {
  const options usual = completed({.scenario = scenario::drain});
  BOOST_TEST(usual.publishers == 10U);
  BOOST_TEST(usual.messages == 10'000U);
  BOOST_TEST(completed({.scenario = scenario::drain, .count = 15}).publishers == 5U);
  BOOST_CHECK_THROW(completed({.scenario = scenario::drain, .count = 10, .publishers = 3}),
                    std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(offline_has_one_publisher_of_a_thousand_messages) {
  const options usual = completed({.scenario = scenario::offline});
  BOOST_TEST(usual.count == 1000U);
  BOOST_TEST(usual.publishers == 1U);
  BOOST_TEST(usual.messages == 1000U);
  BOOST_TEST(completed({.scenario = scenario::offline, .messages = 7}).messages == 7U);
}

BOOST_AUTO_TEST_SUITE_END()
