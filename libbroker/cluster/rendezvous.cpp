#include "libbroker/cluster/rendezvous.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace troupe {

namespace {

std::uint64_t seed_of(std::string_view name) noexcept {
  return XXH3_64bits(name.data(), name.size());
}

std::uint64_t weigh(std::uint64_t seed, std::string_view key) noexcept {
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

}  // namespace

rendezvous::rendezvous(std::vector<std::string> names) : names_(std::move(names)) {
  std::ranges::sort(names_);
  names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
  seeds_.reserve(names_.size());
  for (const std::string& name : names_)
    seeds_.push_back(seed_of(name));
}

std::size_t rendezvous::best(std::string_view key) const noexcept {
  assert(!names_.empty());
  if (names_.size() == 1) return 0;
  std::size_t best = 0;
  std::uint64_t greatest = weigh(seeds_[0], key);
  for (std::size_t i = 1; i != seeds_.size(); ++i) {
    const std::uint64_t weight = weigh(seeds_[i], key);
    if (weight <= greatest) continue;
    best = i;
    greatest = weight;
  }
  return best;
}

std::vector<std::size_t> rendezvous::first(std::string_view key, std::size_t count) const {
  std::vector<std::uint64_t> weights;
  weights.reserve(seeds_.size());
  for (const std::uint64_t seed : seeds_)
    weights.push_back(weigh(seed, key));
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto is_better = [&](std::size_t left, std::size_t right) {
    return weights[left] != weights[right] ? weights[left] > weights[right] : left < right;
  };
  const std::size_t wanted = std::min(count, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted), order.end(),
                    is_better);
  order.resize(wanted);
  return order;
}

std::uint64_t rendezvous::weight(std::string_view name, std::string_view key) noexcept {
  return weigh(seed_of(name), key);
}

}  // namespace troupe
