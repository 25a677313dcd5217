#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace troupe::bench {

/// Counts values in buckets whose width grows with the value, so that every
/// reported value is within 0.1 % of a recorded one (three significant digits).
/// Values are non-negative; the unit is the caller's. Not thread-safe: one per
/// thread, then `merge`.
class histogram {
public:
  /// Larger values are counted as this one. In nanoseconds: 73 minutes.
  static constexpr std::uint64_t largest = (std::uint64_t{1} << 42) - 1;

  histogram() : counts_(index_of(largest) + 1) {}

  void record(std::uint64_t value, std::uint64_t count = 1) noexcept {
    value = std::min(value, largest);
    counts_[index_of(value)] += count;
    total_ += count;
    sum_ += static_cast<double>(value) * static_cast<double>(count);
    maximum_ = std::max(maximum_, value);
  }

  void merge(const histogram& other) noexcept;

  /// The smallest recorded value that at least `percent` of all values do not
  /// exceed, to the precision of its bucket; 0 when nothing was recorded.
  /// REQUIRES: 0 <= percent <= 100.
  [[nodiscard]] std::uint64_t percentile(double percent) const noexcept;

  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t maximum() const noexcept { return maximum_; }
  /// 0 when nothing was recorded.
  [[nodiscard]] double mean() const noexcept;

private:
  // Values below 2,048 have a bucket each; above, every power of two is cut
  // into 1,024 buckets.
  static constexpr unsigned exact_bits = 11;

  static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > exact_bits ? width - exact_bits : 0;
    return (std::size_t{shift} << (exact_bits - 1)) + static_cast<std::size_t>(value >> shift);
  }
  static constexpr std::uint64_t highest_in(std::size_t index) noexcept {
    if (index < (std::size_t{1} << exact_bits)) return index;
    const std::size_t shift = (index >> (exact_bits - 1)) - 1;
    const std::uint64_t scaled = index - (shift << (exact_bits - 1));
    return ((scaled + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t maximum_ = 0;
  double sum_ = 0;
};

}  // namespace troupe::bench
