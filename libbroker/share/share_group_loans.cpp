// What other nodes lend to a group for its members here.

#include "libbroker/share/share_group.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

void share_group::lend(std::uint64_t node, share_lend&& request, share_effects& effects) {
  lenders_[node] = request.lender;
  const bool is_counted = !request.offsets.empty();
  const bool has_takers = is_counted ? members_.has_counting() : !members_.empty();
  if (!has_takers) {  // the last of them has just left
    if (is_counted)
      effects.words.push_back(
          {node, share_report{.done = {}, .returned = std::move(request.offsets), .held = {}}});
    else
      redeliver(request.block);  // to nodes that have some
    return;
  }
  if (!is_counted || log_head_ == nullptr) {
    for (std::uint32_t i = 0; i != request.block->size(); ++i)
      collect_here(request.block, i);
    // Without a log here nobody can keep count of them any more.
    if (is_counted)
      effects.words.push_back(
          {node, share_report{.done = std::move(request.offsets), .returned = {}, .held = {}}});
    return;
  }
  share_effects::loan_append wanted{.node = node, .what = std::move(request), .which = {}};
  for (std::uint32_t i = 0; i != wanted.what.block->size(); ++i)
    if (loans_.arrives(wanted.what.lender, wanted.what.offsets[i])) wanted.which.push_back(i);
  if (wanted.which.empty()) return;
  if (arriving_++ == 0) arriving_above_ = log_head();
  effects.appends.push_back(std::move(wanted));
}

void share_group::collect_here(const message_block_ptr& block, std::uint32_t index) {
  share_member& to = members_.next();
  collect(to, to.passing, block, index);
}

void share_group::loans_appended(const share_effects::loan_append& what, log_offset first,
                                 share_effects& effects) {
  --arriving_;
  const share_lend& lent = what.what;
  has_refused_ = first == 0;
  if (first == 0) {  // the disk failed
    share_report refused;
    for (const std::uint32_t index : what.which) {
      loans_.refused(lent.lender, lent.offsets[index]);
      refused.returned.push_back(lent.offsets[index]);
    }
    effects.words.push_back({what.node, std::move(refused)});
    return;
  }
  message_block::place_in_log(*lent.block, what.which, first);
  for (const std::uint32_t index : what.which) {
    loans_.arrived(lent.lender, lent.offsets[index], first++);
    take_loan(lent.block, index);
  }
  after_returns(effects);
}

void share_group::take_loan(const message_block_ptr& block, std::uint32_t index) {
  const message_entry& entry = (*block)[index];
  ledger_.put_loan(entry.log_offset, entry.size);
  if (share_member* const to = members_.next_with_room()) return give_to(*to, block, index);
  if (may_wait_here()) return;
  is_crowded_ |= members_.total_room() != 0;
  return_loan(entry.log_offset);
}

void share_group::return_loan(log_offset own) {
  ledger_.forget(own);
  loans_.end(own, loan_outcome::returned);
}

void share_group::return_loans() {
  if (is_restoring_ || !ledger_.has_waiting() || may_wait_here()) return;
  for (const log_offset own : loans_.open())
    if (ledger_.is_free(own)) return_loan(own);
}

/// Reports that are not confirmed are repeated only now, when all that was lent before the question
/// is here: earlier, one might be of a message that has been lent again.
void share_group::ask(std::uint64_t node, const share_ask& question, share_effects& effects) {
  meet_lender(node, question.lender);
  loans_.tell_again(question.lender);
  tell_lenders(effects);
  effects.words.push_back({node, share_holds{question.number, loans_.held_of(question.lender)}});
  presence_told_[node] = std::nullopt;
  tell_presence(effects);
}

void share_group::meet_lender(std::uint64_t node, std::uint64_t home) {
  const auto known = lenders_.find(node);
  if (known != lenders_.end() && known->second != home)
    loans_.forget_lender(known->second);  // it has another data directory now
  lenders_[node] = home;
}

void share_group::confirmed(const share_confirmed& word, share_effects& effects) {
  loans_.confirmed(word.lender, word.number);
  effects.ended |= is_unused();
}

void share_group::forget_lender(std::uint64_t node, std::uint64_t lender, share_effects& effects) {
  if (lender != 0) loans_.forget_lender(lender);
  lenders_.erase(node);
  presence_told_.erase(node);
  effects.ended |= is_unused();
}

void share_group::tell_lenders(share_effects& effects) {
  for (const std::uint64_t lender : loans_.to_be_told()) {
    const auto node =
        std::ranges::find(lenders_, lender, [](const auto& each) { return each.second; });
    if (node == lenders_.end()) continue;  // it will ask
    effects.words.push_back({node->first, *loans_.take_report(lender)});
  }
}

void share_group::tell_presence(share_effects& effects) {
  if (presence_told_.empty()) return;
  // A durable group has loans wait here; and when none is open there is room again.
  is_crowded_ &= !is_durable() && loans_.has_open();
  const presence now{.members = members_.online(),
                     .room = members_.has_counting() ? room_for_loans() : members_.online()};
  for (auto& [node, told] : presence_told_) {
    if (std::exchange(told, now) == now) continue;
    effects.words.push_back({node, share_room{.room = now.room, .members = now.members}});
  }
}

/// How many messages each lender may have lent at a time.
std::uint32_t share_group::room_for_loans() noexcept {
  if (has_refused_) return 0;  // the disk is full, or broken
  const std::uint64_t all = std::min<std::uint64_t>(members_.total_room(), most_outstanding);
  if (!is_crowded_ || all == 0) return static_cast<std::uint32_t>(all);
  // Lenders know nothing of each other, and what goes back would come again at once.
  if (members_.are_half_full() || members_.room(1) == 0) return 0;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(all / presence_told_.size(), 1));
}

std::vector<log_offset> share_group::without_loans(std::vector<log_offset> offsets) const {
  if (!loans_.empty()) std::erase_if(offsets, [this](log_offset own) { return loans_.has(own); });
  return offsets;
}

}  // namespace troupe
