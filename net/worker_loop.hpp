#pragma once

#include "net/poller.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <caf/execution_unit.hpp>
#include <caf/resumable.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <vector>

namespace troupe {

/// What one CAF worker runs: its ready actors, its sockets and its Asio context.
///
/// The worker serves I/O in rounds: a round takes the actors that are ready at
/// its start, bounded in number and time, then looks at the sockets. Few ready
/// actors make short rounds (latency), many make long ones (batches). With
/// nothing to do it blocks in the Asio context, in which the poller's epoll set
/// is registered; it never polls while idle.
class worker_loop {
public:
  struct limits {
    std::size_t jobs_per_round = 64;
    std::chrono::nanoseconds longest_round{1'000'000};
  };

  explicit worker_loop(limits bounds);
  ~worker_loop();

  /// The loop whose worker is the calling thread, or null.
  [[nodiscard]] static worker_loop* current() noexcept;

  /// Makes the calling thread the worker's, where actors of `home` run.
  void enter(caf::execution_unit* home) noexcept;
  /// As it was entered. For any thread that got something from the worker.
  [[nodiscard]] caf::execution_unit* home() const noexcept { return home_; }

  /// Queues `job` from any thread.
  void enqueue(caf::resumable* job);

  /// The next actor to run; waits until there is one. Only for the worker.
  [[nodiscard]] caf::resumable* next();

  /// Takes a queued job without waiting, or returns null. For shutdown, when
  /// the worker has ended.
  [[nodiscard]] caf::resumable* take_left();

  /// For what is not per packet: accepting, timers, posted work.
  [[nodiscard]] boost::asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] troupe::poller& sockets() noexcept { return sockets_; }

private:
  using clock = std::chrono::steady_clock;

  void take_inbox();
  void serve_io();
  void wait();
  void arm();
  void check_deadlines();

  const limits limits_;
  caf::execution_unit* home_ = nullptr;
  std::deque<caf::resumable*> ready_;
  std::size_t jobs_left_ = 0;       // of this round
  clock::time_point round_ends_{};  // looked at now and then only
  clock::time_point context_due_{};

  std::mutex mutex_;
  std::vector<caf::resumable*> inbox_;  // from other threads
  std::atomic<bool> has_inbox_{false};
  std::atomic<bool> asleep_{false};

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_;
  troupe::poller sockets_;
  boost::asio::posix::stream_descriptor sockets_ready_;
  bool armed_ = false;
  boost::asio::steady_timer deadline_timer_;
  bool deadline_timer_set_ = false;
};

}  // namespace troupe
