// What a peer's node gets of the log, and what is kept of it.

#include "actors/peer_actor.hpp"

#include <utility>

namespace troupe {

namespace {

/// How far the node has come is written down so often, if it has come further.
constexpr std::chrono::seconds keep_interval{1};

}  // namespace

/// The link is up: what the node missed is read.
void peer_actor::enter_log(bool begins_anew) {
  if (!house_.store) return;
  if (log_ != nullptr) {
    log_->link_up(begins_anew, log_head(), has_room(), log_effects_);
    return carry_out_log(has_room());
  }
  log_ =
      std::make_unique<forward_log>(static_cast<std::uint32_t>(house_.shards.size()), log_head());
  kept_positions_ = log_->handled_positions();
  send(house_.store, write_node{.change = {.name = name_, .handled = kept_positions_}});
}

void peer_actor::follow_log() {
  if (log_ == nullptr) return;
  const bool had_room = has_room();
  log_->follow(log_head(), had_room, log_effects_);
  carry_out_log(had_room);
}

void peer_actor::carry_out_log(bool had_room) {
  forward_effects due = std::exchange(log_effects_, {});
  for (const shard_set_live& each : due.requests)
    send(house_.shards[each.shard],
         set_live{each, caf::actor_cast<subscriber_handle>(this), number_, 0});
  if (due.read_log) {
    due.read_log->page.now = read_wall_clock(current_time(*this));
    send(house_.log_reader,
         read_log{*std::move(due.read_log), caf::actor_cast<subscriber_handle>(this)});
  }
  if (!due.messages) return;
  // Without room they are not of the log.
  if (!had_room)
    return pass_on(deliver{.messages = delivery_ptr(std::move(due.messages)),
                           .options = {.maximum_qos = qos::exactly_once}});
  forward(*due.messages, false);
  request_flush();
}

void peer_actor::handle(const deliveries_missed& event) {
  if (log_ == nullptr) return;
  const bool had_room = has_room();
  log_->deliveries_missed(event.from, log_head(), had_room, log_effects_);
  carry_out_log(had_room);
}

void peer_actor::handle(const live_set& reply) {
  if (log_ == nullptr) return;
  const bool had_room = has_room();
  log_->live_set(reply.from, reply.number, reply.through, log_head(), had_room, log_effects_);
  carry_out_log(had_room);
}

void peer_actor::handle(log_read& reply) {
  if (log_ == nullptr) return;
  const bool had_room = has_room();
  log_->log_read(reply.number, std::move(reply.page), reply.failed, log_head(), had_room,
                 log_effects_);
  carry_out_log(had_room);
}

// -- what is kept ---------------------------------------------------------------------

/// Writes down how far the node has come, at most once in a while.
void peer_actor::keep_progress() {
  if (log_ == nullptr) return;
  log_->handled(link_.handled_by_other());
  const time_point now = current_time(*this);
  if (now - kept_at_ < keep_interval || log_->handled_positions() == kept_positions_) return;
  kept_at_ = now;
  kept_positions_ = log_->handled_positions();
  send(house_.store, write_node{.change = {.name = name_, .handled = kept_positions_}});
}

/// The node has left: nothing is kept for it any more.
void peer_actor::forget_log() {
  if (log_ == nullptr) return;
  log_ = nullptr;
  kept_positions_.clear();
  kept_routes_.clear();
  send(house_.store, write_node{.change = {.name = name_, .forgets = true}});
}

/// Has lasting routes written down, so that messages are kept for them after a restart, too.
/// Returns whether an answer will come, with `ticket`.
bool peer_actor::keep_routes(const std::vector<route_change>& changes, std::uint64_t ticket) {
  if (log_ == nullptr) return false;
  node_write write{.name = name_};
  for (const route_change& change : changes) {
    log_->change_route(change);
    const bool is_lasting = change.interest == route_interest::lasting;
    if (is_lasting ? kept_routes_.insert(change.filter).second
                   : kept_routes_.erase(change.filter) != 0)
      write.routes.push_back(change);
  }
  if (write.routes.empty()) return false;
  send(house_.store, write_node{.change = std::move(write),
                                .reply_to = caf::actor_cast<peer_handle>(this),
                                .ticket = ticket});
  return true;
}

node_restored peer_actor::handle(const restore_node& kept) {
  const kept_node& earlier = *kept.earlier;
  if (house_.store && earlier.handled.empty())  // how far it had come is damaged
    log_ =
        std::make_unique<forward_log>(static_cast<std::uint32_t>(house_.shards.size()), log_head());
  else if (house_.store)
    log_ = std::make_unique<forward_log>(static_cast<std::uint32_t>(house_.shards.size()),
                                         earlier.handled);
  kept_positions_ = earlier.handled;
  for (const route_change& each : earlier.routes)
    kept_routes_.insert(each.filter);
  watch_shards(0);
  for (const shard_handle& shard : house_.shards)
    send(shard, unwatch_routes{number_});
  std::vector<route_change> routes = earlier.routes;
  routes_.apply(routes);
  install(routes, 0);
  return {};
}

interest peer_actor::handle(const ask_interest& question) {
  return {log_ == nullptr ? std::nullopt : log_->interest(question.head)};
}

}  // namespace troupe
