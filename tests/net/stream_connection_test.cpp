// Connections over real sockets on real workers.

#include "net/stream_connection.hpp"
#include "tests/net/real_system.hpp"
#include "tests/net/sockets.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

using status = connection::io_status;

struct fixture {
  /// Takes `pair.ours` over as a connection of the first worker.
  std::unique_ptr<stream_connection> connected(socket_pair& pair) {
    return system.on_worker(0, [&] { return make(pair); });
  }
  /// `connected` and watched before any event; the first one, writable, has come.
  std::unique_ptr<stream_connection> watched(socket_pair& pair, connection_owner by,
                                             event_log& events) {
    auto made = system.on_worker(0, [&] {
      auto socket = make(pair);
      socket->watch(std::move(by), 1);
      return socket;
    });
    BOOST_TEST(events.next().what.writable);
    return made;
  }
  std::unique_ptr<stream_connection> make(socket_pair& pair) {
    return std::make_unique<stream_connection>(pair.ours.release(), "somebody", system.loop(0),
                                               open);
  }
  /// The slot that `worker` would give to a new socket; given back.
  poller::slot_id next_slot(std::size_t worker) {
    const socket_pair probe = unix_pair();
    return system.on_worker(worker, [&] {
      const poller::slot_id slot = system.loop(worker).sockets().add(probe.ours.get());
      system.loop(worker).sockets().release(slot);
      return slot;
    });
  }

  std::atomic<std::size_t> open{0};
  real_system system{2};
  event_log log;
  connection_owner owner = spawn_recorder(system, system.home(0), log);
};

std::string read(connection& from, std::size_t at_most, status expected) {
  std::string text(at_most, '\0');
  const auto [bytes, outcome] = from.read_some(std::as_writable_bytes(std::span(text)));
  BOOST_TEST((outcome == expected));
  text.resize(bytes);
  return text;
}

connection::io_result write(connection& to, std::string_view text) {
  const std::array views{as_bytes(text)};
  return to.write_some(views);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(stream_connections, fixture)

BOOST_AUTO_TEST_CASE(bytes_go_both_ways_until_the_other_side_closes) {
  for (socket_pair& pair : std::array{unix_pair(), tcp_pair()}) {
    const auto socket = connected(pair);
    BOOST_TEST(open == 1U);
    BOOST_TEST((socket->home() == system.home(0)));
    BOOST_TEST(socket->peer() == "somebody");
    system.on_worker(0, [&] { socket->watch(owner, 4); });
    BOOST_TEST(read(*socket, 100, status::would_block).empty());

    write_all(pair.theirs, "hello");
    log.next_where([](const io_ready& what) { return what.watch == 4 && what.readable; });
    BOOST_TEST(read(*socket, 2, status::ok) == "he");
    BOOST_TEST(read(*socket, 100, status::ok) == "llo");
    BOOST_TEST(read(*socket, 100, status::would_block).empty());

    const auto wrote = write(*socket, "world");
    BOOST_TEST((wrote.status == status::ok && wrote.bytes == 5U));
    BOOST_TEST(read_exactly(pair.theirs, 5) == "world");

    write_all(pair.theirs, "bye");
    pair.theirs.close();
    log.next_where([](const io_ready& what) { return what.hung_up; });
    BOOST_TEST(read(*socket, 100, status::ok) == "bye");
    BOOST_TEST(read(*socket, 100, status::closed).empty());
  }
}

BOOST_AUTO_TEST_CASE(writing_to_one_who_left_is_no_signal) {
  for (socket_pair& pair : std::array{unix_pair(), tcp_pair()}) {
    const auto socket = watched(pair, owner, log);
    write_all(pair.theirs, "unread");
    pair.theirs.close();
    log.next_where([](const io_ready& what) { return what.hung_up; });
    // TCP tells with the first answer to what was written.
    connection::io_result result = write(*socket, "x");
    while (result.status == status::ok)
      result = write(*socket, "x");
    BOOST_TEST((result.status == status::closed && result.bytes == 0U));
  }
}

BOOST_AUTO_TEST_CASE(a_full_socket_takes_no_more_until_it_says_so) {
  for (socket_pair& pair : std::array{unix_pair(), tcp_pair()}) {
    const auto socket = watched(pair, owner, log);
    const std::string much(1 << 20, 'm');
    std::size_t written = 0;
    connection::io_result result = write(*socket, much);
    for (; result.status == status::ok; result = write(*socket, much))
      written += result.bytes;
    BOOST_TEST((result.status == status::would_block && result.bytes == 0U));
    (void)read_exactly(pair.theirs, written);
    log.next_where([](const io_ready& what) { return what.writable; });
    result = write(*socket, "more");
    BOOST_TEST((result.status == status::ok && result.bytes == 4U));
    BOOST_TEST(read_exactly(pair.theirs, 4) == "more");
  }
}

BOOST_AUTO_TEST_CASE(more_views_than_one_call_takes_keep_their_order) {
  socket_pair pair = unix_pair();
  const auto socket = connected(pair);
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i != 200; ++i) {
    texts.push_back(std::to_string(i) + (i % 7 == 0 ? "" : ","));
    if (i % 11 == 0) texts.back().clear();
    expected += texts.back();
  }
  std::vector<byte_view> views;
  for (const std::string& each : texts)
    views.push_back(as_bytes(each));
  std::size_t total = 0;
  std::size_t calls = 0;
  for (std::span<const byte_view> rest(views); !rest.empty(); ++calls) {
    auto [bytes, outcome] = socket->write_some(rest);
    BOOST_TEST_REQUIRE((outcome == status::ok));
    total += bytes;
    for (; !rest.empty() && rest.front().size() <= bytes; rest = rest.subspan(1))
      bytes -= rest.front().size();
    BOOST_TEST_REQUIRE(bytes == 0U);  // whole views, as there is room
  }
  BOOST_TEST(total == expected.size());
  BOOST_TEST(calls > 1U);
  BOOST_TEST(read_exactly(pair.theirs, total) == expected);
}

