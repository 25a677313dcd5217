#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace troupe {

/// How much a counter grew per minute, averaged over the last 1, 5 and 15
/// minutes with exponentially fading weight, as Unix load averages are.
class load_average {
public:
  static constexpr std::array<std::chrono::minutes, 3> spans{
      std::chrono::minutes(1), std::chrono::minutes(5), std::chrono::minutes(15)};

  /// `total`: the counter's value `elapsed` after the last update.
  void update(std::uint64_t total, std::chrono::milliseconds elapsed);

  /// Growth per minute, by index into `spans`.
  [[nodiscard]] const std::array<double, spans.size()>& per_minute() const noexcept {
    return averages_;
  }

private:
  std::uint64_t last_ = 0;
  std::array<double, spans.size()> averages_{};
};

}  // namespace troupe
