#include "actors/shard_routes.hpp"

#include "libbroker/router/merge_indexes.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Filters that a node is told of in one message.
constexpr std::size_t changes_per_message = 1000;

/// What begins the topics that every node publishes for itself.
constexpr std::string_view own_topics = "$SYS";

/// How messages are forwarded for which somebody there has `interest`.
subscription_options options_for(route_interest interest) noexcept {
  const qos level =
      interest == route_interest::at_most_once ? qos::at_most_once : qos::exactly_once;
  return {.qos = level, .retain_as_published = true};
}

/// The greatest offset of a message in the log; 0 if none is.
log_offset last_logged(const delivery& messages) noexcept {
  log_offset last = 0;
  for (const message_run& run : messages.runs)
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
      last = std::max(last, (*run.block)[i].log_offset);
  return last;
}

}  // namespace

shard_routes::shard_routes(shard_handle::base& shard, const node_context& house, shard_index number)
    : shard_(shard), house_(house), number_(number), forwards_(retained_store::limits{}) {
  forwards_.pass_on_retained();
}

void shard_routes::clear() {
  nodes_.clear();
  deliveries_.clear();
  held_.clear();
  shares_.clear();
}

// -- what others want -----------------------------------------------------------------

void shard_routes::install(const install_routes& request) {
  const auto known = nodes_.find(request.node);
  if (known == nodes_.end()) return;  // it watches before it wants
  for (const route_change& change : request.changes) {
    const topic_filter filter = *parse_topic_filter(change.filter);
    if (change.interest == route_interest::none)
      forwards_.unsubscribe(known->second.index, filter);
    else
      forwards_.subscribe(known->second.index, filter, options_for(change.interest), 0,
                          change.interest == route_interest::lasting);
  }
  if (request.ticket != 0) shard_.send(known->second.peer, routes_installed{request.ticket});
}

void shard_routes::hand_out() {
  forwards_.flush(deliveries_);
  for (const routed& match : deliveries_)
    hand_out(match);
  deliveries_.clear();
}

void shard_routes::add_logged(const message_block& block, std::vector<std::uint32_t>& which) {
  forwards_.find_messages(
      block, found_, [this](const message_entry& entry, const subscription& by) {
        return entry.qos != qos::at_most_once &&
               (by.logged ||
                (by.options.qos != qos::at_most_once && !node_at_[by.subscriber]->caught_up));
      });
  merge_indexes(found_, which);
}

bool shard_routes::change_live(const set_live& request) {
  const auto known = nodes_.find(request.session);
  if (known == nodes_.end()) return false;
  known->second.live = request.request.live;
  if (!known->second.live) known->second.caught_up = false;
  return true;
}

void shard_routes::handle(const node_caught_up& event) {
  const auto known = nodes_.find(event.node);
  if (known != nodes_.end()) known->second.caught_up = known->second.live;
}

void shard_routes::hand_out(const routed& match) {
  node& to = *node_at_[match.to];
  // What it reads from the log later.
  const bool in_log =
      house_.store && match.messages->all_logged && match.options.maximum_qos != qos::at_most_once;
  if (in_log && !to.live) {
    to.passed = std::max(to.passed, last_logged(*match.messages));
    return;
  }
  const std::size_t bytes = match.messages->footprint();
  const std::size_t waiting = to.flow->delivering.fetch_add(bytes, std::memory_order_relaxed);
  if (waiting <= house_.settings.limits.delivery_credit) {
    shard_.send(to.peer, deliver{match.messages, match.options, 0, number_, to.passed});
    return;
  }
  to.flow->delivering.fetch_sub(bytes, std::memory_order_relaxed);
  to.passed = std::max(to.passed, last_logged(*match.messages));
  to.caught_up = !house_.store;
  if (house_.store && std::exchange(to.live, false))
    shard_.send(to.peer, deliveries_missed{number_});
  if (in_log) return;
  house_.counts.add(&metrics::counters::forwards_dropped, match.messages->messages);
}

// -- what this node wants -------------------------------------------------------------

