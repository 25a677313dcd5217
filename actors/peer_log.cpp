// What a peer's node gets of the log, and what is kept of it.

#include "actors/peer_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
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
    const forward_bounds now = bounds();
    log_->link_up(begins_anew, now, log_effects_);
    return carry_out_log(now.has_room);
  }
  log_ =
      std::make_unique<forward_log>(static_cast<std::uint32_t>(house_.shards.size()), log_head());
  kept_positions_ = log_->handled_positions();
  write_down({});
}

void peer_actor::follow_log() {
  if (log_ == nullptr) return;
  const forward_bounds now = bounds();
  log_->follow(now, log_effects_);
  carry_out_log(now.has_room);
}

void peer_actor::carry_out_log(bool had_room) {
  forward_effects due = std::exchange(log_effects_, {});
  count_waiting();
  if (due.has_caught_up)
    for (const shard_handle& shard : house_.shards)
      send(shard, node_caught_up{number_});
  if (due.has_caught_up && !due.messages) answer_fences();
  for (const shard_set_live& each : due.requests)
    send(house_.shards[each.shard],
         troupe::set_live{each, caf::actor_cast<subscriber_handle>(this), number_, 0});
  if (due.read_log) {
    due.read_log->page.now = read_wall_clock(current_time(*this));
    send(house_.log_reader,
         read_log{*std::move(due.read_log), caf::actor_cast<subscriber_handle>(this)});
  }
  if (!due.messages) return;
  if (!had_room) return drop(*due.messages);  // they have QoS 0
  forward(*due.messages, false);
  request_flush();
}

/// What waits for the log counts against the shards' credit, which bounds how much does.
void peer_actor::count_waiting() noexcept {
  const std::size_t now = log_ != nullptr ? log_->waiting_bytes() : 0;
  flow_->delivering.fetch_add(now - std::exchange(counted_waiting_, now),
                              std::memory_order_relaxed);
}

/// Of a machine that says nothing of it itself.
void peer_actor::set_live(bool live) {
  for (shard_index shard = 0; shard != house_.shards.size(); ++shard)
    send(house_.shards[shard],
         troupe::set_live{{shard, 0, live}, caf::actor_cast<subscriber_handle>(this), number_, 0});
}

void peer_actor::handle(const deliveries_missed& event) {
  if (log_ == nullptr) return;
  const forward_bounds now = bounds();
  log_->deliveries_missed(event.from, now, log_effects_);
  carry_out_log(now.has_room);
}

void peer_actor::handle(const live_set& reply) {
  if (log_ == nullptr) return;
  const forward_bounds now = bounds();
  log_->live_set(reply.from, reply.number, reply.through, now, log_effects_);
  carry_out_log(now.has_room);
}

void peer_actor::handle(log_read& reply) {
  if (log_ == nullptr) return;
  const forward_bounds now = bounds();
  log_->log_read(reply.number, std::move(reply.page), reply.failed, now, log_effects_);
  carry_out_log(now.has_room);
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
  write_down({});
}

/// The node has left: nothing is kept for it any more.
void peer_actor::forget_log() {
  if (log_ == nullptr) return;
  log_ = nullptr;
  count_waiting();
  kept_positions_.clear();
  kept_routes_.clear();
  set_live(true);
  for (const shard_handle& shard : house_.shards)
    send(shard, node_caught_up{number_});
  write_down({.forgets = true});
}

/// Has lasting routes written down, so that messages are kept for them after a restart, too.
/// Returns whether an answer will come, with `ticket`.
bool peer_actor::keep_routes(const std::vector<route_change>& changes, std::uint64_t ticket) {
  if (log_ == nullptr) return false;
  pending_write write;
  for (const route_change& change : changes) {
    if (!is_shared_filter(change.filter)) log_->change_route(change, log_head());
    const bool is_lasting = change.interest == route_interest::lasting;
    if (is_lasting ? kept_routes_.try_emplace(change.filter, log_head()).second
                   : kept_routes_.erase(change.filter) != 0)
      write.filters.push_back(change.filter);
  }
  if (write.filters.empty()) return false;
  write.tickets = {ticket};
  write_down(std::move(write));
  return true;
}

void peer_actor::write_down(pending_write&& what) {
  node_write change{.name = name_, .forgets = what.forgets};
  if (log_ != nullptr) change.handled = kept_positions_;
  for (const std::string& filter : what.filters) {
    const auto kept = kept_routes_.find(filter);
    change.routes.push_back(kept == kept_routes_.end()
                                ? kept_route{filter, route_interest::none}
                                : kept_route{filter, route_interest::lasting, kept->second});
  }
  send(house_.store, write_node{.change = std::move(change),
                                .reply_to = caf::actor_cast<peer_handle>(this),
                                .ticket = ++last_write_});
  writes_.emplace(last_write_, std::move(what));
}

void peer_actor::handle(const node_written& answer) {
  auto found = writes_.extract(answer.ticket);
  if (found.empty()) return;
  pending_write& what = found.mapped();
  if (answer.done) {
    is_disk_broken_ = false;
    for (const std::uint64_t ticket : what.tickets)
      installed(ticket);
    return;
  }
  if (!std::exchange(is_disk_broken_, true)) spdlog::error("event=node_not_written node={}", name_);
  if (!write_again_at_) {
    write_again_at_ = current_time(*this) + keep_interval;
    set_timer();
  }
  unwritten_.filters.insert(unwritten_.filters.end(), what.filters.begin(), what.filters.end());
  unwritten_.tickets.insert(unwritten_.tickets.end(), what.tickets.begin(), what.tickets.end());
  unwritten_.forgets |= what.forgets;
}

/// Once in a while, until the disk takes it.
void peer_actor::write_again() {
  if (!write_again_at_ || *write_again_at_ > current_time(*this)) return;
  write_again_at_.reset();
  pending_write again = std::exchange(unwritten_, {});
  again.forgets &= log_ == nullptr;  // else the node is back
  std::ranges::sort(again.filters);
  const auto [from, to] = std::ranges::unique(again.filters);
  again.filters.erase(from, to);  // a filter may be among them for several changes
  write_down(std::move(again));
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
  for (const kept_route& each : earlier.routes)
    kept_routes_.emplace(each.filter, each.begin);
  watch_shards(0);
  if (log_ != nullptr && !log_->is_live()) set_live(false);
  for (const shard_handle& shard : house_.shards)
    send(shard, unwatch_routes{number_});
  std::vector<route_change> routes;
  for (const kept_route& each : earlier.routes) {
    routes.push_back({each.filter, each.interest});
    if (log_ != nullptr && !is_shared_filter(each.filter))
      log_->change_route(routes.back(), each.begin);
  }
  routes_.apply(routes);
  install(routes, 0);
  return {};
}

interest peer_actor::handle(const ask_interest& question) {
  return {log_ == nullptr ? std::nullopt : log_->interest(question.head)};
}

}  // namespace troupe
