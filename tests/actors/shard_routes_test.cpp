// What a shard does for other nodes, whose peers only keep what they are told.

#include "actors/shard_actor.hpp"
#include "tests/actors/fake_store.hpp"
#include "tests/actors/stage.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos0 = qos::at_most_once;
constexpr auto qos1 = qos::at_least_once;

struct notes {
  std::vector<routes_changed> changes;
  std::size_t installed = 0;
  std::string forwarded;  ///< payloads, a comma behind each
  std::vector<subscriptions_added> added;
  std::vector<retained_answered> answers;
  std::vector<std::string> before_live_set;  ///< what was forwarded before each
};

void note(const deliver& batch, std::string& into) {
  for (const message_run& run : batch.messages->runs)
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
      into += std::string(as_text(run.block->payload((*run.block)[i]))) + ',';
}

/// A peer, as shards see it.
class other_node {
public:
  explicit other_node(stage& node, std::uint64_t number) : stage_(node), number_(number) {
    handle_ = node.system().spawn([told = told_]() -> peer_handle::behavior_type {
      return {
          [told](const deliver& batch) { note(batch, told->forwarded); },
          [told](const routes_changed& changes) { told->changes.push_back(changes); },
          [told](const routes_installed&) { ++told->installed; },
          [](const node_written&) {},
          [](const settle&) { return settled{}; },
          [](const fence&) { return fenced{}; },
          [](const share_said&) {},
          [](const deliveries_missed&) {},
          [told](const live_set&) { told->before_live_set.push_back(told->forwarded); },
          [](const log_read&) {},
          [told](const subscriptions_added& answer) { told->added.push_back(answer); },
          [](const subscriptions_removed&) {},
          [](const ask_interest&) { return interest{}; },
          [](const flush&) {},
          [](const accepted&) {},
          [](const credit_returned&) {},
          [](const link_packet&) {},
          [](const open_link&) {},
          [](const link_broken&) {},
          [](const node_died&) {},
          [](const tell_node&) {},
          [told](const retained_answered& answer) { told->answers.push_back(answer); },
          [](const link_timer&) {},
          [](const stop_now&) {},
          [](const restore_node&) { return node_restored{}; },
          [](const describe_peer&) { return peer_description{}; },
      };
    });
  }
  ~other_node() {
    caf::anon_send_exit(handle_, caf::exit_reason::user_shutdown);
    stage_.run();
  }
  other_node(const other_node&) = delete;
  other_node& operator=(const other_node&) = delete;

  void come_up(std::uint32_t snapshot = 1) {
    for (const shard_handle& shard : stage_.node().shards)
      caf::anon_send(shard, watch_routes{handle_, number_, flow_, snapshot});
    stage_.run();
  }
  void go_down() {
    for (const shard_handle& shard : stage_.node().shards)
      caf::anon_send(shard, unwatch_routes{number_});
    stage_.run();
  }
  void want(std::string filter, route_interest interest = route_interest::passing,
            std::size_t shard = 0) {
    caf::anon_send(stage_.node().shards[shard],
                   install_routes{{{std::move(filter), interest}}, number_, 1});
    stage_.run();
  }
  void set_live(bool live) {
    for (const shard_handle& shard : stage_.node().shards)
      caf::anon_send(
          shard,
          troupe::set_live{{0, 1, live}, caf::actor_cast<subscriber_handle>(handle_), number_, 0});
    stage_.run();
  }
  void caught_up() {
    for (const shard_handle& shard : stage_.node().shards)
      caf::anon_send(shard, node_caught_up{number_});
    stage_.run();
  }
  void confirm(const routes_changed& change) {
    caf::anon_send(stage_.node().shards[change.shard], routes_announced{number_, change.ticket});
    stage_.run();
  }

  [[nodiscard]] const peer_handle& handle() const { return handle_; }
  const notes& told() {
    stage_.run();
    return *told_;
  }

private:
  stage& stage_;
  const std::uint64_t number_;
  const session_flow_ptr flow_ = std::make_shared<session_flow>("node");
  const std::shared_ptr<notes> told_ = std::make_shared<notes>();
  peer_handle handle_;
};

