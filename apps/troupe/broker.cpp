#include "apps/troupe/broker.hpp"

#include "actors/authenticator_actor.hpp"
#include "actors/cluster_actor.hpp"
#include "actors/directory_actor.hpp"
#include "actors/end_now.hpp"
#include "actors/handshake_actor.hpp"
#include "actors/inspector_actor.hpp"
#include "actors/random_number.hpp"
#include "actors/registry_actor.hpp"
#include "actors/retention_actor.hpp"
#include "actors/shard_actor.hpp"
#include "actors/statistics_actor.hpp"
#include "apps/troupe/control.hpp"
#include "libbroker/config/host_port.hpp"
#include "net/cluster_port.hpp"
#include "net/cluster_secret.hpp"
#include "net/io_scheduler.hpp"
#include "persistence/earlier_life.hpp"
#include "persistence/log_reader_actor.hpp"
#include "persistence/node_record.hpp"
#include "persistence/store_actor.hpp"

#include <caf/all.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <stdexcept>
#include <thread>
#include <type_traits>

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
    if (auto argument = system.argument_for(key, value)) options.push_back(*std::move(argument));
  if (const caf::error failed = system.parse(std::move(options)))
    throw std::runtime_error("[caf]: " + caf::to_string(failed));
}

/// Asks each of `whom` in turn, before what they have queued unless it is `settle`, which
/// stands for just that; null handles are left out. Returns false when answers are missing at
/// `deadline`.
template <class Answer, class Handle, class Request>
bool ask_all(caf::scoped_actor& self, const std::vector<Handle>& whom, Request request,
             std::chrono::steady_clock::time_point deadline) {
  constexpr auto priority =
      std::is_same_v<Request, settle> ? caf::message_priority::normal : caf::message_priority::high;
  bool complete = true;
  for (const Handle& each : whom) {
    if (!each) continue;
    const auto time_left = std::max<std::chrono::steady_clock::duration>(
        deadline - std::chrono::steady_clock::now(), std::chrono::milliseconds(1));
    self->request<priority>(each, time_left, request)
        .receive([](const Answer&) {},
                 [&](const caf::error& reason) {
                   complete = false;
                   spdlog::warn("event=shutdown_incomplete reason=\"{}\"", caf::to_string(reason));
                 });
  }
  return complete;
}

}  // namespace

broker::broker(const config& settings) {
  node_.settings = settings;
  configure(system_config_, settings);
  cluster_key key{};
  if (!settings.cluster.listen.empty()) {
    load_cluster_modules(system_config_);
    key = read_cluster_key(settings.cluster);
  }
  open_store();
  name_node();
  system_ = std::make_unique<caf::actor_system>(system_config_);
  try {
    spawn_actors(key);
    restore();
    enter();
    if (store_ != nullptr)
      control_ = open_control(*store_, log_->streams(), {*system_, node_.cluster});
    open_listeners();
  } catch (...) {
    stop();  // the actors are up already, and the system waits for them
    throw;
  }
}

broker::~broker() { stop(); }

void broker::open_store() {
  if (node_.settings.node.data_dir.empty()) return;
  auto opened = database::open(node_.settings.node.data_dir, {});
  if (!opened) throw std::runtime_error(opened.error().what);
  store_ = *std::move(opened);
  auto log = offset_log::open(*store_, node_.settings.streams);
  if (!log) throw std::runtime_error(log.error().what);
  log_ = *std::move(log);
  const recovery_report& found = store_->recovered();
  if (found.is_damage())
    spdlog::error("event=store_damaged data_dir={} unreadable_bytes={} set_aside={}",
                  store_->directory(), found.dropped_bytes,
                  found.set_aside.empty() ? "nothing" : found.set_aside);
}

void broker::name_node() {
  if (store_ != nullptr) {
    auto identity = begin_life(*store_, node_.settings.node.name, random_number());
    if (!identity) throw std::runtime_error(identity.error().what);
    node_.identity = *std::move(identity);
    return;
  }
  const std::uint64_t home = random_number();
  node_.identity = {.name = node_.settings.node.name, .home = home, .incarnation = 1};
  if (node_.identity.name.empty()) node_.identity.name = make_node_name(home);
}

