#include "apps/troupe-bench/stream.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::bench;

namespace {

struct fixture {
  stream make(stream::bound ahead) {
    return {0, prebuilt_publish("t", qos::at_most_once, false, 24, protocol_version::v3_1_1),
            ahead};
  }

  /// Publishes while allowed, at most `most`; returns how many.
  unsigned publish(stream& on, unsigned most) {
    unsigned count = 0;
    for (; count < most && on.may_publish(); ++count)
      on.append_next(out, 1, 0, 0);
    return count;
  }

  /// Receives until `tracker` has got `until` messages.
  static void receive(sequence_tracker& tracker, std::uint64_t until) {
    while (tracker.next() < until)
      tracker.record(tracker.next());
  }

  byte_buffer out;
  sequence_tracker quick;
  sequence_tracker slow;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(bench_stream, fixture)

BOOST_AUTO_TEST_CASE(without_a_bound_nothing_stops_the_publisher) {
  stream free = make({});
  free.add_receiver(slow);
  BOOST_TEST(publish(free, 100'000) == 100'000U);
}

BOOST_AUTO_TEST_CASE(a_publisher_stops_at_its_limit_before_the_slowest_receiver) {
  stream bounded = make({.limit = 10, .step = 1});
  bounded.add_receiver(quick);
  bounded.add_receiver(slow);
  BOOST_TEST(publish(bounded, 5) == 5U);
  receive(quick, 5);
  BOOST_TEST(publish(bounded, 100) == 5U);
  receive(quick, 10);
  BOOST_TEST(!bounded.take_wake(quick));
  BOOST_TEST(publish(bounded, 100) == 0U);
  receive(slow, 4);
  BOOST_TEST(bounded.take_wake(slow));
  BOOST_TEST(publish(bounded, 100) == 4U);
}

BOOST_AUTO_TEST_CASE(a_publisher_is_woken_once_and_only_for_a_whole_step) {
  stream stepped = make({.limit = 10, .step = 5});
  stepped.add_receiver(slow);
  BOOST_TEST(publish(stepped, 100) == 10U);
  receive(slow, 4);
  BOOST_TEST(!stepped.take_wake(slow));
  receive(slow, 5);
  BOOST_TEST(stepped.take_wake(slow));
  BOOST_TEST(!stepped.take_wake(slow));
  BOOST_TEST(publish(stepped, 100) == 5U);
}

BOOST_AUTO_TEST_CASE(a_lost_message_stops_the_stream_for_two_seconds_only) {
  constexpr std::int64_t second = 1'000'000'000;
  stream closed = make({.limit = 1, .step = 1});
  closed.add_receiver(slow);
  BOOST_TEST(publish(closed, 100) == 1U);
  BOOST_TEST(!closed.may_publish());
  BOOST_TEST(!closed.write_off(10 * second));
  BOOST_TEST(!closed.write_off(11 * second));
  BOOST_TEST(closed.write_off(12 * second));
  BOOST_TEST(publish(closed, 100) == 1U);
}

BOOST_AUTO_TEST_CASE(progress_of_the_receiver_renews_the_patience) {
  constexpr std::int64_t second = 1'000'000'000;
  stream bounded = make({.limit = 10, .step = 5});
  bounded.add_receiver(slow);
  publish(bounded, 100);
  BOOST_TEST(!bounded.may_publish());
  BOOST_TEST(!bounded.write_off(10 * second));
  receive(slow, 1);
  BOOST_TEST(!bounded.write_off(12 * second));
  BOOST_TEST(!bounded.write_off(13 * second));
  BOOST_TEST(bounded.write_off(14 * second));
}

BOOST_AUTO_TEST_SUITE_END()
