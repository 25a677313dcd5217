// A shard among sessions that only keep what they are told.

#include "actors/shard_actor.hpp"
#include "tests/actors/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

/// What a session was told.
struct notes {
  std::string delivered;  ///< payloads, a comma behind each
  std::size_t deliveries = 0;
  std::vector<accepted> acknowledged;
  std::size_t credit_returned = 0;
  std::vector<subscriptions_added> added;
  std::vector<subscriptions_removed> removed;
  std::vector<retained_read> pages;
};

std::string payloads(const message_block& block, std::uint32_t first, std::uint32_t count) {
  std::string all;
  for (std::uint32_t i = first; i != first + count; ++i)
    all += std::string(as_text(block.payload(block[i]))) + ',';
  return all;
}

session_handle::behavior_type note_taker(std::shared_ptr<notes> into) {
  return {
      [](const io_ready&) {},
      [](const attach_client&) {},
      [into](const deliver& batch) {
        ++into->deliveries;
        for (const message_run& run : batch.messages->runs)
          into->delivered += payloads(*run.block, run.first, run.count);
      },
      [into](const accepted& batch) { into->acknowledged.push_back(batch); },
      [into](const credit_returned&) { ++into->credit_returned; },
      [into](const subscriptions_added& reply) { into->added.push_back(reply); },
      [into](const subscriptions_removed& reply) { into->removed.push_back(reply); },
      [into](const retained_read& reply) { into->pages.push_back(reply); },
      [](const restore_session&) { return session_restored{}; },
      [](const go_on&) {},
      [](const session_written&) {},
      [](const deliveries_missed&) {},
      [](const live_set&) {},
      [](const log_read&) {},
      [](const replay_found&) {},
      [](const ask_interest&) { return interest{}; },
      [](const ask_facts&) { return facts_told{}; },
      [](const retired&) {},
      [](const stop_reading&) {},
      [](const dismiss&) {},
      [](const share_kept&) {},
      [](const session_timer&) {},
      [](const session_said&) {},
      [](const node_followed&) {},
      [](const displace&) {},
      [](const move_timer&) {},
      [](const send_away&) {},
      [](const will_published&) {},
      [](const session_fenced&) {},
      [](const flush&) {},
  };
}

/// One session, as a shard sees it.
class subscriber {
public:
  explicit subscriber(stage& node, std::uint64_t number, std::size_t shard = 0)
      : stage_(node), number_(number), shard_(node.node().shards[shard]) {
    handle_ = node.system().spawn([notes = notes_]() { return note_taker(notes); });
  }
  ~subscriber() {
    caf::anon_send_exit(handle_, caf::exit_reason::user_shutdown);
    stage_.run();
  }
  subscriber(const subscriber&) = delete;
  subscriber& operator=(const subscriber&) = delete;

  void subscribe(std::string filter, qos level = qos::at_most_once, std::uint32_t epoch = 0) {
    caf::anon_send(
        shard_,
        add_subscriptions{{.number = ++requests_,
                           .epoch = epoch,
                           .filters = {{.filter = std::move(filter), .options = {.qos = level}}}},
                          handle_,
                          number_,
                          flow});
  }
  void unsubscribe(std::string filter, request_number number) {
    caf::anon_send(
        shard_,
        remove_subscriptions{{.number = number, .filters = {std::move(filter)}}, handle_, number_});
  }
  /// Publishes `payloads` as one block; returns its size in memory.
  std::size_t publish(std::string_view topic, const std::vector<std::string>& payloads,
                      bool retain = false) {
    message_block_builder builder;
    for (const std::string& each : payloads)
      builder.add({.retain = retain, .topic = topic, .payload = as_bytes(each)}, topic,
                  protocol_version::v5);
    message_block_ptr block = builder.seal({.publisher = number_});
    const std::size_t bytes = block->bytes();
    stage_.node().shard_load[0].bytes += bytes;
    caf::anon_send(shard_, route{std::move(block), flow, handle_, 7});
    return bytes;
  }

  const notes& told() {
    stage_.run();
    return *notes_;
  }
  session_handle handle() const { return handle_; }

