#include "libbroker/share/share_group.hpp"

#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Where the group is in the log is written down after so long at the latest: a crash has what
/// was done at QoS 1 since then delivered again.
constexpr std::chrono::milliseconds progress_interval{1000};

/// Or so long, if somebody waits for it.
constexpr std::chrono::milliseconds urgent_interval{10};

bool has_exactly_once(const delivery& messages) noexcept {
  for (const message_run& run : messages.runs)
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
      if ((*run.block)[i].qos == qos::exactly_once) return true;
  return false;
}

}  // namespace

share_group::share_group(std::string share, std::uint32_t shards, const config& settings,
                         const std::atomic<log_offset>* log_head)
    : share_(std::move(share)),
      filter_(parse_topic_filter(share_)->filter),
      has_wildcard_(parse_topic_filter(share_)->has_wildcard),
      shards_(shards),
      settings_(settings),
      log_head_(log_head),
      members_(settings.limits.delivery_credit),
      nodes_(settings.limits.delivery_credit) {}

template <class Action>
void share_group::for_each_shard(Action action) const {
  if (!has_wildcard_) return action(shard_of(filter_, shards_));
  for (shard_index shard = 0; shard != shards_; ++shard)
    action(shard);
}

// -- an earlier life ------------------------------------------------------------------

void share_group::restore(const kept_share& kept) {
  is_restoring_ = true;
  for (const kept_loan& each : kept.loans) {
    loans_.restore(each);
    if (each.outcome == loan_outcome::open) ledger_.put_loan(each.loan.own, 0);
  }
  if (kept.positions.empty()) return;  // of the group itself nothing was kept
  is_kept_ = true;
  cursor_ = std::make_unique<log_cursor>(shards_, kept.positions);
  ledger_.restore(kept.outstanding);
  for (const kept_share::lent& each : kept.with_nodes) {
    for (const log_offset offset : each.at_least_once)
      ledger_.hold(offset, each.node, qos::at_least_once);
    for (const log_offset offset : each.exactly_once)
      ledger_.hold(offset, each.node, qos::exactly_once);
  }
  for (const log_offset each : kept.settled)
    ledger_.settle(each);
}

void share_group::go_on(share_effects& effects) {
  is_restoring_ = false;
  if (has_no_members()) return end(effects);
  leave_log_if_unneeded(effects);
  after_returns(effects);
}

// -- members --------------------------------------------------------------------------

void share_group::join(std::uint64_t session, const share_join& request, share_effects& effects) {
  flush(effects);  // what was collected for it so far comes with the options that it had
  share_members& members = members_like(session);
  share_member& member = members.put(session);
  members.set_room(session, 0);  // it is counted as its options say
  if (is_share_id_of_node(session)) member.weight = 0;
  member.options = request.options;
  member.details =
      make_match_details(request.identifier == 0 ? std::vector<std::uint32_t>()
                                                 : std::vector<std::uint32_t>{request.identifier},
                         share_);
  member.lasting = request.lasting;
  members.set_held(session, ledger_.held_by(session));
  members.set_room(session, request.room);
  if (request.number != 0) waiting_.push_back({session, request.number});
  leave_log_if_unneeded(effects);
  subscribe(effects);
  answer_joined(effects);
  follow_log(effects);
}

share_group::demand share_group::wanted() const noexcept {
  if (has_no_members()) return {};
  demand found{.how = level::plain};
  if (is_durable() || members_.has_lasting() || nodes_.has_lasting()) found.how = level::logged;
  if (settings_.cluster.listen.empty() || members_.empty()) return found;
  if (members_.has_lasting())
    found.interest = route_interest::lasting;
  else
    found.interest =
        members_.has_counting() ? route_interest::passing : route_interest::at_most_once;
  return found;
}

