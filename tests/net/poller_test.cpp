// The poller on the test's own thread; the owners live on a worker.

#include "net/poller.hpp"
#include "tests/net/real_system.hpp"
#include "tests/net/sockets.hpp"

#include <poll.h>

#include <array>
#include <set>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

struct fixture {
  /// Waits until the set has something, then has the poller tell the owners.
  std::size_t poll() {
    pollfd set{sockets.descriptor(), POLLIN, 0};
    BOOST_TEST_REQUIRE(::poll(&set, 1, std::chrono::milliseconds(patience).count()) == 1);
    return sockets.poll();
  }
  /// A watched socket whose first event, writable, is out of the way.
  poller::slot_id watched(const socket_pair& pair, std::uint32_t watch) {
    const poller::slot_id slot = sockets.add(pair.ours.get());
    sockets.set_owner(slot, owner, watch);
    poll();
    const io_ready first = log.next().what;
    BOOST_TEST(first.watch == watch);
    BOOST_TEST((first.writable && !first.readable && !first.hung_up && !first.deadline_passed));
    return slot;
  }

  real_system actors{1};
  event_log log;
  connection_owner owner = spawn_recorder(actors, actors.home(0), log);
  poller sockets;
  socket_pair pair = unix_pair();
  const time_point start{1h};
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(poller_events, fixture)

BOOST_AUTO_TEST_CASE(the_owner_learns_what_a_socket_is_ready_for) {
  watched(pair, 5);
  BOOST_TEST(sockets.poll() == 0U);

  write_all(pair.theirs, "x");
  poll();
  const io_ready data = log.next().what;
  BOOST_TEST(data.watch == 5U);
  BOOST_TEST((data.readable && !data.hung_up && !data.deadline_passed));

  ::shutdown(pair.theirs.get(), SHUT_WR);
  poll();
  const io_ready half_closed = log.next().what;
  BOOST_TEST((half_closed.readable && half_closed.hung_up));

  pair.theirs.close();
  poll();
  BOOST_TEST(log.next().what.hung_up);
}

BOOST_AUTO_TEST_CASE(a_socket_that_takes_bytes_again_is_writable_once) {
  watched(pair, 1);
  const std::string much(64 * 1024, 'm');
  std::size_t written = 0;
  for (ssize_t some = 0; some >= 0; written += static_cast<std::size_t>(std::max<ssize_t>(some, 0)))
    some = ::send(pair.ours.get(), much.data(), much.size(), MSG_NOSIGNAL);
  BOOST_TEST(sockets.poll() == 0U);
  (void)read_exactly(pair.theirs, written);
  poll();
  const io_ready room = log.next().what;
  BOOST_TEST((room.writable && !room.readable));
  BOOST_TEST(sockets.poll() == 0U);
  BOOST_TEST(is_silent(log, owner));
}

BOOST_AUTO_TEST_CASE(an_event_of_a_slot_that_was_given_up_reaches_nobody) {
  const poller::slot_id slot = watched(pair, 1);
  write_all(pair.theirs, "x");  // lies in the set when the slot goes
  sockets.release(slot);
  const socket_pair other = unix_pair();
  const poller::slot_id next = sockets.add(other.ours.get());
  BOOST_TEST(next.index == slot.index);
  BOOST_TEST(next.generation != slot.generation);
  sockets.set_owner(next, owner, 2);

  BOOST_TEST(poll() == 2U);  // the old socket's event and the new one's
  const io_ready only = log.next().what;
  BOOST_TEST(only.watch == 2U);
  BOOST_TEST(!only.readable);
  BOOST_TEST(is_silent(log, owner));
}

BOOST_AUTO_TEST_CASE(a_released_slot_lets_its_owner_go) {
  const auto alive = std::make_shared<int>();
  event_log other_log;
  connection_owner other = spawn_recorder(actors, actors.home(0), other_log, alive);
  const poller::slot_id slot = sockets.add(pair.ours.get());
  sockets.set_owner(slot, other, 1);
  BOOST_TEST(is_silent(other_log, other));
  actors.on_worker(0, [] {});  // its turn is over
  other = connection_owner();
  BOOST_TEST(alive.use_count() == 2);
  sockets.release(slot);
  BOOST_TEST(alive.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(events_go_to_the_owner_of_the_moment) {
  const poller::slot_id slot = watched(pair, 1);
  event_log second_log;
  const connection_owner second = spawn_recorder(actors, actors.home(0), second_log);
  sockets.set_owner(slot, second, 7);
  write_all(pair.theirs, "x");
  poll();
  BOOST_TEST(second_log.next().what.watch == 7U);
  BOOST_TEST(is_silent(log, owner));

  sockets.set_owner(slot, connection_owner(), 0);
  write_all(pair.theirs, "x");
  poll();
  BOOST_TEST(is_silent(second_log, second));
}

BOOST_AUTO_TEST_CASE(more_sockets_than_one_look_takes_are_all_reported) {
  constexpr std::uint32_t count = 300;
  std::vector<socket_pair> pairs;
  for (std::uint32_t i = 0; i != count; ++i) {
    pairs.push_back(unix_pair());
    sockets.set_owner(sockets.add(pairs.back().ours.get()), owner, i);
  }
  std::size_t events = 0;
  while (events < count)
    events += poll();
  std::set<std::uint32_t> told;
  for (std::uint32_t i = 0; i != count; ++i)
    told.insert(log.next().what.watch);
  BOOST_TEST(told.size() == count);
  BOOST_TEST(is_silent(log, owner));
}

BOOST_AUTO_TEST_CASE(a_forgotten_socket_is_not_reported) {
  watched(pair, 1);
  std::thread([&] { sockets.forget(pair.ours.get()); }).join();
  write_all(pair.theirs, "x");
  BOOST_TEST(sockets.poll() == 0U);
  BOOST_TEST(is_silent(log, owner));
}

BOOST_AUTO_TEST_CASE(a_socket_that_cannot_be_watched_takes_no_slot) {
  const descriptor none;
  BOOST_CHECK_THROW((void)sockets.add(none.get()), std::system_error);
  const poller::slot_id slot = sockets.add(pair.ours.get());
  BOOST_TEST(slot.index == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(poller_deadlines, fixture)

BOOST_AUTO_TEST_CASE(a_deadline_fires_once_when_it_is_due) {
  const poller::slot_id slot = watched(pair, 3);
  BOOST_TEST(!sockets.has_deadlines());
  sockets.set_deadline(slot, start + 10ms);
  BOOST_TEST(sockets.has_deadlines());
  sockets.check_deadlines(start + 9ms);
  BOOST_TEST(is_silent(log, owner));
  sockets.check_deadlines(start + 10ms);
  const io_ready due = log.next().what;
  BOOST_TEST(due.watch == 3U);
  BOOST_TEST((due.deadline_passed && !due.readable && !due.writable && !due.hung_up));
  BOOST_TEST(!sockets.has_deadlines());
  sockets.check_deadlines(start + 1h);
  BOOST_TEST(is_silent(log, owner));
}

BOOST_AUTO_TEST_CASE(deadlines_fire_in_the_order_in_which_they_are_due) {
  std::array<socket_pair, 4> pairs{unix_pair(), unix_pair(), unix_pair(), unix_pair()};
  constexpr std::array delays{30ms, 10ms, 40ms, 20ms};
  for (std::uint32_t i = 0; i != pairs.size(); ++i)
    sockets.set_deadline(watched(pairs[i], i), start + delays[i]);
  for (const std::uint32_t expected : {1U, 3U, 0U, 2U}) {
    BOOST_TEST(sockets.has_deadlines());
    sockets.check_deadlines(start + delays[expected]);
    BOOST_TEST(log.next().what.watch == expected);
    BOOST_TEST(is_silent(log, owner));
  }
  BOOST_TEST(!sockets.has_deadlines());
}

BOOST_AUTO_TEST_CASE(a_deadline_that_was_cleared_moved_or_given_up_does_not_fire) {
  const poller::slot_id cleared = watched(pair, 1);
  sockets.set_deadline(cleared, start + 10ms);
  sockets.set_deadline(cleared, std::nullopt);
  BOOST_TEST(!sockets.has_deadlines());

  const socket_pair second = unix_pair();
  const poller::slot_id moved = watched(second, 2);
  sockets.set_deadline(moved, start + 10ms);
  sockets.set_deadline(moved, start + 30ms);

  const socket_pair third = unix_pair();
  const poller::slot_id released = watched(third, 3);
  sockets.set_deadline(released, start + 10ms);
  sockets.release(released);

  sockets.check_deadlines(start + 20ms);
  BOOST_TEST(is_silent(log, owner));
  BOOST_TEST(sockets.has_deadlines());
  sockets.check_deadlines(start + 30ms);
  BOOST_TEST(log.next().what.watch == 2U);
  BOOST_TEST(!sockets.has_deadlines());
}

BOOST_AUTO_TEST_SUITE_END()