/// A log in which everything is at once, or nothing; or some time later.
class instant_log final : public fake_store {
public:
  bool works = true;
  bool is_slow = false;
  log_offset head = 0;

  void catch_up() {
    is_slow = false;
    for (const append& each : std::exchange(waiting_, {}))
      handle(each);
  }

private:
  std::vector<append> waiting_;

  void handle(const append& request) override {
    if (is_slow) return waiting_.push_back(request);
    appended reply{.ticket = request.ticket, .done = works, .first = {}};
    for (const append::block& each : request.blocks) {
      reply.first.push_back(head + 1);
      head += each.which.size();
    }
    node().log_head = head;
    caf::anon_send(request.reply_to, std::move(reply));
  }
};

/// A block of one message at QoS 1.
route acknowledged_one(std::string_view topic, std::string_view payload) {
  message_block_builder builder;
  builder.add({.qos = qos1, .topic = topic, .id = 1, .payload = as_bytes(payload)}, topic,
              protocol_version::v5);
  return {.block = builder.seal({.publisher = 77})};
}

/// A block of one message that a session, or another node, publishes.
void route_one(stage& node, std::string_view topic, std::string_view payload,
               bool was_forwarded = false, std::uint64_t publisher = 77, bool retain = false) {
  message_block_builder builder;
  builder.add({.retain = retain, .topic = topic, .payload = as_bytes(payload)}, topic,
              protocol_version::v5);
  caf::anon_send(node.node().shards[0], route{.block = builder.seal({.publisher = publisher}),
                                              .forwarded = was_forwarded});
  node.run();
}

config with_wait(std::chrono::milliseconds wait = 100ms) {
  config settings;
  settings.cluster.subscribe_wait = wait;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_shard_routes)

BOOST_AUTO_TEST_CASE(a_node_is_told_all_filters_and_then_what_changes) {
  stage node;
  player ann = node.online(passing("ann"));
  ann.subscribe("a/#", qos1);
  node.run();
  other_node other(node, 1000);
  other.come_up(5);
  BOOST_REQUIRE(other.told().changes.size() == 1U);
  const routes_changed& first = other.told().changes[0];
  BOOST_TEST(first.completes == 5U);
  BOOST_TEST((first.changes == std::vector<route_change>{{"a/#", route_interest::passing}}));
  ann.subscribe("b", qos0);
  ann.subscribe("$SYS/#", qos0);  // concerns this node alone
  node.run();
  ann.send(unsubscribe{.id = 3, .filters = {"a/#"}});
  node.run();
  BOOST_REQUIRE(other.told().changes.size() == 3U);
  BOOST_TEST((other.told().changes[1].changes ==
              std::vector<route_change>{{"b", route_interest::at_most_once}}));
  BOOST_TEST((other.told().changes[2].changes ==
              std::vector<route_change>{{"a/#", route_interest::none}}));
}

BOOST_AUTO_TEST_CASE(many_filters_come_in_parts_of_which_the_last_completes_them) {
  stage node;
  player ann = node.online(passing("ann"));
  for (int i = 0; i != 25; ++i) {
    subscribe some{.id = 1};
    std::vector<std::string> filters;
    for (int k = 0; k != 100; ++k)
      filters.push_back("f/" + std::to_string(i * 100 + k));
    for (const std::string& each : filters)
      some.entries.push_back({.filter = each, .options = {.qos = qos1}});
    ann.send(some);
    node.run();
  }
  other_node other(node, 1000);
  other.come_up(5);
  BOOST_REQUIRE(other.told().changes.size() == 3U);
  std::size_t filters = 0;
  for (const routes_changed& each : other.told().changes) {
    BOOST_TEST(each.changes.size() <= 1000U);
    filters += each.changes.size();
    const bool is_last = &each == &other.told().changes.back();
    BOOST_TEST(each.completes == (is_last ? 5U : 0U));
    BOOST_TEST((each.ticket != 0) == is_last);
  }
  BOOST_TEST(filters == 2500U);
}

