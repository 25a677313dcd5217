#include "libbroker/cluster/forward_log.hpp"

#include "libbroker/cluster/kept_node.hpp"
#include "libbroker/cluster/log_publisher.hpp"
#include "libbroker/topic.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

/// A node's log and shards, the machine, and the node that it forwards to. Everything between
/// them takes its time, in order.
struct world {
  world(std::uint64_t seed, std::uint32_t shard_count)
      : random(seed),
        shards(shard_count),
        is_live(shard_count, true),
        caught_up(shard_count, true),
        passed(shard_count),
        appending(shard_count),
        from_shard(shard_count) {
    log = std::make_unique<forward_log>(shards, head());
    log->change_route({"#", route_interest::lasting}, 0);
    kept = log->handled_positions();
  }

  struct live_answer {
    request_number number = 0;
    log_offset through = 0;
  };
  struct handed_out {
    delivery_ptr messages;
    log_offset after = 0;
  };
  using shard_message = std::variant<handed_out, live_answer>;
  struct has_caught_up {};
  /// What a shard hands out once it is in the log, or what came before is.
  struct routed_later {
    message_block_ptr block;
    bool is_logged = false;
    log_offset head_before = 0;
  };
  struct held_answer {
    std::uint64_t pushed = 0;  ///< behind so many
    live_answer answer;
  };
  /// What of a shard waits for the log.
  struct append_state {
    std::deque<routed_later> queue;
    std::uint64_t popped = 0;
    log_offset last_ready = 0;
    std::deque<held_answer> answers;
  };
  struct message {
    std::string topic;
    log_offset offset = 0;  ///< 0: not in the log
    unsigned number = 0;
  };
  struct frame {
    std::uint64_t sequence = 0;
    std::vector<message> messages;
  };

  std::mt19937_64 random;
  std::uint32_t shards;
  std::vector<message_block_ptr> records;  ///< by offset, less one
  std::set<log_offset> from_nodes;         ///< of these, what other nodes have sent
  unsigned published = 0;
  std::vector<bool> is_live;
  std::vector<bool> caught_up;
  std::vector<log_offset> passed;  ///< the last that a shard has not sent
  std::vector<append_state> appending;
  std::vector<std::deque<shard_message>> from_shard;
  std::deque<std::variant<shard_set_live, has_caught_up>> to_shards;
  std::optional<log_request> asked;

  std::unique_ptr<forward_log> log;
  forward_effects effects;
  std::vector<log_offset> kept;  ///< on the disk
  bool is_up = true;
  bool has_room = true;
  std::uint64_t last_frame = 0;
  std::deque<frame> unhandled;  ///< that are sent
  std::size_t arrived = 0;      ///< of these
  // The other node.
  origin_marks marks{};
  origin_marks kept_marks{};
  std::vector<message> got;
  std::size_t kept_got = 0;

  [[nodiscard]] bool chance(unsigned percent) { return random() % 100 < percent; }
  [[nodiscard]] log_offset head() const { return records.size(); }
  [[nodiscard]] forward_bounds bounds() const { return {head(), is_up && has_room}; }

  /// As shards do: what is for this node alone is in the log while it has something to read there.
  void publish(unsigned percent_logged = 60) {
    const std::string topic = "t" + std::to_string(random() % 7);
    const shard_index shard = shard_of(topic, shards);
    auto block = make_block(
        {{.topic = topic, .qos = qos::at_least_once, .id = static_cast<packet_id>(++published)}});
    const bool is_logged = !caught_up[shard] || chance(percent_logged);
    if (!is_logged && appending[shard].queue.empty()) return hand_out(shard, block);
    appending[shard].queue.push_back({block, is_logged, head()});
  }
  void hand_out(shard_index shard, const message_block_ptr& block) {
    if (const log_offset offset = (*block)[0].log_offset; offset != 0 && !is_live[shard]) {
      passed[shard] = offset;
      return;
    }
    auto batch = intrusive_ptr<delivery>::adopt(new delivery());
    batch->add(block, 0);
    from_shard[shard].emplace_back(handed_out{delivery_ptr(std::move(batch)), passed[shard]});
  }
  /// All that is to be in the log is, which shards do not know.
  void commit() {
    for (const append_state& shard : appending)
      for (const routed_later& each : shard.queue) {
        if (!each.is_logged || (*each.block)[0].log_offset != 0) continue;
        const std::uint32_t index = 0;
        message_block::place_in_log(*each.block, {&index, 1}, head() + 1);
        records.push_back(each.block);
      }
  }
  /// A shard hears of it.
  void hear_of_commits(shard_index shard) {
    auto& [queue, popped, last_ready, answers] = appending[shard];
    while (!queue.empty() && (!queue.front().is_logged || (*queue.front().block)[0].log_offset)) {
      const message_block_ptr block = std::move(queue.front().block);
      queue.pop_front();
      ++popped;
      last_ready = std::max(last_ready, (*block)[0].log_offset);
      hand_out(shard, block);
    }
    for (; !answers.empty() && answers.front().pushed <= popped; answers.pop_front())
      from_shard[shard].emplace_back(answers.front().answer);
  }
  void append_all() {
    commit();
    for (shard_index shard = 0; shard != shards; ++shard)
      hear_of_commits(shard);
  }
  void set_live(const shard_set_live& request) {
    const shard_index shard = request.shard;
    is_live[shard] = request.live;
    if (!request.live) caught_up[shard] = false;
    auto& [queue, popped, last_ready, answers] = appending[shard];
    const log_offset through =
        std::max(last_ready, queue.empty() ? head() : queue.front().head_before);
    if (request.live)
      from_shard[shard].emplace_back(live_answer{request.number, through});
    else
      answers.push_back({popped + queue.size(), {request.number, through}});
    hear_of_commits(shard);
  }

