#include "libbroker/share/share_group.hpp"

#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Where the group is in the log is written down after so long at the latest: a crash has what
/// was done at QoS 1 since then delivered again.
constexpr std::chrono::seconds progress_interval{1};

/// Messages that members have and have not done with, in all.
constexpr std::size_t most_outstanding = 16384;

/// Messages that were returned and are read from the log at a time.
constexpr std::size_t messages_per_fetch = 64;

}  // namespace

share_group::share_group(std::string share, std::uint32_t shards, const config& settings,
                         const std::atomic<log_offset>* log_head)
    : share_(std::move(share)),
      filter_(parse_topic_filter(share_)->filter),
      has_wildcard_(parse_topic_filter(share_)->has_wildcard),
      shards_(shards),
      settings_(settings),
      log_head_(log_head) {}

template <class Action>
void share_group::for_each_shard(Action action) const {
  if (!has_wildcard_) return action(shard_of(filter_, shards_));
  for (shard_index shard = 0; shard != shards_; ++shard)
    action(shard);
}

// -- an earlier life ------------------------------------------------------------------

void share_group::restore(const kept_share& kept) {
  is_restoring_ = is_kept_ = true;
  cursor_ = std::make_unique<log_cursor>(shards_, kept.positions);
  ledger_.restore(kept.outstanding);
  for (const log_offset each : kept.settled)
    ledger_.settle(each);
}

void share_group::go_on(share_effects& effects) {
  is_restoring_ = false;
  if (members_.empty()) end(effects);
}

// -- members --------------------------------------------------------------------------

void share_group::join(std::uint64_t session, const share_join& request, share_effects& effects) {
  flush(effects);  // what was collected for it so far comes with the options that it had
  share_member& member = members_.put(session);
  member.options = request.options;
  member.details =
      make_match_details(request.identifier == 0 ? std::vector<std::uint32_t>()
                                                 : std::vector<std::uint32_t>{request.identifier},
                         share_);
  member.room = request.room;
  member.lasting = request.lasting;
  member.held = ledger_.held_by(session);
  if (request.number != 0) waiting_.push_back({session, request.number});
  subscribe(effects);
  answer_joined(effects);
  follow_log(effects);
}

void share_group::subscribe(share_effects& effects) {
  if (waiting_for_ != 0 || members_.empty()) return;
  wanted_ = is_durable() || members_.has_lasting() ? level::logged : level::plain;
  if (level_ >= wanted_) return;
  const bool becomes_durable = wanted_ == level::logged && !is_durable();
  if (becomes_durable) reached_.assign(shards_, log_head());
  subscribing_ = ++last_request_;
  for_each_shard([&](shard_index shard) {
    if (becomes_durable) reached_[shard] = 0;  // it will say
    ++waiting_for_;
    effects.requests.emplace_back(shard_subscribe{
        .shard = shard,
        .number = subscribing_,
        .lasting = wanted_ == level::logged,
        .live = !is_durable() || cursor_->wants_live(),
        .filters = {{.filter = std::string(filter_),
                     .options = {.qos = qos::exactly_once, .retain_as_published = true}}}});
  });
}

void share_group::subscribed(shard_index shard, request_number number, log_offset through,
                             share_effects& effects) {
  if (number != subscribing_ || waiting_for_ == 0) return;
  if (!reached_.empty()) reached_[shard] = std::max(reached_[shard], through);
  if (--waiting_for_ != 0) return;
  level_ = wanted_;
  if (!reached_.empty()) become_durable();
  if (is_durable() && cursor_->now() == log_cursor::phase::away) cursor_->read_on();
  subscribe(effects);  // members may have joined that want more
  answer_joined(effects);
  follow_log(effects);
}

/// Nobody was promised anything so far; from here on every message of the log counts.
void share_group::become_durable() {
  cursor_ = std::make_unique<log_cursor>(shards_, log_head());
  for (shard_index shard = 0; shard != shards_; ++shard)
    cursor_->taken(shard, reached_[shard]);
  reached_.clear();
  changed_ = is_urgent_ = true;
}