/// Other nodes may come once everything of an earlier life is there again.
void broker::enter() {
  if (!node_.cluster) return;
  const opened_cluster_port opened =
      open_cluster_port(*system_, node_.cluster, node_.settings.cluster, [this](std::size_t many) {
        node_.counts.add(&metrics::counters::links_refused, many);
      });
  connector_ = opened.connector;
  host_port reached = std::get<host_port>(parse_host_port(node_.settings.cluster.advertise.empty()
                                                              ? node_.settings.cluster.listen
                                                              : node_.settings.cluster.advertise));
  if (reached.port == 0) reached.port = opened.port;
  cluster_address_ = to_string(reached);
  spdlog::info("event=cluster_entered node={} address={}", node_.identity.name, cluster_address_);
  caf::anon_send(node_.cluster,
                 enter_cluster{cluster_address_, connector_, std::move(remembered_)});
}

void broker::spawn_actors(const cluster_key& key) {
  for (const io_worker& each : workers_of(*system_))
    homes_.push_back(each.home);
  const std::size_t shards =
      node_.settings.scheduler.shards != 0 ? node_.settings.scheduler.shards : homes_.size();
  const auto home = [&](std::size_t i) { return homes_[i % homes_.size()]; };

  node_.shard_load = std::make_unique<shard_gauge[]>(shards);
  if (store_ != nullptr) {
    node_.log_reader =
        system_->spawn<log_reader_actor, caf::detached>(node_.roster, *store_, *log_);
    node_.replay_reader =
        system_->spawn<log_reader_actor, caf::detached>(node_.roster, *store_, *log_);
    node_.store = system_->spawn<store_actor, caf::detached>(
        node_.roster, *store_, *log_, node_.log_head, node_.settings.store, node_.replay_reader,
        node_.settings.durability_rules);
  }
  node_.authenticator = system_->spawn<authenticator_actor>(node_.roster);
  node_.inspector = system_->spawn<inspector_actor, caf::detached>(node_);
  if (!node_.settings.cluster.listen.empty()) {
    node_.registry = system_->spawn<registry_actor>(node_);
    node_.cluster = system_->spawn<cluster_actor>(node_, key, homes_);
  }
  node_.host.shards = static_cast<std::uint32_t>(shards);
  node_.shards.resize(shards);
  for (std::size_t i = 0; i != shards; ++i)
    node_.shards[i] = spawn_at<shard_actor>(*system_, home(i), node_, static_cast<shard_index>(i));
  node_.directories.resize(homes_.size());
  for (std::size_t i = 0; i != node_.directories.size(); ++i)
    node_.directories[i] = spawn_at<directory_actor>(*system_, home(i), node_);
  for (caf::execution_unit* const worker : homes_)
    handshakes_.push_back(spawn_at<handshake_actor>(*system_, worker, node_));
  if (node_.settings.sys.interval.count() != 0)
    node_.statistics = system_->spawn<statistics_actor>(node_, node_.inspector);
}

void broker::restore() {
  if (store_ == nullptr) return;
  const clock_reading now =
      read_wall_clock(std::chrono::floor<std::chrono::milliseconds>(system_->clock().now()));

  earlier_life earlier =
      load_earlier_life(*store_, static_cast<std::uint32_t>(node_.shards.size()), now);
  for (std::size_t i = 0; i != earlier.retained.size(); ++i)
    caf::anon_send(node_.shards[i], std::move(earlier.retained[i]));
  for (restore_share& each : earlier.shares) {
    const directory_handle& directory = node_.directory_of(each.earlier->share);
    caf::anon_send(directory, std::move(each));
  }
  node_.earlier_marks = std::move(earlier.marks);
  remembered_ = std::move(earlier.members);
  if (node_.cluster) {
    caf::scoped_actor self(*system_);
    for (const restore_node& each : earlier.nodes)
      self->request(node_.cluster, caf::infinite, each)
          .receive([](const node_restored&) {},
                   [](const caf::error& reason) {
                     throw std::runtime_error("a node cannot be restored: " +
                                              caf::to_string(reason));
                   });
  }
  // Only now: sessions that go on write, and the store is the store actor's from then on.
  subscribe_again(earlier.sessions);
  forget_departed(earlier.nodes);
  spdlog::info("event=restored sessions={} share_groups={} retained={} expired={} damaged={}",
               earlier.sessions.size(), earlier.shares.size(), earlier.retained_messages,
               earlier.retained_expired, earlier.damaged);
}

