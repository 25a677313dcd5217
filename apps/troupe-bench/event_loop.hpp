#pragma once

#include "apps/troupe-bench/socket.hpp"

#include <cstdint>
#include <span>
#include <sys/epoll.h>
#include <vector>

namespace troupe::bench {

/// An edge-triggered epoll set and a way to wake the thread that waits on it.
class event_loop {
public:
  /// The tag of the event that `wake` causes.
  static constexpr std::uint64_t wake_tag = ~std::uint64_t{0};

  event_loop();

  /// Reports input, room for output and hang-ups of `descriptor` with `tag`
  /// until it is closed. Returns an errno value, 0 for success.
  [[nodiscard]] int add(int descriptor, std::uint64_t tag) noexcept;

  /// Waits at most `timeout` nanoseconds; negative: without limit. The events
  /// are valid until the next call.
  [[nodiscard]] std::span<const epoll_event> wait(std::int64_t timeout) noexcept;

  /// From any thread: makes `wait` return.
  void wake() noexcept;

private:
  file_descriptor epoll_;
  file_descriptor wake_;
  std::vector<epoll_event> events_;
};

}  // namespace troupe::bench
