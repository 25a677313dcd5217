#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace troupe {

/// Adds `more` to `which`; both are ascending, and so is what comes of it.
inline void merge_indexes(const std::vector<std::uint32_t>& more,
                          std::vector<std::uint32_t>& which) {
  const auto middle = static_cast<std::ptrdiff_t>(which.size());
  which.insert(which.end(), more.begin(), more.end());
  std::inplace_merge(which.begin(), which.begin() + middle, which.end());
  which.erase(std::unique(which.begin(), which.end()), which.end());
}

}  // namespace troupe
