#pragma once

#include "actors/connection.hpp"
#include "actors/homed.hpp"
#include "net/io_scheduler.hpp"

#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <type_traits>

namespace troupe::test {

/// How long a test waits for what must happen; only a failing one takes so long.
inline constexpr std::chrono::seconds patience{30};

/// Waits until `what` is there; fails the test if it does not come.
template <class T>
T awaited(std::future<T> what) {
  BOOST_TEST_REQUIRE((what.wait_for(patience) == std::future_status::ready), "nothing came");
  return what.get();
}

/// A CAF system on the broker's own scheduler and real threads.
class real_system {
public:
  explicit real_system(std::size_t workers) : config_(workers), system_(config_) {}

  [[nodiscard]] caf::actor_system& system() noexcept { return system_; }
  [[nodiscard]] actor_roster& roster() noexcept { return roster_; }
  [[nodiscard]] io_coordinator& workers() {
    return static_cast<io_coordinator&>(system_.scheduler());
  }
  [[nodiscard]] caf::execution_unit* home(std::size_t worker) {
    return workers().worker_by_id(worker);
  }
  [[nodiscard]] worker_loop& loop(std::size_t worker) {
    return *workers().worker_by_id(worker)->data().loop;
  }

  /// Has `worker` call `f` and returns what that returns.
  template <class Function>
  std::invoke_result_t<Function> on_worker(std::size_t worker, Function f) {
    const auto task = std::make_shared<std::packaged_task<std::invoke_result_t<Function>()>>(f);
    boost::asio::post(loop(worker).context(), [task] { (*task)(); });
    return awaited(task->get_future());
  }

  /// Returns after `span`, in which `worker` had nothing but a timer.
  void let_idle(std::size_t worker, std::chrono::milliseconds span);

  /// Time that the thread of `worker` has computed.
  [[nodiscard]] std::chrono::nanoseconds cpu_time(std::size_t worker);

private:
  struct configuration : io_scheduler_config {
    explicit configuration(std::size_t workers) {
      set("scheduler.max-threads", workers);
      set("scheduler.max-throughput", 64);
    }
  };
  actor_roster roster_;
  configuration config_;
  caf::actor_system system_;
};

/// What actors were told, in order of arrival, from any thread. Copies are one log:
/// an actor may be told something when its test has ended.
class event_log {
public:
  struct event {
    io_ready what;
    worker_loop* on = nullptr;  ///< the worker whose turn it was
  };

  void add(const io_ready& what) {
    const std::lock_guard guard(state_->mutex);
    state_->events.push_back({what, worker_loop::current()});
    state_->added.notify_one();
  }

  /// Waits for the next event and takes it.
  [[nodiscard]] event next() {
    auto& [mutex, added, events] = *state_;
    std::unique_lock guard(mutex);
    BOOST_TEST_REQUIRE(added.wait_for(guard, patience, [&] { return !state_->events.empty(); }),
                       "no event");
    const event first = events.front();
    events.pop_front();
    return first;
  }

  /// Waits until an event has said what `wanted` asks for; drops those before.
  template <class Predicate>
  event next_where(Predicate wanted) {
    for (;;)
      if (const event each = next(); wanted(each.what)) return each;
  }

private:
  struct state {
    std::mutex mutex;
    std::condition_variable added;
    std::deque<event> events;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// An owner of connections that writes its events down.
class recorder final : public homed<connection_owner> {
public:
  recorder(caf::actor_config& config, actor_roster& roster, event_log log,
           std::shared_ptr<void> keeps)
      : homed(config, roster), log_(std::move(log)), keeps_(std::move(keeps)) {}

  behavior_type make_behavior() override {
    return {[this](const io_ready& what) { log_.add(what); }};
  }

private:
  event_log log_;
  const std::shared_ptr<void> keeps_;  // lets tests see when the actor is gone
};

/// `home` null: wherever it is woken.
inline connection_owner spawn_recorder(real_system& in, caf::execution_unit* home,
                                       const event_log& log,
                                       std::shared_ptr<void> keeps = nullptr) {
  return spawn_at<recorder>(in.system(), home, in.roster(), log, std::move(keeps));
}

/// A number that no poller gives: sent to a recorder it marks the end of what
/// the test has caused so far.
inline constexpr std::uint32_t end_mark = 0xE0F;

/// Whether `log` got nothing before the end mark that this sends to `owner`.
inline bool is_silent(event_log& log, const connection_owner& owner) {
  caf::anon_send(owner, io_ready{.watch = end_mark});
  return log.next().what.watch == end_mark;
}

}  // namespace troupe::test
