#include "actors/session_actor.hpp"

#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <cassert>
#include <memory>
#include <utility>

namespace troupe {

namespace {

/// Whose turn it is on this worker.
thread_local session_actor* running = nullptr;

}  // namespace

session_effects& session_actor::effects() {
  thread_local session_effects instance;
  return instance;
}

session_actor::session_actor(caf::actor_config& config, const node_context& house,
                             const shared_text& name)
    : homed(config, house.roster),
      house_(house),
      machine_(name, ++house.last_session_number, house.host) {}

caf::resumable::resume_result session_actor::resume(caf::execution_unit* host,
                                                    std::size_t messages) {
  running = this;
  const auto outcome = homed::resume(host, messages);
  assert(effects().is_clear());  // else the next session of this worker carries them out
  return outcome;
}

session_actor::behavior_type session_actor::make_behavior() {
  // One table serves all sessions: one of its own would take 0.6 KiB in each.
  static const behavior_type handlers{
      // CAF looks for a message's handler from the top: those per packet come first.
      [](const io_ready& event) { running->handle(event); },
      [](const deliver& batch) { running->handle(batch); },
      [](const flush& due) { running->handle(due); },
      [](const accepted& batch) { running->handle(batch); },
      [](const credit_returned& reply) { running->handle(reply); },
      [](attach_client& request) { running->handle(request); },
      [](const subscriptions_added& reply) { running->handle(reply); },
      [](const subscriptions_removed& reply) { running->handle(reply); },
      [](const retained_read& reply) { running->handle(reply); },
      [](const session_written& reply) { running->handle(reply); },
      [](const deliveries_missed& event) { running->handle(event); },
      [](const live_set& reply) { running->handle(reply); },
      [](log_read& reply) { running->handle(reply); },
      [](const replay_found& reply) { running->handle(reply); },
      [](const share_kept& reply) { running->handle(reply); },
      [](const restore_session& kept) { return running->handle(kept); },
      [](const go_on& request) { running->handle(request); },
      [](const session_said& message) { running->handle(message); },
      [](const node_followed& news) { running->handle(news); },
      [](const displace& event) { running->handle(event); },
      [](const move_timer& due) { running->handle(due); },
      [](const send_away& request) { running->handle(request); },
      [](const will_published& news) { running->handle(news); },
      [](const session_fenced& news) { running->handle(news); },
      [](const ask_interest& question) {
        return interest{running->machine_.interest(question.head)};
      },
      [](const ask_facts&) { return running->describe(); },
      [](const retired&) { running->quit(); },
      [](const stop_reading& request) { running->handle(request); },
      [](const dismiss& request) { running->handle(request); },
      [](const session_timer& due) { running->handle(due); },
  };
  return handlers;
}

void session_actor::on_exit() {
  if (socket_ != nullptr && !machine_.is_end()) --house_.counts.clients_online;
  socket_.reset();
  unfollow_all();
  if (travel_ != nullptr && travel_->is_counted) --house_.counts.ends_unread;
  travel_.reset();
  if (held_ != nullptr && held_->left_behind) house_.left_behind -= held_->bytes;
  held_.reset();
}

facts_told session_actor::describe() const {
  const connection_facts connection{.user = user_ == nullptr ? std::string() : *user_,
                                    .address = socket_ == nullptr ? std::string() : socket_->peer(),
                                    .since = came_or_went_,
                                    .node = house_.identity.name};
  return {machine_.facts(connection, read_wall_clock(current_time(*this)))};
}

// -- the connection ---------------------------------------------------------------

void session_actor::attach(attach_client& request) {
  const time_point now = current_time(*this);
  if (machine_.connected()) {  // [MQTT5-3.1.4-3], [MQTT311-3.1.4-2]
    spdlog::info("event=take_over client={} peer={}", log_text{machine_.client_id()},
                 request.who->socket->peer());
    machine_.dismiss(reason_code::session_taken_over, now, effects());
    carry_out(now);
  }
  ending_ = false;
  if (held_ != nullptr && std::exchange(held_->left_behind, false))
    house_.left_behind -= held_->bytes;
  attempts_ = request.attempt;  // only now: a session that ended above lives on with this one
  client& arrived = *request.who;
  socket_ = std::move(arrived.socket);
  socket_->watch(caf::actor_cast<connection_owner>(this), ++watch_);
  write_blocked_ = write_broken_ = read_blocked_ = read_scheduled_ = false;
  read_to_the_end_ = true;
  partial_.clear();

  if (!machine_.is_end()) count_client(arrived);
  came_or_went_ = now;
  const auto& user = arrived.request.user_name;
  user_ = user ? std::make_unique<const std::string>(*user) : nullptr;

  machine_.attach(arrived.request, arrived.assigned_id, now, effects());
  deadline_.reset();
  carry_out(now);
  if (machine_.next_end() != nullptr && house_.registry)
    follow_ends();
  else
    machine_.end_relay(now, effects());
  carry_out(now);
  if (!arrived.unread.empty() && socket_ != nullptr) take_input(arrived.unread.view(), now);
  if (socket_ != nullptr) read_input(now);
}

void session_actor::count_client(const client& arrived) const {
  const std::size_t online = ++house_.counts.clients_online;
  if (online > house_.counts.clients_online_maximum) house_.counts.clients_online_maximum = online;
  spdlog::info("event=connected client={} peer={} version={} keep_alive={} clean_start={}",
               log_text{machine_.client_id()}, socket_->peer(),
               static_cast<int>(arrived.request.version), arrived.request.keep_alive,
               arrived.request.clean_start);
}

void session_actor::describe_close() const {
  if (const auto& reason = effects().close_reason)
    spdlog::info("event=disconnected client={} peer={} code={:#04x} clause=\"{}\" reason=\"{}\"",
                 log_text{machine_.client_id()}, socket_->peer(), static_cast<int>(reason->code),
                 reason->clause, reason->what);
  else
    spdlog::info("event=disconnected client={} peer={}", log_text{machine_.client_id()},
                 socket_->peer());
}

void session_actor::close_connection(time_point now) {
  if (!machine_.is_end()) describe_close();
  // One attempt to write what is owed; who does not read does not get it.
  if (!machine_.output().empty() && !write_blocked_) write_output(now);
  machine_.output().clear();
  socket_.reset();
  came_or_went_ = now;
  partial_ = byte_buffer();
  if (held_ != nullptr) leave_behind();
  if (!machine_.is_end()) --house_.counts.clients_online;
}

/// What the client sent is still routed as credit allows. Nobody pushes back on who
/// is gone, so there is a limit for what all of them left; beyond it publishes, which
/// were not acknowledged, are dropped. Wills are not: they are few, and nobody sends them again.
void session_actor::leave_behind() {
  const std::size_t limit = house_.settings.limits.shard_credit;
  if (house_.left_behind.load(std::memory_order_relaxed) + held_->bytes > limit) {
    std::erase_if(held_->requests, [&](const routing_request& request) {
      const auto* const publish = std::get_if<shard_publish>(&request);
      if (publish == nullptr || publish->block->is_will()) return false;
      machine_.not_routed(*publish->block);
      house_.counts.add(&metrics::counters::publishes_dropped, publish->block->size());
      held_->bytes -= publish->block->bytes();
      return true;
    });
  }
  held_->left_behind = true;
  house_.left_behind += held_->bytes;
  release_held();
}

// -- carrying out -----------------------------------------------------------------

void session_actor::carry_out(time_point now) {
  apply_effects(now);
  flush_now_or_later(now);
}

void session_actor::apply_effects(time_point now) {
  session_effects& wanted = effects();
  machine_.keep_progress(now, wanted);
  house_.counts.add(wanted.counted);
  // In front of what share groups hear: what the session gives back it must not have any more.
  if (wanted.write.number != 0)
    send(house_.store,
         write_session{machine_.name(), std::exchange(wanted.write, {}), machine_.epoch(), self()});
  send_requests();
  for (share_call& each : wanted.reports)
    send_request(each);
  for (log_request& each : wanted.read_log)
    read_log_for(std::move(each), now);
  wanted.read_log.clear();
  carry_out_moves();
  tell_will();
  const bool close = wanted.close_connection;
  const bool ended = wanted.session_ended;
  const bool is_consumed = wanted.nothing_left;
  if (close) close_connection(now);
  // Behind the subscriptions that are held.
  if (wanted.presence_changed && held_ != nullptr)
    held_->presence_changed = true;
  else if (wanted.presence_changed)
    tell_presence();
  wanted.clear();
  if (ended) {
    ending_ = true;
    retire_when_done();
  } else if (close) {
    schedule_timer(now);
  }
  update_deadline();
  if (is_consumed) end_here(now);
}

void session_actor::carry_out_moves() {
  session_effects& wanted = effects();
  if (wanted.has_left)
    spdlog::info("event=session_left client={} end={}", log_text{machine_.client_id()},
                 machine_.end_number());
  if (wanted.has_left && machine_.has_more()) tell_more();
  if (wanted.wants_cuts) ask_for_cuts();
  if (wanted.tell_cuts) keep_ends();
  if (wanted.adopted) adopted(*wanted.adopted);
  if (!wanted.relayed.empty()) pass_to_end(wanted.relayed.view());
  // The machine knows when it ends.
  if (travel_ != nullptr && travel_->relay != 0 && (!machine_.has_relay() || wanted.open_relay))
    close_relay();
  if (wanted.open_relay) open_relay();
  for (const session_end& each : wanted.dropped_ends)
    say(each.node, {.what = session_message::verb::discard, .number = each.number});
  if (!wanted.dropped_at.empty())
    say(wanted.dropped_at, {.what = session_message::verb::discard, .count = machine_.stamp()});
  if (travel_ == nullptr) return;
  const bool may_give = machine_.connected() || !machine_.awaits_acceptance();
  if (!machine_.is_adopting() && may_give)
    for (const session_said& each : std::exchange(travel_->deferred, {}))
      send(self(), each);
  unfollow_unneeded();
}

void session_actor::retire_when_done() {
  // Until a shard has said that it forgot the session, messages may be on their way
  // that belong to a share group.
  if (!ending_ || held_ != nullptr || removals_ != 0) return;
  ending_ = false;
  send(house_.directory_of(machine_.client_id()), retire{machine_.name(), self(), attempts_});
}

// -- what outlives the process ------------------------------------------------------

session_restored session_actor::handle(const restore_session& kept) {
  machine_.restore(*kept.earlier, effects());
  if (machine_.is_end()) count_end();
  carry_out(current_time(*this));
  return {};
}

void session_actor::handle(const go_on&) {
  const time_point now = current_time(*this);
  // Other nodes may have published the will, and say so when they are linked.
  const auto will_grace =
      house_.registry ? house_.settings.cluster.dead_after / 2 : std::chrono::milliseconds(0);
  machine_.go_on(now, effects(), will_grace);
  carry_out(now);
  if (house_.registry && machine_.exists()) {
    follow_ends();
    await_origins();
    if (machine_.is_end() && machine_.waits_for_origins()) ask_all_origins();
  }
  schedule_timer(now);
}

// -- shutdown ---------------------------------------------------------------------

void session_actor::handle(const stop_reading&) {
  reading_stopped_ = true;
  send(house_.directory_of(machine_.client_id()), shutdown_step_done{});
}

void session_actor::handle(const dismiss& request) {
  const time_point now = current_time(*this);
  machine_.dismiss(request.code, now, effects());
  carry_out(now);
  send(house_.directory_of(machine_.client_id()), shutdown_step_done{.dismissed = true});
  quit();
}

}  // namespace troupe
