// The link with another node, which the test plays.

#include "libbroker/topic.hpp"
#include "tests/actors/collector.hpp"
#include "tests/actors/data_directory.hpp"
#include "tests/actors/fake_store.hpp"
#include "tests/actors/played_node.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

/// Of a node that has others.
config in_cluster(config settings = {}) {
  settings.cluster.listen = "127.0.0.1:0";
  return settings;
}

/// What the store was asked to write of nodes; the test answers.
class node_disk final : public fake_store {
public:
  std::vector<write_node> asked;

  void answer(bool done) {
    for (const write_node& each : std::exchange(asked, {}))
      caf::anon_send(each.reply_to, node_written{each.ticket, done});
  }

private:
  void handle(const write_node& request) override {
    if (request.reply_to) asked.push_back(request);
  }
};

/// A frame of one message at QoS 2. `offset`: in the other node's log, 0 if it is not there.
void add_message(std::string& runs, std::string_view topic, std::string_view payload,
                 log_offset offset, time_point now) {
  message_block_builder builder;
  builder.add({.qos = qos2, .topic = topic, .id = 1, .payload = as_bytes(payload)}, topic,
              protocol_version::v5);
  const message_block_ptr block = builder.seal({.publisher = 1, .received_at = now});
  const std::uint32_t index = 0;
  if (offset != 0) message_block::place_in_log(*block, {&index, 1}, offset);
  encode_run({.block = block, .first = 0, .count = 1}, false, now, runs);
}

/// A client's message, as a shard hands it to a peer.
deliver message_for(std::string_view payload, shard_index from = 0) {
  message_block_builder builder;
  builder.add({.qos = qos1, .topic = "t", .id = 1, .payload = as_bytes(payload)}, "t",
              protocol_version::v5);
  auto batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(builder.seal({.publisher = 5}), 0);
  return {delivery_ptr(std::move(batch)), {.maximum_qos = qos2}, 0, from};
}

