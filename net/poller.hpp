#pragma once

#include "actors/connection.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace troupe {

/// The sockets of one worker in one edge-triggered epoll set, and who is told of
/// their events. Only the worker's thread calls it.
///
/// An event carries the slot's number and generation, never a pointer: what was
/// reported for a slot that has been given up meanwhile reaches nobody.
class poller {
public:
  struct slot_id {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
  };

  poller();
  ~poller();
  poller(const poller&) = delete;
  poller& operator=(const poller&) = delete;

  /// Starts to watch `socket`, which the caller goes on owning.
  [[nodiscard]] slot_id add(int socket);
  /// Gives the slot up. The socket itself leaves the set when it is closed.
  void release(slot_id id) noexcept;
  /// Takes a socket out of the set without closing it. Any thread may call it.
  void forget(int socket) noexcept;

  void set_owner(slot_id id, connection_owner owner, std::uint32_t watch);
  void set_deadline(slot_id id, std::optional<time_point> due) noexcept;

  /// Tells the owners of all sockets that are ready, without waiting. Returns
  /// how many events there were.
  std::size_t poll();

  /// Tells the owners whose deadline has passed.
  void check_deadlines(time_point now);
  /// Whether any slot has a deadline.
  [[nodiscard]] bool has_deadlines() const noexcept { return deadlines_ != 0; }

  /// Becomes readable when `poll` would find something.
  [[nodiscard]] int descriptor() const noexcept { return epoll_; }

private:
  struct slot {
    connection_owner owner;
    time_point deadline = no_deadline;
    std::uint32_t generation = 0;
    std::uint32_t watch = 0;
  };
  static constexpr time_point no_deadline = time_point::max();

  [[nodiscard]] slot* find(slot_id id) noexcept;

  int epoll_;
  std::vector<slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t deadlines_ = 0;
};

}  // namespace troupe
