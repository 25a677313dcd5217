#include "libbroker/cluster/forward_log.hpp"

#include "libbroker/cluster/log_publisher.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Filters that are named to the reader; with more it reads everything.
constexpr std::size_t most_filters = 64;

/// Bytes that are held while the last of the log is read.
constexpr std::size_t most_held = 4UL << 20;

}  // namespace

forward_log::forward_log(std::uint32_t shards, log_offset head)
    : shards_(shards),
      cursor_(shards, head),
      handled_(cursor_.positions()),
      wanted_(retained_store::limits{}),
      node_(wanted_.join(1)),
      waiting_(shards),
      last_seen_(shards) {}

forward_log::forward_log(std::uint32_t shards, std::vector<log_offset> handled)
    : shards_(shards),
      cursor_(shards, handled),
      handled_(std::move(handled)),
      wanted_(retained_store::limits{}),
      node_(wanted_.join(1)),
      waiting_(shards),
      last_seen_(shards) {}

void forward_log::change_route(const route_change& change, log_offset head) {
  const topic_filter filter = *parse_topic_filter(change.filter);
  const auto known = identifiers_.find(change.filter);
  looked_at_ = nullptr;
  if (change.interest == route_interest::none || change.interest == route_interest::at_most_once) {
    if (known == identifiers_.end()) return;
    wanted_.unsubscribe(node_, filter);
    free_identifiers_.push_back(known->second);
    identifiers_.erase(known);
    return;
  }
  if (known != identifiers_.end()) return;
  if (free_identifiers_.empty()) {
    free_identifiers_.push_back(static_cast<std::uint32_t>(begins_.size()));
    begins_.emplace_back();
  }
  const std::uint32_t identifier = free_identifiers_.back();
  free_identifiers_.pop_back();
  begins_[identifier] = head;
  identifiers_.emplace(change.filter, identifier);
  wanted_.subscribe(node_, filter, {.qos = qos::exactly_once}, identifier, true);
}

// -- the link -------------------------------------------------------------------------

void forward_log::link_up(bool begins_anew, const forward_bounds& now, forward_effects& effects) {
  if (cursor_.now() != log_cursor::phase::away)  // it never was down
    fall_behind(log_cursor::phase::away, {}, effects);
  if (begins_anew) {
    checkpoints_.clear();
    cursor_.go_back_to(handled_);
  }
  if (cursor_.now() == log_cursor::phase::away) cursor_.read_on();
  follow(now, effects);
}

void forward_log::link_down(forward_effects& effects) {
  fall_behind(log_cursor::phase::away, {}, effects);
}

void forward_log::sent(std::uint64_t sequence) {
  if (!moved_ && !skipped_) return;
  moved_ = skipped_ = false;
  checkpoints_.push_back({sequence, cursor_.positions()});
}

std::uint64_t forward_log::stream_forgotten() noexcept {
  checkpoints_.clear();
  moved_ = skipped_ = false;
  std::uint64_t lost = 0;
  for (std::deque<unlogged>& of_shard : waiting_) {
    for (const unlogged& each : of_shard)
      lost += each.messages->messages;
    of_shard.clear();
  }
  waiting_bytes_ = 0;
  return lost;
}

void forward_log::handled(std::uint64_t sequence) {
  while (!checkpoints_.empty() && checkpoints_.front().sequence <= sequence) {
    handled_ = std::move(checkpoints_.front().positions);
    checkpoints_.pop_front();
  }
}

// -- live -----------------------------------------------------------------------------

void forward_log::add(const message_block_ptr& block, std::uint32_t index,
                      forward_effects& effects) {
  if (!effects.messages) effects.messages = intrusive_ptr<delivery>::adopt(new delivery());
  effects.messages->add(block, index);
}

void forward_log::deliver(const delivery& batch, shard_index from, log_offset after,
                          const forward_bounds& now, forward_effects& effects) {
  // While it is live that is old: all of it was read.
  if (!is_live()) last_seen_[from] = std::max(last_seen_[from], after);
  if (now.has_room) pass_waiting(effects);
  for (const message_run& run : batch.runs) {
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
      const message_entry& entry = (*run.block)[i];
      // What nobody wants at more than QoS 0 is not read from the log, and does not wait.
      if (entry.qos == qos::at_most_once)
        add(run.block, i, effects);
      else if (entry.log_offset != 0)
        deliver_logged(run.block, i, from, now.has_room, effects);
      else if (is_live() && now.has_room && waiting_[from].empty())
        add(run.block, i, effects);
      else
        wait(run.block, i, from);
    }
  }
}

void forward_log::wait(const message_block_ptr& block, std::uint32_t index, shard_index from) {
  std::deque<unlogged>& queue = waiting_[from];
  if (queue.empty() || queue.back().after != last_seen_[from])
    queue.push_back({last_seen_[from], intrusive_ptr<delivery>::adopt(new delivery())});
  delivery& last = *queue.back().messages;
  waiting_bytes_ -= last.footprint();
  last.add(block, index);
  waiting_bytes_ += last.footprint();
}

/// Sends what waited and has nothing of the log before it any more. `reached`: up to there the log
/// was read.
void forward_log::pass_waiting(forward_effects& effects, log_offset reached) {
  if (waiting_bytes_ == 0) return;
  for (shard_index shard = 0; shard != shards_; ++shard) {
    std::deque<unlogged>& queue = waiting_[shard];
    const log_offset taken = cursor_.taken_of(shard, reached);
    for (; !queue.empty() && queue.front().after <= taken; queue.pop_front()) {
      const delivery& messages = *queue.front().messages;
      waiting_bytes_ -= messages.footprint();
      for (const message_run& run : messages.runs)
        for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
          add(run.block, i, effects);
    }
  }
}

