#include "net/io_scheduler.hpp"

#include <caf/actor_system.hpp>

namespace troupe {

namespace {

bool is_profiled(const caf::actor_system_config& config) {
  return caf::get_or(config, "scheduler.enable-profiling", false);
}

template <class Coordinator>
std::vector<io_worker> workers_in(Coordinator& scheduler) {
  std::vector<io_worker> workers;
  for (std::size_t i = 0; i != scheduler.num_workers(); ++i) {
    auto* const each = scheduler.worker_by_id(i);
    workers.push_back({each, each->data().loop.get()});
  }
  return workers;
}

}  // namespace

io_scheduler_config::io_scheduler_config() {
  // Made when the options have been read.
  module_factories.emplace_back([](caf::actor_system& system) -> caf::actor_system::module* {
    if (is_profiled(system.config())) return new profiled_io_coordinator(system);
    return new io_coordinator(system);
  });
  opt_group{custom_options_, "io-scheduler"}
      .add(jobs_per_poll, "jobs-per-poll", "actor turns between two looks at the sockets")
      .add(poll_interval, "poll-interval", "time between two looks at the sockets at most");
}

std::optional<std::string> io_scheduler_config::argument_for(const std::string& key,
                                                             const std::string& value) const {
  const caf::config_option* const option = custom_options_.qualified_name_lookup(key);
  const bool is_switch = option != nullptr && option->is_flag();
  if (is_switch && value == "false") return std::nullopt;
  return is_switch && value == "true" ? "--" + key : "--" + key + "=" + value;
}

io_scheduler::worker_data::worker_data(caf::scheduler::abstract_coordinator* parent)
    : worker_data(static_cast<const io_scheduler_config&>(parent->config())) {}

io_scheduler::worker_data::worker_data(const io_scheduler_config& config)
    : limits{.jobs_per_round = config.jobs_per_poll, .longest_round = config.poll_interval} {}

io_scheduler::worker_data::worker_data(const worker_data& prototype)
    : limits(prototype.limits), loop(std::make_unique<worker_loop>(limits)) {}

std::vector<io_worker> workers_of(caf::actor_system& system) {
  caf::scheduler::abstract_coordinator& scheduler = system.scheduler();
  if (is_profiled(system.config()))
    return workers_in(static_cast<profiled_io_coordinator&>(scheduler));
  return workers_in(static_cast<io_coordinator&>(scheduler));
}

}  // namespace troupe
