#include "actors/session_actor.hpp"

#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <utility>

namespace troupe {

namespace {

/// Byte ranges that one system call writes at most.
constexpr std::size_t views_per_write = 64;

/// SUBSCRIBE and UNSUBSCRIBE packets of one client that shards work on at a time.
constexpr std::size_t requests_in_progress = 64;

/// Longest time that a timer is set for; what is due later sets another.
constexpr std::chrono::minutes longest_timer{10};

/// Input of whoever reads at the moment, so that an idle client pins no buffer.
std::span<std::byte> read_buffer(std::size_t size) {
  thread_local byte_buffer buffer;
  return {buffer.prepare(size), size};
}

/// Whose turn it is on this worker.
thread_local session_actor* running = nullptr;

}  // namespace

session_effects& session_actor::effects() {
  thread_local session_effects instance;
  return instance;
}

session_actor::session_actor(caf::actor_config& config, const node_context& house,
                             const std::string& name)
    : homed(config, house.roster),
      house_(house),
      machine_(name, ++house.last_session_number, static_cast<std::uint32_t>(house.shards.size()),
               house.settings, &house.log_head, house.identity.home) {}

caf::resumable::resume_result session_actor::resume(caf::execution_unit* host,
                                                    std::size_t messages) {
  running = this;
  return homed::resume(host, messages);
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

// -- sockets and time ---------------------------------------------------------------

void session_actor::handle(const io_ready& event) {
  if (event.watch != watch_ || socket_ == nullptr) return;
  const time_point now = current_time(*this);
  read_to_the_end_ |= event.hung_up;
  if (event.readable) {
    read_scheduled_ = false;
    read_input(now);
  }
  if (socket_ == nullptr) return;
  if (event.writable && write_blocked_) write_output(now);
  if (event.deadline_passed) {
    // The keep alive of who has to wait for others stands still, not that of who takes nothing.
    if (read_blocked_ && !is_owed_too_much()) machine_.reading_paused(now);
    machine_.tick(now, effects());
    deadline_.reset();
    carry_out(now);
  }
}

void session_actor::handle(const session_timer& due) {
  if (timer_at_ != due.at) return;  // an earlier one was set meanwhile
  timer_at_.reset();
  if (machine_.connected()) return;
  const time_point now = current_time(*this);
  machine_.tick(now, effects());
  carry_out(now);
  schedule_timer(now);
}

void session_actor::handle(const flush&) {
  flush_requested_ = false;
  if (socket_ != nullptr) write_output(current_time(*this));
}

// -- reading ----------------------------------------------------------------------

bool session_actor::is_owed_too_much() noexcept {
  return machine_.output().size() > house_.settings.limits.output_buffer;
}

bool session_actor::may_read() noexcept {
  const limits_config& limits = house_.settings.limits;
  return !reading_stopped_ && (held_ == nullptr || held_->bytes <= limits.publish_backlog) &&
         (write_broken_ || !is_owed_too_much()) &&
         machine_.pending_requests() <= requests_in_progress;
}

void session_actor::schedule_read() {
  if (read_scheduled_ || socket_ == nullptr) return;
  read_scheduled_ = true;
  send(this, io_ready{.watch = watch_, .readable = true});
}

void session_actor::resume_reading() {
  if (!read_blocked_ || !may_read()) return;
  read_blocked_ = false;
  schedule_read();
}

std::size_t session_actor::missing_of_large_packet() const {
  if (partial_.empty()) return 0;
  const auto scanned = scan_frame(partial_.view(), 0);
  const bool large = scanned && scanned->size > house_.settings.scheduler.read_buffer / 16;
  return large ? scanned->size - partial_.size() : 0;
}

void session_actor::read_input(time_point now) {
  if (!may_read()) {
    read_blocked_ = true;  // TCP pushes back
    return;
  }
  const std::span<std::byte> buffer = read_buffer(house_.settings.scheduler.read_buffer);
  std::span<std::byte> room = buffer;
  // A large packet grows in memory of its own, as it comes.
  const std::size_t missing = missing_of_large_packet();
  if (missing != 0) {
    const std::size_t next = std::min(missing, buffer.size());
    room = {partial_.prepare(next), next};
  } else if (!partial_.empty()) {
    std::copy_n(partial_.data(), partial_.size(), buffer.begin());
    room = buffer.subspan(partial_.size());
  }
  const auto [bytes, status] = socket_->read_some(room);
  house_.counts.add(&metrics::counters::bytes_received, bytes);
  if (status == connection::io_status::would_block) read_to_the_end_ = false;
  const bool drained = bytes < room.size() && !read_to_the_end_;
  if (bytes != 0) {
    if (missing != 0) {
      partial_.commit(bytes);
      if (bytes == missing) {
        const byte_buffer whole = std::exchange(partial_, byte_buffer());
        take_input(whole.view(), now);
      }
    } else {
      const std::size_t before = std::exchange(partial_, byte_buffer()).size();
      take_input(buffer.first(before + bytes), now);
    }
  }
  if (socket_ == nullptr) return;
  if (status == connection::io_status::closed) {
    machine_.connection_lost(now, effects());
    carry_out(now);
  } else if (!drained) {
    schedule_read();  // more is waiting, but others have their turn first
  }
}

void session_actor::take_input(byte_view input, time_point now) {
  const std::size_t taken = machine_.receive(input, now, effects());
  if (taken != input.size()) partial_.append(input.subspan(taken));
  carry_out(now);
}

// -- writing ----------------------------------------------------------------------

void session_actor::flush_now_or_later(time_point now) {
  if (!mailbox().empty())
    flush_later();  // what is queued may have more to write
  else if (socket_ != nullptr && !write_blocked_ && !machine_.output().empty())
    write_output(now);
}

void session_actor::flush_later() {
  if (flush_requested_ || write_blocked_ || machine_.output().empty()) return;
  flush_requested_ = true;
  send(this, flush{});
}

void session_actor::write_output(time_point now) {
  output_queue& output = machine_.output();
  std::array<byte_view, views_per_write> views;
  std::size_t budget = house_.settings.limits.output_buffer;
  write_blocked_ = false;
  while (!output.empty()) {
    const std::size_t count = output.gather(views);
    const auto [bytes, status] = socket_->write_some(std::span(views).first(count));
    house_.counts.add(&metrics::counters::bytes_sent, bytes);
    output.consume(bytes);
    if (status != connection::io_status::ok) {
      // A broken connection is reported by the read behind what it had sent.
      write_blocked_ = true;
      write_broken_ = status == connection::io_status::closed;
      break;
    }
    budget -= std::min(budget, bytes);
    if (budget == 0) break;
  }
  if (!machine_.connected()) return;
  machine_.output_drained(now, effects());
  apply_effects(now);
  flush_later();  // a turn is one round of output: others have theirs first
  acknowledge_output();
  resume_reading();
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
  send_requests();
  for (log_request& each : wanted.read_log)
    read_log_for(std::move(each), now);
  wanted.read_log.clear();
  if (wanted.write.number != 0)
    send(house_.store,
         write_session{machine_.name(), std::exchange(wanted.write, {}), machine_.epoch(), self()});
  // Behind the write: what the session gives back it must not have any more.
  for (share_call& each : wanted.reports)
    send_request(each);
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
  // The machine knows when it ends.
  if (travel_ != nullptr && travel_->relay != 0 && (!machine_.has_relay() || wanted.open_relay))
    close_relay();
  if (wanted.open_relay) open_relay();
  if (!wanted.relayed.empty()) pass_to_end(wanted.relayed.view());
  for (const session_end& each : wanted.dropped_ends)
    say(each.node, {.what = session_message::verb::discard, .number = each.number});
  if (!wanted.dropped_at.empty())
    say(wanted.dropped_at, {.what = session_message::verb::discard, .count = machine_.stamp()});
  if (travel_ == nullptr) return;
  if (!machine_.is_adopting())
    for (const session_said& each : std::exchange(travel_->deferred, {}))
      send(self(), each);
  unfollow_unneeded();
}

void session_actor::read_log_for(log_request&& what, time_point now) {
  what.page.now = read_wall_clock(now);
  if (what.start)
    return send(house_.replay_reader, find_replay{std::move(what), self(), machine_.epoch()});
  send(what.follows ? house_.replay_reader : house_.log_reader,
       read_log{std::move(what), self(), machine_.epoch()});
}

void session_actor::tell_presence() {
  for (std::string& share : machine_.shares()) {
    share_call change{std::move(share), share_room{machine_.share_room()}};
    send_request(change);
  }
}

void session_actor::retire_when_done() {
  // Until a shard has said that it forgot the session, messages may be on their way
  // that belong to a share group.
  if (!ending_ || held_ != nullptr || removals_ != 0) return;
  ending_ = false;
  send(house_.directory_of(machine_.client_id()), retire{machine_.name(), self(), attempts_});
}

const session_flow_ptr& session_actor::flow() {
  if (flow_ == nullptr) flow_ = std::make_shared<session_flow>(machine_.client_id());
  return flow_;
}

std::optional<shard_index> session_actor::out_of_credit(shard_index shard) const noexcept {
  // Credit need not suffice for all of a block: a large message passes, too.
  const limits_config& limits = house_.settings.limits;
  if (flow_ != nullptr &&
      flow_->publishing.load(std::memory_order_relaxed) >= limits.publish_credit)
    return last_published_;
  if (house_.shard_load[shard].bytes.load(std::memory_order_relaxed) >= limits.shard_credit)
    return shard;
  return std::nullopt;
}

void session_actor::send_requests() {
  session_effects& wanted = effects();
  for (routing_request& request : wanted.requests) {
    auto* const publish = std::get_if<shard_publish>(&request);
    if (held_ == nullptr && (publish == nullptr || !out_of_credit(publish->shard))) {
      std::visit([this](auto& any) { send_request(any); }, request);
      continue;
    }
    if (held_ == nullptr) held_ = std::make_unique<held_requests>();
    if (publish != nullptr) {
      house_.counts.add(&metrics::counters::publishes_held);
      held_->bytes += publish->block->bytes();
    }
    held_->requests.push_back(std::move(request));
  }
  if (wanted.read_retained) send_request(*wanted.read_retained);
  if (held_ != nullptr && !held_->asked) release_held();
}

void session_actor::release_held() {
  for (; !held_->requests.empty(); held_->requests.pop_front()) {
    routing_request& next = held_->requests.front();
    if (auto* const publish = std::get_if<shard_publish>(&next)) {
      if (const auto full = out_of_credit(publish->shard)) {
        if (!std::exchange(held_->asked, true)) send(house_.shards[*full], ask_credit{self()});
        break;
      }
      held_->bytes -= publish->block->bytes();
      if (held_->left_behind) house_.left_behind -= publish->block->bytes();
    }
    std::visit([this](auto& any) { send_request(any); }, next);
  }
  if (held_->requests.empty()) {
    const bool presence_changed = held_->presence_changed;
    held_.reset();
    if (presence_changed) tell_presence();
    retire_when_done();
  }
  resume_reading();
}

void session_actor::send_request(shard_publish& request) {
  const std::size_t bytes = request.block->bytes();
  flow()->publishing.fetch_add(bytes, std::memory_order_relaxed);
  house_.shard_load[request.shard].bytes.fetch_add(bytes, std::memory_order_relaxed);
  last_published_ = request.shard;
  session_handle waiting;
  if (request.block->is_acknowledged()) waiting = self();
  send(house_.shards[request.shard], route{std::move(request.block), flow_, std::move(waiting),
                                           machine_.epoch(), machine_.is_durable()});
}

void session_actor::send_request(shard_subscribe& request) {
  const shard_handle& shard = house_.shards[request.shard];
  send(shard, add_subscriptions{std::move(request), self(), machine_.number(), flow()});
}

void session_actor::send_request(shard_unsubscribe& request) {
  const shard_handle& shard = house_.shards[request.shard];
  ++removals_;
  send(shard,
       remove_subscriptions{std::move(request), self(), machine_.number(), machine_.epoch()});
}

void session_actor::send_request(shard_set_live& request) {
  const shard_handle& shard = house_.shards[request.shard];
  send(shard, set_live{request, self(), machine_.number(), machine_.epoch()});
}

void session_actor::send_request(shard_read_retained& request) {
  const shard_handle& shard = house_.shards[request.shard];
  send(shard,
       read_retained{std::move(request), self(), machine_.epoch(), machine_.connection_epoch()});
}

void session_actor::send_request(share_call& call) {
  if (std::holds_alternative<share_leave>(call.what)) ++removals_;
  const directory_handle& directory = house_.directory_of(call.share);
  send(directory, to_share{std::move(call), self(), machine_.number(), machine_.epoch(), flow()});
}

void session_actor::update_deadline() {
  if (socket_ == nullptr) return;
  // Every packet moves the keep alive deadline on. The socket need not know: when
  // the old one passes, the machine finds nothing due and the new one is set.
  const auto due = machine_.deadline();
  if (due && (!deadline_ || *due < *deadline_)) {
    deadline_ = due;
    socket_->set_deadline(due);
  }
}

void session_actor::schedule_timer(time_point now) {
  if (machine_.connected()) return;
  const auto due = machine_.deadline();
  if (!due) return;
  // A pending timer keeps even an ended session's memory: one at a time, and not for long.
  const time_point at = std::min(*due, now + longest_timer);
  if (timer_at_ && *timer_at_ <= at) return;
  timer_at_ = at;
  delayed_send(this, at - now, session_timer{at});
}

// -- what shards send -------------------------------------------------------------

void session_actor::handle(const deliver& batch) {
  flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
  const time_point now = current_time(*this);
  if (batch.epoch == machine_.epoch())
    machine_.deliver(*batch.messages, batch.options, batch.from, now, effects());
  else
    machine_.return_delivery(*batch.messages, batch.options, effects());
  carry_out(now);
}

void session_actor::handle(const accepted& batch) {
  if (batch.epoch == machine_.epoch()) {
    if (batch.kept)
      machine_.accepted(*batch.block, effects());
    else
      machine_.not_kept(*batch.block, effects());
  } else {
    machine_.forget_packet_ids(*batch.block, effects());
  }
  carry_out(current_time(*this));
}

void session_actor::handle(const credit_returned&) {
  if (held_ == nullptr) return;
  held_->asked = false;
  release_held();
  carry_out(current_time(*this));
}

void session_actor::handle(const subscriptions_added& reply) {
  if (reply.epoch != machine_.epoch()) return;
  machine_.subscribed(reply.shard, reply.number, reply.retained_sequence, reply.with_retained,
                      effects());
  carry_out(current_time(*this));
  resume_reading();
}

void session_actor::handle(const subscriptions_removed& reply) {
  --removals_;
  retire_when_done();
  if (reply.epoch != machine_.epoch()) return;
  const time_point now = current_time(*this);
  machine_.unsubscribed(reply.number, reply.through, now, effects());
  carry_out(now);
  resume_reading();
}

void session_actor::handle(const retained_read& reply) {
  if (reply.epoch != machine_.epoch() || reply.connection_epoch != machine_.connection_epoch())
    return;
  const time_point now = current_time(*this);
  machine_.retained_read(reply.number, reply.page, now, effects());
  carry_out(now);
}

void session_actor::handle(const share_kept& reply) {
  if (reply.epoch != machine_.epoch()) return;
  machine_.share_kept(reply.number, current_time(*this), effects());
  carry_out(current_time(*this));
}

// -- what outlives the process ------------------------------------------------------

session_restored session_actor::handle(const restore_session& kept) {
  machine_.restore(*kept.earlier, effects());
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

void session_actor::handle(const session_written& reply) {
  if (reply.epoch != machine_.epoch()) return;
  const time_point now = current_time(*this);
  machine_.written(reply.number, reply.done, now, effects());
  carry_out(now);
  schedule_timer(now);
  resume_reading();
}

void session_actor::handle(const deliveries_missed& event) {
  if (event.epoch != machine_.epoch()) return;
  machine_.deliveries_missed(event.from, effects());
  carry_out(current_time(*this));
}

void session_actor::handle(const live_set& reply) {
  if (reply.epoch != machine_.epoch()) return;
  const time_point now = current_time(*this);
  machine_.live_set(reply.from, reply.number, reply.through, now, effects());
  carry_out(now);
  schedule_timer(now);
}

void session_actor::handle(log_read& reply) {
  if (reply.epoch != machine_.epoch()) return;
  const time_point now = current_time(*this);
  machine_.log_read(reply.number, std::move(reply.page), reply.failed, now, effects());
  carry_out(now);
}

void session_actor::handle(const replay_found& reply) {
  if (reply.epoch != machine_.epoch()) return;
  const time_point now = current_time(*this);
  machine_.replay_found(reply.number, reply.where, now, effects());
  carry_out(now);
  resume_reading();
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