void share_group::subscribe(share_effects& effects) {
  if (waiting_for_ != 0 || has_no_members()) return;
  wanted_ = wanted();
  if (is_subscribed()) return;
  const bool becomes_durable = wanted_.how == level::logged && !is_durable();
  if (becomes_durable) reached_.assign(shards_, log_head());
  subscribing_ = ++last_request_;
  for_each_shard([&](shard_index shard) {
    if (becomes_durable) reached_[shard] = 0;  // it will say
    ++waiting_for_;
    effects.requests.emplace_back(shard_subscribe{
        .shard = shard,
        .number = subscribing_,
        .epoch = epoch_,
        .lasting = wanted_.how == level::logged,
        .live = !is_durable() || cursor_->wants_live(),
        .filters = {{.filter = std::string(filter_),
                     .options = {.qos = qos::exactly_once, .retain_as_published = true}}},
        .share = share_,
        .announced = wanted_.interest});
  });
}

void share_group::subscribed(shard_index shard, request_number number, log_offset through,
                             share_effects& effects) {
  if (number != subscribing_ || waiting_for_ == 0) return;
  if (!reached_.empty()) reached_[shard] = std::max(reached_[shard], through);
  if (--waiting_for_ != 0) return;
  level_ = wanted_.how;
  interest_ = wanted_.interest;
  if (!reached_.empty()) become_durable(effects);
  if (is_durable() && cursor_->now() == log_cursor::phase::away) cursor_->read_on();
  subscribe(effects);  // members may have joined that want more
  answer_joined(effects);
  follow_log(effects);
}

/// Nobody was promised anything so far; from here on every message of the log counts.
void share_group::become_durable(share_effects& effects) {
  cursor_ = std::make_unique<log_cursor>(shards_, log_head());
  for (shard_index shard = 0; shard != shards_; ++shard)
    cursor_->taken(shard, reached_[shard]);
  reached_.clear();
  changed_ = true;
  for (const shard_index each : std::exchange(missed_, {})) {
    cursor_->missed(each);
    if (cursor_->wants_live()) fall_behind(each, effects);
  }
}

void share_group::answer_joined(share_effects& effects) {
  const bool is_ready = is_subscribed() && (!is_durable() || is_kept_);
  if (!is_ready) return;
  effects.joined.insert(effects.joined.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
}

void share_group::leave(std::uint64_t session, const share_report& last, share_effects& effects) {
  flush(effects);
  if (!last.empty()) take_report(session, last);
  // Its SUBSCRIBE is owed an answer all the same.
  std::erase_if(waiting_, [&](const share_effects::answer& each) {
    if (each.session != session) return false;
    effects.joined.push_back(each);
    return true;
  });
  return_parked(session);
  if (!members_like(session).erase(session)) return;
  if (has_no_members()) return end(effects);
  leave_log_if_unneeded(effects);
  subscribe(effects);  // other nodes may have to hear of it
  after_returns(effects);
}

void share_group::leave_log_if_unneeded(share_effects& effects) {
  // At the start those who count may be still to come.
  if (!is_durable() || is_restoring_ || members_.has_counting() || nodes_.has_counting()) return;
  begin_anew(effects);
  subscribe(effects);
}

void share_group::begin_anew(share_effects& effects) {
  if (writing_ != 0) loans_.not_written();
  writing_ = 0;
  for (const log_offset own : loans_.open())
    loans_.end(own, loan_outcome::returned);
  if (is_durable()) {
    writing_ = ++last_write_;
    writes_position_ = false;
    effects.write = {writing_, std::nullopt, loans_.take_changes()};
  }
  parked_.clear();
  level_ = level::none;
  interest_ = route_interest::none;
  wanted_ = {};
  waiting_for_ = 0;
  reached_.clear();
  missed_.clear();
  cursor_.reset();
  ledger_ = {};
  members_.forget_held();
  nodes_.forget_held();
  changed_ = is_urgent_ = is_kept_ = has_failed_ = false;
  due_.reset();
  ++epoch_;
}

void share_group::end(share_effects& effects) {
  if (level_ != level::none || waiting_for_ != 0)
    for_each_shard([&](shard_index shard) {
      effects.requests.emplace_back(
          shard_unsubscribe{.shard = shard, .filters = {std::string(filter_)}, .share = share_});
    });
  begin_anew(effects);
  effects.ended = is_unused();
}

void share_group::set_room(std::uint64_t session, const share_room& room, share_effects& effects) {
  if (asked_.contains(session)) return;  // said before it was asked
  share_members& members = members_like(session);
  if (share_member* const member = members.find(session))
    member->weight = std::max(room.members, room.room == 0 ? 0U : 1U);
  members.set_room(session, room.room);
  after_returns(effects);
}

void share_group::report(std::uint64_t session, const share_report& report,
                         share_effects& effects) {
  take_report(session, report);
  after_returns(effects);
}

void share_group::take_report(std::uint64_t session, const share_report& report) {
  share_members& members = members_like(session);
  for (const log_offset offset : report.done) {
    const auto bytes = ledger_.complete(offset, session);
    if (bytes) members.release(session, *bytes);
    if (!bytes && !is_restoring_) continue;
    if (loans_.has(offset)) {
      ledger_.forget(offset);
      loans_.end(offset, loan_outcome::done);
    } else if (!bytes && is_durable()) {
      ledger_.settle(offset);
    }
  }
  for (const log_offset offset : report.returned)
    if (const auto bytes = ledger_.give_back(offset, session)) members.release(session, *bytes);
  if (is_restoring_ && !report.held.empty()) {
    for (const log_offset offset : report.held) {
      if (loans_.has(offset))
        ledger_.assign(offset, 0, qos::exactly_once, session);
      else if (is_durable())
        ledger_.hold(offset, session);
    }
    members.set_held(session, ledger_.held_by(session));
  }
  if (report.is_away) members.set_room(session, 0);
  changed_ = true;
  is_urgent_ |= report.number != 0;
}

/// What was returned comes before what is new.
void share_group::after_returns(share_effects& effects) {
  return_loans();
  if (is_durable() && cursor_->wants_live()) {
    new_have_a_turn_ = false;  // they have had theirs
    if (can_hand_out_again()) fall_behind({}, effects);
  }
  follow_log(effects);
}

// -- handing over ---------------------------------------------------------------------

void share_group::deliver(const delivery& messages, shard_index from, share_effects& effects) {
  if (has_no_members()) return;
  for (const message_run& run : messages.runs) {
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
      const message_entry& entry = (*run.block)[i];
      const bool is_logged = entry.log_offset != 0 && entry.qos != qos::at_most_once;
      if (is_logged && is_durable()) {
        deliver_logged(run.block, i, from, effects);
        continue;
      }
      if (is_logged && !reached_.empty())
        reached_[from] = std::max(reached_[from], entry.log_offset);
      hand_over_passing(run.block, i);
    }
  }
}

