// What waits for the disk: acknowledgements of messages that are to survive a crash.

#include "tests/actors/fake_store.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

namespace {

/// What the store was asked for; the test answers.
class disk final : public fake_store {
public:
  std::vector<keep_retained> asked;
  std::vector<write_session> written;
  std::vector<append> appends;

  /// Does all writes of sessions.
  void write(stage& node, bool done = true) {
    for (const write_session& each : std::exchange(written, {}))
      caf::anon_send(each.reply_to, session_written{each.changes.number, each.epoch, done});
    node.run();
  }
  /// Answers the oldest request.
  void answer(stage& node, bool done = true) {
    BOOST_TEST_REQUIRE(!asked.empty());
    caf::anon_send(asked.front().reply_to, kept{asked.front().ticket, done});
    asked.erase(asked.begin());
    node.run();
  }

private:
  void handle(const append& request) override { appends.push_back(request); }
  void handle(const keep_retained& request) override { asked.push_back(request); }
  void handle(const write_session& request) override { written.push_back(request); }
};

config with_data_dir() {
  config settings;
  settings.node.data_dir = "data";
  return settings;
}

connect old_client(std::string_view client_id) {
  return {.version = protocol_version::v3_1_1, .clean_start = true, .client_id = client_id};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_store)

BOOST_AUTO_TEST_CASE(retained_message_is_delivered_at_once_and_acknowledged_when_it_is_kept) {
  disk store;
  stage node({}, 1, 1, store.maker());
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  bob.subscribed("t");
  ann.publish("t", "1", qos::at_least_once, 1, true);
  ann.publish("t", "2", qos::exactly_once, 2, true);
  node.run();
  BOOST_TEST(bob.received() == "PUBLISH t 1 q1 id=1\nPUBLISH t 2 q2 id=2\n");
  BOOST_TEST(ann.received() == "");
  BOOST_TEST(node.node().shard_load[0].bytes != 0U);
  while (!store.asked.empty())
    store.answer(node);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBREC 2\n");
  BOOST_TEST(node.node().shard_load[0].bytes == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_not_retained_does_not_wait) {
  disk store;
  stage node({}, 1, 1, store.maker());
  player ann = node.online(passing("ann"));
  ann.publish("t", "1", qos::at_least_once, 1, true);
  node.run();
  ann.publish("t", "2", qos::at_least_once, 2);
  BOOST_TEST(ann.received() == "PUBACK 2\n");
  store.answer(node);
  BOOST_TEST(ann.received() == "PUBACK 1\n");
}

BOOST_AUTO_TEST_CASE(changes_come_in_order_with_what_was_removed) {
  disk store;
  stage node({}, 1, 1, store.maker());
  player ann = node.online(passing("ann"));
  ann.publish("a", "1", qos::at_most_once, 0, true);
  ann.publish("b", "2", qos::at_most_once, 0, true);
  ann.publish("a", "", qos::at_most_once, 0, true);
  node.run();
  std::string changes;
  for (const keep_retained& request : store.asked)
    for (const retained_change& change : request.changes)
      changes += std::string(change.block->topic((*change.block)[change.index])) +
                 (change.removed ? "- " : "+ ");
  BOOST_TEST(changes == "a+ b+ a- ");
  while (!store.asked.empty())
    store.answer(node);
}

BOOST_AUTO_TEST_CASE(failed_disk_is_told_to_who_can_be_told) {
  disk store;
  stage node({}, 1, 1, store.maker());
  player ann = node.online(passing("ann"));
  player old = node.online(old_client("old"));
  for (player* each : {&ann, &old}) {
    each->publish("t", "1", qos::at_least_once, 1, true);
    each->publish("t", "2", qos::exactly_once, 2, true);
  }
  node.run();
  while (!store.asked.empty())
    store.answer(node, false);
  BOOST_TEST(ann.received() == "PUBACK 1 97 +reason\nPUBREC 2 97 +reason\n");
  BOOST_TEST(old.received() == "");
  // It works again, and both may send again.
  for (player* each : {&ann, &old}) {
    each->publish("t", "1", qos::at_least_once, 1, true);
    each->publish("t", "2", qos::exactly_once, 2, true);
  }
  node.run();
  while (!store.asked.empty())
    store.answer(node);
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBREC 2\n");
  BOOST_TEST(old.received() == "PUBACK 1\nPUBREC 2\n");
}

BOOST_AUTO_TEST_CASE(shards_settle_when_the_disk_has_answered) {
  disk store;
  stage node({}, 1, 1, store.maker());
  player ann = node.online(passing("ann"));
  ann.publish("t", "1", qos::at_least_once, 1, true);
  node.run();
  const auto settles = [&] {
    return node.ask<settled>(node.node().shards[0], settle{}).has_value();
  };
  BOOST_TEST(!settles());
  store.answer(node);
  BOOST_TEST(settles());
}

BOOST_AUTO_TEST_CASE(retained_messages_of_an_earlier_life_are_there) {
  disk store;
  stage node({}, 1, 1, store.maker());
  message_block_builder builder;
  builder.add({.retain = true, .topic = "t", .payload = as_bytes("old")}, "t",
              protocol_version::v5);
  caf::anon_send(node.node().shards[0], restore_retained{{builder.seal({})}});
  player ann = node.online(passing("ann"));
  ann.subscribe("#", qos::at_most_once, 1);
  BOOST_TEST(ann.received() == "SUBACK 1 00\nPUBLISH t old retain\n");
  BOOST_TEST(store.asked.empty());
}

BOOST_AUTO_TEST_CASE(settling_waits_for_what_was_there_and_not_for_what_comes) {
  disk store;
  stage node(with_data_dir(), 1, 1, store.maker());
  player bob = node.online(lasting("bob"));
  bob.subscribe("t", qos::at_least_once, 1);
  node.run();
  store.write(node);
  player ann = node.online(passing("ann"));
  ann.publish("t", "1", qos::at_least_once, 1);
  node.run();
  std::size_t settled_at = 0;
  const auto asked = node.system().spawn([&](caf::event_based_actor* self) {
    self->request(node.node().shards[0], caf::infinite, settle{}).then([&](const settled&) {
      settled_at = store.appends.size();
    });
  });
  node.run();
  ann.publish("t", "2", qos::at_least_once, 2);
  node.run();
  BOOST_TEST(store.appends.size() == 2U);
  BOOST_TEST(settled_at == 0U);
  for (log_offset at = 1; at != 3; ++at) {
    caf::anon_send(store.appends[at - 1].reply_to,
                   appended{store.appends[at - 1].ticket, true, {at}});
    node.run();
    BOOST_TEST(settled_at == 2U);
  }
}

BOOST_AUTO_TEST_CASE(publisher_out_of_credit_does_not_ask_in_circles) {
  disk store;
  config settings = with_data_dir();
  settings.limits.publish_credit = 1;
  stage node(settings, 1, 1, store.maker());
  player bob = node.online(lasting("bob"));
  bob.subscribe("t", qos::at_least_once, 1);
  node.run();
  store.write(node);
  player ann = node.online(passing("ann"));
  for (packet_id id = 1; id != 3; ++id) {
    ann.publish("t", "1", qos::at_least_once, id);
    node.run();
  }
  BOOST_TEST(node.handled<ask_credit>(node.node().shards[0]) == 1U);
  BOOST_TEST(store.appends.size() == 1U);
  caf::anon_send(store.appends[0].reply_to, appended{store.appends[0].ticket, true, {1}});
  node.run();
  BOOST_TEST(store.appends.size() == 2U);
  caf::anon_send(store.appends[1].reply_to, appended{store.appends[1].ticket, true, {2}});
  BOOST_TEST(ann.received() == "PUBACK 1\nPUBACK 2\n");
}

BOOST_AUTO_TEST_CASE(durable_session_is_written_before_it_is_acknowledged) {
  disk store;
  stage node(with_data_dir(), 1, 1, store.maker());
  player ann = node.online(lasting("ann"));
  store.write(node);
  ann.subscribe("t", qos::at_least_once, 1);
  node.run();
  BOOST_TEST(ann.received() == "");
  BOOST_TEST_REQUIRE(store.written.size() == 1U);
  BOOST_TEST(store.written[0].client_id == "ann");
  BOOST_TEST(store.written[0].changes.changes.size() == 1U);
  store.write(node);
  BOOST_TEST(ann.received() == "SUBACK 1 01\n");
}

BOOST_AUTO_TEST_CASE(answer_of_the_disk_to_an_earlier_session_is_nobodys) {
  disk store;
  stage node(with_data_dir(), 1, 1, store.maker());
  connect request = lasting("ann");
  player first = node.online(request);
  first.subscribe("t", qos::at_least_once, 1);
  node.run();
  first.disconnect();
  request.clean_start = true;
  player second = node.online(request);
  second.subscribe("u", qos::at_least_once, 1);
  node.run();
  const auto late = std::exchange(store.written, {});
  store.written.assign(late.begin(), late.end() - 1);
  store.write(node);
  BOOST_TEST(second.received() == "");
  store.written.assign(late.end() - 1, late.end());
  store.write(node);
  BOOST_TEST(second.received() == "SUBACK 1 01\n");
}

BOOST_AUTO_TEST_CASE(session_of_an_earlier_life_goes_on) {
  disk store;
  stage node(with_data_dir(), 1, 1, store.maker());
  const kept_session earlier{.client_id = "ann",
                             .login = {.expiry = 100, .will = nullptr},
                             .subscriptions = {{.filter = "t", .options = {}, .identifier = 0}},
                             .inbound_qos2 = {}};
  caf::anon_send(node.node().directory_of("ann"),
                 restore_session{std::make_shared<const kept_session>(earlier)});
  node.run();
  player ann = node.online(lasting("ann"));
  player bob = node.online(passing("bob"));
  bob.publish("t", "1", qos::at_most_once, 0);
  BOOST_TEST(ann.received() == "PUBLISH t 1\n");
}

BOOST_AUTO_TEST_SUITE_END()