BOOST_AUTO_TEST_CASE(a_second_subscriber_is_no_news_unless_it_wants_more) {
  stage node;
  other_node other(node, 1000);
  other.come_up();
  player ann = node.online(passing("ann"));
  player bob = node.online(passing("bob"));
  ann.subscribe("a", qos0);
  node.run();
  other.confirm(other.told().changes.back());
  bob.subscribe("a", qos0);
  node.run();
  BOOST_TEST(other.told().changes.size() == 2U);
  bob.subscribe("a", qos1);
  node.run();
  BOOST_REQUIRE(other.told().changes.size() == 3U);
  BOOST_TEST((other.told().changes[2].changes ==
              std::vector<route_change>{{"a", route_interest::passing}}));
}

BOOST_AUTO_TEST_CASE(suback_waits_until_the_nodes_that_are_up_know) {
  stage node(with_wait());
  other_node one(node, 1000);
  other_node two(node, 1001);
  one.come_up();
  two.come_up();
  player ann = node.online(passing("ann"));
  ann.subscribe("a", qos0);
  node.run();
  BOOST_TEST(ann.received().empty());
  one.confirm(one.told().changes.back());
  BOOST_TEST(ann.received().empty());
  two.go_down();
  BOOST_TEST(ann.received() == "SUBACK 1 00\n");
  BOOST_TEST(node.node().counts.total().announcements_late == 0U);
}

BOOST_AUTO_TEST_CASE(members_of_a_share_here_wait_for_nodes_and_nodes_do_not) {
  const std::string share = "$share/g/a";
  config settings = with_wait();
  settings.cluster.listen = "127.0.0.1:0";  // else groups have nothing to announce
  stage node(std::move(settings));
  other_node other(node, 1000);
  other.come_up();
  player ann = node.online(passing("ann"));
  ann.subscribe(share, qos1);
  node.run();
  BOOST_TEST(ann.received().empty());
  caf::anon_send(node.node().directory_of(share),
                 to_share{.call = {share, share_join{.number = 9, .options = {.qos = qos1}}},
                          .from = {},
                          .session = share_id_of_node("other"),
                          .flow = std::make_shared<session_flow>("other"),
                          .node = other.handle()});
  BOOST_TEST_REQUIRE(other.told().added.size() == 1U);
  BOOST_TEST(other.told().added[0].number == 9U);
  BOOST_TEST(ann.received().empty());
  other.confirm(other.told().changes.back());
  BOOST_TEST(ann.received() == "SUBACK 1 01\n");
  BOOST_TEST(node.node().counts.total().announcements_late == 0U);
}

BOOST_AUTO_TEST_CASE(suback_does_not_wait_for_ever) {
  stage node(with_wait(100ms));
  other_node other(node, 1000);
  other.come_up();
  player ann = node.online(passing("ann"));
  ann.subscribe("a", qos0);
  node.wait(90ms);
  BOOST_TEST(ann.received().empty());
  node.wait(20ms);
  BOOST_TEST(ann.received() == "SUBACK 1 00\n");
  BOOST_TEST(node.node().counts.total().announcements_late == 1U);
}

BOOST_AUTO_TEST_CASE(a_wildcard_that_stands_in_all_shards_is_announced_by_one) {
  stage node(with_wait(), 3);
  other_node other(node, 1000);
  other.come_up();
  const std::size_t before = other.told().changes.size();
  player ann = node.online(passing("ann"));
  ann.subscribe("a/+/b", qos0);
  node.run();
  BOOST_TEST(other.told().changes.size() == before + 1);
}

BOOST_AUTO_TEST_CASE(a_node_gets_what_it_wants_and_nothing_else) {
  stage node;
  other_node one(node, 1000);
  other_node two(node, 1001);
  one.come_up();
  two.come_up();
  one.want("a/#");
  BOOST_TEST(one.told().installed == 1U);
  route_one(node, "a/b", "1");
  route_one(node, "b", "2");
  BOOST_TEST(one.told().forwarded == "1,");
  BOOST_TEST(two.told().forwarded == "");
  one.want("a/#", route_interest::none);
  route_one(node, "a/b", "3");
  BOOST_TEST(one.told().forwarded == "1,");
}