void share_group::answer_joined(share_effects& effects) {
  const bool is_ready = waiting_for_ == 0 && level_ >= wanted_ && (!is_durable() || is_kept_);
  if (!is_ready) return;
  effects.joined.insert(effects.joined.end(), waiting_.begin(), waiting_.end());
  waiting_.clear();
}

void share_group::leave(std::uint64_t session, share_effects& effects) {
  flush(effects);
  if (members_.erase(session) && members_.empty()) end(effects);
}

void share_group::end(share_effects& effects) {
  if (level_ != level::none || waiting_for_ != 0)
    for_each_shard([&](shard_index shard) {
      effects.requests.emplace_back(
          shard_unsubscribe{.shard = shard, .filters = {std::string(filter_)}});
    });
  if (is_durable()) effects.write = {++last_write_, std::nullopt};
  level_ = wanted_ = level::none;
  waiting_for_ = 0;
  reached_.clear();
  cursor_.reset();
  ledger_ = {};
  changed_ = is_urgent_ = is_kept_ = false;
  due_.reset();
  writing_ = 0;
  answer_joined(effects);  // who has left again waits, too
  effects.ended = true;
}

void share_group::set_room(std::uint64_t session, std::uint32_t room, share_effects& effects) {
  share_member* const member = members_.find(session);
  if (member == nullptr) return;
  member->room = room;
  follow_log(effects);
}

void share_group::report(std::uint64_t session, const share_report& report,
                         share_effects& effects) {
  if (!is_durable()) return;
  for (const log_offset offset : report.done) {
    if (const auto bytes = ledger_.complete(offset, session))
      free_room(session, *bytes);
    else if (is_restoring_)
      ledger_.settle(offset);
  }
  for (const log_offset offset : report.returned)
    if (const auto bytes = ledger_.give_back(offset, session)) free_room(session, *bytes);
  if (is_restoring_ && !report.held.empty()) {
    for (const log_offset offset : report.held)
      ledger_.hold(offset, session);
    if (share_member* const member = members_.find(session))
      member->held = ledger_.held_by(session);
  }
  if (!report.returned.empty()) {
    // Word that its client is away may come later.
    if (share_member* const member = members_.find(session)) member->room = 0;
  }
  changed_ = true;
  is_urgent_ |= report.number != 0;
  // What was returned comes before what is new.
  if (ledger_.has_returned() && cursor_->wants_live()) fall_behind({}, effects);
  follow_log(effects);
}

void share_group::free_room(std::uint64_t session, std::uint32_t bytes) noexcept {
  share_member* const member = members_.find(session);
  if (member == nullptr) return;
  --member->held.messages;
  member->held.bytes -= bytes;
}

// -- handing over ---------------------------------------------------------------------

void share_group::deliver(const delivery& messages, shard_index from, share_effects& effects) {
  if (members_.empty()) return;
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
  if (members_.empty()) return;
  for (std::uint32_t i = 0; i != block->size(); ++i)
    hand_over_passing(block, i);
}

void share_group::hand_over_passing(const message_block_ptr& block, std::uint32_t index) {
  share_member& to = members_.next();
  collect(to, to.passing, block, index);
}

bool share_group::has_room() noexcept {
  return ledger_.size() < most_outstanding &&
         std::ranges::any_of(members_, [this](const share_member& each) {
           return each.takes_more(settings_.limits.delivery_credit);
         });
}

bool share_group::hand_over(const message_block_ptr& block, std::uint32_t index) {
  share_member* const to = ledger_.size() < most_outstanding
                               ? members_.next_with_room(settings_.limits.delivery_credit)
                               : nullptr;
  if (to == nullptr) return false;
  const message_entry& entry = (*block)[index];
  changed_ = true;
  if (to->options.qos == qos::at_most_once) {
    ledger_.forget(entry.log_offset);
    collect(*to, to->passing, block, index);
    return true;
  }
  ledger_.assign(entry.log_offset, entry.size, to->session);
  ++to->held.messages;
  to->held.bytes += entry.size;
  collect(*to, to->logged, block, index);
  return true;
}

