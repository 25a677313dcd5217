// What a session asks of shards, share groups, the log and the store, and what they answer.

#include "actors/session_actor.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>

namespace troupe {

// -- what it asks -----------------------------------------------------------------

const session_flow_ptr& session_actor::flow() {
  if (flow_ == nullptr) flow_ = std::make_shared<session_flow>(std::string(machine_.client_id()));
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

// -- what they answer -------------------------------------------------------------

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

}  // namespace troupe
