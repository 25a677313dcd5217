#pragma once

#include "net/worker_loop.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/policy/unprofiled.hpp>

// CAF's worker tells CAF's logger, which Debian compiles out, before each turn whose
// it is: a dynamic_cast and a hash table, a fifth of a small turn's instructions.
#undef CAF_PUSH_AID_FROM_PTR
#define CAF_PUSH_AID_FROM_PTR(actor) CAF_VOID_STMT

#include <caf/scheduler/coordinator.hpp>
#include <caf/scheduler/profiled_coordinator.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// A CAF configuration that knows the scheduler's options, and has it measured with CAF's own
/// `scheduler.enable-profiling`.
class io_scheduler_config : public caf::actor_system_config {
public:
  io_scheduler_config();

  /// How CAF's command line takes `value` for its option `key`, as "scheduler.max-threads". Nothing
  /// for a switch that is off, which CAF is told by leaving it out.
  [[nodiscard]] std::optional<std::string> argument_for(const std::string& key,
                                                        const std::string& value) const;

  std::size_t jobs_per_poll = 64;
  caf::timespan poll_interval{1'000'000};
};

/// A scheduling policy for `caf::scheduler::coordinator`: each worker is an Asio
/// event loop, so that bytes, packet, session, shard, session and bytes again
/// can follow each other on one thread.
class io_scheduler : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    std::atomic<std::size_t> next_worker{0};
  };

  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator* parent);
    explicit worker_data(const io_scheduler_config& config);
    /// CAF makes its workers from one prototype: a copy is a loop of its own.
    worker_data(const worker_data& prototype);

    worker_loop::limits limits;
    std::unique_ptr<worker_loop> loop;
  };

  /// From a worker: stays with it. From elsewhere: to the workers in turn.
  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* job) {
    if (worker_loop* const here = worker_loop::current()) return here->enqueue(job);
    const std::size_t turn = d(self).next_worker.fetch_add(1, std::memory_order_relaxed);
    self->worker_by_id(turn % self->num_workers())->external_enqueue(job);
  }

  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* job) {
    d(self).loop->enqueue(job);
  }

  /// `self` need not be the calling worker: an actor with a home is queued there.
  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* job) {
    d(self).loop->enqueue(job);
  }

  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* job) {
    d(self).loop->enqueue(job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    d(self).loop->enter(self);
    return d(self).loop->next();
  }

  template <class Worker, class Function>
  void foreach_resumable(Worker* self, Function f) {
    while (caf::resumable* const job = d(self).loop->take_left())
      f(job);
  }

  template <class Coordinator, class Function>
  void foreach_central_resumable(Coordinator*, Function) {}
};

using io_coordinator = caf::scheduler::coordinator<io_scheduler>;

/// The same with CAF's profiler, which measures each turn and writes a file.
using profiled_io_coordinator =
    caf::scheduler::profiled_coordinator<caf::policy::profiled<io_scheduler>>;

/// A worker, whatever measures it.
struct io_worker {
  caf::execution_unit* home = nullptr;  ///< of actors
  worker_loop* loop = nullptr;
};

/// The workers of a system that was configured with an `io_scheduler_config`; they live as long.
[[nodiscard]] std::vector<io_worker> workers_of(caf::actor_system& system);

}  // namespace troupe