void share_group::redeliver(const message_block_ptr& block) {
  if (has_no_members()) return;
  for (std::uint32_t i = 0; i != block->size(); ++i)
    hand_over_passing(block, i);
}

void share_group::hand_over_passing(const message_block_ptr& block, std::uint32_t index) {
  share_member* to = whose_turn(false);
  if (to == nullptr) to = &(members_.empty() ? nodes_ : members_).next();  // nobody is online
  collect(*to, to->passing, block, index);
}

bool share_group::hand_over(const message_block_ptr& block, std::uint32_t index) {
  // What another node has lent is not lent on.
  share_member* const to =
      loans_.has((*block)[index].log_offset) ? members_.next_with_room() : whose_turn(true);
  if (to == nullptr) return false;
  give_to(*to, block, index);
  return true;
}

void share_group::give_to(share_member& to, const message_block_ptr& block, std::uint32_t index) {
  const message_entry& entry = (*block)[index];
  changed_ = true;
  ledger_.assign(entry.log_offset, entry.size, entry.qos, to.session);
  members_like(to.session).hold(to, entry.size);
  collect(to, to.logged, block, index);
}

share_member* share_group::whose_turn(bool with_room) noexcept {
  if (nodes_.empty()) {
    if (with_room) return members_.next_with_room();
    return members_.online() == 0 ? nullptr : &members_.next();
  }
  share_member* const here = with_room ? members_.peek_with_room() : members_.peek_online();
  // Each side gains its share with every message, and pays for the one that it gets.
  share_member* chosen = nullptr;
  std::int64_t* highest = nullptr;
  std::int64_t all = 0;
  const auto consider = [&](share_member* who, std::int64_t& turn, std::uint32_t weight) {
    if (who == nullptr || weight == 0) return;
    all += weight;
    turn += weight;
    if (highest != nullptr && turn <= *highest) return;
    chosen = who;
    highest = &turn;
  };
  consider(here, turn_here_, members_.online());
  for (share_member& node : nodes_.all())
    consider(!with_room || nodes_.takes_more(node) ? &node : nullptr, node.turn, node.weight);
  if (chosen == nullptr) return nullptr;
  *highest -= all;
  if (chosen == here) return with_room ? members_.next_with_room() : &members_.next();
  return chosen;
}

