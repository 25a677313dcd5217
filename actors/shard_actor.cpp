#include "actors/shard_actor.hpp"

#include "actors/log_text.hpp"
#include "libbroker/router/merge_indexes.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Topics that a node knows to have been cleared.
constexpr std::size_t most_cleared_topics = 100'000;

/// What may happen with every message is logged so often.
constexpr std::chrono::minutes report_interval{1};

/// A node's limit, split among its shards; 0 stays "no limit".
std::size_t share_of(std::size_t limit, std::size_t shards) noexcept {
  return limit == 0 ? 0 : limit / shards + 1;
}

retained_store::limits retained_limits(const config& settings, std::size_t shards) noexcept {
  return {.messages = share_of(settings.limits.retained_messages, shards),
          .bytes = share_of(settings.limits.retained_bytes, shards)};
}

}  // namespace

shard_actor::shard_actor(caf::actor_config& config, const node_context& house, shard_index number)
    : homed(config, house.roster),
      house_(house),
      number_(number),
      label_(std::to_string(number)),
      sessions_(retained_limits(house.settings, house.shards.size())),
      groups_(retained_store::limits{}),
      routes_(*this, house, number),
      is_in_cluster_(!house.settings.cluster.listen.empty()) {
  groups_.by_filter.pass_on_retained();
  if (is_in_cluster_)
    router_.share_retained(share_of(most_cleared_topics, house_.shards.size()),
                           node_number(house_.identity.name));
  if (!house_.store) return;
  router_.note_retained_changes();
  for (const stream_config& each : house_.settings.streams)
    router_.add_stream(each.filter);
}

shard_actor::behavior_type shard_actor::make_behavior() {
  return {
      // CAF looks for a message's handler from the top: those per packet come first.
      [this](route& request) { route_block(request); },
      [this](const flush&) {
        flush_requested_ = false;
        flush_all();
      },
      [this](ask_credit& request) {
        wait_for_credit_.push_back(std::move(request.publisher));
        request_flush();
      },
      [this](add_subscriptions& request) { subscribe(request); },
      [this](answer_when_known& held) {
        routes_.answer_when_known(std::move(held.subscriber), std::move(held.answer));
        request_flush();
      },
      [this](const remove_subscriptions& request) { unsubscribe(request); },
      [this](set_live& request) { change_live(request); },
      [this](const install_routes& request) {
        hand_out();  // what came before does not match it
        routes_.install(request);
      },
      [this](const watch_routes& request) { routes_.watch(request, router_); },
      [this](const unwatch_routes& request) { routes_.unwatch(request); },
      [this](const routes_announced& answer) { routes_.handle(answer); },
      [this](const node_caught_up& event) { routes_.handle(event); },
      [this](const announcing_timer& due) { routes_.handle(due); },
      [this](const appended& reply) { on_appended(reply); },
      [this](const read_retained& request) {
        const scheduler_config& batch = house_.settings.scheduler;
        send(request.reader,
             retained_read{request.request.number, request.epoch, request.connection_epoch,
                           router_.read_retained(request.request.filter, request.request.from,
                                                 batch.batch_messages, batch.batch_bytes,
                                                 current_time(*this))});
      },
      [this](const ask_retained& request) {
        const wall_time now = read_wall_clock(current_time(*this)).wall;
        router_.forget_cleared(now);
        send(
            request.peer,
            retained_answered{request.ticket,
                              router_.answer(request.what, house_.clock.greatest_acceptable(now))});
        request_flush();
      },
      [this](restore_retained& earlier) {
        for (const message_block_ptr& block : earlier.messages) {
          router_.restore_retained(*block);
          if (is_in_cluster_) (void)take_stamps(*block, read_wall_clock(current_time(*this)).wall);
        }
      },
      [this](const kept& written) { on_kept(written); },
      [this](const settle&) { return settle_all(); },
      [this](const describe_shard&) {
        return shard_description{
            .subscriptions = router_.subscriptions() + groups_.by_filter.subscriptions(),
            .filters = router_.filters() + groups_.by_filter.filters(),
            .remote_filters = routes_.forwards().filters(),
            .retained_messages = router_.retained().size(),
            .retained_bytes = router_.retained().bytes(),
            .retained_refused = router_.retained_refused(),
            .deliveries_dropped = deliveries_dropped_,
        };
      },
  };
}

