// Worker loops below real actor systems, and alone on a thread of the test.

#include "net/worker_loop.hpp"
#include "tests/net/real_system.hpp"
#include "tests/net/sockets.hpp"
#include "tests/support/seed.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <random>
#include <thread>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// Something to run that is no actor. A loop that has it queued owns a reference.
class job final : public caf::resumable, public caf::ref_counted {
public:
  using turn = std::function<resume_result(caf::execution_unit*)>;

  explicit job(turn does, std::atomic<int>* gone = nullptr) : does_(std::move(does)), gone_(gone) {}
  ~job() override {
    if (gone_ != nullptr) ++*gone_;
  }

  resume_result resume(caf::execution_unit* on, std::size_t) override { return does_(on); }
  void intrusive_ptr_add_ref_impl() override { ref(); }
  void intrusive_ptr_release_impl() override { deref(); }

private:
  const turn does_;
  std::atomic<int>* const gone_;
};

/// A job that runs once.
caf::resumable* once(std::function<void()> does) {
  return new job([does = std::move(does)](caf::execution_unit*) {
    does();
    return caf::resumable::done;
  });
}

/// Keeps a worker busy from its construction to its end.
class busy_work {
public:
  explicit busy_work(io_coordinator::worker_type& worker) {
    worker.external_enqueue(new job([this](caf::execution_unit*) {
      ++turns_;
      if (!stopped_) return caf::resumable::resume_later;
      ended_.set_value();
      return caf::resumable::done;
    }));
  }
  ~busy_work() {
    stopped_ = true;
    ended_.get_future().wait();
  }
  [[nodiscard]] std::size_t turns() const noexcept { return turns_; }

private:
  std::atomic<std::size_t> turns_{0};
  std::atomic<bool> stopped_{false};
  std::promise<void> ended_;
};

