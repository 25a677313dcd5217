#include "actors/share_actor.hpp"

#include "libbroker/cluster/log_publisher.hpp"
#include "libbroker/topic.hpp"

#include <chrono>
#include <utility>
#include <variant>

namespace troupe {

share_actor::share_actor(caf::actor_config& config, const node_context& house, std::string share)
    : homed(config, house.roster),
      house_(house),
      number_(++house.last_session_number),
      flow_(std::make_shared<session_flow>(share)),
      group_(std::move(share), static_cast<std::uint32_t>(house.shards.size()), house.settings,
             house.store ? &house.log_head : nullptr) {}

share_actor::behavior_type share_actor::make_behavior() {
  return {
      [this](const deliver& batch) { handle(batch); },
      [this](to_share& request) { handle(request); },
      [this](const flush&) {
        flush_requested_ = false;
        hand_out();
        carry_out();
      },
      [this](const deliveries_missed& event) {
        if (event.epoch != group_.epoch()) return;
        group_.deliveries_missed(event.from, effects_);
        carry_out();
      },
      [this](const live_set& reply) {
        if (reply.epoch != group_.epoch()) return;
        group_.live_set(reply.from, reply.number, reply.through, effects_);
        carry_out();
      },
      [this](log_read& reply) {
        group_.log_read(reply.number, std::move(reply.page), reply.failed, effects_);
        carry_out();
      },
      [this](const subscriptions_added& reply) {
        group_.subscribed(reply.shard, reply.number, reply.through, effects_);
        carry_out();
      },
      [](const subscriptions_removed&) {},
      [this](const ask_interest& question) { return interest{group_.interest(question.head)}; },
      [this](const restore_share& kept) { group_.restore(*kept.earlier); },
      [this](const go_on&) {
        group_.go_on(effects_);
        carry_out();
      },
      [this](const share_written& reply) { handle(reply); },
      [this](const loans_appended& reply) { handle(reply); },
      [this](const share_node_died& event) { handle(event); },
      [this](const share_timer& due) {
        if (alarm_.rings(due)) carry_out();
      },
      [this](const ask_facts&) {
        return facts_told{{{"share",
                            {{"members", std::uint64_t{members_.size()}},
                             {"durable", group_.is_durable()},
                             {"pending_messages", std::uint64_t{group_.pending_messages()}}}}}};
      },
      [this](const settle&) { return settle_all(); },
      [this](const retired&) { quit(); },
  };
}

caf::result<settled> share_actor::settle_all() {
  hand_out();
  carry_out(true);
  if (!group_.is_unwritten()) return settled{};
  settling_.push_back(make_response_promise<settled>());
  return settling_.back();
}

void share_actor::on_exit() {
  settling_.clear();
  members_.clear();
  nodes_.clear();
  appending_.clear();
  reporters_.clear();
}

void share_actor::handle(const deliver& batch) {
  flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
  if (batch.epoch != group_.epoch()) return;  // for members that have left
  group_.deliver(*batch.messages, batch.from, effects_);
  carry_out();
}

// -- members --------------------------------------------------------------------------

void share_actor::handle(to_share& request) {
  if (request.node) nodes_[request.session] = {request.node, request.epoch};
  std::visit([&](auto& what) { take(request, what); }, request.call.what);
  carry_out();
}

void share_actor::take(to_share& from, const share_join& request) {
  ++joins_seen_;
  hand_out();  // what came before goes to the session as it was
  subscriber_handle who = from.node ? subscriber_handle(from.node) : subscriber_handle(from.from);
  members_[from.session] = {std::move(who), from.node ? from.epoch : request.epoch,
                            std::move(from.flow)};
  group_.join(from.session, request, effects_);
}

void share_actor::answer_joined(const share_effects::answer& to) {
  const auto found = members_.find(to.session);
  if (found == members_.end()) return;
  const subscriptions_added answer{.number = to.number, .epoch = found->second.epoch};
  if (is_share_id_of_node(to.session)) return send(found->second.who, answer);
  const auto shards = static_cast<std::uint32_t>(house_.shards.size());
  const shard_index announces = shard_of(matched_part(group_.share()), shards);
  send(house_.shards[announces], answer_when_known{found->second.who, answer});
}

void share_actor::take(to_share& from, const share_leave& request) {
  hand_out();
  // First: the write that says that the group keeps nothing any more confirms it, too.
  expect_confirmation(from, request.last);
  group_.leave(from.session, request.last, effects_);
  carry_out();  // what the member still gets is in front of the answer
  members_.erase(from.session);
  const subscriptions_removed answer{request.number, from.epoch};
  from.node ? send(from.node, answer) : send(from.from, answer);
}

void share_actor::take(to_share& from, const share_room& request) {
  group_.set_room(from.session, request, effects_);
}

void share_actor::take(to_share& from, const share_report& request) {
  group_.report(from.session, request, effects_);
  expect_confirmation(from, request);
}

void share_actor::expect_confirmation(const to_share& from, const share_report& report) {
  if (report.number == 0) return;
  reporter who{from.from, from.node, {report.number, from.epoch}};
  if (group_.is_durable())
    reporters_.push_back(std::move(who));
  else
    answer(who);  // there is nothing that could be delivered again
}

void share_actor::take(to_share&, const share_return& request) { group_.redeliver(request.block); }

void share_actor::answer(const reporter& whom) {
  if (whom.session) return send(whom.session, whom.message);
  // Behind another link the number would be that of another report.
  send(whom.node, share_said{{group_.share(), share_confirmed{.number = whom.message.number}},
                             whom.message.epoch});
}

// -- other nodes ----------------------------------------------------------------------

/// What is under way to the node from before is not sent.
void share_actor::set_epoch(const to_share& from) {
  hand_out();
  const auto member = members_.find(from.session);
  if (member != members_.end()) member->second.epoch = from.epoch;
}

void share_actor::take(to_share& from, const share_link_up& event) {
  set_epoch(from);
  group_.link_up(from.session, event.home, effects_);
}

void share_actor::take(to_share& from, const share_link_down&) {
  set_epoch(from);
  group_.link_down(from.session, effects_);
}

void share_actor::take(to_share& from, const share_holds& answer) {
  group_.holds(from.session, answer, effects_);
}

void share_actor::take(to_share& from, share_lend& request) {
  from.flow->lent.fetch_sub(request.block->bytes(), std::memory_order_relaxed);
  group_.lend(from.session, std::move(request), effects_);
}

void share_actor::take(to_share& from, const share_ask& question) {
  group_.ask(from.session, question, effects_);
}

void share_actor::take(to_share& from, const share_ask_me&) {
  group_.ask_node(from.session, effects_);
}

void share_actor::take(to_share&, const share_confirmed& word) { group_.confirmed(word, effects_); }

void share_actor::handle(const share_node_died& event) {
  group_.node_died(event.node, event.for_good, effects_);
  if (event.for_good) {
    group_.forget_lender(event.node, event.home, effects_);
    nodes_.erase(event.node);
  }
  carry_out();
}

void share_actor::append(share_effects::loan_append&& what) {
  send(house_.store,
       append_loans{group_.share(), what.what, what.which, caf::actor_cast<share_handle>(this)});
  appending_.push_back(std::move(what));
}

void share_actor::handle(const loans_appended& reply) {
  const share_effects::loan_append what = std::move(appending_.front());
  appending_.pop_front();
  group_.loans_appended(what, reply.first, effects_);
  carry_out();
}

// -- carrying out -----------------------------------------------------------------------

void share_actor::carry_out(bool at_once) {
  // Before what is to be written down is looked at: it tells of what goes to other nodes.
  const bool is_full = group_.pending_messages() >= house_.settings.scheduler.batch_messages;
  if (is_full || mailbox().empty()) group_.flush(effects_);
  group_.keep_progress(current_time(*this), at_once, effects_);
  for (auto& request : effects_.requests)
    std::visit([this](auto& any) { ask_shard(std::move(any)); }, request);
  for (share_effects::outgoing& each : effects_.deliveries)
    hand_out(std::move(each));
  for (const share_effects::answer& each : effects_.joined)
    answer_joined(each);
  for (share_effects::loan_append& each : effects_.appends)
    append(std::move(each));
  for (share_effects::word& each : effects_.words)
    if (const auto node = nodes_.find(each.node); node != nodes_.end())
      send(node->second.peer,
           share_said{{group_.share(), std::move(each.what)}, node->second.epoch});
  if (effects_.read_log) {
    effects_.read_log->page.now = read_wall_clock(current_time(*this));
    send(house_.log_reader, read_log{*std::move(effects_.read_log), self()});
  }
  if (effects_.write.number != 0) write_down(std::move(effects_.write));
  if (effects_.ended)
    send(house_.directory_of(group_.share()),
         retire_share{group_.share(), caf::actor_cast<share_handle>(this), joins_seen_});
  effects_.clear();
  set_timer();
  if (group_.pending() && !std::exchange(flush_requested_, true)) send(this, flush{});
}

void share_actor::hand_out() {
  group_.flush(effects_);
  for (share_effects::outgoing& each : effects_.deliveries)
    hand_out(std::move(each));
  effects_.deliveries.clear();
}

void share_actor::hand_out(share_effects::outgoing&& batch) {
  const auto found = members_.find(batch.session);
  if (found == members_.end()) return;  // a node without members, that is asked what it has
  const member& to = found->second;
  const std::size_t bytes = batch.messages->footprint();
  const std::size_t waiting = to.flow->delivering.fetch_add(bytes, std::memory_order_relaxed);
  // Of the log a member gets no more than it has room for.
  if (!batch.options.tracked && waiting > house_.settings.limits.delivery_credit) {
    to.flow->delivering.fetch_sub(bytes, std::memory_order_relaxed);
    house_.counts.add(&metrics::counters::deliveries_dropped, batch.messages->messages);
    return;
  }
  send(to.who, deliver{std::move(batch.messages), std::move(batch.options), to.epoch});
}

void share_actor::write_down(share_effects::progress&& what) {
  if (!what.kept && what.loans.empty()) {  // nothing is left that could be delivered again
    for (const reporter& each : std::exchange(reporters_, {}))
      answer(each);
  }
  last_write_ = what.number;
  for (reporter& each : reporters_)
    if (each.write == 0) each.write = what.number;
  send(house_.store,
       keep_share{group_.share(), std::move(what.kept), caf::actor_cast<share_handle>(this),
                  what.number, std::move(what.loans)});
}

void share_actor::handle(const share_written& reply) {
  group_.written(reply.number, reply.done, current_time(*this), effects_);
  std::erase_if(reporters_, [&](reporter& each) {
    if (each.write == 0 || each.write > reply.number) return false;
    if (reply.done) answer(each);
    // A later one holds it.
    each.write = last_write_ > reply.number ? last_write_ : 0;
    return reply.done;
  });
  carry_out(!settling_.empty());
  if (group_.is_unwritten() && reply.done) return;
  for (caf::typed_response_promise<settled>& each : std::exchange(settling_, {}))
    each.deliver(settled{});
}

void share_actor::set_timer() { alarm_.set(*this, group_.deadline(), current_time(*this)); }

void share_actor::ask_shard(shard_subscribe&& request) {
  const shard_handle& shard = house_.shards[request.shard];
  send(shard, add_subscriptions{std::move(request), self(), number_, flow_});
}

void share_actor::ask_shard(shard_unsubscribe&& request) {
  const shard_handle& shard = house_.shards[request.shard];
  send(shard, remove_subscriptions{std::move(request), self(), number_});
}

void share_actor::ask_shard(const shard_set_live& request) {
  send(house_.shards[request.shard], set_live{request, self(), number_, group_.epoch()});
}

}  // namespace troupe