std::size_t share_group::room(std::size_t most) noexcept {
  return std::min(most, members_.room(most) + nodes_.room(most));
}

void share_group::collect(share_member& to, intrusive_ptr<delivery>& batch,
                          const message_block_ptr& block, std::uint32_t index) {
  if (!batch) batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(block, index);
  if (!std::exchange(to.is_pending, true)) pending_.push_back(to.session);
  ++pending_messages_;
}

void share_group::flush(share_effects& effects) {
  for (const std::uint64_t session : pending_)
    emit(*members_like(session).find(session), effects);
  pending_.clear();
  pending_messages_ = 0;
}

void share_group::emit(share_member& to, share_effects& effects) {
  to.is_pending = false;
  // A delivery of its own [MQTT5-3.3.4-5].
  delivery_options options{.maximum_qos = to.options.qos,
                           .retain_as_published = to.options.retain_as_published,
                           .details = to.details};
  if (to.passing)
    effects.deliveries.push_back({to.session, std::exchange(to.passing, nullptr), options});
  if (!to.logged) return;
  options.tracked = true;
  share_effects::outgoing lent{to.session, std::exchange(to.logged, nullptr), std::move(options)};
  if (is_share_id_of_node(to.session) && has_exactly_once(*lent.messages))
    park(std::move(lent));
  else
    effects.deliveries.push_back(std::move(lent));
}

// -- what is kept -----------------------------------------------------------------------

void share_group::keep_progress(time_point now, bool at_once, share_effects& effects) {
  if (has_refused_ && !lend_again_at_) lend_again_at_ = now + progress_interval;
  if (lend_again_at_ && now >= *lend_again_at_) {
    has_refused_ = false;
    lend_again_at_.reset();
  }
  tell_presence(effects);
  tell_lenders(effects);
  const bool has_news = (is_durable() && changed_) || loans_.has_changes();
  if (!has_news) due_.reset();
  if (!has_news || writing_ != 0) return;
  // Members wait for the first time, and for room in their windows at QoS 2; other nodes for
  // what they are lent, and what became of what they have lent.
  is_urgent_ |= loans_.has_changes() || !parked_.empty();
  const time_point due = now + (is_urgent_ ? urgent_interval : progress_interval);
  due_ = std::min(due_.value_or(due), due);
  const bool is_first = is_durable() && !is_kept_ && !has_failed_;
  if (!at_once && !is_first && now < *due_) return;
  changed_ = is_urgent_ = false;
  due_.reset();
  writing_ = ++last_write_;
  writes_position_ = is_durable();
  effects.write = {writing_, std::nullopt, loans_.take_changes()};
  if (!is_durable()) return;
  for (parked& each : parked_)
    if (each.write == 0) each.write = writing_;
  kept_share now_kept{.share = share_, .positions = cursor_->positions()};
  ledger_.pass_all(std::ranges::min(now_kept.positions));
  now_kept.outstanding = without_loans(ledger_.outstanding());
  now_kept.settled = ledger_.settled();
  now_kept.with_nodes = with_nodes();
  effects.write.kept = std::move(now_kept);
}

void share_group::written(write_number number, bool done, time_point now, share_effects& effects) {
  if (number != writing_) return;
  writing_ = 0;
  has_failed_ = !done;
  if (done) {
    is_kept_ |= writes_position_;
    loans_.written();
    send_parked(number, effects);
    answer_joined(effects);
  } else {
    loans_.not_written();
    changed_ = true;  // tried again with what has changed since
    due_ = now + progress_interval;
  }
  effects.ended |= is_unused();
}

}  // namespace troupe
