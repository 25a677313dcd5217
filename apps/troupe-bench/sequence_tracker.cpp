#include "apps/troupe-bench/sequence_tracker.hpp"

#include <algorithm>
#include <bit>

namespace troupe::bench {

std::uint64_t sequence_tracker::lost(std::uint64_t published) const noexcept {
  const std::uint64_t tail = published > next() ? published - next() : 0;
  return tail + (gaps_ ? gaps_->count : 0);
}

bool sequence_tracker::record_unexpected(std::uint64_t sequence, std::uint64_t next) {
  if (sequence > next) {
    open_gap(next, sequence);
    next_.store(sequence + 1, std::memory_order_relaxed);
    return true;
  }
  if (fill_gap(sequence)) {
    ++reordered_;
    return true;
  }
  ++duplicates_;
  return false;
}

void sequence_tracker::open_gap(std::uint64_t first, std::uint64_t last) {
  if (!gaps_) gaps_ = std::make_unique<gaps>();
  while (first < last) {
    const std::uint64_t end = std::min(last, (first | 63) + 1);
    const std::uint64_t bits = end - first;
    const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
    gaps_->words[first / 64] |= mask << (first % 64);
    gaps_->count += bits;
    first = end;
  }
}

bool sequence_tracker::fill_gap(std::uint64_t sequence) {
  if (!gaps_) return false;
  const auto word = gaps_->words.find(sequence / 64);
  const std::uint64_t bit = std::uint64_t{1} << (sequence % 64);
  if (word == gaps_->words.end() || (word->second & bit) == 0) return false;
  word->second &= ~bit;
  if (word->second == 0) gaps_->words.erase(word);
  --gaps_->count;
  return true;
}

}  // namespace troupe::bench