  session_flow_ptr flow = std::make_shared<session_flow>("publisher");

private:
  stage& stage_;
  const std::uint64_t number_;
  const shard_handle shard_;
  const std::shared_ptr<notes> notes_ = std::make_shared<notes>();
  session_handle handle_;
  request_number requests_ = 0;
};

shard_description describe(stage& node, std::size_t shard = 0) {
  return *node.ask<shard_description>(node.node().shards[shard], describe_shard{});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_shard)

BOOST_AUTO_TEST_CASE(wildcard_filter_stands_in_every_shard_and_an_exact_one_in_its_own) {
  stage node({}, 2);
  player bob = node.online(passing("bob"));
  bob.subscribed("a/b");
  BOOST_TEST(describe(node, 0).filters + describe(node, 1).filters == 1U);
  BOOST_TEST(describe(node, partition_of("a/b") % 2).filters == 1U);
  bob.subscribed("a/+");
  BOOST_TEST(describe(node, 0).filters + describe(node, 1).filters == 3U);
  bob.send(unsubscribe{.id = 3, .filters = {"a/+"}});
  BOOST_TEST(bob.received() == "UNSUBACK 3 00\n");
  BOOST_TEST(describe(node, 0).filters + describe(node, 1).filters == 1U);
  bob.hang_up();
  node.run();
  BOOST_TEST(describe(node, 0).filters + describe(node, 1).filters == 0U);
}

BOOST_AUTO_TEST_CASE(shared_subscription_with_an_exact_filter_stands_in_its_topics_shard) {
  stage node({}, 2);
  player bob = node.online(passing("bob"));
  player ann = node.online(passing("ann"));
  for (int i = 0; i != 8; ++i) {
    const std::string topic = "t" + std::to_string(i);
    bob.subscribed("$share/g/" + topic, qos::at_most_once);
    ann.publish(topic, "m");
    BOOST_TEST(bob.received() == "PUBLISH " + topic + " m\n");
  }
}

BOOST_AUTO_TEST_CASE(blocks_that_wait_together_are_handed_out_together) {
  stage node;
  subscriber publisher(node, 1);
  subscriber ann(node, 2);
  ann.subscribe("t");
  BOOST_TEST(ann.told().added.size() == 1U);
  for (const std::string payload : {"1", "2", "3"})
    publisher.publish("t", {payload});
  BOOST_TEST(ann.told().delivered == "1,2,3,");
  BOOST_TEST(ann.told().deliveries == 1U);
  BOOST_TEST(node.handled<flush>(node.node().shards[0]) == 1U);
}

BOOST_AUTO_TEST_CASE(block_is_accepted_with_its_epoch_when_its_messages_are_handed_out) {
  stage node;
  subscriber publisher(node, 1);
  publisher.publish("t", {"1", "2"});
  publisher.publish("t", {"3"});
  const shard_handle shard = node.node().shards[0];
  node.step_of(shard);  // one block; the other is still to come
  node.hold(shard);
  BOOST_TEST(publisher.told().acknowledged.empty());
  BOOST_TEST(node.node().shard_load[0].bytes != 0U);
  node.let_go(shard);
  BOOST_TEST_REQUIRE(publisher.told().acknowledged.size() == 2U);
  BOOST_TEST(publisher.told().acknowledged[0].epoch == 7U);
  BOOST_TEST(payloads(*publisher.told().acknowledged[0].block, 0, 2) == "1,2,");
  BOOST_TEST(node.node().shard_load[0].bytes == 0U);
}

BOOST_AUTO_TEST_CASE(credit_is_returned_before_who_asked_for_it_is_told) {
  stage node;
  subscriber publisher(node, 1);
  const std::size_t bytes = publisher.publish("t", {"1"});
  publisher.flow->publishing += bytes;
  caf::anon_send(node.node().shards[0], ask_credit{publisher.handle()});
  publisher.publish("t", {"2"});
  publisher.flow->publishing += bytes;
  const shard_handle shard = node.node().shards[0];
  node.step_of(shard);
  node.step_of(shard);  // asked, but a block is still to be handed out
  node.hold(shard);
  BOOST_TEST(publisher.told().credit_returned == 0U);
  BOOST_TEST(publisher.flow->publishing == 2 * bytes);
  node.let_go(shard);
  BOOST_TEST(publisher.told().credit_returned == 1U);
  BOOST_TEST(publisher.flow->publishing == 0U);
}

