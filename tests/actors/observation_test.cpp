// The inspector and the statistics under $SYS.

#include "actors/inspector_actor.hpp"
#include "actors/statistics_actor.hpp"
#include "tests/actors/stage.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// A node with an inspector, and statistics every ten seconds.
class observed_stage : public stage {
public:
  explicit observed_stage(std::size_t shards = 1, std::size_t directories = 1)
      : stage({}, shards, directories),
        inspector(system().spawn<inspector_actor>(node())),
        statistics(system().spawn<statistics_actor>(node(), inspector)) {}
  ~observed_stage() {
    caf::anon_send_exit(statistics, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(inspector, caf::exit_reason::user_shutdown);
    run();
  }

  inspector_handle inspector;
  statistics_handle statistics;
};

/// Stands in for the cluster actor of a node that knows members in these states.
cluster_handle::behavior_type members_in(cluster_handle::pointer self,
                                         const std::vector<member_state>& states) {
  return {
      [](const link_packet&) {},
      [](const enter_cluster&) {},
      [](const link_changed&) {},
      [](const gossip_heard&) {},
      [](const clients_heard&) {},
      [](const wills_heard&) {},
      [](const say_to_node&) {},
      [](const fence_session&) {},
      [](const cluster_timer&) {},
      [states](const cluster_command&) {
        cluster_status status;
        for (const member_state each : states)
          status.members.push_back({.record = {}, .state = each, .since = {}});
        return status;
      },
      [](const restore_node&) { return node_restored{}; },
      [](const ask_interests&) { return interests{}; },
      [](const settle&) { return settled{}; },
      [self](const stop_now&) { self->quit(); },
  };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_observation)

BOOST_AUTO_TEST_CASE(inspector_sums_up_what_shards_and_directories_say) {
  observed_stage node(2, 2);
  std::vector<player> clients;
  for (const std::string_view id : {"a", "b", "c", "d", "e"})
    clients.push_back(node.online(lasting(id)));
  clients[0].subscribed("t/1");
  clients[1].subscribed("t/#");  // stands in both shards
  clients[0].publish("t/1", "m", qos::at_least_once, 1, true);
  clients[0].publish("t/2", "m", qos::at_least_once, 2, true);
  clients[4].hang_up();
  const auto found = node.ask<node_description>(node.inspector, describe_node{});
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(found->sessions == 5U);
  BOOST_TEST(found->shards.subscriptions == 3U);
  BOOST_TEST(found->shards.filters == 3U);
  BOOST_TEST(found->shards.retained_messages == 2U);
  BOOST_TEST(found->shards.retained_bytes > 0U);
  BOOST_TEST(found->shards.deliveries_dropped == 0U);
}

BOOST_AUTO_TEST_CASE(inspector_counts_other_nodes_unless_they_have_left) {
  using enum member_state;
  observed_stage node;
  const cluster_handle cluster = node.system().spawn(
      members_in, std::vector{linked, self, dead, left, linked, unlinked, unlinked, left});
  node.node().cluster = cluster;
  player bob = node.online(passing("bob"));
  bob.subscribed("$SYS/broker/cluster/nodes/#");
  const auto found = node.ask<node_description>(node.inspector, describe_node{});
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(found->nodes_linked == 2U);
  BOOST_TEST(found->nodes_known == 5U);
  node.wait(10s);
  const std::string told = bob.received();
  BOOST_TEST(told.find("PUBLISH $SYS/broker/cluster/nodes/known 5\n") != told.npos, told);
  BOOST_TEST(told.find("PUBLISH $SYS/broker/cluster/nodes/linked 2\n") != told.npos, told);
  node.node().cluster = nullptr;
  caf::anon_send(cluster, stop_now{});
}

BOOST_AUTO_TEST_CASE(inspector_answers_without_those_that_do_not_answer_it) {
  observed_stage node(2);
  player bob = node.online(passing("bob"));
  bob.subscribed("t/#");
  node.hold(node.node().shards[1]);
  auto answer = std::make_shared<std::optional<node_description>>();
  node.system().spawn([=, &node](caf::event_based_actor* self) {
    self->request(node.inspector, caf::infinite, describe_node{})
        .then([answer](const node_description& given) { *answer = given; });
  });
  node.wait(4900ms);
  BOOST_TEST(!answer->has_value());
  node.wait(100ms);
  BOOST_TEST_REQUIRE(answer->has_value());
  BOOST_TEST((*answer)->shards.subscriptions == 1U);
  BOOST_TEST((*answer)->sessions == 1U);
}

BOOST_AUTO_TEST_CASE(statistics_are_published_at_every_interval) {
  observed_stage node(2, 2);
  player bob = node.online(passing("bob"));
  bob.subscribed("$SYS/broker/clients/connected");
  bob.subscribed("$SYS/broker/uptime");
  node.wait(9900ms);
  BOOST_TEST(bob.received() == "");
  node.wait(100ms);
  const std::string first = bob.received();
  BOOST_TEST(first.find("PUBLISH $SYS/broker/clients/connected 1\n") != first.npos, first);
  BOOST_TEST(first.find("PUBLISH $SYS/broker/uptime 10 seconds\n") != first.npos, first);
  player ann = node.online(passing("ann"));
  node.wait(10s);
  const std::string second = bob.received();
  BOOST_TEST(second.find("PUBLISH $SYS/broker/clients/connected 2\n") != second.npos, second);
  BOOST_TEST(second.find("PUBLISH $SYS/broker/uptime 20 seconds\n") != second.npos, second);
}

BOOST_AUTO_TEST_CASE(statistics_are_retained_and_match_no_plain_wildcard) {  // [MQTT5-4.7.2-1]
  observed_stage node(2, 2);
  player eve = node.online(passing("eve"));
  eve.subscribed("#");
  node.wait(10s);
  player bob = node.online(passing("bob"));
  bob.subscribe("$SYS/broker/clients/#", qos::at_most_once);
  const std::string found = bob.received();
  BOOST_TEST(found.find("PUBLISH $SYS/broker/clients/total 1 retain\n") != found.npos, found);
  BOOST_TEST(eve.received() == "");
}

BOOST_AUTO_TEST_CASE(statistics_count_what_clients_send_and_get) {
  observed_stage node;
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  for (int i = 0; i != 3; ++i)
    ann.publish("t", "12345");
  BOOST_TEST(!bob.received().empty());
  node.wait(10s);
  bob.subscribe("$SYS/broker/publish/#", qos::at_most_once);
  const std::string found = bob.received();
  for (const std::string_view expected :
       {"publish/messages/received 3", "publish/messages/sent 3", "publish/bytes/received 15",
        "publish/bytes/sent 15", "publish/messages/dropped 0"})
    BOOST_TEST(found.find("PUBLISH $SYS/broker/" + std::string(expected) + " retain\n") !=
                   found.npos,
               expected << " in\n"
                        << found);
  BOOST_TEST(node.node().counts.total().bytes_sent >= 3U * (5 + 5));
  BOOST_TEST(node.node().counts.clients_online_maximum == 2U);
}

BOOST_AUTO_TEST_CASE(statistics_go_on_although_the_inspector_is_gone) {
  observed_stage node;
  caf::anon_send_exit(node.inspector, caf::exit_reason::kill);
  node.wait(30s);
  BOOST_TEST(node.handled<publish_statistics>(node.statistics) == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
