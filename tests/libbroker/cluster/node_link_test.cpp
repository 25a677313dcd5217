#include "libbroker/cluster/node_link.hpp"

#include "tests/libbroker/cluster/later_version.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

frame_ptr frame(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

/// The two ends of one session.
std::pair<link_session, link_session> sessions(std::uint64_t id) {
  link_session one{.id = id, .other = {}, .is_initiator = true};
  one.sending = key_of_secret("one" + std::to_string(id));
  one.receiving = key_of_secret("other" + std::to_string(id));
  link_session other{.id = id, .other = {}, .is_initiator = false};
  other.sending = one.receiving;
  other.receiving = one.sending;
  return {one, other};
}

/// One end, and what has arrived there.
struct end {
  explicit end(std::uint64_t stream, const link_settings& settings = {})
      : machine(stream, settings) {}

  node_link machine;
  link_effects effects;
  std::deque<link_packet> under_way;  ///< to the other end
  std::vector<std::string> arrived;
  std::uint64_t last_arrived = 0;
  bool handles = true;
  int times_up = 0;
  int times_anew = 0;
  int times_other_anew = 0;
  int times_lost = 0;

  void collect(time_point now) {
    for (link_packet& packet : effects.packets)
      under_way.push_back(std::move(packet));
    times_up += effects.is_up ? 1 : 0;
    times_anew += effects.begins_anew ? 1 : 0;
    times_other_anew += effects.other_begins_anew ? 1 : 0;
    times_lost += effects.lost ? 1 : 0;
    if (effects.other_begins_anew) {
      arrived.clear();
      last_arrived = 0;
    }
    const auto frames = std::exchange(effects.frames, {});
    effects.clear();
    for (const auto& each : frames) {
      arrived.push_back(*each.frame);
      last_arrived = each.sequence;
    }
    if (handles && !frames.empty()) handle(now);
  }
  void handle(time_point now) {
    machine.handled(last_arrived, now, effects);
    collect(now);
  }
  void send(std::string text, time_point now) {
    machine.send(frame(std::move(text)), now, effects);
    collect(now);
  }
  void tick(time_point now) {
    machine.tick(now, effects);
    collect(now);
  }
};

struct pair {
  time_point now{1h};
  end a{11};
  end b{22};
  std::uint64_t session = 0;

  void connect() {
    a.under_way.clear();
    b.under_way.clear();
    const auto [one, other] = sessions(++session);
    b.machine.open(other, now, b.effects);
    b.collect(now);
    a.machine.open(one, now, a.effects);
    a.collect(now);
  }
  void cut() {
    a.machine.disconnected();
    b.machine.disconnected();
    a.under_way.clear();
    b.under_way.clear();
  }
  bool pass(end& from, end& to) {
    if (from.under_way.empty()) return false;
    const link_packet packet = std::move(from.under_way.front());
    from.under_way.pop_front();
    to.machine.receive(packet, now, to.effects);
    to.collect(now);
    return true;
  }
  void settle() {
    while (pass(a, b) || pass(b, a)) {
    }
  }
  void wait(std::chrono::milliseconds time) {
    for (const time_point until = now + time; now != until; now += 1ms) {
      a.tick(now);
      b.tick(now);
      settle();
    }
  }
};

using texts = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_node_link)