BOOST_AUTO_TEST_CASE(nobody_is_told_after_unwatch) {
  socket_pair pair = unix_pair();
  const auto socket = watched(pair, owner, log);
  const bool has_deadlines = system.on_worker(0, [&] {
    socket->set_deadline(
        std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now()));
    socket->unwatch();
    return system.loop(0).sockets().has_deadlines();
  });
  BOOST_TEST(!has_deadlines);
  write_all(pair.theirs, "x");
  system.on_worker(0, [&] { (void)system.loop(0).sockets().poll(); });
  BOOST_TEST(is_silent(log, owner));
  // Who watches next reads what came meanwhile without being told.
  system.on_worker(0, [&] { socket->watch(owner, 2); });
  BOOST_TEST(read(*socket, 10, status::ok) == "x");
  write_all(pair.theirs, "y");
  BOOST_TEST(log.next().what.watch == 2U);
}

BOOST_AUTO_TEST_CASE(deadlines_are_the_owners) {
  socket_pair pair = unix_pair();
  const auto socket = connected(pair);
  system.on_worker(0, [&] {
    socket->watch(owner, 6);
    socket->set_deadline(
        std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() + 1ms));
  });
  const auto due = log.next_where([](const io_ready& what) { return what.deadline_passed; });
  BOOST_TEST(due.what.watch == 6U);
}

BOOST_AUTO_TEST_CASE(a_connection_moves_to_the_worker_that_watches_it) {
  socket_pair pair = unix_pair();
  const poller::slot_id before = next_slot(0);
  const auto socket = watched(pair, owner, log);

  event_log other_log;
  const connection_owner other = spawn_recorder(system, system.home(1), other_log);
  system.on_worker(1, [&] { socket->watch(other, 2); });
  // Its slot is free for others, and its events come from the other worker only.
  const poller::slot_id after = next_slot(0);
  BOOST_TEST(after.index == before.index);
  BOOST_TEST(after.generation == before.generation + 2);
  other_log.next_where([](const io_ready& what) { return what.watch == 2 && what.writable; });
  write_all(pair.theirs, "x");
  BOOST_TEST(other_log.next().what.readable);
  BOOST_TEST(system.on_worker(0, [&] { return system.loop(0).sockets().poll(); }) == 0U);
  BOOST_TEST(is_silent(log, owner));
  BOOST_TEST(is_silent(other_log, other));
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_leaves_no_slot_and_no_owner_behind) {
  for (const bool elsewhere : {false, true}) {
    BOOST_TEST_CONTEXT((elsewhere ? "another thread" : "its worker")) {
      socket_pair pair = unix_pair();
      const poller::slot_id before = next_slot(0);
      const auto alive = std::make_shared<int>();
      event_log short_log;
      connection_owner short_lived = spawn_recorder(system, system.home(0), short_log, alive);
      auto socket = watched(pair, std::exchange(short_lived, {}), short_log);
      BOOST_TEST(open == 1U);
      if (elsewhere)
        socket.reset();
      else
        system.on_worker(0, [&] { socket.reset(); });
      BOOST_TEST(open == 0U);
      char end = 0;
      BOOST_TEST(::recv(pair.theirs.get(), &end, 1, 0) == 0);
      const poller::slot_id after = next_slot(0);
      BOOST_TEST(after.index == before.index);
      BOOST_TEST(after.generation == before.generation + 2);
      BOOST_TEST(alive.use_count() == 1);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