void shard_actor::on_exit() {
  routes_.clear();
  sessions_.subscribers.clear();
  groups_.subscribers.clear();
  deliveries_.clear();
  routed_.clear();
  to_keep_.clear();
  unkept_.clear();
  appending_.clear();
  wait_for_credit_.clear();
  settling_.clear();
  live_answers_.clear();
}

void shard_actor::route_block(route& request) {
  if (is_refused(request)) return finish(request, false);
  if (is_in_cluster_) stamp(request);
  if (!house_.store || request.is_state || !waits_for_log(request)) route_now(std::move(request));
  const scheduler_config& batch = house_.settings.scheduler;
  if (router_.pending_messages() + groups_.by_filter.pending_messages() >= batch.batch_messages ||
      router_.pending_bytes() + groups_.by_filter.pending_bytes() + appending_.unsent_bytes() >=
          batch.batch_bytes ||
      routes_.forwards().pending_bytes() >= batch.batch_bytes)
    hand_out();
  else
    request_flush();
}

void shard_actor::route_now(route&& request) {
  match(request, request.block);
  const bool waits = house_.store && request.publisher && request.block->has_retain();
  if (request.flow != nullptr) (waits ? to_keep_ : routed_).push_back(std::move(request));
}

void shard_actor::match(const route& request, const message_block_ptr& block) {
  hybrid_stamp greatest = any_stamp;
  if (is_in_cluster_ && block->has_retain()) {
    const wall_time now = read_wall_clock(current_time(*this)).wall;
    router_.forget_cleared(now);
    const std::uint64_t before = std::exchange(cleared_forgotten_, router_.cleared_forgotten());
    if (before != cleared_forgotten_)
      house_.counts.add(&metrics::counters::cleared_forgotten, cleared_forgotten_ - before);
    if (request.forwarded) greatest = take_stamps(*block, now);
  }
  if (request.is_state)
    router_.take_retained(block, greatest);
  else
    router_.route(block, greatest);
  if (is_for_groups(request)) groups_.by_filter.route(block);
  if (greatest != any_stamp) report_refused_stamps(request);
  // What another node sent has been sent to all that want it; what the broker itself says
  // concerns this node alone.
  if (is_for_nodes(request, *block)) routes_.forwards().route(block);
}

bool shard_actor::is_for_nodes(const route& request, const message_block& block) const noexcept {
  return routes_.has_nodes() && !request.forwarded && block.publisher() != 0;
}

// -- retained messages in a cluster -------------------------------------------------

/// Says when our own clients have set or cleared what is retained.
void shard_actor::stamp(const route& request) const {
  const message_block& block = *request.block;
  if (request.forwarded || block.publisher() == 0 || !block.has_retain()) return;
  message_block::set_stamps(
      block, house_.clock.next(read_wall_clock(current_time(*this)).wall, block.size()),
      node_number(house_.identity.name));
}

hybrid_stamp shard_actor::take_stamps(const message_block& block, wall_time now) {
  for (std::uint32_t i = 0; i != block.size(); ++i)
    (void)house_.clock.observe(block.stamp(i).time, now);  // the router refuses what this does
  return house_.clock.greatest_acceptable(now);
}

