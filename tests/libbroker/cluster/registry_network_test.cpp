#include "libbroker/cluster/client_registry.hpp"
#include "libbroker/cluster/rendezvous.hpp"
#include "tests/libbroker/cluster/registry_network.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <string>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// Some seconds of logins and ends everywhere, links that break, partitions and crashes; then
/// everything heals, and at last all must agree.
void run_schedule(registry_network& net) {
  const int things = net.below(120) + 20;
  for (int i = 0; i != things; ++i) {
    const int node = net.below(net.size());
    switch (net.below(12)) {
    case 0: net.end_session(node, net.below(net.ids())); break;
    case 1: net.break_link(node, net.below(net.size())); break;
    case 2: net.block_link(node, net.below(net.size())); break;
    case 3: net.part(); break;
    case 4: net.heal(); break;
    case 5: net.crash(node, net.below(2) == 0); break;
    default: net.login(node, net.below(net.ids())); break;
    }
    // Bursts, and times when everything may come to rest.
    const int pause = net.below(10);
    net.run(pause == 0 ? std::chrono::milliseconds(net.below(8'000))
                       : std::chrono::milliseconds(net.below(pause < 5 ? 5 : 200)));
  }
  net.heal();
  for (int i = net.below(10); i != 0; --i) {
    net.login(net.below(net.size()), net.below(net.ids()));
    net.run(std::chrono::milliseconds(net.below(500)));
  }
  net.run(40s);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_registry_network)

BOOST_AUTO_TEST_CASE(every_id_has_one_owner_once_the_network_is_whole) {
  constexpr int schedules = 1'500;
  std::uint64_t seed = seed_for_test();
  // A slow sanitizer build gets less far; each seed is a schedule of its own.
  const auto end = std::chrono::steady_clock::now() + 1500ms;
  for (int i = 0; i != schedules && std::chrono::steady_clock::now() < end; ++i, ++seed) {
    registry_network net(seed);
    run_schedule(net);
    net.check_agreement();
    BOOST_TEST(net.messages != 0U);
    if (!net.faults().empty())
      BOOST_FAIL("TROUPE_TEST_SEED=" << seed << ": " << net.faults().front());
  }
}

BOOST_AUTO_TEST_SUITE_END()