BOOST_AUTO_TEST_CASE(what_another_node_forwarded_or_the_broker_says_itself_goes_no_further) {
  stage node;
  other_node other(node, 1000);
  other.come_up();
  other.want("#");
  route_one(node, "a", "from-a-node", true);
  route_one(node, "a", "own", false, 0);
  BOOST_TEST(other.told().forwarded == "");
}

BOOST_AUTO_TEST_CASE(retained_messages_go_to_every_node_once) {
  stage node;
  other_node one(node, 1000);
  other_node two(node, 1001);
  one.come_up();
  two.come_up();
  one.want("#");
  route_one(node, "a", "r", false, 77, true);
  BOOST_TEST(one.told().forwarded == "r,");
  BOOST_TEST(two.told().forwarded == "r,");
}

BOOST_AUTO_TEST_CASE(what_is_for_a_node_that_is_behind_is_logged_until_that_has_caught_up) {
  instant_log log;
  stage node({}, 1, 1, log.maker());
  other_node other(node, 1000);
  other.come_up();
  other.want("a");
  const auto publish = [&](std::string_view payload) {
    caf::anon_send(node.node().shards[0], acknowledged_one("a", payload));
    node.run();
  };
  publish("1");
  BOOST_TEST(log.head == 0U);
  other.set_live(false);
  publish("2");
  BOOST_TEST(log.head == 1U);
  BOOST_TEST(other.told().forwarded == "1,");
  other.set_live(true);
  publish("3");  // what is still read lies before it
  BOOST_TEST(log.head == 2U);
  other.caught_up();
  publish("4");
  BOOST_TEST(log.head == 2U);
  BOOST_TEST(other.told().forwarded == "1,3,4,");
  // It is behind again before it hears that it has caught up.
  other.set_live(false);
  other.caught_up();
  publish("5");
  BOOST_TEST(log.head == 3U);
}

BOOST_AUTO_TEST_CASE(what_came_before_it_is_forwarded_before_a_node_hears_that_it_is_behind) {
  instant_log log;
  stage node({}, 1, 1, log.maker());
  other_node other(node, 1000);
  other.come_up();
  other.want("kept", route_interest::lasting);
  other.want("passing");
  const auto publish = [&](std::string_view topic, std::string_view payload) {
    caf::anon_send(node.node().shards[0], acknowledged_one(topic, payload));
    node.run();
  };
  log.is_slow = true;
  publish("kept", "1");
  publish("passing", "2");  // not for the log, and behind the first
  other.set_live(false);
  publish("passing", "3");  // for the log
  BOOST_TEST(other.told().before_live_set.empty());
  log.catch_up();
  BOOST_TEST_REQUIRE(other.told().before_live_set.size() == 1U);
  BOOST_TEST(other.told().before_live_set.front().find("2,") != std::string::npos);
  BOOST_TEST(log.head == 2U);
  other.set_live(true);
  BOOST_TEST(other.told().before_live_set.size() == 2U);
}

BOOST_AUTO_TEST_CASE(behind_what_could_not_be_written_all_of_an_attempt_is_refused) {
  instant_log log;
  config settings;
  settings.streams.push_back({.filter = "a"});
  stage node(settings, 1, 1, log.maker());
  player bob = node.online(passing("bob"));
  bob.subscribed("b", qos1);
  const auto answers = std::make_shared<std::vector<bool>>();
  const publisher_handle from = node.system().spawn([answers]() -> publisher_handle::behavior_type {
    return {[answers](const accepted& answer) { answers->push_back(answer.kept); },
            [](const credit_returned&) {}};
  });
  const auto flow = std::make_shared<session_flow>("other");
  const auto publish = [&](std::string_view topic, std::uint32_t attempt) {
    route request = acknowledged_one(topic, "x");
    request.flow = flow;
    request.publisher = from;
    request.forwarded = true;
    request.attempt = attempt;
    node.node().shard_load[0].bytes += request.block->bytes();
    flow->publishing += request.block->bytes();
    caf::anon_send(node.node().shards[0], std::move(request));
    node.run();
  };
  log.works = false;
  publish("a", 1);
  log.works = true;
  publish("a", 1);
  publish("b", 1);  // needs no log
  BOOST_TEST(*answers == (std::vector<bool>{false, false, false}));
  BOOST_TEST(bob.received() == "");
  publish("a", 2);
  publish("b", 2);
  BOOST_TEST(*answers == (std::vector<bool>{false, false, false, true, true}));
  BOOST_TEST(flow->publishing == 0U);
  caf::anon_send_exit(from, caf::exit_reason::user_shutdown);
  node.run();
}

