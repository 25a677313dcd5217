#include "libbroker/cluster/inbound_stream.hpp"

#include "libbroker/topic.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr std::uint64_t home = 9;

struct message {
  int number = 0;
  std::string topic;
  log_offset offset = 0;  ///< 0: not in the sender's log
};

/// The node that sends, the machine, and shards whose disk fails at times.
struct world {
  world(std::uint64_t seed, std::uint32_t shard_count)
      : random(seed), machine(shard_count), at_shard(shard_count), refused(shard_count) {
    machine.comes_from(home, nullptr);
  }

  struct block {
    inbound_stream::block made;
    std::vector<message> messages;
  };

  std::mt19937_64 random;
  inbound_stream machine;
  std::deque<std::vector<message>> frames;  ///< of the stream, behind the last that is handled
  std::uint64_t handled = 0;
  std::size_t arrived = 0;  ///< of `frames`
  std::vector<std::deque<block>> at_shard;
  std::vector<std::uint32_t> refused;  ///< attempts
  bool disk_works = true;
  int published = 0;
  log_offset last_offset = 0;
  std::vector<message> lost;  ///< with the stream
  std::vector<message> got;
  int refusals = 0;

  [[nodiscard]] bool chance(unsigned percent) { return random() % 100 < percent; }

  void publish() {
    std::vector<message> frame;
    for (std::size_t left = 1 + random() % 6; left != 0; --left)
      frame.push_back({++published, "t" + std::to_string(random() % 9),
                       chance(70) ? ++last_offset : log_offset{0}});
    frames.push_back(std::move(frame));
  }

  void arrive() {
    if (machine.is_refusing() || arrived == frames.size()) return;
    const auto shards = static_cast<std::uint32_t>(at_shard.size());
    std::vector<std::vector<message>> taken(shards);
    machine.begin_frame(handled + arrived + 1);
    const auto end = [&](shard_index shard) {
      if (!taken[shard].empty())
        at_shard[shard].push_back({machine.end_block(shard), std::exchange(taken[shard], {})});
    };
    for (const message& each : frames[arrived]) {
      const shard_index shard = shard_of(each.topic, shards);
      if (machine.takes(each.topic, each.offset, shard)) taken[shard].push_back(each);
      if (chance(20)) end(shard);
    }
    ++arrived;
    for (shard_index shard = 0; shard != shards; ++shard)
      end(shard);
    hear();
  }

  void answer() {
    const std::size_t shard = random() % at_shard.size();
    if (at_shard[shard].empty()) return;
    const block done = std::move(at_shard[shard].front());
    at_shard[shard].pop_front();
    const bool kept = refused[shard] != done.made.attempt && disk_works;
    if (!kept) refused[shard] = done.made.attempt;
    if (kept) got.insert(got.end(), done.messages.begin(), done.messages.end());
    machine.answered(done.made.number, kept);
    hear();
  }
  void hear() {
    if (const std::uint64_t up_to = machine.take_handled(); up_to != 0) {
      arrived -= up_to - handled;
      for (; handled != up_to; ++handled)
        frames.pop_front();
    }
    if (!machine.end_refusal()) return;
    ++refusals;
    arrived = 0;
  }

