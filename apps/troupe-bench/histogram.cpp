#include "apps/troupe-bench/histogram.hpp"

#include <cmath>

namespace troupe::bench {

void histogram::merge(const histogram& other) noexcept {
  for (std::size_t index = 0; index < counts_.size(); ++index)
    counts_[index] += other.counts_[index];
  total_ += other.total_;
  sum_ += other.sum_;
  maximum_ = std::max(maximum_, other.maximum_);
}

std::uint64_t histogram::percentile(double percent) const noexcept {
  if (total_ == 0) return 0;
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(percent * static_cast<double>(total_) / 100)));
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    if (seen >= wanted) return std::min(highest_in(index), maximum_);
  }
  return maximum_;
}

double histogram::mean() const noexcept {
  return total_ == 0 ? 0 : sum_ / static_cast<double>(total_);
}

}  // namespace troupe::bench
