#include "tests/actors/stage.hpp"

#include "actors/authenticator_actor.hpp"
#include "actors/directory_actor.hpp"
#include "actors/end_now.hpp"
#include "actors/handshake_actor.hpp"
#include "actors/shard_actor.hpp"
#include "tests/libbroker/codec/packet_line.hpp"

#include <boost/test/unit_test.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>

namespace troupe::test {

using namespace std::chrono_literals;

namespace {

/// Steps in which time passes.
constexpr auto tick = 100ms;

}  // namespace

connect lasting(std::string_view client_id, std::uint32_t expiry) {
  return {
      .version = protocol_version::v5, .client_id = client_id, .session_expiry_interval = expiry};
}

connect passing(std::string_view client_id) { return lasting(client_id, 0); }

// -- the stage --------------------------------------------------------------------

stage::stage(config settings, std::size_t shards, std::size_t directories,
             const store_maker& make_store) {
  spdlog::set_level(spdlog::level::off);
  system_config_.set("scheduler.policy", caf::atom("testing"));
  system_ = std::make_unique<caf::actor_system>(system_config_);
  system_->await_actors_before_shutdown(false);  // the destructor checks instead
  scheduler_ = &dynamic_cast<caf::scheduler::test_coordinator&>(system_->scheduler());
  scheduler_->clock().current_time += 1h;
  for (int i = 0; i != 2; ++i)
    homes_.emplace_back(*system_, *scheduler_);

  node_.settings = std::move(settings);
  node_.shard_load = std::make_unique<shard_gauge[]>(shards);
  if (make_store) make_store(*system_, node_);
  node_.host.shards = static_cast<std::uint32_t>(shards);
  node_.authenticator = system_->spawn<authenticator_actor>(node_.roster);
  node_.shards.resize(shards);
  for (std::size_t i = 0; i != shards; ++i)
    node_.shards[i] = spawn_at<shard_actor>(*system_, home(i), node_, static_cast<shard_index>(i));
  for (std::size_t i = 0; i != directories; ++i)
    node_.directories.push_back(spawn_at<directory_actor>(*system_, home(i), node_));
  for (worker& each : homes_)
    handshakes_.push_back(spawn_at<handshake_actor>(*system_, &each, node_));
  run();
}

stage::~stage() {
  held_.clear();
  for (const handshake_handle& each : handshakes_)
    BOOST_TEST(ask<handshakes_ended>(each, end_handshakes{}).has_value());
  if (!everybody_dismissed_) {
    stop_reading();
    settle_shards();
    dismiss_everybody();
    settle_shares();
  }
  end_now(node_.authenticator);
  end_now(node_.registry);
  end_now(node_.cluster);
  end_now(node_.store);
  end_now(node_.log_reader);
  end_now(node_.replay_reader);
  for (const handshake_handle& each : handshakes_)
    end_now(each);
  for (const directory_handle& each : node_.directories)
    end_now(each);
  for (const shard_handle& each : node_.shards)
    end_now(each);
  run();
  BOOST_TEST(actors() == 0U, "actors are left");
  for (const auto& line : cables_)
    BOOST_TEST(line->broker_closed, "a connection is left");
  BOOST_TEST(node_.counts.clients_online == 0U);
  BOOST_TEST(node_.counts.handshakes == 0U);
  for (std::size_t i = 0; i != node_.shards.size(); ++i)
    BOOST_TEST(node_.shard_load[i].bytes == 0U, "publish credit is lost");
  handshakes_.clear();
  node_.authenticator = nullptr;
  node_.registry = nullptr;
  node_.cluster = nullptr;
  node_.store = nullptr;
  node_.log_reader = nullptr;
  node_.replay_reader = nullptr;
  node_.directories.clear();
  node_.shards.clear();
  cables_.clear();
  system_.reset();
}

player stage::dial(bool anonymous_allowed) {
  cables_.push_back(std::make_shared<cable>());
  caf::execution_unit* const at = home(cables_.size());
  auto who = std::make_shared<client>();
  who->socket = std::make_unique<scripted_connection>(cables_.back(), at);
  who->anonymous_allowed = anonymous_allowed;
  caf::anon_send(handshakes_[cables_.size() % handshakes_.size()], greet{std::move(who)});
  return {*this, cables_.back()};
}

player stage::enter(const connect& request) {
  player made = dial();
  made.connect(request);
  return made;
}

player stage::online(const connect& request) {
  player made = enter(request);
  BOOST_TEST(made.received().starts_with("CONNACK"));
  return made;
}

bool stage::run_next(const std::function<bool(const caf::abstract_actor*)>& may_run) {
  std::vector<std::size_t> runnable;
  for (std::size_t i = 0; i != scheduler_->jobs.size(); ++i)
    if (may_run(dynamic_cast<caf::abstract_actor*>(scheduler_->jobs[i]))) runnable.push_back(i);
  if (runnable.empty()) return false;
  const std::size_t chosen =
      runnable[random_ ? static_cast<std::size_t>((*random_)() % runnable.size()) : 0];
  const auto at = scheduler_->jobs.begin() + static_cast<std::ptrdiff_t>(chosen);
  if (auto* const actor = dynamic_cast<caf::scheduled_actor*>(*at))
    if (const caf::mailbox_element* const next = actor->mailbox().peek())
      if (const std::type_info* const type = next->content().type(0).second)
        ++handled_[{actor, *type}];
  std::rotate(scheduler_->jobs.begin(), at, at + 1);
  scheduler_->run_once();
  return true;
}

bool stage::step() {
  return run_next([this](const caf::abstract_actor* job) { return !held_.contains(job); });
}

void stage::run() {
  while (step()) {
  }
}

void stage::wait(std::chrono::milliseconds span) {
  run();
  for (; span > 0ms; span -= tick) {
    scheduler_->advance_time(std::min(span, tick));
    check_deadlines();
    run();
  }
}

void stage::check_deadlines() {
  for (const auto& line : cables_) {
    if (!line->deadline || *line->deadline > scheduler_->clock().now()) continue;
    line->deadline.reset();
    line->report({.deadline_passed = true});
  }
}

std::size_t stage::sessions() {
  std::size_t sum = 0;
  for (const directory_handle& each : node_.directories)
    sum += ask<directory_description>(each, describe_directory{})->sessions;
  return sum;
}

void stage::restore(const earlier_life& earlier) {
  for (std::size_t i = 0; i != earlier.retained.size(); ++i)
    caf::anon_send(node_.shards[i], earlier.retained[i]);
  for (const restore_share& each : earlier.shares)
    caf::anon_send(node_.directory_of(each.earlier->share), each);
  for (const restore_session& each : earlier.sessions)
    BOOST_TEST_REQUIRE(
        ask<session_restored>(node_.directory_of(each.earlier->client_id), each).has_value());
  settle_shares();
  settle_shards();
  for (const directory_handle& each : node_.directories)
    caf::anon_send(each, go_on{});
  run();
}

void stage::stop_reading() {
  for (const directory_handle& each : node_.directories)
    BOOST_TEST(ask<all_done>(each, stop_all_reading{}).has_value());
}

void stage::settle_shards() {
  for (const shard_handle& each : node_.shards)
    BOOST_TEST(ask<settled>(each, settle{}).has_value());
}

void stage::settle_shares() {
  for (const directory_handle& each : node_.directories)
    BOOST_TEST(ask<settled>(each, settle{}).has_value());
}

void stage::dismiss_everybody() {
  everybody_dismissed_ = true;
  for (const directory_handle& each : node_.directories)
    BOOST_TEST(ask<all_done>(each, dismiss_all{}).has_value());
}

// -- the client -------------------------------------------------------------------

void player::connect(const troupe::connect& request) {
  version_ = request.version;
  send(request);
}

void player::send_bytes(std::string_view bytes) {
  line_->to_broker += bytes;
  line_->report({.readable = true});
}

void player::publish(std::string_view topic, std::string_view payload, qos level, packet_id id,
                     bool retain) {
  send(troupe::publish{
      .qos = level, .retain = retain, .topic = topic, .id = id, .payload = as_bytes(payload)});
}

void player::respond(packet_type type, packet_id id) { send(typed_response{type, {.id = id}}); }

void player::subscribe(std::string_view filter, qos level, packet_id id) {
  send(troupe::subscribe{.id = id, .entries = {{filter, {.qos = level}}}});
}

void player::subscribed(std::string_view filter, qos level) {
  subscribe(filter, level);
  BOOST_TEST(received().starts_with("SUBACK 1 0" + std::to_string(static_cast<int>(level)) + '\n'));
}

void player::disconnect(reason_code code) { send(troupe::disconnect{.code = code}); }

void player::hang_up() {
  line_->client_closed = true;
  line_->report({.readable = true, .hung_up = true});
}

void player::reset() {
  line_->client_closed = line_->reset = true;
  line_->report({.readable = true, .writable = true, .hung_up = true});
}

void player::take(std::size_t bytes) {
  line_->room = bytes;
  line_->report({.writable = true});
}

std::string player::received() {
  stage_->run();
  return arrived();
}

std::string player::arrived() {
  std::string lines;
  std::string_view rest = line_->to_client;
  while (!rest.empty()) {
    const auto scanned = scan_frame(as_bytes(rest), 0);
    BOOST_TEST_REQUIRE(scanned.has_value());
    if (scanned->status == frame_scan::status::incomplete) break;
    const auto decoded = decode_any(scanned->packet, version_, role::client);
    BOOST_TEST_REQUIRE(decoded.has_value(), describe(decoded));
    lines += packet_line(*decoded);
    rest.remove_prefix(scanned->size);
  }
  line_->to_client.erase(0, line_->to_client.size() - rest.size());
  return lines;
}

bool player::cut_off() {
  stage_->run();
  return line_->broker_closed;
}

}  // namespace troupe::test
