// How a durable group gets messages from the log.

#include "libbroker/cluster/log_publisher.hpp"
#include "libbroker/share/share_group.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Messages that were returned and are read from the log at a time.
constexpr std::size_t messages_per_fetch = 64;

}  // namespace

void share_group::deliver_logged(const message_block_ptr& block, std::uint32_t index,
                                 shard_index from, share_effects& effects) {
  const log_offset offset = (*block)[index].log_offset;
  switch (cursor_->arrives(from, offset)) {
  case log_cursor::verdict::leave: return;
  case log_cursor::verdict::take:
    if (!take_turn(block, index)) return fall_behind(from, effects);
    return cursor_->taken(from, offset);
  case log_cursor::verdict::hold:
    if (cursor_->held().messages() == messages_per_page ||
        cursor_->held().bytes() > settings_.limits.delivery_credit)
      return fall_behind(from, effects);
    cursor_->held().push(block, index, {});
  }
}

bool share_group::take_turn(const message_block_ptr& block, std::uint32_t index) {
  const log_offset offset = (*block)[index].log_offset;
  if (!ledger_.is_known(offset)) return hands_out_more() && hand_over(block, index);
  ledger_.pass(offset);
  return true;
}

void share_group::deliveries_missed(shard_index from, share_effects& effects) {
  if (!reached_.empty()) missed_.push_back(from);
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
  if (can_hand_out_again()) return fetch_returned(effects);
  while (const auto next = cursor_->next()) {
    // QoS 0 is a stream's, and not kept for who is away; of what other nodes forwarded the groups
    // there have given some to this node already.
    const bool is_ours =
        next->entry().qos != qos::at_most_once && !is_node_publisher(next->run.publisher);
    if (is_ours && !take_turn(next->run.block, next->index)) return;
    new_have_a_turn_ = false;
    cursor_->pop();
    changed_ = true;
  }
  if (!cursor_->may_read() || !hands_out_more() || room(1) == 0) return;
  const log_offset end = cursor_->end(log_head());
  log_cursor::step next = cursor_->next_step(end);
  const bool is_all_read = cursor_->position() >= end;
  if (is_all_read && std::exchange(new_have_a_turn_, false) && can_hand_out_again())
    return follow_log(effects);
  // To be live would not last: loans wait.
  if (!is_all_read && new_have_a_turn_ && ledger_.has_waiting()) next = log_cursor::step::read;
  switch (next) {
  case log_cursor::step::read:
    cursor_->asked(++last_request_, end);
    effects.read_log = {.number = last_request_,
                        .page = {.filters = {std::string(filter_)},
                                 .after = cursor_->position(),
                                 .up_to = end,
                                 .most_messages = messages_per_page},
                        .offsets = {},
                        .start = {}};
    return;
  case log_cursor::step::join: return set_live(cursor_->join(), true, effects);
  case log_cursor::step::become_live: return become_live(effects);
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
  held.for_each_logged(true, [this](std::string_view topic, log_offset offset) {
    cursor_->set_back(topic, offset);
  });
}

/// Whether there is something for which somebody may have room: loans are for members here, and
/// take turns with what is new while that is read from the log.
bool share_group::can_hand_out_again() noexcept {
  if (ledger_.has_returned()) return true;
  const bool new_are_next =
      new_have_a_turn_ && hands_out_more() && cursor_->now() != log_cursor::phase::live;
  return ledger_.has_waiting() && !new_are_next && members_.room(1) != 0;
}

/// What is new waits for it. REQUIRES: can_hand_out_again().
void share_group::fetch_returned(share_effects& effects) {
  if (cursor_->is_asked()) return;
  const std::size_t most = room(messages_per_fetch);
  if (most == 0) return;
  log_request request{.number = ++last_request_,
                      .page = {},
                      .offsets = ledger_.first_free(most, members_.room(1) != 0),
                      .start = {}};
  new_have_a_turn_ = true;
  cursor_->asked(request.number, std::vector(request.offsets));
  effects.read_log = std::move(request);
}

void share_group::take_returned(const log_page& page) {
  for (const log_offset offset : cursor_->asked_offsets()) {
    if (!ledger_.is_free(offset)) continue;
    const auto run = std::ranges::find_if(
        page.runs, [&](const log_run& each) { return (*each.block)[0].log_offset == offset; });
    if (run == page.runs.end()) {  // nothing is left of it
      ledger_.forget(offset);
      if (loans_.has(offset)) loans_.end(offset, loan_outcome::returned);
    } else if (!hand_over(run->block, 0) && !loans_.has(offset)) {
      return;  // nobody takes any; of a loan, nobody here
    }
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
  log_interest needed;
  needed.pinned = ledger_.outstanding();
  loans_.add_unwritten(needed.pinned);
  // Loans that are being written: where they will lie is not known here.
  if (arriving_ != 0) needed.pinned.push_back(arriving_above_ + 1);
  if (is_durable()) {
    if (cursor_->now() == log_cursor::phase::live) cursor_->skip_to(head);
    needed.after = std::ranges::min(cursor_->positions());
    if (needed.after < head) needed.filters = {std::string(filter_)};
  }
  if (needed.filters.empty() && needed.pinned.empty()) return std::nullopt;
  return needed;
}

}  // namespace troupe