  /// Another node has forwarded it, to this one and to whoever else wants it.
  void take_from_node() {
    publish(100);
    append_all();
    from_nodes.insert(head());
  }

  void collect() {
    forward_effects due = std::exchange(effects, {});
    if (due.has_caught_up) to_shards.emplace_back(has_caught_up{});
    for (const shard_set_live& each : due.requests)
      to_shards.emplace_back(each);
    if (due.read_log) asked = std::move(due.read_log);
    if (due.messages) {
      frame made{.sequence = ++last_frame, .messages = {}};
      for (const message_run& run : due.messages->runs)
        for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
          made.messages.push_back({std::string(run.block->topic((*run.block)[i])),
                                   (*run.block)[i].log_offset, (*run.block)[i].id});
      unhandled.push_back(std::move(made));
    }
    log->sent(last_frame);
  }

  /// Something that is under way gets where it goes.
  void step() {
    switch (random() % 8) {
    case 0:
      if (to_shards.empty()) return;
      if (const auto* const request = std::get_if<shard_set_live>(&to_shards.front()))
        set_live(*request);
      else
        caught_up = is_live;
      to_shards.pop_front();
      return;
    case 1:
    case 2: {
      const shard_index shard = static_cast<shard_index>(random() % shards);
      if (from_shard[shard].empty()) return;
      const shard_message message = std::move(from_shard[shard].front());
      from_shard[shard].pop_front();
      if (const auto* const batch = std::get_if<handed_out>(&message))
        log->deliver(*batch->messages, shard, batch->after, bounds(), effects);
      else
        log->live_set(shard, std::get<live_answer>(message).number,
                      std::get<live_answer>(message).through, bounds(), effects);
      return collect();
    }
    case 3:
      if (asked) answer_read();
      return;
    case 4:
      if (is_up && arrived != unhandled.size()) arrive();
      return;
    case 5:
      if (is_up) handle();
      return;
    case 6: return commit();
    case 7: return hear_of_commits(static_cast<shard_index>(random() % shards));
    }
  }

  void answer_read() {
    const log_request request = *std::exchange(asked, std::nullopt);
    log_page page{.runs = {}, .reached = request.page.after};
    const bool failed = chance(5);
    while (!failed && page.reached < request.page.up_to && page.messages < 5) {
      const message_block_ptr& block = records[page.reached++];
      const bool is_foreign = from_nodes.contains(page.reached);
      page.runs.push_back({.publisher = is_foreign ? publisher_of_node("c") : "client",
                           .received_at = {},
                           .block = block});
      ++page.messages;
    }
    log->log_read(request.number, std::move(page), failed, bounds(), effects);
    collect();
  }

  void arrive() {
    for (const message& each : unhandled[arrived].messages) {
      if (each.offset != 0) {
        log_offset& mark = marks[partition_of(each.topic)];
        if (each.offset <= mark) continue;
        mark = each.offset;
      }
      got.push_back(each);
    }
    ++arrived;
  }
  /// What has arrived is on the disk there, and this side hears of it.
  void handle() {
    kept_marks = marks;
    kept_got = got.size();
    for (; arrived != 0; --arrived) {
      log->handled(unhandled.front().sequence);
      unhandled.pop_front();
    }
    if (chance(30)) kept = log->handled_positions();
  }