void shard_actor::report_refused_stamps(const route& request) {
  const std::uint64_t before = std::exchange(stamps_refused_, router_.stamps_refused());
  if (before == stamps_refused_) return;
  house_.counts.add(&metrics::counters::stamps_refused, stamps_refused_ - before);
  const time_point now = current_time(*this);
  if (now - refusal_reported_at_ < report_interval) return;
  refusal_reported_at_ = now;
  spdlog::warn("event=stamps_refused from={} reason=\"its calendar is too far ahead of ours\"",
               log_text{request.flow == nullptr ? std::string_view() : request.flow->client_id});
}

// -- the log ------------------------------------------------------------------------

bool shard_actor::waits_for_log(route& request) {
  router_.find_logged(*request.block, logged_);
  if (is_for_groups(request)) {
    groups_.by_filter.find_logged(*request.block, logged_for_groups_);
    merge_indexes(logged_for_groups_, logged_);
  }
  if (is_for_nodes(request, *request.block)) routes_.add_logged(*request.block, logged_);
  if (logged_.empty() && !appending_.has_earlier_of(*request.block)) return false;
  appending_.push(std::move(request), std::exchange(logged_, {}),
                  house_.log_head.load(std::memory_order_acquire));
  return true;
}

void shard_actor::append_to_log() {
  std::vector<append::block> blocks = appending_.take_unsent(last_ticket_ + 1);
  if (blocks.empty()) return;
  send(house_.store,
       append{std::move(blocks), caf::actor_cast<shard_handle>(this), ++last_ticket_});
}

void shard_actor::on_appended(const appended& reply) {
  appending_.answered(reply);
  while (auto ready = appending_.pop_ready()) {
    if (ready->request.forwarded && (ready->failed || is_refused(ready->request))) {
      // The node sends all of it again.
      house_.counts.add(&metrics::counters::messages_not_logged, ready->logged.size());
      refused_[ready->request.block->publisher()] = ready->request.attempt;
      finish(ready->request, false);
      continue;
    }
    if (ready->failed) {
      route_rest(*std::move(ready));
      continue;
    }
    message_block::place_in_log(*ready->request.block, ready->logged, ready->first);
    route_now(std::move(ready->request));
  }
  request_flush();
}

/// Whether something before it in the attempt could not be written.
bool shard_actor::is_refused(const route& request) const {
  if (!request.forwarded || refused_.empty()) return false;
  const auto found = refused_.find(request.block->publisher());
  return found != refused_.end() && found->second == request.attempt;
}

/// The disk failed: messages for the log are not routed, and the publisher is told. Those of
/// QoS 0, which nobody was promised anything about, are.
void shard_actor::route_rest(append_queue::waiting&& failed) {
  route& request = failed.request;
  const message_block& block = *request.block;
  const message_block_builder::origin origin{.publisher = block.publisher(),
                                             .connection_epoch = block.connection_epoch(),
                                             .received_at = block.received_at()};
  message_block_builder lost;
  message_block_builder rest;
  for (std::uint32_t i = 0, at = 0; i != block.size(); ++i) {
    const bool is_logged = at != failed.logged.size() && failed.logged[at] == i;
    const bool is_lost = is_logged && block[i].qos != qos::at_most_once;
    (is_lost ? lost : rest).add(block, block[i]);
    if (is_logged) ++at;
  }
  house_.counts.add(&metrics::counters::messages_not_logged, failed.logged.size());
  if (request.publisher) {
    if (!lost.empty()) send(request.publisher, accepted{lost.seal(origin), request.epoch, false});
    if (!rest.empty()) {
      message_block_ptr others = rest.seal(origin);
      match(request, others);
      send(request.publisher, accepted{std::move(others), request.epoch});
    }
  } else {
    house_.counts.add(&metrics::counters::publishes_dropped, lost.size());
    if (!rest.empty()) match(request, rest.seal(origin));
  }
  request.publisher = nullptr;
  if (request.flow != nullptr) finish(request, true);
}

