#pragma once

#include "libbroker/time_point.hpp"

#include <caf/all.hpp>

#include <chrono>
#include <optional>

namespace troupe {

/// When an actor is to look at its state machine again, by a message to itself. One is set at a
/// time: when an earlier one is wanted, the message of the later one comes as well, and is none.
/// `Timer`: the message, which has the time that it was set for as `at`.
template <class Timer>
class alarm {
public:
  /// Something is due at `due`; none: nothing is.
  template <class Actor>
  void set(Actor& self, std::optional<time_point> due, time_point now) {
    if (!due || (at_ && *at_ <= *due)) return;
    at_ = due;
    self.delayed_send(&self, *due > now ? *due - now : std::chrono::milliseconds(0), Timer{*due});
  }
  /// Whether it is the one that was set. It is set no more then.
  [[nodiscard]] bool rings(const Timer& message) noexcept {
    if (at_ != message.at) return false;
    at_.reset();
    return true;
  }

private:
  optional_time at_;
};

}  // namespace troupe