void share_group::collect(share_member& to, intrusive_ptr<delivery>& batch,
                          const message_block_ptr& block, std::uint32_t index) {
  if (!batch) batch = intrusive_ptr<delivery>::adopt(new delivery());
  batch->add(block, index);
  if (!std::exchange(to.is_pending, true)) pending_.push_back(to.session);
  ++pending_messages_;
}

void share_group::flush(share_effects& effects) {
  for (const std::uint64_t session : pending_) {
    share_member& to = *members_.find(session);
    to.is_pending = false;
    // A delivery of its own [MQTT5-3.3.4-5].
    delivery_options options{.maximum_qos = to.options.qos,
                             .retain_as_published = to.options.retain_as_published,
                             .details = to.details};
    if (to.passing)
      effects.deliveries.push_back({session, std::exchange(to.passing, nullptr), options});
    options.tracked = true;
    if (to.logged)
      effects.deliveries.push_back(
          {session, std::exchange(to.logged, nullptr), std::move(options)});
  }
  pending_.clear();
  pending_messages_ = 0;
}

// -- the log --------------------------------------------------------------------------

void share_group::deliver_logged(const message_block_ptr& block, std::uint32_t index,
                                 shard_index from, share_effects& effects) {
  const log_offset offset = (*block)[index].log_offset;
  switch (cursor_->arrives(from, offset)) {
  case log_cursor::verdict::leave: return;
  case log_cursor::verdict::take:
    if (!take_turn(block, index)) return fall_behind(from, effects);
    return cursor_->taken(from, offset);
  case log_cursor::verdict::hold:
    if (cursor_->held().messages() == messages_per_page) return fall_behind(from, effects);
    cursor_->held().push(block, index, {});
  }
}

bool share_group::take_turn(const message_block_ptr& block, std::uint32_t index) {
  const log_offset offset = (*block)[index].log_offset;
  if (!ledger_.is_known(offset)) return hand_over(block, index);
  ledger_.pass(offset);
  return true;
}

void share_group::deliveries_missed(shard_index from, share_effects& effects) {
  if (!is_durable()) return;
  cursor_->missed(from);
  if (cursor_->wants_live()) fall_behind(from, effects);
  follow_log(effects);
}

void share_group::fall_behind(std::optional<shard_index> missed, share_effects& effects) {
  if (const auto number = cursor_->leave(log_cursor::phase::reading, missed))
    set_live(*number, false, effects);
}

void share_group::set_live(request_number number, bool live, share_effects& effects) {
  for (shard_index shard = 0; shard != shards_; ++shard)
    effects.requests.emplace_back(shard_set_live{shard, number, live});
}

void share_group::live_set(shard_index from, request_number number, log_offset through,
                           share_effects& effects) {
  if (is_durable() && cursor_->answered(from, number, through)) follow_log(effects);
}

void share_group::follow_log(share_effects& effects) {
  if (!is_durable() || level_ != level::logged) return;
  if (ledger_.has_returned()) return fetch_returned(effects);
  while (const auto next = cursor_->next()) {
    // QoS 0 is a stream's, and not kept for who is away.
    if (next->entry().qos != qos::at_most_once && !take_turn(next->run.block, next->index)) return;
    cursor_->pop();
    changed_ = true;
  }
  if (!cursor_->may_read() || !has_room()) return;
  const bool is_closing = cursor_->now() == log_cursor::phase::closing;
  const log_offset end = is_closing ? cursor_->end() : log_head();
  log_query query{.filters = {std::string(filter_)},
                  .after = cursor_->position(),
                  .up_to = end,
                  .most_messages = messages_per_page};
  const bool is_done = query.after >= end || (!is_closing && cursor_->is_near_head());
  if (!is_done) {
    cursor_->asked(++last_request_, end);
    effects.read_log = {
        .number = last_request_, .page = std::move(query), .offsets = {}, .start = {}};
  } else if (is_closing) {
    become_live(effects);
  } else {
    set_live(cursor_->join(), true, effects);
  }
}

