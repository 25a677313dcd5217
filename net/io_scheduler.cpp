#include "net/io_scheduler.hpp"

#include <caf/actor_system.hpp>

namespace troupe {

io_scheduler_config::io_scheduler_config() {
  load<io_coordinator>();
  opt_group{custom_options_, "io-scheduler"}
      .add(jobs_per_poll, "jobs-per-poll", "actor turns between two looks at the sockets")
      .add(poll_interval, "poll-interval", "time between two looks at the sockets at most");
}

io_scheduler::worker_data::worker_data(caf::scheduler::abstract_coordinator* parent)
    : worker_data(static_cast<const io_scheduler_config&>(parent->config())) {}

io_scheduler::worker_data::worker_data(const io_scheduler_config& config)
    : limits{.jobs_per_round = config.jobs_per_poll, .longest_round = config.poll_interval} {}

io_scheduler::worker_data::worker_data(const worker_data& prototype)
    : limits(prototype.limits), loop(std::make_unique<worker_loop>(limits)) {}

io_coordinator& scheduler_of(caf::actor_system& system) {
  return static_cast<io_coordinator&>(system.scheduler());
}

}  // namespace troupe