BOOST_AUTO_TEST_CASE(batch_at_its_limit_is_handed_out_before_the_flush) {
  for (const bool by_bytes : {false, true}) {
    config settings;
    if (by_bytes)
      settings.scheduler.batch_bytes = 100;
    else
      settings.scheduler.batch_messages = 2;
    stage node(settings);
    subscriber publisher(node, 1);
    subscriber ann(node, 2);
    ann.subscribe("t");
    node.run();
    publisher.publish("t", {by_bytes ? std::string(200, 'x') : "1", "2"});
    publisher.publish("t", {by_bytes ? std::string(200, 'x') : "3", "4"});
    BOOST_TEST(ann.told().deliveries == 2U);
  }
}

BOOST_AUTO_TEST_CASE(subscription_does_not_match_what_waits_for_the_flush) {
  stage node;
  subscriber publisher(node, 1);
  subscriber ann(node, 2);
  publisher.publish("t", {"before"});
  ann.subscribe("t");
  publisher.publish("t", {"between"});
  ann.unsubscribe("t", 9);
  publisher.publish("t", {"after"});
  BOOST_TEST(ann.told().delivered == "between,");
  BOOST_TEST_REQUIRE(ann.told().removed.size() == 1U);
  BOOST_TEST(ann.told().removed[0].number == 9U);
}

BOOST_AUTO_TEST_CASE(unsubscribe_is_answered_behind_all_deliveries) {
  stage node;
  subscriber ann(node, 1);
  ann.subscribe("t");
  ann.unsubscribe("t", 0);
  BOOST_TEST(ann.told().removed.size() == 1U);
  BOOST_TEST(describe(node).subscriptions == 0U);
}

BOOST_AUTO_TEST_CASE(delivery_beyond_the_credit_of_a_session_is_dropped_and_counted) {
  config settings;
  settings.limits.delivery_credit = 1000;
  stage node(settings);
  subscriber publisher(node, 1);
  subscriber ann(node, 2);
  subscriber bob(node, 3);
  ann.subscribe("t");
  bob.subscribe("t");
  const auto publish = [&] {
    publisher.publish("t", {std::string(1000, 'x')});
    node.run();
  };
  publish();  // over the credit, but it may always begin
  BOOST_TEST(ann.flow->delivering > 1000U);
  bob.flow->delivering = 0;
  const std::size_t used = ann.flow->delivering;
  publish();
  BOOST_TEST(ann.flow->delivering == used);
  BOOST_TEST(ann.told().deliveries == 1U);
  BOOST_TEST(bob.told().deliveries == 2U);
  BOOST_TEST(describe(node).deliveries_dropped == 1U);
  BOOST_TEST(node.node().counts.total().deliveries_dropped == 1U);
  BOOST_TEST(publisher.told().acknowledged.size() == 2U);
  ann.flow->delivering = 0;
  publish();
  BOOST_TEST(ann.told().deliveries == 2U);
}

BOOST_AUTO_TEST_CASE(share_member_that_ends_hands_its_messages_on) {  // [MQTT5-4.8.2-5]
  stage node({}, 2);
  player ann = node.online(lasting("ann"));
  player bob = node.online(passing("bob"));
  player eve = node.online(passing("eve"));
  bob.subscribed("$share/g/t");
  eve.publish("t", "m", qos::at_least_once, 1);
  BOOST_TEST(bob.received() == "PUBLISH t m q1 id=1\n");
  ann.subscribed("$share/g/t");
  bob.hang_up();
  BOOST_TEST(ann.received() == "PUBLISH t m q1 id=1\n");
}