BOOST_AUTO_TEST_CASE(frames_arrive_in_order_once_the_link_is_up) {
  pair both;
  both.a.send("early", both.now);
  both.connect();
  both.settle();
  BOOST_TEST(both.a.times_up == 1);
  BOOST_TEST(both.b.times_up == 1);
  // Neither knew the other: what was sent before has to be said anew.
  BOOST_TEST(both.a.times_anew == 1);
  BOOST_TEST(both.b.times_other_anew == 1);
  both.a.send("1", both.now);
  both.a.send("2", both.now);
  both.b.send("x", both.now);
  both.settle();
  BOOST_TEST(both.b.arrived == (texts{"1", "2"}), boost::test_tools::per_element());
  BOOST_TEST(both.a.arrived == texts{"x"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_a_broken_connection_swallowed_comes_over_the_next_one) {
  pair both;
  both.connect();
  both.settle();
  both.a.send("1", both.now);
  both.pass(both.a, both.b);  // arrives, but nothing is heard of it
  both.a.send("2", both.now);
  both.cut();
  both.a.send("3", both.now);
  both.connect();
  both.settle();
  BOOST_TEST(both.b.arrived == (texts{"1", "2", "3"}), boost::test_tools::per_element());
  BOOST_TEST(both.a.times_anew == 1);
  BOOST_TEST(both.b.times_other_anew == 1);
}

BOOST_AUTO_TEST_CASE(a_frame_counts_against_the_credit_until_it_is_handled) {
  pair both;
  both.connect();
  both.settle();
  both.b.handles = false;
  while (both.a.machine.has_credit())
    both.a.send(std::string(1UL << 20, 'x'), both.now);
  both.settle();
  both.wait(100ms);
  BOOST_TEST(!both.a.machine.has_credit());
  BOOST_TEST(both.a.machine.handled_by_other() == 0U);
  both.b.handle(both.now);
  both.wait(20ms);
  BOOST_TEST(both.a.machine.has_credit());
  BOOST_TEST(both.a.machine.unhandled_bytes() == 0U);
  BOOST_TEST(both.a.machine.handled_by_other() == both.a.machine.last_sent());
}

BOOST_AUTO_TEST_CASE(what_arrived_and_was_not_handled_still_counts_after_a_new_connection) {
  pair both;
  both.connect();
  both.settle();
  both.b.handles = false;
  both.a.send("1", both.now);
  both.settle();
  both.cut();
  both.connect();
  both.settle();
  both.wait(1s);
  BOOST_TEST(both.b.arrived == texts{"1"}, boost::test_tools::per_element());
  BOOST_TEST(both.a.machine.handled_by_other() == 0U);  // it may crash yet
  both.b.handle(both.now);
  both.wait(20ms);
  BOOST_TEST(both.a.machine.handled_by_other() == 1U);
}

BOOST_AUTO_TEST_CASE(what_arrived_and_could_not_be_taken_comes_again) {
  pair both;
  both.connect();
  both.settle();
  both.a.send("1", both.now);
  both.settle();
  both.b.handles = false;
  both.a.send("2", both.now);
  both.a.send("3", both.now);
  both.settle();
  both.cut();
  both.b.machine.take_again();
  both.a.send("4", both.now);
  both.connect();
  both.settle();
  BOOST_TEST(both.b.arrived == (texts{"1", "2", "3", "2", "3", "4"}),
             boost::test_tools::per_element());
  BOOST_TEST(both.a.times_anew == 1);
  both.b.handle(both.now);
  both.wait(20ms);
  BOOST_TEST(both.a.machine.unhandled_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_side_that_starts_again_is_told_everything_anew) {
  pair both;
  both.connect();
  both.settle();
  both.b.handles = false;
  both.a.send("1", both.now);
  both.settle();
  both.cut();
  both.b = end(23);
  both.connect();
  both.settle();
  BOOST_TEST(both.a.times_anew == 2);
  BOOST_TEST(both.a.times_other_anew == 2);
  BOOST_TEST(both.a.machine.unhandled_bytes() == 0U);
  both.a.send("again", both.now);
  both.settle();
  BOOST_TEST(both.b.arrived == texts{"again"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_side_that_forgets_what_it_sent_begins_a_new_stream) {
  pair both;
  both.connect();
  both.settle();
  both.cut();
  both.a.send("lost", both.now);
  both.a.machine.begin_anew(12);
  both.connect();
  both.settle();
  both.a.send("1", both.now);
  both.settle();
  BOOST_TEST(both.b.arrived == texts{"1"}, boost::test_tools::per_element());
  BOOST_TEST(both.b.times_other_anew == 2);
}

BOOST_AUTO_TEST_CASE(an_idle_link_stays_up_by_heartbeats) {
  pair both;
  both.connect();
  both.wait(10s);
  BOOST_TEST(both.a.times_lost == 0);
  BOOST_TEST(both.b.times_lost == 0);
}

BOOST_AUTO_TEST_CASE(a_silent_side_is_given_up_after_five_heartbeats) {
  pair both;
  both.connect();
  both.settle();
  both.now += 2499ms;
  both.a.tick(both.now);
  BOOST_TEST(both.a.times_lost == 0);
  both.now += 1ms;
  both.a.tick(both.now);
  BOOST_TEST(both.a.times_lost == 1);
  BOOST_TEST((both.a.machine.now() == node_link::phase::down));
}

BOOST_AUTO_TEST_CASE(a_side_that_never_says_how_much_it_has_is_given_up) {
  pair both;
  const auto [one, other] = sessions(1);
  both.b.machine.open(other, both.now, both.b.effects);
  BOOST_TEST(both.b.effects.packets.empty());  // the initiator speaks first
  both.now = both.b.machine.deadline().value();
  both.b.tick(both.now);
  BOOST_TEST(both.b.times_lost == 1);
}

BOOST_AUTO_TEST_CASE(a_packet_that_was_changed_repeated_or_left_out_breaks_the_connection) {
  for (int what = 0; what != 4; ++what) {
    pair both;
    both.connect();
    both.settle();
    both.a.send("frame", both.now);
    link_packet packet = std::move(both.a.under_way.front());
    both.a.under_way.clear();
    if (what == 0) packet.head.back() ^= 1;
    if (what == 1) packet.frame = frame("framf");
    if (what == 2) packet.head[packet.head.size() - 17] ^= 1;
    if (what == 3) {
      both.b.machine.receive(packet, both.now, both.b.effects);
      both.b.collect(both.now);
      BOOST_TEST(both.b.times_lost == 0);
    }
    both.b.machine.receive(packet, both.now, both.b.effects);
    both.b.collect(both.now);
    BOOST_TEST(both.b.times_lost == 1);
    BOOST_TEST(both.b.arrived.size() == (what == 3 ? 1U : 0U));
  }
}

BOOST_AUTO_TEST_CASE(packets_of_an_earlier_connection_are_left_alone) {
  pair both;
  both.connect();
  both.settle();
  both.a.send("1", both.now);
  const link_packet late = both.a.under_way.front();
  both.cut();
  both.connect();
  both.settle();
  both.b.machine.receive(late, both.now, both.b.effects);
  both.b.collect(both.now);
  BOOST_TEST(both.b.times_lost == 0);
  BOOST_TEST(both.b.arrived == texts{"1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_a_later_version_adds_to_a_packet_is_skipped) {
  pair both;
  both.connect();
  const cluster_key key = sessions(both.session).first.sending;
  const auto pass_with_more = [&] {
    do {
      for (link_packet& packet : both.a.under_way)
        packet = say_more(std::move(packet), key);
    } while (both.pass(both.a, both.b) || both.pass(both.b, both.a));
  };
  pass_with_more();  // resume, and its answer
  both.a.send("1", both.now);
  both.a.send("2", both.now);
  BOOST_TEST(both.a.under_way.size() == 2U);
  for (link_packet& packet : both.a.under_way)
    packet = say_more(std::move(packet), key);
  both.settle();
  BOOST_TEST(both.b.times_up == 1);
  BOOST_TEST(both.b.times_lost == 0);
  BOOST_TEST(both.b.arrived == (texts{"1", "2"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(packets_of_an_unknown_kind_are_dropped) {
  pair both;
  both.connect();
  both.settle();
  both.b.machine.receive({.head = "Z of a later version", .frame = frame("x")}, both.now,
                         both.b.effects);
  both.b.collect(both.now);
  both.a.send("1", both.now);
  both.settle();
  BOOST_TEST(both.b.times_lost == 0);
  BOOST_TEST(both.b.arrived == texts{"1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(an_unknown_word_ends_the_connection) {
  pair both;
  both.connect();
  both.settle();
  const link_session from = sessions(both.session).first;
  std::string head = "L";
  wire_writer out(head);
  out.number(from.id);
  out.number(2);  // behind the resume
  out.number(3);  // the word
  head.resize(head.size() + std::tuple_size_v<packet_seal>);
  both.b.machine.receive(say_more({head, nullptr}, from.sending), both.now, both.b.effects);
  BOOST_TEST((both.b.effects.lost == "the other side said something else than expected"));
}

/// Two nodes that send, break their connection, crash and handle in any order.
BOOST_AUTO_TEST_CASE(over_any_network_frames_come_once_and_in_order) {
  const std::uint64_t first_seed = seed_for_test();
  for (std::uint64_t seed = first_seed; seed != first_seed + 300; ++seed) {
    std::mt19937_64 random(seed);
    const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
    pair both;
    std::uint64_t streams = 100;
    struct side {
      int sent = 0;       ///< numbers since the stream began
      int stream_of = 0;  ///< how often it began
    };
    side of_a;
    side of_b;
    const auto say = [&](end& from, side& mine) {
      from.send(std::to_string(++mine.sent), both.now);
    };
    // Each end says numbers from 1 on, and begins again when the other side asks for it.
    const auto notice = [&](end& at, side& mine) {
      if (at.times_anew == mine.stream_of) return;
      mine.stream_of = at.times_anew;
      mine.sent = 0;
    };
    const auto check = [&](const end& at) {
      for (std::size_t i = 0; i != at.arrived.size(); ++i)
        if (at.arrived[i] != std::to_string(i + 1)) return false;
      return true;
    };
    bool connected = false;
    for (int step = 0; step != 400; ++step) {
      both.now += std::chrono::milliseconds(random() % 30);
      if (!connected && chance(20)) {
        both.connect();
        connected = true;
      } else if (connected && chance(4)) {
        both.cut();
        connected = false;
      }
      // Nothing is said before both agree on the stream: it would be forgotten.
      if (both.a.times_anew != 0 && chance(40)) say(both.a, of_a);
      if (both.b.times_anew != 0 && chance(40)) say(both.b, of_b);
      if (chance(50)) both.pass(both.a, both.b);
      if (chance(50)) both.pass(both.b, both.a);
      both.a.handles = chance(50);
      both.b.handles = chance(50);
      both.a.tick(both.now);
      both.b.tick(both.now);
      if (chance(1)) {  // a crash of b
        if (connected) both.cut();
        connected = false;
        both.b = end(++streams);
        of_b = {};
      }
      notice(both.a, of_a);
      notice(both.b, of_b);
      BOOST_REQUIRE_MESSAGE(check(both.a) && check(both.b), "TROUPE_TEST_SEED=" << seed);
    }
    both.cut();
    both.connect();
    both.a.handles = both.b.handles = true;
    both.settle();
    notice(both.a, of_a);
    notice(both.b, of_b);
    both.a.handle(both.now);
    both.b.handle(both.now);
    both.wait(600ms);
    BOOST_REQUIRE_MESSAGE(both.b.arrived.size() == static_cast<std::size_t>(of_a.sent) &&
                              both.a.arrived.size() == static_cast<std::size_t>(of_b.sent) &&
                              check(both.a) && check(both.b),
                          "TROUPE_TEST_SEED=" << seed);
    BOOST_REQUIRE_MESSAGE(both.a.machine.unhandled_bytes() == 0 &&
                              both.b.machine.unhandled_bytes() == 0,
                          "TROUPE_TEST_SEED=" << seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