  void cut() {
    if (!is_up) return;
    is_up = false;
    log->link_down(effects);
    collect();
  }
  void connect(bool anew) {
    if (anew) {
      unhandled.clear();
      arrived = 0;
      last_frame = 0;
    }
    is_up = true;
    log->link_up(anew, bounds(), effects);
    collect();
  }
  /// The other node crashes: what is not on its disk it has never got.
  void crash_other() {
    cut();
    marks = kept_marks;
    got.resize(kept_got);
    connect(true);
  }
  void crash() {
    is_up = false;
    log = std::make_unique<forward_log>(shards, kept);
    log->change_route({"#", route_interest::lasting}, 0);
    effects.clear();
    to_shards.clear();
    asked.reset();
    for (auto& each : from_shard)
      each.clear();
    for (append_state& each : appending)
      each = {};
    std::fill(is_live.begin(), is_live.end(), false);
    std::fill(caught_up.begin(), caught_up.end(), false);
    connect(true);
  }

  void settle() {
    has_room = true;
    if (!is_up) connect(false);
    log->follow(bounds(), effects);
    collect();
    for (int quiet = 0; quiet != 3000; ++quiet)
      step();
  }
};

message_block_ptr logged(const std::string& topic, log_offset offset) {
  const auto block = make_block({{.topic = topic, .qos = qos::at_least_once, .id = 1}});
  const std::uint32_t index = 0;
  message_block::place_in_log(*block, {&index, 1}, offset);
  return block;
}

/// 0: it is not in the log.
std::vector<log_offset> offsets_of(const delivery& messages) {
  std::vector<log_offset> offsets;
  for (const message_run& run : messages.runs)
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
      offsets.push_back((*run.block)[i].log_offset);
  return offsets;
}

/// The first one that one of two shards has.
std::string topic_of_shard(shard_index shard) {
  for (int i = 0;; ++i)
    if (std::string topic = "t" + std::to_string(i); shard_of(topic, 2) == shard) return topic;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_forward_log)

BOOST_AUTO_TEST_CASE(a_node_gets_each_message_once_and_in_order_whatever_happens) {
  const std::uint64_t first_seed = seed_for_test();
  for (std::uint64_t seed = first_seed; seed != first_seed + 200; ++seed) {
    world all(seed, static_cast<std::uint32_t>(1 + seed % 3));
    for (int i = 0; i != 600; ++i) {
      if (all.chance(30)) all.publish();
      if (all.chance(1)) all.cut();
      if (!all.is_up && all.chance(10)) all.connect(all.chance(20));
      if (all.chance(3)) all.has_room = !all.has_room;
      if (all.has_room && all.is_up && all.chance(10)) {
        all.log->follow(all.bounds(), all.effects);
        all.collect();
      }
      if (all.chance(1) && all.chance(40)) all.crash_other();
      if (all.chance(1) && all.chance(40)) all.crash();
      all.step();
      all.step();
    }
    all.settle();
    // What is not in the log may be lost, by crashes and with streams.
    const auto logged =
        std::ranges::count_if(all.got, [](const world::message& each) { return each.offset != 0; });
    BOOST_REQUIRE_MESSAGE(static_cast<log_offset>(logged) == all.head(),
                          "TROUPE_TEST_SEED=" << seed << " got " << logged << " of " << all.head());
    std::map<std::string, unsigned> last;
    for (const world::message& each : all.got)
      BOOST_REQUIRE_MESSAGE(std::exchange(last[each.topic], each.number) < each.number,
                            "TROUPE_TEST_SEED=" << seed << " number " << each.number);
    BOOST_REQUIRE_MESSAGE(all.log->is_live(), "TROUPE_TEST_SEED=" << seed);
  }
}