void share_group::become_live(share_effects& effects) {
  cursor_->become_live();
  message_queue held = std::exchange(cursor_->held(), {});
  for (; !held.empty() && cursor_->now() == log_cursor::phase::live; held.pop()) {
    const message_run& messages = held.front().messages;
    const std::string_view topic = messages.block->topic((*messages.block)[messages.first]);
    deliver_logged(messages.block, messages.first, shard_of(topic, shards_), effects);
  }
  // If it fell behind again.
  held.for_each_logged(
      [this](std::string_view topic, log_offset offset) { cursor_->set_back(topic, offset); });
}

void share_group::fetch_returned(share_effects& effects) {
  if (!has_room() || cursor_->is_asked()) return;
  log_request request{.number = ++last_request_,
                      .page = {},
                      .offsets = ledger_.first_returned(messages_per_fetch),
                      .start = {}};
  cursor_->asked(request.number, std::vector(request.offsets));
  effects.read_log = std::move(request);
}

void share_group::take_returned(const log_page& page) {
  for (const log_offset offset : cursor_->asked_offsets()) {
    if (!ledger_.is_returned(offset)) continue;
    const auto run = std::ranges::find_if(
        page.runs, [&](const log_run& each) { return (*each.block)[0].log_offset == offset; });
    if (run == page.runs.end())
      ledger_.forget(offset);  // nothing is left of it
    else if (!hand_over(run->block, 0))
      return;
  }
  changed_ = true;
}

void share_group::log_read(request_number number, log_page&& page, bool failed,
                           share_effects& effects) {
  if (!is_durable() || !cursor_->is_answer(number)) return;
  const bool was_for_returned = !cursor_->asked_offsets().empty();
  if (!failed && was_for_returned)
    take_returned(page);
  else if (!failed)
    cursor_->take_page(std::move(page));
  follow_log(effects);
}

std::optional<log_interest> share_group::interest(log_offset head) {
  if (!is_durable()) return std::nullopt;
  if (cursor_->now() == log_cursor::phase::live) cursor_->skip_to(head);
  const std::vector<log_offset> reached = cursor_->positions();
  log_interest needed;
  needed.after = std::ranges::min(reached);
  if (needed.after < head) needed.filters = {std::string(filter_)};
  needed.pinned = ledger_.outstanding();
  if (needed.filters.empty() && needed.pinned.empty()) return std::nullopt;
  return needed;
}

// -- what is kept -----------------------------------------------------------------------

void share_group::keep_progress(time_point now, bool at_once, share_effects& effects) {
  if (!is_durable() || !changed_ || writing_ != 0) return;
  if (!due_) due_ = now + progress_interval;
  if (!at_once && !is_urgent_ && now < *due_) return;
  changed_ = is_urgent_ = false;
  due_.reset();
  writing_ = ++last_write_;
  kept_share now_kept{.share = share_, .positions = cursor_->positions()};
  ledger_.pass_all(std::ranges::min(now_kept.positions));
  now_kept.outstanding = ledger_.outstanding();
  now_kept.settled = ledger_.settled();
  effects.write = {writing_, std::move(now_kept)};
}

void share_group::written(write_number number, bool done, time_point now, share_effects& effects) {
  if (number != writing_) return;
  writing_ = 0;
  if (!done) {  // tried again with what has changed since
    changed_ = true;
    due_ = now + progress_interval;
  }
  is_kept_ = true;
  answer_joined(effects);
}

}  // namespace troupe
