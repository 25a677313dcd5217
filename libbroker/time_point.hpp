#pragma once

#include <cassert>
#include <chrono>
#include <optional>

namespace troupe {

/// The broker's monotonic time, in milliseconds. libbroker never reads a clock:
/// the caller passes `now`.
using time_point = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

/// A time or none, in half of the memory of a `std::optional`: for what there is of each client.
/// REQUIRES: no time is `time_point::min()`.
class optional_time {
public:
  constexpr optional_time() noexcept = default;
  constexpr optional_time(time_point at) noexcept : at_(at) { assert(at != none); }
  constexpr optional_time(std::optional<time_point> at) noexcept {
    if (at) *this = *at;
  }

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return at_ != none; }
  /// REQUIRES: there is one.
  [[nodiscard]] constexpr time_point operator*() const noexcept {
    assert(at_ != none);
    return at_;
  }
  [[nodiscard]] constexpr operator std::optional<time_point>() const noexcept {
    return at_ == none ? std::nullopt : std::optional(at_);
  }
  constexpr void reset() noexcept { at_ = none; }

  friend constexpr bool operator==(optional_time, optional_time) noexcept = default;
  /// It would compare what may not be there.
  friend bool operator==(const std::optional<time_point>&, optional_time) = delete;

private:
  static constexpr time_point none = time_point::min();
  time_point at_ = none;
};

}  // namespace troupe