// [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(messages_on_their_way_to_a_member_that_ends_go_to_another) {
  for (const bool taken_over : {false, true}) {
    stage node;
    const shard_handle shard = node.node().shards[0];
    player ann = node.online(passing("ann"));
    player bob = node.online(taken_over ? lasting("bob") : passing("bob"));
    player eve = node.online(passing("eve"));
    bob.subscribed("$share/g/t");
    node.hold(shard);
    eve.publish("t", "m", qos::at_least_once, 1);
    node.run();
    ann.subscribe("$share/g/t");  // after the message, which is bob's
    node.run();
    connect anew = lasting("bob");
    anew.clean_start = true;
    if (taken_over)
      BOOST_TEST(node.enter(anew).received() == "CONNACK\n");
    else
      bob.hang_up();
    node.run();
    node.let_go(shard);
    const std::string got = ann.received();
    BOOST_TEST(got.starts_with("SUBACK 1 "));
    BOOST_TEST(got.ends_with("PUBLISH t m q1 id=1\n"));
  }
}

BOOST_AUTO_TEST_CASE(deliveries_carry_the_epoch_of_the_latest_subscription) {
  stage node;
  subscriber publisher(node, 1);
  subscriber ann(node, 2);
  ann.subscribe("t", qos::at_most_once, 1);
  ann.unsubscribe("t", 0);
  ann.subscribe("t", qos::at_most_once, 2);
  BOOST_TEST_REQUIRE(ann.told().added.size() == 2U);
  BOOST_TEST(ann.told().added[0].epoch == 1U);
  BOOST_TEST(ann.told().added[1].epoch == 2U);
  publisher.publish("t", {"m"});
  BOOST_TEST(ann.told().delivered == "m,");
}

BOOST_AUTO_TEST_CASE(retained_messages_are_read_page_by_page) {
  config settings;
  settings.scheduler.batch_messages = 2;
  stage node(settings);
  subscriber ann(node, 1);
  for (const std::string topic : {"t/1", "t/2", "t/3"})
    ann.publish(topic, {topic}, true);
  ann.subscribe("t/#");
  BOOST_TEST_REQUIRE(ann.told().added.size() == 1U);
  BOOST_TEST(ann.told().added[0].with_retained.size() == 1U);
  ann.publish("t/4", {"later than the subscription"}, true);
  BOOST_TEST(describe(node).retained_messages == 4U);

  retained_store::cursor next{.as_of = ann.told().added[0].retained_sequence};
  std::string read;
  for (std::size_t page = 0; page != 10; ++page) {
    caf::anon_send(node.node().shards[0],
                   read_retained{{.number = 5, .filter = "t/#", .from = next}, ann.handle(), 3, 4});
    BOOST_TEST_REQUIRE(ann.told().pages.size() == page + 1);
    const retained_read& answer = ann.told().pages.back();
    BOOST_TEST(answer.number == 5U);
    BOOST_TEST(answer.epoch == 3U);
    BOOST_TEST(answer.connection_epoch == 4U);
    BOOST_TEST(answer.page.messages.size() <= 2U);
    for (const message_block_ptr& block : answer.page.messages)
      read += payloads(*block, 0, block->size());
    if (answer.page.done) break;
    next = answer.page.next;
  }
  BOOST_TEST(read == "t/1,t/2,t/3,");
}

BOOST_AUTO_TEST_CASE(settling_hands_out_what_waits_for_the_flush) {
  stage node;
  const shard_handle shard = node.node().shards[0];
  subscriber publisher(node, 1);
  publisher.publish("t", {"m"});
  node.hold(publisher.handle());
  node.settle_shards();
  BOOST_TEST(node.node().shard_load[0].bytes == 0U);
  node.let_go(publisher.handle());
  BOOST_TEST(publisher.told().acknowledged.size() == 1U);
}

BOOST_AUTO_TEST_CASE(limits_of_retained_messages_are_split_among_the_shards) {
  config settings;
  settings.limits.retained_messages = 2;
  stage node(settings, 2);
  player ann = node.online(passing("ann"));
  for (int i = 0; i != 40; ++i)
    ann.publish("t/" + std::to_string(i), "m", qos::at_most_once, 0, true);
  node.run();
  const shard_description first = describe(node, 0);
  const shard_description second = describe(node, 1);
  BOOST_TEST(first.retained_messages == 2U);
  BOOST_TEST(second.retained_messages == 2U);
  BOOST_TEST(first.retained_refused + second.retained_refused == 36U);
}

BOOST_AUTO_TEST_SUITE_END()
