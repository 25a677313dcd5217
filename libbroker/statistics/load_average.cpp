#include "libbroker/statistics/load_average.hpp"

#include <cmath>

namespace troupe {

void load_average::update(std::uint64_t total, std::chrono::milliseconds elapsed) {
  using minutes = std::chrono::duration<double, std::chrono::minutes::period>;
  if (elapsed.count() <= 0) return;
  const double rate = static_cast<double>(total - last_) / minutes(elapsed).count();
  last_ = total;
  for (std::size_t i = 0; i != spans.size(); ++i) {
    const double keep = std::exp(-minutes(elapsed).count() / minutes(spans[i]).count());
    averages_[i] = rate + keep * (averages_[i] - rate);
  }
}

}  // namespace troupe
