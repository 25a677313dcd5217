#pragma once

#include "libbroker/time_point.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

namespace troupe {

/// Goes through an ordered map by client id a step at a time, so that no step takes long. What is
/// added or removed meanwhile does not disturb it: it keeps the key where it goes on.
class paced_walk {
public:
  struct pace {
    std::size_t entries = 0;  ///< of one step: that something is done for
    std::chrono::milliseconds every{};
  };

  /// A walk from the beginning, at `at`; one that is under way is finished first.
  void start(time_point at) noexcept {
    std::optional<time_point>& which = is_under_way_ ? again_ : next_;
    which = which ? std::min(*which, at) : at;
  }
  /// When the next step is due.
  [[nodiscard]] std::optional<time_point> deadline() const noexcept { return next_; }
  [[nodiscard]] bool is_due(time_point now) const noexcept { return next_ && *next_ <= now; }
  [[nodiscard]] bool is_under_way() const noexcept { return is_under_way_; }

  /// Calls `visit` with iterators, which it may erase; it returns how many entries' work it did.
  /// Returns whether the walk has come to its end. REQUIRES: is_due(now).
  template <class Map, class Visit>
  bool step(Map& map, time_point now, const pace& allowed, Visit visit) {
    constexpr std::size_t glances = 8;  // at entries with nothing to do, for one with something
    std::size_t left = allowed.entries * glances;
    is_under_way_ = true;
    auto at = map.lower_bound(from_);
    while (at != map.end() && left != 0) {
      const auto next = std::next(at);
      left -= std::min(left, std::max<std::size_t>(1, visit(at) * glances));
      at = next;
    }
    if (at != map.end()) {
      from_ = at->first;
      next_ = now + allowed.every;
      return false;
    }
    is_under_way_ = false;
    from_.clear();
    next_.reset();
    if (const auto again = std::exchange(again_, std::nullopt))
      next_ = std::max(*again, now + allowed.every);
    return true;
  }

private:
  std::optional<time_point> next_;
  std::optional<time_point> again_;
  std::string from_;
  bool is_under_way_ = false;
};

}  // namespace troupe