void shard_actor::change_live(set_live& request) {
  hand_out();
  bool is_node = false;
  if (const auto session = router_.find(request.session))
    sessions_.subscribers[*session].live = request.request.live;
  else if (const auto group = groups_.by_filter.find(request.session))
    groups_.subscribers[*group].live = request.request.live;
  else
    is_node = routes_.change_live(request);
  const log_offset head = house_.log_head.load(std::memory_order_acquire);
  live_set answer{number_, request.request.number, request.epoch, appending_.routed_through(head)};
  if (is_node && !request.request.live)
    live_answers_.push_back({appending_.pushed(), std::move(request.subscriber), answer});
  else
    send(request.subscriber, answer);
  answer_live();
}

void shard_actor::answer_live() {
  for (; !live_answers_.empty() && live_answers_.front().appended <= appending_.popped();
       live_answers_.pop_front())
    send(live_answers_.front().to, live_answers_.front().answer);
}

// -- subscriptions ------------------------------------------------------------------

void shard_actor::subscribe(add_subscriptions& request) {
  hand_out();  // what came before the subscription does not match it
  const shard_subscribe& wish = request.request;
  audience& among = audience_of(wish.share);
  const subscriber_index index = among.by_filter.join(request.session);
  if (index >= among.subscribers.size()) among.subscribers.resize(index + 1);
  among.subscribers[index] = {request.subscriber, wish.epoch, std::move(request.flow), wish.lasting,
                              wish.live};

  subscriptions_added reply{.shard = number_,
                            .number = wish.number,
                            .epoch = wish.epoch,
                            .retained_sequence = router_.retained_sequence()};
  reply.through = appending_.routed_through(house_.log_head.load(std::memory_order_acquire));
  for (const filter_request& wanted : wish.filters) {
    const topic_filter filter = *parse_topic_filter(wanted.filter);
    const auto add = [&] {
      among.by_filter.subscribe(index, filter, wanted.options, wanted.identifier, wish.lasting);
    };
    if (wish.share.empty()) {
      change_subscriptions(filter, add);
      if (router_.retained().may_match(filter.filter))
        reply.with_retained.push_back(wanted.position);
    } else {
      add();
      routes_.share_changed(wish.share, filter.filter, wish.announced);
    }
  }
  if (wish.share.empty())
    routes_.answer_when_known(request.subscriber, std::move(reply));
  else
    send(request.subscriber, std::move(reply));
  request_flush();
}

template <class Action>
void shard_actor::change_subscriptions(const topic_filter& filter, Action action) {
  if (!routes_.has_nodes()) return action();
  const route_interest before = router_.interest_in(filter.filter);
  action();
  routes_.changed(filter.filter, before, router_.interest_in(filter.filter));
}

void shard_actor::unsubscribe(const remove_subscriptions& request) {
  hand_out();
  const std::string& share = request.request.share;
  audience& among = audience_of(share);
  if (const auto index = among.by_filter.find(request.session)) {
    for (const std::string& text : request.request.filters) {
      const topic_filter filter = *parse_topic_filter(text);
      const auto remove = [&] { among.by_filter.unsubscribe(*index, filter); };
      if (share.empty()) {
        change_subscriptions(filter, remove);
      } else {
        remove();
        routes_.share_changed(share, filter.filter, route_interest::none);
      }
    }
    if (among.by_filter.leave_if_unused(*index)) among.subscribers[*index] = {};
  }
  const log_offset head = house_.log_head.load(std::memory_order_acquire);
  send(request.subscriber, subscriptions_removed{request.request.number, request.epoch,
                                                 appending_.routed_through(head)});
  request_flush();
}

void shard_actor::request_flush() {
  if (flush_requested_) return;
  if (mailbox().empty()) {  // nothing that a later flush could take along
    flush_all();
    return;
  }
  flush_requested_ = true;
  send(this, flush{});
}

void shard_actor::flush_all() {
  hand_out();
  routes_.tell();
}

