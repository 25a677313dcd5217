#include "apps/troupe/broker.hpp"

#include "actors/authenticator_actor.hpp"
#include "actors/directory_actor.hpp"
#include "actors/handshake_actor.hpp"
#include "actors/inspector_actor.hpp"
#include "actors/shard_actor.hpp"
#include "actors/statistics_actor.hpp"
#include "net/io_scheduler.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace troupe {

namespace {

/// Messages that an actor handles before others have their turn. CAF's default,
/// no limit, would starve I/O.
constexpr std::size_t messages_per_turn = 64;

void configure(io_scheduler_config& system, const config& settings) {
  const std::size_t workers = settings.scheduler.workers != 0
                                  ? settings.scheduler.workers
                                  : std::max(1U, std::thread::hardware_concurrency());
  system.set("scheduler.max-threads", workers);
  system.set("scheduler.max-throughput", messages_per_turn);
  system.jobs_per_poll = settings.scheduler.jobs_per_poll;
  system.poll_interval = settings.scheduler.poll_interval;
  std::vector<std::string> options;
  for (const auto& [key, value] : settings.caf)
    options.push_back("--" + key + '=' + value);
  if (const caf::error failed = system.parse(std::move(options)))
    throw std::runtime_error("[caf]: " + caf::to_string(failed));
}

}  // namespace

broker::broker(const config& settings) {
  node_.settings = settings;
  configure(system_config_, settings);
  system_ = std::make_unique<caf::actor_system>(system_config_);
  spawn_actors();
  try {
    open_listeners();
  } catch (...) {
    stop();  // the actors are up already, and the system waits for them
    throw;
  }
}

broker::~broker() { stop(); }

void broker::spawn_actors() {
  io_coordinator& workers = scheduler_of(*system_);
  const std::size_t shards = node_.settings.scheduler.shards != 0 ? node_.settings.scheduler.shards
                                                                  : workers.num_workers();
  for (std::size_t i = 0; i != workers.num_workers(); ++i)
    homes_.push_back(workers.worker_by_id(i));
  const auto home = [&](std::size_t i) { return homes_[i % homes_.size()]; };

  node_.shard_load = std::make_unique<shard_gauge[]>(shards);
  node_.authenticator = system_->spawn<authenticator_actor>();
  node_.shards.resize(shards);
  for (std::size_t i = 0; i != shards; ++i)
    node_.shards[i] = spawn_at<shard_actor>(*system_, home(i), node_, static_cast<shard_index>(i));
  node_.directories.resize(workers.num_workers());
  for (std::size_t i = 0; i != node_.directories.size(); ++i)
    node_.directories[i] = spawn_at<directory_actor>(*system_, home(i), node_);
  for (caf::execution_unit* const worker : homes_)
    handshakes_.push_back(spawn_at<handshake_actor>(*system_, worker, node_));
  inspector_ = system_->spawn<inspector_actor>(node_);
  if (node_.settings.sys.interval.count() != 0)
    statistics_ = system_->spawn<statistics_actor>(node_, inspector_);
}

void broker::open_listeners() {
  io_coordinator& workers = scheduler_of(*system_);
  for (const listener_config& wanted : node_.settings.listeners) {
    auto place = std::make_shared<const listener*>();
    auto opened = listener::open(wanted, workers, node_.settings.scheduler.accepts_per_turn,
                                 [this, wanted, place](std::unique_ptr<connection> socket) {
                                   admit(std::move(socket), wanted, **place);
                                 });
    *place = opened.get();
    listeners_.push_back(std::move(opened));
  }
}

void broker::admit(std::unique_ptr<connection> socket, const listener_config& from,
                   const listener& through) {
  const limits_config& limits = node_.settings.limits;
  std::size_t open = 0;
  for (const auto& each : listeners_)
    open += each->open_connections();
  const bool refused =
      (limits.max_connections != 0 && open > limits.max_connections) ||
      (from.max_connections != 0 && through.open_connections() > from.max_connections) ||
      node_.counts.handshakes >= limits.max_handshakes;
  if (refused) {
    node_.counts.add(&metrics::counters::connections_refused);
    spdlog::warn("event=refused peer={} reason=\"too many connections\" open={}", socket->peer(),
                 open);
    return;
  }
  node_.counts.add(&metrics::counters::connections_accepted);
  const auto home = std::find(homes_.begin(), homes_.end(), socket->home()) - homes_.begin();
  auto who = std::make_shared<client>();
  who->socket = std::move(socket);
  who->anonymous_allowed = from.anonymous_allowed();
  caf::anon_send(handshakes_[static_cast<std::size_t>(home)], greet{std::move(who)});
}

void broker::start() {
  for (const auto& each : listeners_)
    each->start();
}

std::vector<std::string> broker::addresses() const {
  std::vector<std::string> all;
  for (const auto& each : listeners_)
    all.push_back(each->address());
  return all;
}

void broker::stop() {
  if (std::exchange(stopped_, true)) return;
  const auto deadline = std::chrono::steady_clock::now() + node_.settings.shutdown.deadline;
  const auto time_left = [&] {
    return std::max<std::chrono::steady_clock::duration>(
        deadline - std::chrono::steady_clock::now(), std::chrono::milliseconds(1));
  };
  const auto too_late = [](const caf::error& reason) {
    spdlog::warn("event=shutdown_incomplete reason=\"{}\"", caf::to_string(reason));
  };

  for (const auto& each : listeners_)
    each->stop();
  {
    caf::scoped_actor self(*system_);
    for (const handshake_handle& each : handshakes_)
      self->request(each, time_left(), end_handshakes{})
          .receive([](const handshakes_ended&) {}, too_late);
    for (const directory_handle& each : node_.directories)
      self->request(each, time_left(), stop_all_reading{})
          .receive([](const all_done&) {}, too_late);
    for (const shard_handle& each : node_.shards)
      self->request(each, time_left(), settle{}).receive([](const settled&) {}, too_late);
    for (const directory_handle& each : node_.directories)
      self->request(each, time_left(), dismiss_all{}).receive([](const all_done&) {}, too_late);
  }
  caf::anon_send_exit(statistics_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(inspector_, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(node_.authenticator, caf::exit_reason::user_shutdown);
  for (const handshake_handle& each : handshakes_)
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  for (const directory_handle& each : node_.directories)
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  for (const shard_handle& each : node_.shards)
    caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
  statistics_ = nullptr;
  inspector_ = nullptr;
  system_->await_all_actors_done();  // they use the handles below to the last
  handshakes_.clear();
  node_.authenticator = nullptr;
  node_.directories.clear();
  node_.shards.clear();
  system_.reset();
  listeners_.clear();
}

}  // namespace troupe
