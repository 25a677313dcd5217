#include "libbroker/config/suggestion.hpp"

#include "libbroker/config/option.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace troupe {

namespace {

// Longer names are not typing errors of ours, and the distance takes the product of the lengths.
constexpr std::size_t longest_name = 64;

/// Returns the candidate at the least distance, or null when even that has less
/// than two thirds of `word` in common.
template <class T, class Distance>
const T* nearest(std::span<const T> candidates, std::string_view word, Distance distance) {
  if (word.empty() || word.size() > longest_name) return nullptr;
  const T* best = nullptr;
  std::size_t least = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const T& candidate : candidates) {
    const auto current = distance(candidate);
    if (current >= least) continue;
    least = current;
    best = &candidate;
  }
  return best;
}

}  // namespace

std::size_t edit_distance(std::string_view from, std::string_view to) {
  // Three rows of the table of distances between prefixes, for i - 2, i - 1 and i characters.
  std::vector<std::size_t> before(to.size() + 1);
  std::vector<std::size_t> last(to.size() + 1);
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::swap(before, last);
    std::swap(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const bool same = from[i - 1] == to[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

const option* nearest_option(std::string_view section, std::string_view key) {
  return nearest(options(), key, [section, key](const option& candidate) {
    const std::size_t elsewhere = candidate.section == section ? 0 : 1;
    return edit_distance(key, candidate.key) + elsewhere;
  });
}

std::string_view nearest_section(std::string_view name) {
  const auto* found = nearest(sections(), name, [name](const section& candidate) {
    return edit_distance(name, candidate.name);
  });
  return found == nullptr ? std::string_view{} : found->name;
}

}  // namespace troupe
