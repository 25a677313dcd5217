#include "net/worker_loop.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace troupe {

namespace {

thread_local worker_loop* this_loop = nullptr;

/// Deadlines (keep alive, CONNECT) are looked at this often.
constexpr std::chrono::milliseconds deadline_interval{250};

/// While busy, Asio's context gets a look this often: it carries nothing urgent.
constexpr std::chrono::milliseconds context_interval{1};

/// The clock is read once per so many jobs.
constexpr std::size_t jobs_per_clock_read = 8;

}  // namespace

worker_loop::worker_loop(limits bounds)
    : limits_(bounds),
      busy_(context_.get_executor()),
      sockets_ready_(context_),
      deadline_timer_(context_) {
  sockets_ready_.assign(sockets_.descriptor());
}

worker_loop::~worker_loop() { sockets_ready_.release(); }

worker_loop* worker_loop::current() noexcept { return this_loop; }

void worker_loop::enter(caf::execution_unit* home) noexcept {
  this_loop = this;
  if (home_ != home) home_ = home;  // it is read by others while the worker comes here again
}

void worker_loop::enqueue(caf::resumable* job) {
  if (this_loop == this) {
    ready_.push_back(job);
    return;
  }
  {
    const std::lock_guard guard(mutex_);
    inbox_.push_back(job);
    has_inbox_.store(true);  // ordered with asleep_: see wait()
  }
  if (asleep_.exchange(false)) boost::asio::post(context_, [] {});
}

void worker_loop::take_inbox() {
  if (!has_inbox_.load(std::memory_order_acquire)) return;
  const std::lock_guard guard(mutex_);
  ready_.insert(ready_.end(), inbox_.begin(), inbox_.end());
  inbox_.clear();
  has_inbox_.store(false, std::memory_order_relaxed);
}

caf::resumable* worker_loop::next() {
  for (;;) {
    take_inbox();
    const bool round_over =
        jobs_left_ == 0 || (jobs_left_ % jobs_per_clock_read == 0 && clock::now() >= round_ends_);
    if (round_over || ready_.empty()) {
      serve_io();
      if (ready_.empty()) wait();
      jobs_left_ = std::min(ready_.size(), limits_.jobs_per_round);
      round_ends_ = clock::now() + limits_.longest_round;
    }
    if (ready_.empty()) continue;
    caf::resumable* const job = ready_.front();
    ready_.pop_front();
    --jobs_left_;
    return job;
  }
}

caf::resumable* worker_loop::take_left() {
  take_inbox();
  if (ready_.empty()) return nullptr;
  caf::resumable* const job = ready_.front();
  ready_.pop_front();
  return job;
}

void worker_loop::serve_io() {
  sockets_.poll();
  const auto now = clock::now();
  if (now >= context_due_) {
    context_due_ = now + context_interval;
    check_deadlines();
    context_.poll();
  }
  take_inbox();
}

void worker_loop::wait() {
  check_deadlines();
  arm();
  asleep_.store(true);
  if (has_inbox_.load()) {
    asleep_.store(false);
  } else {
    context_.run_one();  // usually what it finds is `sockets_ready_`
    asleep_.store(false);
  }
  sockets_.poll();
  take_inbox();
}

void worker_loop::arm() {
  if (armed_) return;
  armed_ = true;
  sockets_ready_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                            [this](const boost::system::error_code&) { armed_ = false; });
}

void worker_loop::check_deadlines() {
  if (deadline_timer_set_ || !sockets_.has_deadlines()) return;
  deadline_timer_set_ = true;
  deadline_timer_.expires_after(deadline_interval);
  deadline_timer_.async_wait([this](const boost::system::error_code& failed) {
    deadline_timer_set_ = false;
    if (!failed)
      sockets_.check_deadlines(std::chrono::floor<std::chrono::milliseconds>(clock::now()));
  });
}

}  // namespace troupe
