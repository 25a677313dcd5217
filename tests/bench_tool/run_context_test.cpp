#include "apps/troupe-bench/run_context.hpp"
#include "apps/troupe-bench/worker.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe::bench;

namespace {

/// Where each client connects, in the order of the plan; subscribers or the others.
std::vector<std::string> brokers(options wanted, bool subscribe) {
  complete(wanted);
  const plan made = make_plan(wanted);
  const run_context context(wanted, made);
  std::vector<std::string> found;
  for (const client_plan& each : made.clients)
    if (each.subscribes.has_value() == subscribe) found.push_back(context.broker_of(each).name());
  return found;
}

using names = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_run_context)

BOOST_AUTO_TEST_CASE(clients_take_turns_among_the_ports) {
  const options wanted{.scenario = scenario::fan_out, .ports = {1, 2, 3}, .count = 4};
  BOOST_TEST(brokers(wanted, true) ==
                 (names{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:1"}),
             boost::test_tools::per_element());
  BOOST_TEST(brokers(wanted, false) == names{"127.0.0.1:1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(both_of_a_pair_go_to_the_same_port) {
  const options wanted{.scenario = scenario::pairs, .ports = {1, 2}, .count = 3};
  BOOST_TEST(brokers(wanted, true) == brokers(wanted, false), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(subscribers_take_turns_among_ports_of_their_own) {
  const options wanted{
      .scenario = scenario::pairs, .ports = {1}, .subscriber_ports = {2, 3}, .count = 3};
  BOOST_TEST(brokers(wanted, true) == (names{"127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:2"}),
             boost::test_tools::per_element());
  BOOST_TEST(brokers(wanted, false) == (names{"127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
