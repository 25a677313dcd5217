#pragma once

#include "apps/troupe-bench/options.hpp"
#include "apps/troupe-bench/plan.hpp"
#include "apps/troupe-bench/process_stats.hpp"
#include "apps/troupe-bench/report.hpp"
#include "apps/troupe-bench/run_context.hpp"
#include "apps/troupe-bench/worker.hpp"

#include <atomic>
#include <cstdint>
#include <functional>

namespace troupe::bench {

/// Leads the workers through a run: connect, publish, measure, wait for what
/// is still under way, disconnect.
class coordinator {
public:
  /// `interrupts`: the first one ends the measured interval early, the next one also the wait for
  /// what is still under way.
  /// Throws std::runtime_error with one sentence if the run cannot begin.
  coordinator(const options& wanted, const std::atomic<unsigned>& interrupts);
  ~coordinator();

  /// Throws std::runtime_error with one sentence if not all clients could connect.
  [[nodiscard]] summary run();

private:
  /// Sums over all workers.
  struct totals {
    std::uint64_t ready = 0;
    std::uint64_t failed = 0;
    std::uint64_t published = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t rejected = 0;
    std::uint64_t delivered = 0;
    std::uint64_t foreign = 0;
    std::int64_t last_delivery = 0;    ///< `now_ns`
    std::int64_t retrieval_began = 0;  ///< `now_ns`
  };
  /// All that is measured as a difference.
  struct snapshot {
    totals counts;
    std::int64_t at = 0;  ///< `now_ns`
    double own_cpu = 0;
    std::optional<process_sample> broker;
  };

  void connect_all();
  void measure_duration();
  void measure_messages();
  void measure_retained();
  void measure_drain();
  void measure_offline();
  void hold_idle();
  void publish();
  /// Publishes `count` messages that the broker has to keep, and waits until it has
  /// acknowledged them. Throws std::runtime_error with one sentence if it does not.
  void publish_for_later(std::uint64_t count);
  /// Measures how subscribers that `ask` get what was kept for them.
  void measure_retrieval(command ask);
  /// Disconnects all subscribers and waits until the broker knows.
  /// Throws std::runtime_error with one sentence if it does not.
  void send_subscribers_away();
  /// Waits until all deliveries and acknowledgements have arrived or none has for `linger` seconds.
  /// REQUIRES: nobody publishes any more.
  void drain();
  void finish();

  /// Waits until `done` is true; false if interrupted, or after `patience`
  /// seconds in which `progress` did not change.
  bool wait(const std::function<bool(const totals&)>& done,
            const std::function<std::uint64_t(const totals&)>& progress, double patience);
  /// Waits; returns early if interrupted or if a connection is lost that the result needs.
  void wait_until(std::int64_t until);
  [[nodiscard]] bool interrupted() const noexcept { return interrupts_ > obeyed_interrupts_; }
  void report_progress(const totals& now);
  void post_all(command what);
  void take_interval(const snapshot& begin, const snapshot& end);

  [[nodiscard]] totals sum() const;
  [[nodiscard]] snapshot take() const;
  /// Deliveries that what was published until now must cause.
  [[nodiscard]] std::uint64_t expected_deliveries() const;

  const options& wanted_;
  const std::atomic<unsigned>& interrupts_;
  const plan planned_;
  run_context context_;
  unsigned obeyed_interrupts_ = 0;
  summary summary_;
  totals shown_;
  std::int64_t started_ = 0;
  std::int64_t shown_at_ = 0;
};

}  // namespace troupe::bench