void forward_log::deliver_logged(const message_block_ptr& block, std::uint32_t index,
                                 shard_index from, bool has_room, forward_effects& effects) {
  const log_offset offset = (*block)[index].log_offset;
  last_seen_[from] = std::max(last_seen_[from], offset);
  switch (cursor_.arrives(from, offset)) {
  case log_cursor::verdict::leave: return;
  case log_cursor::verdict::take:
    if (!has_room) return fall_behind(log_cursor::phase::reading, from, effects);
    add(block, index, effects);
    cursor_.taken(from, offset);
    moved_ = true;
    return;
  case log_cursor::verdict::hold:
    if (cursor_.held().bytes() > most_held)
      return fall_behind(log_cursor::phase::reading, from, effects);
    cursor_.held().push(block, index, {});
  }
}

void forward_log::deliveries_missed(shard_index from, const forward_bounds& now,
                                    forward_effects& effects) {
  cursor_.missed(from);
  if (cursor_.wants_live()) fall_behind(log_cursor::phase::reading, from, effects);
  follow(now, effects);
}

void forward_log::fall_behind(log_cursor::phase to, std::optional<shard_index> missed,
                              forward_effects& effects) {
  looked_at_ = nullptr;
  if (const auto number = cursor_.leave(to, missed)) set_live(*number, false, effects);
}

void forward_log::set_live(request_number number, bool live, forward_effects& effects) {
  for (shard_index shard = 0; shard != shards_; ++shard)
    effects.requests.push_back({shard, number, live});
}

void forward_log::live_set(shard_index from, request_number number, log_offset through,
                           const forward_bounds& now, forward_effects& effects) {
  // An answer may be one to an earlier log for the node.
  if (!is_live()) last_seen_[from] = std::max(last_seen_[from], through);
  if (cursor_.answered(from, number, through)) follow(now, effects);
}

// -- reading --------------------------------------------------------------------------

bool forward_log::is_wanted(const page_reader::message& message) {
  // It went from there to all who want it.
  if (is_node_publisher(message.run.publisher)) return false;
  if (looked_at_ != message.run.block) {
    looked_at_ = message.run.block;
    wanted_.find_messages(
        *looked_at_, wanted_in_it_, [this](const message_entry& entry, const subscription& by) {
          return entry.qos != qos::at_most_once && entry.log_offset > begins_[by.identifier];
        });
  }
  return std::ranges::binary_search(wanted_in_it_, message.index);
}

void forward_log::follow(const forward_bounds& now, forward_effects& effects) {
  // A page is less than a link has room for.
  if (!now.has_room) return;
  pass_waiting(effects);
  while (const auto next = cursor_.next()) {
    pass_waiting(effects, next->entry().log_offset - 1);
    if (is_wanted(*next)) add(next->run.block, next->index, effects);
    cursor_.pop();
    moved_ = true;
  }
  pass_waiting(effects);
  if (!cursor_.may_read()) return;
  const log_offset end = cursor_.end(now.head);
  switch (cursor_.next_step(end)) {
  case log_cursor::step::read:
    cursor_.asked(++last_request_, end);
    effects.read_log = {.number = last_request_,
                        .page = {.filters = filters(),
                                 .after = cursor_.position(),
                                 .up_to = end,
                                 .most_messages = messages_per_page},
                        .offsets = {},
                        .start = {}};
    return;
  case log_cursor::step::join: return set_live(cursor_.join(), true, effects);
  case log_cursor::step::become_live: return become_live(effects);
  }
}

std::vector<std::string> forward_log::filters() const {
  std::vector<std::string> named;
  if (wanted_.filters() > most_filters) return named;
  wanted_.for_each_interest(
      [&](std::string_view filter, route_interest) { named.emplace_back(filter); });
  return named;
}

void forward_log::become_live(forward_effects& effects) {
  cursor_.become_live();
  effects.has_caught_up = true;
  message_queue held = std::exchange(cursor_.held(), {});
  for (; !held.empty() && cursor_.now() == log_cursor::phase::live; held.pop()) {
    const message_run& messages = held.front().messages;
    const std::string_view topic = messages.block->topic((*messages.block)[messages.first]);
    pass_waiting(effects);
    deliver_logged(messages.block, messages.first, shard_of(topic, shards_), true, effects);
  }
  pass_waiting(effects);
  // If it fell behind again.
  held.for_each_logged(
      true, [this](std::string_view topic, log_offset offset) { cursor_.set_back(topic, offset); });
}

void forward_log::log_read(request_number number, log_page&& page, bool failed,
                           const forward_bounds& now, forward_effects& effects) {
  if (!cursor_.is_answer(number)) return;
  if (!failed) cursor_.take_page(std::move(page));
  follow(now, effects);
}

// -- what is kept ---------------------------------------------------------------------

std::optional<log_interest> forward_log::interest(log_offset head) {
  if (is_live()) {
    cursor_.skip_to(head);
    // Else the next checkpoint has it, so that a shard that sends nothing keeps no log.
    skipped_ = !(checkpoints_.empty() && !moved_);
    if (!skipped_) handled_ = cursor_.positions();
  }
  if (wanted_.filters() == 0) return std::nullopt;
  log_interest needed;
  needed.after = std::ranges::min(handled_);
  if (needed.after >= head) return std::nullopt;
  needed.filters = filters();
  // Beyond some filters everything counts: "#" leaves out topics that begin with "$".
  if (needed.filters.empty()) {
    needed.filters = {"#"};
    wanted_.for_each_interest([&](std::string_view filter, route_interest) {
      if (filter.starts_with('$')) needed.filters.emplace_back(filter);
    });
  }
  return needed;
}

}  // namespace troupe
