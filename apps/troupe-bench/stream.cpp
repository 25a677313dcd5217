#include "apps/troupe-bench/stream.hpp"

#include <algorithm>

namespace troupe::bench {

bool stream::extend() noexcept {
  if (ahead_.limit == no_limit || receivers_.empty()) {
    allowed_until_ = no_limit;
    return true;
  }
  if (waiting_for_.load(std::memory_order_relaxed) != nullptr) return false;
  const auto less = [](const auto* a, const auto* b) { return a->next() < b->next(); };
  while (true) {
    const sequence_tracker& slowest =
        **std::min_element(receivers_.begin(), receivers_.end(), less);
    const std::uint64_t confirmed = std::max(slowest.next(), written_off_);
    if (confirmed + ahead_.limit >= published() + ahead_.step) {
      allowed_until_ = confirmed + ahead_.limit;
      return true;
    }
    wait_until_.store(published() + ahead_.step - ahead_.limit, std::memory_order_relaxed);
    // Ordered against `announce_progress`: either the receiver finds that someone waits or its
    // progress is seen here.
    waiting_for_.exchange(&slowest, std::memory_order_acq_rel);
    if (!take_wake(slowest)) return false;
  }
}

bool stream::write_off(std::int64_t now) noexcept {
  constexpr std::int64_t patience = 2'000'000'000;
  const sequence_tracker* const receiver = waiting_for_.load(std::memory_order_relaxed);
  if (receiver == nullptr) {
    stalled_since_ = 0;
    return false;
  }
  if (stalled_since_ == 0 || receiver->next() != stalled_at_) {
    stalled_since_ = now;
    stalled_at_ = receiver->next();
    return false;
  }
  if (now - stalled_since_ < patience) return false;
  stalled_since_ = 0;
  written_off_ = published();
  return waiting_for_.exchange(nullptr) != nullptr;
}

}  // namespace troupe::bench