/// Calls `f` as the worker of a loop of its own.
void as_worker(worker_loop::limits bounds, const std::function<void(worker_loop&)>& f) {
  std::thread([&] {
    worker_loop loop(bounds);
    loop.enter(nullptr);
    f(loop);
  }).join();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(io_scheduler_system)

BOOST_AUTO_TEST_CASE(actors_run_at_home_whoever_wakes_them) {
  for (const std::size_t workers : {1U, 2U, 3U}) {
    BOOST_TEST_CONTEXT(workers << " workers") {
      real_system system(workers);
      BOOST_TEST(system.workers().num_workers() == workers);
      for (std::size_t home = 0; home != workers; ++home) {
        event_log log;
        const connection_owner actor = spawn_recorder(system, system.home(home), log);
        caf::anon_send(actor, io_ready{.watch = 99});
        for (std::uint32_t from = 0; from != workers; ++from)
          system.on_worker(from, [&] { caf::anon_send(actor, io_ready{.watch = from}); });
        for (std::size_t i = 0; i != workers + 1; ++i)
          BOOST_TEST(log.next().on == &system.loop(home));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(an_actor_without_home_runs_where_it_is_woken) {
  real_system system(3);
  event_log log;
  const connection_owner actor = spawn_recorder(system, nullptr, log);
  for (const std::size_t worker : {0U, 1U, 2U, 1U}) {
    system.on_worker(worker, [&] { caf::anon_send(actor, io_ready{}); });
    BOOST_TEST(log.next().on == &system.loop(worker));
    system.on_worker(worker, [] {});  // its turn there is over
  }
}

BOOST_AUTO_TEST_CASE(jobs_from_outside_go_to_the_workers_in_turn) {
  real_system system(3);
  std::vector<std::promise<worker_loop*>> ran(3);
  for (auto& each : ran)
    system.system().scheduler().enqueue(once([&] { each.set_value(worker_loop::current()); }));
  std::vector<worker_loop*> on;
  for (auto& each : ran)
    on.push_back(awaited(each.get_future()));
  BOOST_TEST((on[0] != on[1] && on[1] != on[2] && on[2] != on[0]));
}

BOOST_AUTO_TEST_CASE(a_busy_actor_starves_neither_sockets_nor_timers_nor_posted_work) {
  real_system system(1);
  event_log log;
  const connection_owner owner = spawn_recorder(system, system.home(0), log);
  const socket_pair pair = unix_pair();
  const poller::slot_id slot = system.on_worker(0, [&] {
    const poller::slot_id added = system.loop(0).sockets().add(pair.ours.get());
    system.loop(0).sockets().set_owner(added, owner, 1);
    return added;
  });
  {
    const busy_work busy(*system.workers().worker_by_id(0));
    write_all(pair.theirs, "x");
    log.next_where([](const io_ready& what) { return what.readable; });
    system.on_worker(0, [&] {
      system.loop(0).sockets().set_deadline(
          slot, std::chrono::floor<std::chrono::milliseconds>(std::chrono::steady_clock::now()));
    });
    log.next_where([](const io_ready& what) { return what.deadline_passed; });
    system.let_idle(0, 1ms);
    BOOST_TEST(busy.turns() > 0U);
  }
  system.on_worker(0, [&] { system.loop(0).sockets().release(slot); });
}

BOOST_AUTO_TEST_CASE(an_idle_worker_sleeps) {
  real_system system(2);
  event_log log;
  const connection_owner owner = spawn_recorder(system, system.home(0), log);
  const socket_pair pair = unix_pair();
  const poller::slot_id slot = system.on_worker(0, [&] {
    const poller::slot_id added = system.loop(0).sockets().add(pair.ours.get());
    system.loop(0).sockets().set_owner(added, owner, 1);
    return added;
  });
  BOOST_TEST(log.next().what.writable);
  const auto before = system.cpu_time(0) + system.cpu_time(1);
  system.let_idle(0, 400ms);
  const auto computed = system.cpu_time(0) + system.cpu_time(1) - before;
  BOOST_TEST(computed.count() < std::chrono::nanoseconds(40ms).count());
  system.on_worker(0, [&] { system.loop(0).sockets().release(slot); });
}

BOOST_AUTO_TEST_CASE(a_sleeping_worker_wakes_for_whatever_comes) {
  real_system system(2);
  event_log log;
  const connection_owner owner = spawn_recorder(system, system.home(0), log);
  const socket_pair pair = unix_pair();
  const poller::slot_id slot = system.on_worker(0, [&] {
    const poller::slot_id added = system.loop(0).sockets().add(pair.ours.get());
    system.loop(0).sockets().set_owner(added, owner, 1);
    return added;
  });
  BOOST_TEST(log.next().what.writable);
  for (int round = 0; round != 20; ++round) {
    // After each of these the worker has nothing to do and goes to sleep again.
    caf::anon_send(owner, io_ready{.watch = 2});
    BOOST_TEST(log.next().what.watch == 2U);
    system.on_worker(1, [&] { caf::anon_send(owner, io_ready{.watch = 3}); });
    BOOST_TEST(log.next().what.watch == 3U);
    write_all(pair.theirs, "x");
    BOOST_TEST(log.next().what.readable);
    system.let_idle(0, 1ms);
    BOOST_TEST(system.on_worker(0, [] { return true; }));
  }
  system.on_worker(0, [&] {
    system.loop(0).sockets().set_deadline(
        slot, std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now()));
  });
  BOOST_TEST(log.next().what.deadline_passed);
  system.on_worker(0, [&] { system.loop(0).sockets().release(slot); });
}

/// More events than one look at the sockets takes, and nothing else that would wake it.
BOOST_AUTO_TEST_CASE(a_sleeping_worker_hears_of_every_socket) {
  constexpr std::uint32_t count = 600;
  real_system system(1);
  event_log log;
  const connection_owner owner = spawn_recorder(system, system.home(0), log);
  std::vector<socket_pair> pairs;
  for (std::uint32_t i = 0; i != count; ++i)
    pairs.push_back(unix_pair());
  std::vector<poller::slot_id> slots;
  system.on_worker(0, [&] {
    for (std::uint32_t i = 0; i != count; ++i) {
      slots.push_back(system.loop(0).sockets().add(pairs[i].ours.get()));
      system.loop(0).sockets().set_owner(slots.back(), owner, i);
    }
  });
  std::vector<int> told(count);
  for (std::uint32_t i = 0; i != count; ++i)
    ++told[log.next().what.watch];
  BOOST_TEST(std::count(told.begin(), told.end(), 1) == count);
  system.on_worker(0, [&] {
    for (const poller::slot_id slot : slots)
      system.loop(0).sockets().release(slot);
  });
}

BOOST_AUTO_TEST_CASE(every_job_runs_exactly_once) {
  const std::uint64_t seed = seed_for_test();
  constexpr std::uint32_t chains_per_thread = 1500;
  constexpr std::uint32_t threads = 3;
  constexpr std::uint32_t hops = 4;
  for (const std::size_t workers : {1U, 2U, 3U}) {
    BOOST_TEST_CONTEXT(workers << " workers, TROUPE_TEST_SEED=" << seed) {
      constexpr std::uint32_t total = threads * chains_per_thread * hops;
      real_system system(workers);
      std::vector<std::atomic<int>> runs(total);
      std::atomic<std::uint32_t> left{total};
      std::promise<void> all_ran;
      // Job n of a chain enqueues job n + 1 on a worker that its number decides.
      std::function<void(std::uint32_t)> start = [&](std::uint32_t number) {
        const std::size_t to = (number * 2654435761U + seed) % (workers + 1);
        caf::resumable* const next = once([&, number] {
          ++runs[number];
          if ((number + 1) % hops != 0) start(number + 1);
          if (--left == 0) all_ran.set_value();
        });
        if (to == workers)
          system.system().scheduler().enqueue(next);
        else
          system.workers().worker_by_id(to)->external_enqueue(next);
      };
      std::vector<std::thread> senders;
      for (std::uint32_t i = 0; i != threads; ++i)
        senders.emplace_back([&, i] {
          std::mt19937_64 random(seed + i);
          for (std::uint32_t chain = 0; chain != chains_per_thread; ++chain) {
            start((i * chains_per_thread + chain) * hops);
            if (random() % 64 == 0) std::this_thread::yield();  // lets workers fall asleep
          }
        });
      for (std::thread& each : senders)
        each.join();
      awaited(all_ran.get_future());
      BOOST_TEST(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }));
    }
  }
}

BOOST_AUTO_TEST_CASE(messages_between_actors_on_all_workers_arrive_in_order_and_once) {
  const std::uint64_t seed = seed_for_test();
  constexpr std::uint32_t messages = 3000;
  real_system system(3);
  std::mt19937_64 random(seed);
  std::vector<event_log> logs(6);
  std::vector<connection_owner> actors;
  for (std::size_t i = 0; i != logs.size(); ++i)
    actors.push_back(spawn_recorder(system, system.home(random() % 3), logs[i]));
  std::vector<std::thread> senders;
  for (std::size_t i = 0; i != logs.size(); ++i)
    senders.emplace_back([&, i] {
      for (std::uint32_t n = 0; n != messages; ++n)
        caf::anon_send(actors[i], io_ready{.watch = n});
    });
  for (std::thread& each : senders)
    each.join();
  for (event_log& log : logs)
    for (std::uint32_t n = 0; n != messages; ++n)
      if (const std::uint32_t got = log.next().what.watch; got != n)
        BOOST_FAIL("TROUPE_TEST_SEED=" << seed << ": message " << got << " in place of " << n);
}

BOOST_AUTO_TEST_CASE(a_system_that_ends_lets_go_of_the_jobs_that_are_left) {
  constexpr int jobs = 50;
  for (const std::size_t workers : {1U, 2U, 3U}) {
    std::atomic<int> gone{0};
    std::atomic<int> started{0};
    std::promise<void> all_started;
    {
      real_system system(workers);
      for (int i = 0; i != jobs; ++i)
        system.system().scheduler().enqueue(new job(
            [&, first = true](caf::execution_unit*) mutable {
              if (std::exchange(first, false) && ++started == jobs) all_started.set_value();
              return caf::resumable::resume_later;  // for ever
            },
            &gone));
      awaited(all_started.get_future());
    }
    BOOST_TEST(gone == jobs);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(worker_loop_rounds)

namespace {

/// How many jobs the loop of a worker with `ready` jobs that never end hands out
/// before it has looked at the sockets, one of which became ready in the first turn.
std::size_t jobs_before_sockets(worker_loop::limits bounds, std::size_t ready) {
  real_system system(1);
  event_log log;
  const socket_pair pair = unix_pair();
  const connection_owner owner = spawn_recorder(system, nullptr, log);
  BOOST_TEST(is_silent(log, owner));
  system.on_worker(0, [] {});  // its turn there is over; it has no home and waits
  std::size_t taken = 0;
  as_worker(bounds, [&](worker_loop& loop) {
    const poller::slot_id slot = loop.sockets().add(pair.ours.get());
    (void)loop.sockets().poll();  // writable, told to nobody
    caf::resumable* const spinning =
        new job([](caf::execution_unit*) { return caf::resumable::resume_later; });
    for (std::size_t i = 0; i != ready; ++i)
      loop.enqueue(spinning);
    caf::resumable* next = loop.next();
    loop.sockets().set_owner(slot, owner, 1);
    write_all(pair.theirs, "x");
    while (next == spinning && taken != 10'000) {
      ++taken;
      loop.enqueue(spinning);
      next = loop.next();
    }
    loop.sockets().release(slot);
    if (next != spinning) {  // the owner, which was woken here
      next->resume(system.home(0), 1);
      caf::intrusive_ptr_release(next);
    }
    while (loop.take_left() != nullptr) {
    }
    caf::intrusive_ptr_release(spinning);
  });
  return taken - ready;  // the owner has to wait for its turn
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_round_ends_after_so_many_jobs) {
  BOOST_TEST(jobs_before_sockets({.jobs_per_round = 4, .longest_round = 1h}, 20) == 4U);
  BOOST_TEST(jobs_before_sockets({.jobs_per_round = 64, .longest_round = 1h}, 100) == 64U);
}

BOOST_AUTO_TEST_CASE(a_round_takes_no_more_jobs_than_were_ready_at_its_start) {
  BOOST_TEST(jobs_before_sockets({.jobs_per_round = 64, .longest_round = 1h}, 3) == 3U);
}

BOOST_AUTO_TEST_CASE(a_round_ends_when_its_time_is_over) {
  BOOST_TEST(jobs_before_sockets({.jobs_per_round = 1000, .longest_round = 0ns}, 2000) <= 8U);
}

BOOST_AUTO_TEST_CASE(jobs_are_taken_in_the_order_in_which_they_came) {
  as_worker({}, [](worker_loop& loop) {
    std::vector<caf::resumable*> jobs;
    for (int i = 0; i != 200; ++i)
      jobs.push_back(once([] {}));
    for (int i = 0; i != 100; ++i)
      loop.enqueue(jobs[static_cast<std::size_t>(i)]);
    std::thread([&] {
      for (int i = 100; i != 200; ++i)
        loop.enqueue(jobs[static_cast<std::size_t>(i)]);
    }).join();
    int wrong = 0;
    for (caf::resumable* const expected : jobs) {
      wrong += loop.next() != expected ? 1 : 0;
      caf::intrusive_ptr_release(expected);
    }
    BOOST_TEST(wrong == 0);
  });
}

BOOST_AUTO_TEST_CASE(what_is_left_holds_the_jobs_of_other_threads_too) {
  as_worker({}, [](worker_loop& loop) {
    caf::resumable* const here = once([] {});
    caf::resumable* const there = once([] {});
    loop.enqueue(here);
    std::thread([&] { loop.enqueue(there); }).join();
    BOOST_TEST((loop.take_left() == here));
    BOOST_TEST((loop.take_left() == there));
    BOOST_TEST((loop.take_left() == nullptr));
    caf::intrusive_ptr_release(here);
    caf::intrusive_ptr_release(there);
  });
}

BOOST_AUTO_TEST_CASE(a_thread_is_the_worker_of_one_loop_only) {
  BOOST_TEST(worker_loop::current() == nullptr);
  as_worker({}, [](worker_loop& loop) { BOOST_TEST(worker_loop::current() == &loop); });
  BOOST_TEST(worker_loop::current() == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