void shard_routes::watch(const watch_routes& request, const router& from) {
  const auto [at, is_new] = nodes_.try_emplace(request.node);
  node& known = at->second;
  if (is_new) {
    known = {request.peer, request.flow, forwards_.join(request.node)};
    if (known.index >= node_at_.size()) node_at_.resize(known.index + 1);
    node_at_[known.index] = &known;
  }
  forwards_.add_retained_subscriber(known.index);
  tell();  // others; it gets everything, or nothing has changed since
  announcer_.node_up(request.node, request.snapshot != 0);
  if (request.snapshot == 0) return;

  routes_changed part{.shard = number_};
  const auto tell_of = [&](std::string_view filter, route_interest interest) {
    part.changes.push_back({std::string(filter), interest});
    if (part.changes.size() < changes_per_message) return;
    shard_.send(known.peer, std::move(part));
    part = {.shard = number_};
  };
  from.for_each_interest([&](std::string_view filter, route_interest interest) {
    if (is_announced_here(filter)) tell_of(filter, interest);
  });
  for (const auto& [share, interest] : shares_)
    tell_of(share, interest);
  part.completes = request.snapshot;
  part.ticket = announcer_.last_ticket();
  shard_.send(known.peer, std::move(part));
}

void shard_routes::unwatch(const unwatch_routes& request) {
  announcer_.node_down(request.node);
  release_answers();
  // When the link is up again retained messages are compared.
  const auto known = nodes_.find(request.node);
  if (known != nodes_.end()) forwards_.remove_retained_subscriber(known->second.index);
}

void shard_routes::handle(const routes_announced& answer) {
  announcer_.announced(answer.node, answer.ticket);
  release_answers();
}

void shard_routes::changed(std::string_view filter, route_interest before, route_interest after) {
  if (before == after || nodes_.empty() || !is_announced_here(filter)) return;
  announcer_.add({std::string(filter), after});
}

bool shard_routes::is_announced_here(std::string_view filter) const noexcept {
  return !filter.starts_with(own_topics) &&
         shard_of(filter, static_cast<std::uint32_t>(house_.shards.size())) == number_;
}

void shard_routes::share_changed(const std::string& share, std::string_view filter,
                                 route_interest after) {
  if (!is_announced_here(filter)) return;
  const auto known = shares_.find(share);
  const route_interest before = known == shares_.end() ? route_interest::none : known->second;
  if (before == after) return;
  if (after == route_interest::none)
    shares_.erase(known);
  else
    shares_.insert_or_assign(share, after);
  if (!nodes_.empty()) announcer_.add({share, after});
}

void shard_routes::tell() {
  if (!announcer_.has_untold()) return;
  const std::vector<route_change> changes = announcer_.tell();
  for (const auto& [number, known] : nodes_)
    shard_.send(
        known.peer,
        routes_changed{.shard = number_, .ticket = announcer_.last_ticket(), .changes = changes});
}

void shard_routes::answer_when_known(subscriber_handle subscriber, subscriptions_added&& answer) {
  const std::uint64_t ticket = announcer_.last_ticket() + (announcer_.has_untold() ? 1 : 0);
  if (announcer_.is_known_everywhere(ticket)) {
    shard_.send(subscriber, std::move(answer));
    return;
  }
  held_.push_back({ticket, current_time(shard_), std::move(subscriber), std::move(answer)});
  if (std::exchange(timer_set_, true)) return;
  shard_.delayed_send(&shard_, house_.settings.cluster.subscribe_wait, announcing_timer{});
}

void shard_routes::release_answers() {
  while (!held_.empty() && announcer_.is_known_everywhere(held_.front().ticket)) {
    shard_.send(held_.front().subscriber, std::move(held_.front().answer));
    held_.pop_front();
  }
}

void shard_routes::handle(const announcing_timer&) {
  timer_set_ = false;
  const auto patience = house_.settings.cluster.subscribe_wait;
  const time_point now = current_time(shard_);
  while (!held_.empty() && now - held_.front().since >= patience) {
    house_.counts.add(&metrics::counters::announcements_late);
    shard_.send(held_.front().subscriber, std::move(held_.front().answer));
    held_.pop_front();
  }
  if (held_.empty()) return;
  timer_set_ = true;
  shard_.delayed_send(&shard_, held_.front().since + patience - now, announcing_timer{});
}

}  // namespace troupe