void shard_actor::hand_out() {
  hand_out(sessions_);
  if (groups_.by_filter.pending()) hand_out(groups_);
  if (routes_.has_nodes()) routes_.hand_out();
  answer_live();
  append_to_log();
  keep_retained_changes();
  return_credit();
  deliver_settled();
}

void shard_actor::hand_out(audience& to) {
  to.by_filter.flush(deliveries_);
  for (routed& match : deliveries_)
    hand_out(to.subscribers[match.to], std::move(match));
  deliveries_.clear();
}

void shard_actor::hand_out(subscriber& to, routed&& match) {
  // What it reads from the log later.
  const bool in_log =
      to.lasting && match.messages->all_logged && match.options.maximum_qos != qos::at_most_once;
  if (in_log && !to.live) return;
  const std::size_t waiting =
      to.flow->delivering.fetch_add(match.messages->footprint(), std::memory_order_relaxed);
  if (waiting <= house_.settings.limits.delivery_credit) {
    send(to.handle,
         deliver{std::move(match.messages), std::move(match.options), to.epoch, number_});
    return;
  }
  // The session does not keep up.
  to.flow->delivering.fetch_sub(match.messages->footprint(), std::memory_order_relaxed);
  if (to.lasting && std::exchange(to.live, false))
    send(to.handle, deliveries_missed{number_, to.epoch});
  if (in_log) return;
  deliveries_dropped_ += match.messages->messages;
  house_.counts.add(&metrics::counters::deliveries_dropped, match.messages->messages);
}

void shard_actor::keep_retained_changes() {
  auto changes = router_.take_retained_changes();
  if (changes.empty()) {  // there may be newer ones than what came
    std::vector<route>& behind = unkept_.empty() ? routed_ : unkept_.back().blocks;
    std::ranges::move(to_keep_, std::back_inserter(behind));
    to_keep_.clear();
    return;
  }
  send(house_.store,
       keep_retained{std::move(changes), caf::actor_cast<shard_handle>(this), ++last_ticket_});
  unkept_.push_back({last_ticket_, std::exchange(to_keep_, {})});
}

void shard_actor::on_kept(const kept& written) {
  while (!unkept_.empty() && unkept_.front().ticket <= written.ticket) {
    // What another node sent has been delivered: sent again it would come twice.
    for (route& done : unkept_.front().blocks)
      finish(done, written.done || done.forwarded);
    unkept_.pop_front();
  }
  request_flush();
}

void shard_actor::deliver_settled() {
  std::erase_if(settling_, [this](settling& waiting) {
    const bool done = is_settled(waiting);
    if (done) waiting.promise.deliver(settled{});
    return done;
  });
}

bool shard_actor::is_settled(const settling& waiting) const noexcept {
  return appending_.popped() >= waiting.appended &&
         (unkept_.empty() || unkept_.front().ticket > waiting.ticket);
}

caf::result<settled> shard_actor::settle_all() {
  hand_out();
  settling now{.promise = {}, .appended = appending_.pushed(), .ticket = last_ticket_};
  if (is_settled(now)) return settled{};
  now.promise = make_response_promise<settled>();
  settling_.push_back(now);
  return now.promise;
}

void shard_actor::finish(route& done, bool kept) {
  has_finished_some_ = true;
  const std::size_t bytes = done.block->bytes();
  house_.shard_load[number_].bytes.fetch_sub(bytes, std::memory_order_relaxed);
  done.flow->publishing.fetch_sub(bytes, std::memory_order_relaxed);
  if (done.publisher) send(done.publisher, accepted{std::move(done.block), done.epoch, kept});
}

void shard_actor::return_credit() {
  for (route& done : routed_)
    finish(done, true);
  routed_.clear();
  // Who asks while everything waits for the disk would only ask again.
  if (!std::exchange(has_finished_some_, false) && !(appending_.empty() && unkept_.empty())) return;
  for (const publisher_handle& publisher : wait_for_credit_)
    send(publisher, credit_returned{});
  wait_for_credit_.clear();
}

}  // namespace troupe
