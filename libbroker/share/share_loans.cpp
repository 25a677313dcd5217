#include "libbroker/share/share_loans.hpp"

#include <algorithm>

namespace troupe {

// -- from the lender to a member ------------------------------------------------------------

bool share_loans::arrives(std::uint64_t lender, log_offset offset) {
  const auto known = loans_.find({lender, offset});
  if (known != loans_.end() && known->second.now != stage::told) return false;
  if (known != loans_.end() && known->second.outcome != loan_outcome::returned) {
    queue_report(known);  // the lender did not know any more that it was lent
    return false;
  }
  loans_[{lender, offset}] = {};
  // That an earlier one is over must not be written behind the news of this one.
  std::erase_if(unwritten_.forgotten, [&](const share_loan& each) {
    return each.lender == lender && each.offset == offset;
  });
  return true;
}

void share_loans::arrived(std::uint64_t lender, log_offset offset, log_offset own) {
  const auto at = loans_.find({lender, offset});
  at->second.now = stage::open;
  at->second.own = own;
  by_own_.emplace(own, at);
}

void share_loans::refused(std::uint64_t lender, log_offset offset) {
  forget(loans_.find({lender, offset}));  // an earlier one that went back may be kept
}

void share_loans::restore(const kept_loan& kept) {
  const auto at = loans_.try_emplace({kept.loan.lender, kept.loan.offset}).first;
  at->second = {.now = stage::open, .own = kept.loan.own, .outcome = kept.outcome};
  if (kept.outcome == loan_outcome::open) {
    by_own_.emplace(kept.loan.own, at);
    return;
  }
  queue_report(at);
}

void share_loans::end(log_offset own, loan_outcome outcome) {
  const auto found = by_own_.extract(own);
  const auto at = found.mapped();
  if (std::ranges::find(gone_, at->first.lender) != gone_.end()) return forget(at);
  at->second.now = stage::unwritten;
  at->second.outcome = outcome;
  unwritten_.ended.push_back({loan_of(*at), outcome});
}

std::vector<log_offset> share_loans::open() const {
  std::vector<log_offset> found;
  for (const auto& [own, at] : by_own_)
    found.push_back(own);
  return found;
}

std::vector<log_offset> share_loans::held_of(std::uint64_t lender) const {
  std::vector<log_offset> found;
  for (auto at = loans_.lower_bound({lender, 0}); at != loans_.end() && at->first.lender == lender;
       ++at)
    // What has ended and is not on the disk yet would be here again after a crash.
    if (at->second.now < stage::written) found.push_back(at->first.offset);
  return found;
}

// -- what is written, and told --------------------------------------------------------------

loan_changes share_loans::take_changes() {
  writing_ = std::exchange(unwritten_, {});
  for (const kept_loan& each : writing_.ended)
    if (const auto at = loans_.find({each.loan.lender, each.loan.offset}); at != loans_.end())
      at->second.now = stage::writing;
  return writing_;
}

void share_loans::add_unwritten(std::vector<log_offset>& to) const {
  for (const auto* const each : {&unwritten_, &writing_})
    for (const kept_loan& ended : each->ended)
      to.push_back(ended.loan.own);
}

void share_loans::written() {
  for (const kept_loan& each : std::exchange(writing_, {}).ended) {
    const auto at = loans_.find({each.loan.lender, each.loan.offset});
    if (at != loans_.end() && at->second.now == stage::writing) queue_report(at);
  }
}

void share_loans::queue_report(entries::iterator which) {
  which->second.now = stage::written;
  news_[which->first.lender].push_back(which->first.offset);
}

void share_loans::not_written() {
  loan_changes again = std::exchange(writing_, {});
  unwritten_.ended.insert(unwritten_.ended.begin(), again.ended.begin(), again.ended.end());
  for (const share_loan& each : again.forgotten)
    if (!loans_.contains({each.lender, each.offset})) unwritten_.forgotten.push_back(each);
}

std::vector<std::uint64_t> share_loans::to_be_told() const {
  std::vector<std::uint64_t> lenders;
  for (const auto& [lender, offsets] : news_)
    lenders.push_back(lender);
  return lenders;
}

std::optional<share_report> share_loans::take_report(std::uint64_t lender) {
  auto news = news_.extract(lender);
  if (news.empty()) return std::nullopt;
  share_report report{.number = ++last_report_, .done = {}, .returned = {}, .held = {}};
  for (const log_offset offset : news.mapped()) {
    entry& at = loans_.find({lender, offset})->second;
    at.now = stage::told;
    at.report = report.number;
    (at.outcome == loan_outcome::done ? report.done : report.returned).push_back(offset);
  }
  told_[lender].push_back({report.number, std::move(news.mapped())});
  return report;
}

void share_loans::tell_again(std::uint64_t lender) {
  std::erase(gone_, lender);
  auto told = told_.extract(lender);
  if (told.empty()) return;
  for (const share_loans::told& each : told.mapped())
    for (const log_offset offset : each.offsets)
      if (const auto at = find_told(lender, offset, each.number); at != loans_.end())
        queue_report(at);
}

/// It may have been lent again since.
share_loans::entries::iterator share_loans::find_told(std::uint64_t lender, log_offset offset,
                                                      request_number number) {
  const auto at = loans_.find({lender, offset});
  const bool is_told =
      at != loans_.end() && at->second.now == stage::told && at->second.report == number;
  return is_told ? at : loans_.end();
}

void share_loans::confirmed(std::uint64_t lender, request_number number) {
  const auto found = told_.find(lender);
  if (found == told_.end()) return;
  // Reports are confirmed in their order.
  for (; !found->second.empty() && found->second.front().number <= number;
       found->second.pop_front())
    for (const log_offset offset : found->second.front().offsets)
      if (const auto at = find_told(lender, offset, found->second.front().number);
          at != loans_.end())
        forget(at);
  if (found->second.empty()) told_.erase(found);
}

void share_loans::forget_lender(std::uint64_t lender) {
  gone_.push_back(lender);
  news_.erase(lender);
  told_.erase(lender);
  for (auto at = loans_.lower_bound({lender, 0});
       at != loans_.end() && at->first.lender == lender;) {
    const auto here = at++;
    if (here->second.now > stage::open) forget(here);
  }
}

void share_loans::forget(entries::iterator which) {
  unwritten_.forgotten.push_back(loan_of(*which));
  loans_.erase(which);
}

}  // namespace troupe