BOOST_AUTO_TEST_CASE(a_node_that_is_away_gets_no_retained_messages_that_nobody_there_wants) {
  stage node;
  other_node other(node, 1000);
  other.come_up();
  other.want("wanted");
  other.go_down();
  route_one(node, "a", "1", false, 77, true);
  route_one(node, "wanted", "2", false, 77, true);
  BOOST_TEST(other.told().forwarded == "2,");
  other.come_up(0);
  route_one(node, "a", "3", false, 77, true);
  BOOST_TEST(other.told().forwarded == "2,3,");
}

BOOST_AUTO_TEST_CASE(retained_messages_have_stamps_and_a_shard_answers_what_it_has) {
  config settings = with_wait();
  settings.cluster.listen = "127.0.0.1:0";
  stage node(settings, 2);
  other_node other(node, 1000);
  other.come_up();
  for (std::size_t i = 0; i != 2; ++i)
    caf::anon_send(node.node().shards[i], ask_retained{ask_digests{}, other.handle(), 1});
  const auto digests_of = [&](std::size_t answer) {
    return std::get<retained_digests>(other.told().answers.at(answer).answer).of;
  };
  BOOST_TEST((digests_of(0) == retained_digests().of));

  const std::string topic = "t";
  const shard_index shard = shard_of(topic, 2);
  message_block_builder builder;
  builder.add({.retain = true, .topic = topic, .payload = as_bytes("x")}, topic,
              protocol_version::v5);
  caf::anon_send(node.node().shards[shard], route{.block = builder.seal({.publisher = 77})});
  caf::anon_send(node.node().shards[shard], ask_retained{ask_digests{}, other.handle(), 2});
  BOOST_TEST((digests_of(2)[retained_bucket_of(topic)] != 0));
  caf::anon_send(node.node().shards[shard],
                 ask_retained{list_bucket{retained_bucket_of(topic), {}}, other.handle(), 3});
  const auto page = std::get<retained_page>(other.told().answers.at(3).answer);
  BOOST_REQUIRE(page.topics.size() == 1U);
  BOOST_TEST(page.topics[0].stamp.time == node.node().clock.last());
  BOOST_TEST(page.topics[0].stamp.node == node_number(node.node().identity.name));
}

BOOST_AUTO_TEST_CASE(what_is_retained_elsewhere_is_taken_in_silence_and_acknowledged) {
  config settings = with_wait();
  settings.cluster.listen = "127.0.0.1:0";
  stage node(settings);
  player ann = node.online(passing("ann"));
  ann.subscribe("#", qos0);
  node.run();
  (void)ann.received();
  const auto take = [&](std::string_view payload, hybrid_stamp time) {
    message_block_builder builder;
    builder.add({.retain = true, .topic = "t", .payload = as_bytes(payload)}, "t",
                protocol_version::v5);
    const auto block = builder.seal({.publisher = 1000});
    message_block::set_stamps(*block, time, 5);
    caf::anon_send(node.node().shards[0],
                   route{.block = block, .forwarded = true, .is_state = true});
    node.run();
  };
  take("state", 10);
  BOOST_TEST(ann.received() == "");
  const hybrid_stamp ahead =
      shared_hybrid_clock().next(read_wall_clock({}).wall + std::chrono::hours(1));
  take("ahead", ahead);
  BOOST_TEST(node.node().counts.total().stamps_refused == 1U);
  BOOST_TEST(node.node().clock.last() < ahead);
  player bob = node.online(passing("bob"));
  bob.subscribe("#", qos0);
  node.run();
  BOOST_TEST(bob.received().find("state") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
