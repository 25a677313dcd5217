#include "libbroker/share/share_ledger.hpp"

#include "libbroker/share/share_id.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

share_ledger::holding share_ledger::held_by(std::uint64_t session) const noexcept {
  holding found;
  for (const entry& each : entries_) {
    if (each.state != state::held || each.session != session) continue;
    ++found.messages;
    found.bytes += each.bytes;
  }
  return found;
}

void share_ledger::assign(log_offset offset, std::uint32_t bytes, qos level,
                          std::uint64_t session) {
  entry& at = make(offset);
  at.session = session;
  at.bytes = bytes;
  at.is_exactly_once = level == qos::exactly_once;
  become(at, state::held);
}

std::optional<std::uint32_t> share_ledger::complete(log_offset offset,
                                                    std::uint64_t session) noexcept {
  entry* const at = find(offset);
  if (at == nullptr || at->state != state::held || at->session != session) return std::nullopt;
  const std::uint32_t bytes = at->bytes;
  finish(*at);
  compact();
  return bytes;
}

std::optional<std::uint32_t> share_ledger::give_back(log_offset offset,
                                                     std::uint64_t session) noexcept {
  entry* const at = find(offset);
  if (at == nullptr || at->state != state::held || at->session != session) return std::nullopt;
  free(*at);
  return at->bytes;
}

std::vector<log_offset> share_ledger::first_free(std::size_t most, bool with_loans) const {
  std::vector<log_offset> found;
  most = std::min(most, count(state::returned) + (with_loans ? count(state::waiting) : 0));
  for (auto at = entries_.begin(); found.size() != most; ++at)
    if (at->is_free() && (with_loans || !at->is_loan)) found.push_back(at->offset);
  return found;
}

bool share_ledger::is_free(log_offset offset) const noexcept {
  const entry* const at = find(offset);
  return at != nullptr && at->is_free();
}

bool share_ledger::is_held(log_offset offset) const noexcept {
  const entry* const at = find(offset);
  return at != nullptr && at->state == state::held;
}

void share_ledger::forget(log_offset offset) noexcept {
  entry* const at = find(offset);
  if (at == nullptr) return;
  finish(*at);
  compact();
}

void share_ledger::put_loan(log_offset offset, std::uint32_t bytes) {
  entry& at = make(offset);
  at.bytes = bytes;
  at.is_loan = true;
  free(at);
}

void share_ledger::give_back_acknowledged(std::uint64_t session) {
  for (entry& each : entries_)
    if (each.state == state::held && each.session == session && !each.is_exactly_once) free(each);
}

void share_ledger::give_back_others(std::uint64_t session, const std::vector<log_offset>& kept) {
  for (entry& each : entries_)
    if (each.state == state::held && each.session == session &&
        !std::ranges::binary_search(kept, each.offset))
      free(each);
}

void share_ledger::complete_all(std::uint64_t session) {
  for (entry& each : entries_)
    if (each.state == state::held && each.session == session) finish(each);
  compact();
}

// -- an earlier life ------------------------------------------------------------------

void share_ledger::restore(const std::vector<log_offset>& offsets) {
  for (const log_offset each : offsets) {
    entry& at = make(each);
    at.is_early = true;
    free(at);
  }
}

void share_ledger::hold(log_offset offset, std::uint64_t session, qos level) {
  entry& at = make(offset);
  at.is_early = true;
  // That a node had it was written before the session got it.
  if (at.state == state::held && !is_share_id_of_node(at.session)) return;
  at.session = session;
  at.is_exactly_once = level == qos::exactly_once;
  become(at, state::held);
}

void share_ledger::settle(log_offset offset) {
  entry& at = make(offset);
  at.is_early = true;
  become(at, state::settled);
}

bool share_ledger::is_known(log_offset offset) const noexcept {
  const entry* const at = find(offset);
  return at != nullptr && at->state != state::gone;
}

void share_ledger::pass(log_offset offset) noexcept {
  if (entry* const at = find(offset)) pass(*at);
}

void share_ledger::pass_all(log_offset offset) noexcept {
  for (entry& each : entries_) {
    if (each.offset > offset) break;
    pass(each);
  }
  compact();
}

void share_ledger::pass(entry& passed) noexcept {
  passed.is_early = false;
  if (passed.state == state::settled) become(passed, state::gone);
}

// -- what is kept -----------------------------------------------------------------------

template <class Predicate>
std::vector<log_offset> share_ledger::list(Predicate is_wanted) const {
  std::vector<log_offset> found;
  for (const entry& each : entries_)
    if (is_wanted(each)) found.push_back(each.offset);
  return found;
}

std::vector<log_offset> share_ledger::outstanding() const {
  return list([](const entry& each) { return each.state == state::held || each.is_free(); });
}

std::vector<log_offset> share_ledger::held_by(std::uint64_t session, qos level) const {
  return list([&](const entry& each) {
    return each.state == state::held && each.session == session &&
           each.is_exactly_once == (level == qos::exactly_once);
  });
}

std::vector<log_offset> share_ledger::settled() const {
  return list([](const entry& each) { return each.state == state::settled; });
}

// -- the entries ------------------------------------------------------------------------

const share_ledger::entry* share_ledger::find(log_offset offset) const noexcept {
  const auto at = std::ranges::lower_bound(entries_, offset, {}, &entry::offset);
  return at == entries_.end() || at->offset != offset ? nullptr : &*at;
}

share_ledger::entry* share_ledger::find(log_offset offset) noexcept {
  return const_cast<entry*>(std::as_const(*this).find(offset));
}

share_ledger::entry& share_ledger::make(log_offset offset) {
  const auto at = std::ranges::lower_bound(entries_, offset, {}, &entry::offset);
  if (at != entries_.end() && at->offset == offset) return *at;
  ++count(state::gone);
  return *entries_.insert(at, {.offset = offset});  // mostly at the end
}

void share_ledger::become(entry& changed, state next) noexcept {
  --count(changed.state);
  ++count(next);
  if (changed.is_loan) held_loans_ += (next == state::held) - (changed.state == state::held);
  changed.state = next;
}

void share_ledger::compact() noexcept {
  constexpr std::size_t least = 64;
  std::size_t& gone = count(state::gone);
  if (gone < least || gone * 2 < entries_.size()) return;
  std::erase_if(entries_, [](const entry& each) { return each.state == state::gone; });
  gone = 0;
}

}  // namespace troupe