  /// The sender forgets what is not handled, but for what is in its log.
  void begin_anew() {
    if (machine.is_refusing()) return;
    std::vector<message> again;
    for (const auto& frame : std::exchange(frames, {}))
      for (const message& each : frame)
        (each.offset != 0 ? again : lost).push_back(each);
    for (const message& each : again)
      frames.push_back({each});
    handled = 0;
    arrived = 0;
    machine.begins_anew();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_inbound_stream)

BOOST_AUTO_TEST_CASE(nothing_is_lost_doubled_or_overtaken_when_a_disk_refuses_some) {
  const std::uint64_t first_seed = seed_for_test();
  int refusals = 0;
  for (std::uint64_t seed = first_seed; seed != first_seed + 300; ++seed) {
    world all(seed, static_cast<std::uint32_t>(1 + seed % 3));
    for (int i = 0; i != 400; ++i) {
      if (all.chance(15)) all.publish();
      if (all.chance(5)) all.disk_works = !all.disk_works;
      if (all.chance(1) && seed % 2 == 0) all.begin_anew();
      if (all.chance(40)) all.arrive();
      all.answer();
    }
    all.disk_works = true;
    for (int quiet = 0; quiet != 3000; ++quiet) {
      all.arrive();
      all.answer();
    }
    refusals += all.refusals;
    std::map<int, int> times;
    std::map<std::string, int> last;
    for (const message& each : all.got) {
      BOOST_REQUIRE_MESSAGE(++times[each.number] == 1,
                            "TROUPE_TEST_SEED=" << seed << ": " << each.number);
      BOOST_REQUIRE_MESSAGE(std::exchange(last[each.topic], each.number) < each.number,
                            "TROUPE_TEST_SEED=" << seed << ": " << each.number);
    }
    for (const message& each : all.lost)
      ++times[each.number];
    BOOST_REQUIRE_MESSAGE(times.size() == static_cast<std::size_t>(all.published),
                          "TROUPE_TEST_SEED=" << seed << ": " << times.size() << " of "
                                              << all.published);
  }
  BOOST_TEST(refusals != 0);
}

BOOST_AUTO_TEST_CASE(marks_of_a_home_are_those_of_now_when_it_comes_back) {
  origin_marks earlier{};
  earlier[partition_of("t")] = 4;
  inbound_stream machine(1);
  const auto takes = [&](std::uint64_t sequence, log_offset offset) {
    machine.begin_frame(sequence);
    if (!machine.takes("t", offset, 0)) return false;
    machine.answered(machine.end_block(0).number, true);
    (void)machine.take_handled();
    return true;
  };
  machine.comes_from(home, &earlier);
  BOOST_TEST(!takes(1, 4));
  BOOST_TEST(takes(2, 5));
  machine.comes_from(home + 1, nullptr);
  machine.begins_anew();
  BOOST_TEST(takes(1, 1));
  machine.comes_from(home, &earlier);
  machine.begins_anew();
  BOOST_TEST(!takes(1, 5));
  BOOST_TEST(takes(2, 6));
}

BOOST_AUTO_TEST_CASE(a_late_refusal_sets_the_marks_of_its_own_home_back) {
  inbound_stream machine(1);
  machine.comes_from(home, nullptr);
  machine.begin_frame(1);
  BOOST_TEST(machine.takes("t", 7, 0));
  const inbound_stream::block late = machine.end_block(0);
  machine.comes_from(home + 1, nullptr);
  machine.begins_anew();
  machine.begin_frame(1);
  BOOST_TEST(machine.takes("t", 3, 0));
  const inbound_stream::block other = machine.end_block(0);
  machine.answered(late.number, false);
  BOOST_TEST(machine.is_refusing());
  BOOST_TEST(!machine.end_refusal());  // the other block is under way
  machine.answered(other.number, true);
  BOOST_TEST(machine.take_handled() == 0U);
  BOOST_TEST(machine.end_refusal());
  machine.begin_frame(1);
  BOOST_TEST(machine.is_repeated());
  BOOST_TEST(!machine.takes("t", 3, 0));
  machine.comes_from(home, nullptr);
  machine.begins_anew();
  machine.begin_frame(1);
  BOOST_TEST(machine.takes("t", 7, 0));
}

BOOST_AUTO_TEST_CASE(retained_messages_that_were_compared_count_for_nothing) {
  inbound_stream machine(1);
  machine.comes_from(home, nullptr);
  machine.begin_frame(1);
  BOOST_TEST(machine.takes("t", 1, 0));
  const inbound_stream::block first = machine.end_block(0);
  const inbound_stream::block state = machine.end_state_block(0);
  BOOST_TEST(machine.takes("t", 2, 0));
  const inbound_stream::block second = machine.end_block(0);
  machine.answered(first.number, true);
  machine.answered(state.number, true);
  machine.answered(second.number, false);
  BOOST_TEST(machine.take_handled() == 0U);
  BOOST_TEST(machine.end_refusal());
  machine.begin_frame(1);
  BOOST_TEST(!machine.takes("t", 1, 0));
  BOOST_TEST(machine.takes("t", 2, 0));
  machine.answered(machine.end_block(0).number, true);
  BOOST_TEST(machine.take_handled() == 1U);
  // One that is refused comes with the next comparison, and holds nothing up.
  machine.begin_frame(2);
  machine.answered(machine.end_state_block(0).number, false);
  BOOST_TEST(!machine.is_refusing());
  BOOST_TEST(machine.take_handled() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
