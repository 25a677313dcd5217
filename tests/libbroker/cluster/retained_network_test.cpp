#include "tests/libbroker/cluster/retained_network.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// Long enough for links to come up again, and for a round that begins by itself.
constexpr auto rest = 130s;

std::string topic(int number) { return "t/" + std::to_string(number); }

void check_agreement(retained_network& net, std::uint64_t seed,
                     const retained_network::state& at_least) {
  const retained_network::state all = net.state_of(0);
  for (int node = 1; node != net.size(); ++node)
    if (net.state_of(node) != all)
      BOOST_FAIL("TROUPE_TEST_SEED=" << seed << ": node " << node << " has something else");
  for (const auto& [topic, value] : at_least) {
    const auto found = all.find(topic);
    if (found == all.end() || found->second.stamp < value.stamp)
      BOOST_FAIL("TROUPE_TEST_SEED=" << seed << ": a change of " << topic << " is lost");
  }
  for (const auto& [topic, value] : all) {
    const auto& greatest = net.greatest().at(topic);
    if (value.stamp > greatest.stamp || (value.stamp == greatest.stamp && value != greatest))
      BOOST_FAIL("TROUPE_TEST_SEED=" << seed << ": nobody has published that to " << topic);
  }
}

/// What no two nodes together have lost.
retained_network::state greatest_of_all(retained_network& net) {
  retained_network::state greatest;
  for (int node = 0; node != net.size(); ++node)
    for (const auto& [topic, value] : net.state_of(node))
      if (value.stamp > greatest[topic].stamp) greatest[topic] = value;
  return greatest;
}

/// Some seconds of changes everywhere while links break and nodes crash.
void run_schedule(retained_network& net) {
  const int topics = net.below(2) == 0 ? 5 : 400;
  const bool may_lose = net.below(3) == 0;
  const int things = net.below(150) + 20;
  for (int i = 0; i != things; ++i) {
    const int node = net.below(net.size());
    switch (net.below(14)) {
    case 0: net.break_link(node, net.below(net.size())); break;
    case 1: net.block_link(node, net.below(net.size())); break;
    case 2: net.heal(); break;
    case 3: net.crash(node, !may_lose || net.below(2) == 0); break;
    case 4: net.read(node); break;
    case 5: net.publish(node, topic(net.below(topics)), "expires", 1 + net.below(4)); break;
    case 6:  // a burst
      for (int k = net.below(40); k != 0; --k)
        net.publish(node, topic(net.below(topics)), std::to_string(i) + '.' + std::to_string(k));
      break;
    case 7:
    case 8: net.clear(node, topic(net.below(topics))); break;
    default: net.publish(node, topic(net.below(topics)), std::to_string(i));
    }
    const int pause = net.below(10);
    net.run(std::chrono::milliseconds(net.below(pause == 0 ? 8'000 : pause < 5 ? 5 : 200)));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_retained_network)

BOOST_AUTO_TEST_CASE(all_nodes_have_the_same_once_the_network_is_whole) {
  constexpr int schedules = 1'000;
  std::uint64_t seed = seed_for_test();
  // A slow sanitizer build gets less far; each seed is a schedule of its own.
  const auto end = std::chrono::steady_clock::now() + 3s;
  for (int i = 0; i != schedules && std::chrono::steady_clock::now() < end; ++i, ++seed) {
    retained_network net(seed);
    run_schedule(net);
    const auto at_least = net.has_lost_some() ? greatest_of_all(net) : net.greatest();
    net.heal();
    net.run(rest);
    check_agreement(net, seed, at_least);
  }
}

BOOST_AUTO_TEST_CASE(a_node_with_nothing_gets_everything) {
  retained_network net(1, 3);
  net.run(100ms);
  for (int i = 0; i != 2'000; ++i)  // more than a link has room for
    net.publish(i % 2, topic(i), std::to_string(i));
  for (const std::uint32_t bucket : {7U, 8U, 9U}) {  // more than a page
    for (int i = 0, found = 0; found != 350; ++i)
      if (retained_bucket_of(topic(i)) == bucket)
        net.publish(++found % 2, topic(i), std::to_string(i));
  }
  const std::size_t all = net.greatest().size();
  net.run(rest);
  for (const int node : {2, 0}) {  // one that is asked, and one that asks
    net.crash(node, false);
    net.run(30s);
    BOOST_TEST(net.state_of(node).size() == all);
    BOOST_TEST((net.state_of(node) == net.greatest()));
  }
}

BOOST_AUTO_TEST_CASE(what_was_cleared_while_a_node_was_away_stays_cleared) {
  retained_network net(2, 2);
  net.publish(0, "t", "here");
  net.run(1s);
  net.block_link(0, 1);
  net.run(5s);
  const retained_stamp cleared = net.clear(0, "t");
  net.crash(0, true);
  net.crash(1, true);
  net.heal();
  net.run(10s);
  for (int node : {0, 1}) {
    const auto found = net.state_of(node)["t"];
    BOOST_TEST(found.payload.empty());
    BOOST_TEST((found.stamp == cleared));
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_sent_between_nodes_that_have_the_same) {
  retained_network net(3, 2);
  for (int i = 0; i != 5; ++i)
    net.publish(0, topic(i), "x");
  net.run(rest);
  const std::size_t values = net.values_sent;
  const std::size_t words = net.words_sent;
  net.break_link(0, 1);
  net.run(10s);
  BOOST_TEST(net.values_sent == values);
  BOOST_TEST(net.words_sent == words + 2);  // digests, and the end
}

BOOST_AUTO_TEST_CASE(a_calendar_that_is_too_far_ahead_moves_no_other_node) {
  retained_network net(4, 2);
  net.run(100ms);
  net.set_calendar(0, 0s);
  net.set_calendar(1, 10min);
  net.publish(0, "t", "right");
  net.run(1s);
  net.publish(1, "t", "ahead");
  net.run(rest);
  BOOST_TEST(net.state_of(0)["t"].payload == "right");
  BOOST_TEST(net.state_of(1)["t"].payload == "ahead");
  const retained_stamp later = net.publish(0, "u", "x");
  BOOST_TEST((wall_of(later.time) < wall_of(net.state_of(1)["t"].stamp.time) - 5min));
  net.run(10min);  // time passes, and it is not ahead any more
  BOOST_TEST(net.state_of(0)["t"].payload == "ahead");
}

BOOST_AUTO_TEST_SUITE_END()
