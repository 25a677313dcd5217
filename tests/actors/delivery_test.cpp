// The main path: a publisher's session, the shards, the subscriber's session.

#include "tests/actors/stage.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(actors_delivery)

BOOST_AUTO_TEST_CASE(qos0_message_reaches_the_subscriber) {
  stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t/+");
  ann.publish("t/1", "hello");
  BOOST_TEST(bob.received() == "PUBLISH t/1 hello\n");
  BOOST_TEST(ann.received() == "");
}

BOOST_AUTO_TEST_SUITE_END()