/// Share groups may not have written down that these nodes will not come back.
void broker::forget_departed(const std::vector<restore_node>& still_kept) {
  for (const member_record& each : remembered_) {
    const bool is_kept = std::ranges::any_of(still_kept, [&](const restore_node& known) {
      return known.earlier->name == each.node.name;  // it has joined again
    });
    if (!each.left || is_kept) continue;
    for (const directory_handle& directory : node_.directories)
      caf::anon_send(directory,
                     share_node_died{share_id_of_node(each.node.name), each.node.home, true});
  }
}

/// Nobody publishes before the last of them has its subscriptions, not even a will.
void broker::subscribe_again(const std::vector<restore_session>& earlier) {
  caf::scoped_actor self(*system_);
  const auto fail = [](const caf::error& reason) {
    throw std::runtime_error("a session cannot be restored: " + caf::to_string(reason));
  };
  for (const restore_session& each : earlier)
    self->request(node_.directory_of(each.earlier->client_id), caf::infinite, each)
        .receive([](const session_restored&) {}, fail);
  for (const directory_handle& each : node_.directories)  // share groups have subscribed, too
    self->request(each, caf::infinite, settle{}).receive([](const settled&) {}, fail);
  for (const shard_handle& each : node_.shards)
    self->request(each, caf::infinite, settle{}).receive([](const settled&) {}, fail);
  for (const directory_handle& each : node_.directories)
    self->send(each, go_on{});
  retention_ = system_->spawn<retention_actor>(node_);
}

void broker::open_listeners() {
  const std::vector<io_worker> workers = workers_of(*system_);
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
  control_.reset();
  for (const auto& each : listeners_)
    each->stop();
  drain();
  if (node_.cluster) caf::anon_send(node_.cluster, stop_now{});
  end_now(connector_);
  end_now(node_.statistics);
  end_now(retention_);
  end_now(node_.inspector);
  end_now(node_.authenticator);
  end_now(node_.registry);
  for (const handshake_handle& each : handshakes_)
    end_now(each);
  for (const directory_handle& each : node_.directories)
    end_now(each);
  for (const shard_handle& each : node_.shards)
    end_now(each);
  end_now(node_.store);
  end_now(node_.log_reader);
  end_now(node_.replay_reader);
  node_.statistics = nullptr;
  retention_ = nullptr;
  connector_ = nullptr;
  system_->await_all_actors_done();  // they use the handles below to the last
  handshakes_.clear();
  node_.authenticator = nullptr;
  node_.inspector = nullptr;
  node_.cluster = nullptr;
  node_.registry = nullptr;
  node_.directories.clear();
  node_.shards.clear();
  node_.store = nullptr;
  node_.log_reader = nullptr;
  node_.replay_reader = nullptr;
  system_.reset();
  listeners_.clear();
}

void broker::drain() {
  const auto begin = std::chrono::steady_clock::now();
  // What is under way may take most of the time, but clients are to be told in any case,
  // and the actors' ends take some.
  const auto settled_by = begin + node_.settings.shutdown.deadline / 2;
  const auto dismissed_by = begin + node_.settings.shutdown.deadline * 7 / 8;

  caf::scoped_actor self(*system_);
  ask_all<handshakes_ended>(self, handshakes_, end_handshakes{}, settled_by);
  ask_all<all_done>(self, node_.directories, stop_all_reading{}, settled_by);
  const bool settled = ask_all<troupe::settled>(self, node_.shards, settle{}, settled_by);
  ask_all<all_done>(self, node_.directories, dismiss_all{.at_once = !settled}, dismissed_by);
  // Sessions have published wills and written down where they are.
  if (settled) ask_all<troupe::settled>(self, node_.shards, settle{}, dismissed_by);
  if (settled && store_ != nullptr) {
    ask_all<troupe::settled>(self, node_.directories, settle{}, dismissed_by);
    ask_all<troupe::settled>(self, std::vector{node_.store}, settle{}, dismissed_by);
  }
  ask_all<troupe::settled>(self, std::vector{node_.registry}, settle{}, dismissed_by);
  // The last ones: of what is to be on the disk here nothing waits for other nodes.
  ask_all<troupe::settled>(self, std::vector{node_.cluster}, settle{}, dismissed_by);
}

}  // namespace troupe