config with_credit(std::size_t bytes) {
  config settings = in_cluster();
  settings.cluster.credit = bytes;
  return settings;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(actors_peer)

BOOST_AUTO_TEST_CASE(what_a_disk_refused_comes_again_once_and_in_order) {
  const std::uint64_t first_seed = seed_for_test();
  std::size_t refused = 0;
  for (std::uint64_t seed = first_seed; seed != first_seed + 30; ++seed) {
    std::mt19937_64 random(seed);
    data_directory data;
    stage here(in_cluster(durable()), 2, 1, data.maker());
    here.shuffle(random());
    played_node other(here);
    collector ann(here.online(lasting("ann")));
    ann.at().subscribed("t/#", qos2);
    BOOST_REQUIRE(other.connect());
    const time_point now =
        std::chrono::floor<std::chrono::milliseconds>(here.system().clock().now());
    int published = 0;
    log_offset offset = 0;
    for (int i = 0; i != 300; ++i) {
      switch (random() % 8) {
      case 0:
      case 1: {
        std::string runs;
        for (std::size_t left = 1 + random() % 8; left != 0; --left) {
          const bool is_logged = random() % 4 != 0;
          ++published;
          add_message(runs, "t/" + std::to_string(random() % 5), std::to_string(published),
                      is_logged ? ++offset : 0, now);
        }
        other.send(record_kind::publishes, runs);
        break;
      }
      case 2:
        if (random() % 3 == 0)
          data.disk.fail_writes_from(1 + random() % 5);
        else
          data.disk.heal();
        break;
      default:
        for (std::size_t n = random() % 12; n-- != 0;)
          (void)here.step();
        other.take();
        if (other.machine->now() == node_link::phase::up && random() % 20 == 0 && !other.is_up())
          (void)other.connect();
      }
    }
    data.disk.heal();
    for (int tries = 0; tries != 5 && !other.is_up(); ++tries)
      (void)other.connect();
    other.pass();
    for (int tries = 0; tries != 5 && !other.is_up(); ++tries)
      (void)other.connect();
    other.pass();
    drain(ann);
    refused += here.node().counts.total().messages_not_logged;
    std::vector<int> sorted = ann.payloads;
    std::ranges::sort(sorted);
    BOOST_REQUIRE_MESSAGE(sorted == numbers(1, published + 1),
                          "TROUPE_TEST_SEED=" << seed << ": " << sorted.size() << " of "
                                              << published);
  }
  BOOST_TEST(refused != 0U);
}

BOOST_AUTO_TEST_CASE(the_store_takes_nothing_behind_a_gap_whichever_shard_it_comes_from) {
  data_directory data({{.filter = "#"}});
  config settings = in_cluster(durable());
  settings.streams = data.streams;
  stage here(settings, 2, 1, data.maker());
  const auto answers = std::make_shared<std::vector<bool>>();
  const publisher_handle from = here.system().spawn([answers]() -> publisher_handle::behavior_type {
    return {[answers](const accepted& answer) { answers->push_back(answer.kept); },
            [](const credit_returned&) {}};
  });
  const auto flow = std::make_shared<session_flow>("other");
  const auto publish_to = [&](shard_index shard, std::uint32_t attempt) {
    std::string topic = "t";
    while (shard_of(topic, 2) != shard)
      topic += 't';
    message_block_builder builder;
    builder.add({.qos = qos2, .topic = topic, .id = 1}, topic, protocol_version::v5);
    route request{.block = builder.seal({.publisher = 77}),
                  .flow = flow,
                  .publisher = from,
                  .forwarded = true,
                  .attempt = attempt};
    here.node().shard_load[shard].bytes += request.block->bytes();
    flow->publishing += request.block->bytes();
    caf::anon_send(here.node().shards[shard], std::move(request));
    here.run();
  };
  publish_to(1, 1);
  data.disk.fail_writes_from(1);
  publish_to(0, 1);
  data.disk.heal();
  publish_to(1, 1);  // its shard has not heard of it
  publish_to(1, 2);
  publish_to(0, 2);
  BOOST_TEST(*answers == (std::vector<bool>{true, false, false, true, true}));
  BOOST_TEST(data.records() == 3U);
  caf::anon_send_exit(from, caf::exit_reason::user_shutdown);
  here.run();
}

BOOST_AUTO_TEST_CASE(a_route_is_confirmed_when_it_is_written_and_those_behind_it_not_before) {
  node_disk disk;
  stage here(in_cluster(), 1, 1, disk.maker());
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  disk.answer(true);
  other.send(routes_record{1, true, true, {{"a", route_interest::lasting}}});
  other.send(routes_record{2, false, false, {{"b", route_interest::passing}}});
  other.pass();
  BOOST_REQUIRE(disk.asked.size() == 1U);
  disk.answer(false);
  other.pass();
  BOOST_TEST(other.confirmed == 0U);
  BOOST_TEST(disk.asked.empty());
  here.wait(1100ms);
  BOOST_REQUIRE(disk.asked.size() == 1U);
  BOOST_TEST(
      (disk.asked[0].change.routes == std::vector<kept_route>{{"a", route_interest::lasting}}));
  other.pass();
  BOOST_TEST(other.confirmed == 0U);
  disk.answer(true);
  other.pass();
  BOOST_TEST(other.confirmed == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_written_again_is_what_the_node_wants_by_then) {
  node_disk disk;
  stage here(in_cluster(), 1, 1, disk.maker());
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  disk.answer(true);
  other.send(routes_record{1, true, true, {{"a", route_interest::lasting}}});
  other.pass();
  disk.answer(false);
  other.send(routes_record{2, false, false, {{"a", route_interest::none}}});
  other.pass();
  disk.answer(true);
  here.wait(1100ms);
  BOOST_REQUIRE(disk.asked.size() == 1U);
  BOOST_TEST((disk.asked[0].change.routes == std::vector<kept_route>{{"a", route_interest::none}}));
}

// Until then a crash would leave what it is owed in the log unfound.
BOOST_AUTO_TEST_CASE(how_far_a_new_node_has_come_is_written_until_the_disk_takes_it) {
  node_disk disk;
  stage here(in_cluster(), 1, 1, disk.maker());
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  for (const bool works : {false, false, true}) {
    BOOST_REQUIRE(disk.asked.size() == 1U);
    BOOST_TEST(disk.asked[0].change.name == "other");
    BOOST_TEST(disk.asked[0].change.handled.size() == 1U);
    disk.answer(works);
    here.wait(1100ms);
  }
  BOOST_TEST(disk.asked.empty());
}

BOOST_AUTO_TEST_CASE(fence_counts_when_what_came_in_front_of_its_answer_is_in_the_log) {
  data_directory data;
  stage here(in_cluster(durable()), 1, 1, data.maker());
  played_node other(here);
  player ann = here.online(lasting("ann"));
  ann.subscribed("t", qos2);
  BOOST_REQUIRE(other.connect());
  auto answer = std::make_shared<std::optional<fenced>>();
  here.system().spawn([=, peer = other.peer](caf::event_based_actor* self) {
    self->request(peer, caf::infinite, fence{})
        .then([answer](const fenced& reply) { *answer = reply; }, [](const caf::error&) {});
  });
  other.pass();
  BOOST_REQUIRE(other.fences_asked.size() == 1U);
  here.hold(here.node().store);
  std::string runs;
  add_message(runs, "t", "m", 1,
              std::chrono::floor<std::chrono::milliseconds>(here.system().clock().now()));
  other.send(record_kind::publishes, runs);
  std::string passed;
  wire_writer answer_of_other(passed);
  answer_of_other.number(other.fences_asked[0]);
  answer_of_other.number(1);
  other.send(record_kind::fenced, passed);
  other.pass();
  BOOST_TEST(!answer->has_value());
  here.let_go(here.node().store);
  other.pass();
  BOOST_REQUIRE(answer->has_value());
  BOOST_TEST((*answer)->is_reached);
}

// Its group knows nobody else, so it would come back at once.
BOOST_AUTO_TEST_CASE(what_only_members_of_a_node_that_is_away_want_waits_for_the_link) {
  stage here(in_cluster());
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  other.send(routes_record{1, true, true, {{"$share/g/t", route_interest::passing}}},
             record_kind::share_routes);
  other.pass();
  other.end_actor();
  BOOST_TEST(!other.is_up());
  player ann = here.online(passing("ann"));
  ann.publish("t", "m", qos1, 1);
  here.run();  // comes to an end
  BOOST_TEST(ann.received() == "PUBACK 1\n");
  other.start_again(other.home);
  BOOST_REQUIRE(other.connect());
  other.send(routes_record{1, true, true, {{"$share/g/t", route_interest::passing}}},
             record_kind::share_routes);
  other.pass();
  BOOST_TEST(other.lent == std::vector<std::string>{"m"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(fence_is_answered_behind_what_is_on_its_way_into_the_log) {
  data_directory data;
  stage here(in_cluster(durable()), 2, 1, data.maker());
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  other.send(routes_record{1, true, true, {{"t", route_interest::lasting}}});
  other.pass();
  player ann = here.online(lasting("ann"));
  here.hold(here.node().store);
  ann.publish("t", "m", qos1, 1);
  here.run();
  for (const std::uint64_t number : {8, 9}) {
    std::string content;
    wire_writer(content).number(number);
    other.send(record_kind::fence, content);
    other.pass();
  }
  BOOST_TEST(other.fences.empty());
  here.let_go(here.node().store);
  other.pass();
  BOOST_TEST_REQUIRE(other.fences.size() == 2U);
  for (const auto& each : other.fences) {
    BOOST_TEST(each.behind == 1U);
    BOOST_TEST(each.head == here.node().log_head.load());
  }
  BOOST_TEST(other.fences[1].number == 9U);
  BOOST_TEST(here.node().log_head.load() != 0U);
}

BOOST_AUTO_TEST_CASE(a_node_that_handles_nothing_of_what_it_is_told_loses_the_link) {
  stage here(with_credit(2000));
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  other.handle();
  const int times_anew = other.times_anew;
  int told = 0;
  for (; told != 200 && other.is_up(); ++told) {
    caf::anon_send(other.peer, tell_node{record_kind::gossip, std::string(100, 'x')});
    here.run();
  }
  BOOST_TEST(told > 60);
  BOOST_TEST(told < 100);
  BOOST_REQUIRE(other.connect());
  const auto figures = here.ask<peer_description>(other.peer, describe_peer{});
  BOOST_REQUIRE(figures.has_value());
  BOOST_TEST(figures->unhandled_bytes < 2000U);  // it is told anew
  BOOST_TEST(other.times_anew == times_anew);    // and need not repeat what it said
}

BOOST_AUTO_TEST_CASE(the_other_actor_is_watched_once_however_many_connections_it_has) {
  stage here(in_cluster());
  played_node other(here);
  for (int i = 0; i != 20; ++i)
    BOOST_REQUIRE(other.connect());
  other.end_actor();
  BOOST_TEST(here.handled<link_broken>(other.peer) == 1U);
  BOOST_TEST(!here.ask<peer_description>(other.peer, describe_peer{})->is_up);
  other.start_again(8);
  BOOST_TEST(other.connect());
}

BOOST_AUTO_TEST_CASE(it_settles_when_the_node_has_handled_what_it_was_sent) {
  stage here(with_credit(300));
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  other.handle();
  for (const char* each : {"1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
    caf::anon_send(other.peer, message_for(std::string(100, each[0])));
    here.run();
  }
  auto answered = std::make_shared<bool>(false);
  here.system().spawn([=, peer = other.peer](caf::event_based_actor* self) {
    self->request(peer, caf::infinite, settle{})
        .then([answered](const settled&) { *answered = true; }, [](const caf::error&) {});
  });
  other.pass();
  BOOST_TEST(!*answered);
  BOOST_TEST(other.payloads.size() < 9U);
  for (int i = 0; i != 9; ++i)
    other.handle();
  BOOST_TEST(other.payloads.size() == 9U);
  BOOST_TEST(*answered);
}

BOOST_AUTO_TEST_CASE(it_settles_at_once_without_a_link_and_when_that_goes) {
  stage here(with_credit(300));
  played_node other(here);
  BOOST_TEST(here.ask<settled>(other.peer, settle{}).has_value());
  BOOST_REQUIRE(other.connect());
  auto answered = std::make_shared<bool>(false);
  caf::anon_send(other.peer, message_for("1"));
  here.system().spawn([=, peer = other.peer](caf::event_based_actor* self) {
    self->request(peer, caf::infinite, settle{})
        .then([answered](const settled&) { *answered = true; }, [](const caf::error&) {});
  });
  here.run();
  BOOST_TEST(!*answered);
  other.end_actor();
  BOOST_TEST(*answered);
}

BOOST_AUTO_TEST_CASE(one_alarm_is_set_however_much_has_come) {
  stage here(in_cluster());
  played_node other(here);
  BOOST_REQUIRE(other.connect());
  for (std::uint64_t number = 2; number != 102; ++number) {
    other.send(routes_record{.number = number, .changes = {}});
    other.handle();
  }
  const std::size_t before = here.handled<link_timer>(other.peer);
  for (int i = 0; i != 20; ++i)
    other.handle();  // 2 s, of which only the link itself makes use
  BOOST_TEST(here.handled<link_timer>(other.peer) - before < 60U);
}

BOOST_AUTO_TEST_SUITE_END()