BOOST_AUTO_TEST_CASE(a_cluster_that_only_partitions_loses_nothing) {
  const std::uint64_t first_seed = seed_for_test();
  for (std::uint64_t seed = first_seed; seed != first_seed + 200; ++seed) {
    world all(seed, static_cast<std::uint32_t>(1 + seed % 3));
    for (int i = 0; i != 600; ++i) {
      if (all.chance(30)) all.publish();
      if (all.chance(1)) all.cut();
      if (!all.is_up && all.chance(10)) all.connect(false);
      if (all.chance(3)) all.has_room = !all.has_room;
      all.step();
      all.step();
    }
    all.settle();
    BOOST_REQUIRE_MESSAGE(all.got.size() == all.published,
                          "TROUPE_TEST_SEED=" << seed << " got " << all.got.size() << " of "
                                              << all.published);
    BOOST_REQUIRE(all.log->waiting_bytes() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_log_stays_in_its_place_when_that_is_read_again) {
  // Of the first shard, of the second, and of the first again.
  const std::array topics{topic_of_shard(0), topic_of_shard(1), topic_of_shard(0)};
  log_page page{.runs = {}, .reached = 3, .messages = 3};
  for (std::size_t i = 0; i != topics.size(); ++i)
    page.runs.push_back(
        {.publisher = "client", .received_at = {}, .block = logged(topics[i], i + 1)});
  const auto first_two = [&] {
    log_page some(page);
    some.runs.pop_back();
    some.reached = some.messages = 2;
    return some;
  };
  const auto answer_all = [&](forward_log& log, log_offset through, const forward_bounds& now,
                              forward_effects& effects) {
    const request_number number = effects.requests.front().number;
    for (const shard_index shard : {0, 1})
      log.live_set(shard, number, through, now, effects);
  };
  forward_bounds bounds{.head = 2, .has_room = true};
  forward_effects effects;
  forward_log log(2, std::vector<log_offset>{0, 0});  // of an earlier life
  log.change_route({"#", route_interest::lasting}, 0);
  log.link_up(true, bounds, effects);
  log.log_read(effects.read_log->number, first_two(), false, bounds, effects);
  answer_all(log, 2, bounds, effects);
  BOOST_TEST_REQUIRE(log.is_live());
  effects.clear();
  log.link_down(effects);
  log.link_up(true, bounds, effects);  // the other node had none of it

  // The first shard sent it before it heard of that, and has the third message behind it.
  delivery unlogged;
  unlogged.add(make_block({{.topic = topics[0], .qos = qos::at_least_once, .id = 1}}), 0);
  log.deliver(unlogged, 0, 0, bounds, effects);
  BOOST_TEST(!effects.messages);
  bounds.head = 3;
  answer_all(log, 3, bounds, effects);
  BOOST_TEST(!effects.messages);
  log.log_read(effects.read_log->number, log_page(page), false, bounds, effects);
  BOOST_TEST_REQUIRE(bool(effects.messages));
  BOOST_TEST(offsets_of(*effects.messages) == (std::vector<log_offset>{1, 2, 0, 3}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_log_stays_behind_what_its_shard_has_sent) {
  const auto logged_one = logged(topic_of_shard(0), 1);
  log_page page{.runs = {}, .reached = 2, .messages = 2};
  for (const message_block_ptr& each : {logged_one, logged(topic_of_shard(1), 2)})
    page.runs.push_back({.publisher = "client", .received_at = {}, .block = each});
  forward_effects effects;
  forward_log log(2, log_offset{0});
  log.change_route({"#", route_interest::lasting}, 0);
  log.link_down(effects);
  forward_bounds bounds{.head = 0, .has_room = true};
  log.link_up(false, bounds, effects);
  for (const shard_index shard : {0, 1})
    log.live_set(shard, effects.requests.front().number, 0, bounds, effects);
  const request_number joining = effects.requests.back().number;

  // The first shard is live before what it sends is in the log, the second after that.
  log.live_set(0, joining, 0, bounds, effects);
  delivery sent;
  sent.add(logged_one, 0);
  sent.add(make_block({{.topic = topic_of_shard(0), .qos = qos::at_least_once, .id = 1}}), 0);
  log.deliver(sent, 0, 0, bounds, effects);
  bounds.head = 2;
  log.live_set(1, joining, 2, bounds, effects);
  BOOST_TEST_REQUIRE(effects.read_log.has_value());
  log.log_read(effects.read_log->number, std::move(page), false, bounds, effects);
  BOOST_TEST_REQUIRE(log.is_live());
  BOOST_TEST(offsets_of(*effects.messages) == (std::vector<log_offset>{2, 1, 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_other_nodes_have_sent_is_not_passed_on) {
  world all(1, 1);
  all.cut();
  for (int i = 0; i != 100; ++i)
    i % 3 == 0 ? all.publish(100) : all.take_from_node();
  all.append_all();
  all.crash();
  all.settle();
  BOOST_TEST(all.got.size() == 34U);
  for (const world::message& each : all.got)
    BOOST_TEST(!all.from_nodes.contains(each.offset));
}

BOOST_AUTO_TEST_CASE(a_shard_that_sends_nothing_keeps_no_log_for_a_busy_link) {
  const std::string topic = topic_of_shard(0);
  forward_effects effects;
  forward_log log(2, log_offset{0});
  log.change_route({"#", route_interest::lasting}, 0);
  // There always is something that the other node has not handled yet.
  for (log_offset offset = 1; offset != 100; ++offset) {
    delivery sent;
    sent.add(logged(topic, offset), 0);
    log.deliver(sent, 0, 0, {.head = offset, .has_room = true}, effects);
    log.sent(offset);
    if (offset > 10) log.handled(offset - 10);
    if (offset % 5 == 0) (void)log.interest(offset);
  }
  const auto needed = log.interest(99);
  BOOST_TEST_REQUIRE(needed.has_value());
  BOOST_TEST(needed->after > 80U);
}

BOOST_AUTO_TEST_CASE(what_is_handled_is_needed_no_more) {
  world all(1, 1);
  for (int i = 0; i != 10; ++i)
    all.publish(100);
  all.settle();
  all.handle();
  BOOST_TEST(!all.log->interest(all.head()).has_value());
  BOOST_TEST(all.got.size() == 10U);
  all.cut();
  all.publish(100);
  all.append_all();
  const auto needed = all.log->interest(all.head());
  BOOST_REQUIRE(needed.has_value());
  BOOST_TEST(needed->after == 10U);
  BOOST_TEST((needed->filters == std::vector<std::string>{"#"}));
}

BOOST_AUTO_TEST_CASE(messages_of_the_log_that_nobody_wants_at_more_than_qos_0_are_passed_over) {
  world all(1, 1);
  all.log->change_route({"#", route_interest::none}, 0);
  all.log->change_route({"t1", route_interest::passing}, 0);
  all.log->change_route({"t2", route_interest::at_most_once}, 0);
  all.cut();
  for (int i = 0; i != 100; ++i)
    all.publish(100);
  all.settle();
  BOOST_TEST(!all.got.empty());
  for (const world::message& each : all.got)
    BOOST_TEST(each.topic == "t1");
}

BOOST_AUTO_TEST_CASE(a_filter_that_is_new_gets_nothing_from_before) {
  world all(1, 1);
  all.log->change_route({"#", route_interest::none}, 0);
  all.log->change_route({"t1", route_interest::passing}, 0);
  all.cut();
  for (int i = 0; i != 50; ++i)
    all.publish(100);
  all.append_all();
  all.log->change_route({"t1", route_interest::lasting}, all.head());  // known already
  all.log->change_route({"t2", route_interest::lasting}, all.head());
  for (int i = 0; i != 50; ++i)
    all.publish(100);
  all.settle();
  log_offset first_of_t1 = 0;
  log_offset first_of_t2 = 0;
  for (const world::message& each : all.got) {
    log_offset& first = each.topic == "t1" ? first_of_t1 : first_of_t2;
    if (first == 0) first = each.offset;
  }
  BOOST_TEST(first_of_t1 != 0U);
  BOOST_TEST(first_of_t1 <= 50U);
  BOOST_TEST(first_of_t2 > 50U);
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_log_waits_for_the_link_unless_it_may_get_lost) {
  world all(1, 1);
  all.cut();
  auto batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(make_block({{.topic = "a"}, {.topic = "b", .qos = qos::at_least_once, .id = 1}}), 0);
  batch->add(batch->runs.front().block, 1);
  all.log->deliver(*batch, 0, 0, all.bounds(), all.effects);
  BOOST_REQUIRE(all.effects.messages);
  BOOST_TEST(all.effects.messages->messages == 1U);
  BOOST_TEST(all.log->waiting_bytes() != 0U);
  all.effects.clear();
  all.connect(false);
  all.settle();
  BOOST_REQUIRE(all.got.size() == 1U);
  BOOST_TEST(all.got[0].topic == "b");
  BOOST_TEST(all.log->waiting_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_log_waits_for_what_its_shard_did_not_send_of_it) {
  world all(1, 1);
  all.cut();
  while (!all.to_shards.empty())
    all.step();
  all.publish(100);
  all.append_all();
  auto batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(make_block({{.topic = "b", .qos = qos::at_least_once, .id = 2}}), 0);
  all.log->deliver(*batch, 0, all.passed[0], all.bounds(), all.effects);
  all.connect(false);
  all.settle();
  BOOST_REQUIRE(all.got.size() == 2U);
  BOOST_TEST(all.got[0].offset == 1U);
  BOOST_TEST(all.got[1].topic == "b");
}

BOOST_AUTO_TEST_CASE(what_waits_is_lost_with_the_stream_and_counted) {
  world all(1, 1);
  all.cut();
  auto batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(make_block({{.topic = "b", .qos = qos::at_least_once, .id = 1}}), 0);
  all.log->deliver(*batch, 0, 0, all.bounds(), all.effects);
  BOOST_TEST(all.log->stream_forgotten() == 1U);
  BOOST_TEST(all.log->waiting_bytes() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
