#include "libbroker/cluster/forward_log.hpp"

#include "libbroker/cluster/kept_node.hpp"
#include "libbroker/topic.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <random>
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
      : random(seed), shards(shard_count), is_live(shard_count, true), from_shard(shard_count) {
    log = std::make_unique<forward_log>(shards, head());
    log->change_route({"#", route_interest::lasting});
    kept = log->handled_positions();
  }

  struct live_answer {
    request_number number = 0;
    log_offset through = 0;
  };
  using shard_message = std::variant<delivery_ptr, live_answer>;
  struct frame {
    std::uint64_t sequence = 0;
    std::vector<std::pair<std::string, log_offset>> messages;
  };

  std::mt19937_64 random;
  std::uint32_t shards;
  std::vector<message_block_ptr> records;  ///< by offset, less one
  std::vector<bool> is_live;
  std::vector<std::deque<shard_message>> from_shard;
  std::deque<shard_set_live> to_shards;
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
  std::vector<std::pair<std::string, log_offset>> got;

  [[nodiscard]] bool chance(unsigned percent) { return random() % 100 < percent; }
  [[nodiscard]] log_offset head() const { return records.size(); }

  void publish() {
    const std::string topic = "t" + std::to_string(random() % 7);
    auto block = make_block({{.topic = topic, .qos = qos::at_least_once, .id = 1}});
    const std::uint32_t index = 0;
    message_block::place_in_log(*block, {&index, 1}, head() + 1);
    records.push_back(block);
    const shard_index shard = shard_of(topic, shards);
    if (!is_live[shard]) return;
    auto batch = intrusive_ptr<delivery>::adopt(new delivery());
    batch->add(block, 0);
    from_shard[shard].emplace_back(delivery_ptr(std::move(batch)));
  }

  void collect() {
    forward_effects due = std::exchange(effects, {});
    for (const shard_set_live& each : due.requests)
      to_shards.push_back(each);
    if (due.read_log) asked = std::move(due.read_log);
    if (due.messages) {
      frame made{.sequence = ++last_frame, .messages = {}};
      for (const message_run& run : due.messages->runs)
        for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
          made.messages.emplace_back(run.block->topic((*run.block)[i]), (*run.block)[i].log_offset);
      unhandled.push_back(std::move(made));
    }
    log->sent(last_frame);
  }

  /// Something that is under way gets where it goes.
  void step() {
    switch (random() % 6) {
    case 0:
      if (to_shards.empty()) return;
      is_live[to_shards.front().shard] = to_shards.front().live;
      from_shard[to_shards.front().shard].emplace_back(
          live_answer{to_shards.front().number, head()});
      to_shards.pop_front();
      return;
    case 1:
    case 2: {
      const shard_index shard = static_cast<shard_index>(random() % shards);
      if (from_shard[shard].empty()) return;
      const shard_message message = std::move(from_shard[shard].front());
      from_shard[shard].pop_front();
      if (const auto* const batch = std::get_if<delivery_ptr>(&message))
        log->deliver(**batch, shard, is_up && has_room, effects);
      else
        log->live_set(shard, std::get<live_answer>(message).number,
                      std::get<live_answer>(message).through, head(), is_up && has_room, effects);
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
    }
  }

  void answer_read() {
    const log_request request = *std::exchange(asked, std::nullopt);
    log_page page{.runs = {}, .reached = request.page.after};
    const bool failed = chance(5);
    while (!failed && page.reached < request.page.up_to && page.messages < 5) {
      const message_block_ptr& block = records[page.reached++];
      page.runs.push_back({.publisher = {}, .received_at = {}, .block = block});
      ++page.messages;
    }
    log->log_read(request.number, std::move(page), failed, head(), is_up && has_room, effects);
    collect();
  }

  void arrive() {
    for (const auto& [topic, offset] : unhandled[arrived].messages) {
      log_offset& mark = marks[partition_of(topic)];
      if (offset <= mark) continue;
      mark = offset;
      got.emplace_back(topic, offset);
    }
    ++arrived;
  }
  /// What has arrived is on the disk there, and this side hears of it.
  void handle() {
    kept_marks = marks;
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
    log->link_up(anew, head(), has_room, effects);
    collect();
  }
  /// The other node crashes: what is not on its disk it has never got.
  void crash_other() {
    cut();
    marks = kept_marks;
    std::erase_if(got,
                  [&](const auto& each) { return each.second > marks[partition_of(each.first)]; });
    connect(true);
  }
  void crash() {
    is_up = false;
    log = std::make_unique<forward_log>(shards, kept);
    log->change_route({"#", route_interest::lasting});
    effects.clear();
    to_shards.clear();
    asked.reset();
    for (auto& each : from_shard)
      each.clear();
    std::fill(is_live.begin(), is_live.end(), false);
    connect(true);
  }

  void settle() {
    has_room = true;
    if (!is_up) connect(false);
    log->follow(head(), true, effects);
    collect();
    for (int quiet = 0; quiet != 3000; ++quiet)
      step();
  }
};

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
        all.log->follow(all.head(), true, all.effects);
        all.collect();
      }
      if (all.chance(1) && all.chance(40)) all.crash_other();
      if (all.chance(1) && all.chance(40)) all.crash();
      all.step();
      all.step();
    }
    all.settle();
    BOOST_REQUIRE_MESSAGE(all.got.size() == all.head(),
                          "TROUPE_TEST_SEED=" << seed << " got " << all.got.size() << " of "
                                              << all.head());
    std::array<log_offset, partition_count> last{};
    for (const auto& [topic, offset] : all.got)
      BOOST_REQUIRE_MESSAGE(std::exchange(last[partition_of(topic)], offset) < offset,
                            "TROUPE_TEST_SEED=" << seed);
    BOOST_REQUIRE_MESSAGE(all.log->is_live(), "TROUPE_TEST_SEED=" << seed);
  }
}

BOOST_AUTO_TEST_CASE(what_is_handled_is_needed_no_more) {
  world all(1, 1);
  for (int i = 0; i != 10; ++i)
    all.publish();
  all.settle();
  all.handle();
  BOOST_TEST(!all.log->interest(all.head()).has_value());
  BOOST_TEST(all.got.size() == 10U);
  all.cut();
  all.publish();
  const auto needed = all.log->interest(all.head());
  BOOST_REQUIRE(needed.has_value());
  BOOST_TEST(needed->after == 10U);
  BOOST_TEST((needed->filters == std::vector<std::string>{"#"}));
}

BOOST_AUTO_TEST_CASE(messages_of_the_log_that_nobody_wants_at_more_than_qos_0_are_passed_over) {
  world all(1, 1);
  all.log->change_route({"#", route_interest::none});
  all.log->change_route({"t1", route_interest::passing});
  all.log->change_route({"t2", route_interest::at_most_once});
  all.cut();
  for (int i = 0; i != 100; ++i)
    all.publish();
  all.settle();
  BOOST_TEST(!all.got.empty());
  for (const auto& [topic, offset] : all.got)
    BOOST_TEST(topic == "t1");
}

BOOST_AUTO_TEST_CASE(what_is_not_in_the_log_passes_through) {
  world all(1, 1);
  all.cut();
  auto batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(make_block({{.topic = "a"}, {.topic = "b", .qos = qos::at_least_once, .id = 1}}), 0);
  batch->add(batch->runs.front().block, 1);
  all.log->deliver(*batch, 0, false, all.effects);
  BOOST_REQUIRE(all.effects.messages);
  BOOST_TEST(all.effects.messages->messages == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
