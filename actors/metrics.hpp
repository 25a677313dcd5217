#pragma once

#include "libbroker/session/session_effects.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace troupe {

/// Counters of the whole node. Every thread counts for itself, so that counting
/// costs no shared cache line; `total` adds up.
class metrics {
public:
  struct counters {
    session_effects::counters traffic;
    std::uint64_t bytes_received = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t connections_accepted = 0;
    std::uint64_t connections_refused = 0;  ///< over a limit, before CONNECT
    std::uint64_t handshakes_failed = 0;    ///< bad or late CONNECT, bad credentials
    std::uint64_t deliveries_dropped = 0;   ///< messages over a session's delivery credit
    std::uint64_t publishes_dropped = 0;    ///< messages that a client left behind, over the limit
    std::uint64_t messages_not_logged = 0;  ///< that the disk failed to take
    std::uint64_t publishes_held = 0;       ///< blocks that waited for publish credit
    std::uint64_t messages_forwarded = 0;   ///< to other nodes
    std::uint64_t messages_from_nodes = 0;  ///< that other nodes forwarded
    std::uint64_t forwards_dropped = 0;     ///< messages that a node could not take
    std::uint64_t announcements_late = 0;   ///< SUBACKs that did not wait for all nodes
    std::uint64_t links_refused = 0;        ///< bad handshakes on the cluster port
    std::uint64_t inspections_refused = 0;  ///< questions of those who do not know the secret
    std::uint64_t stamps_refused = 0;       ///< retained messages, too far ahead of our calendar
    std::uint64_t cleared_forgotten = 0;    ///< cleared topics over the limit
  };

  metrics() = default;
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;

  /// Adds `amount` to a counter of the calling thread: `add(&counters::bytes_sent, n)`.
  void add(std::uint64_t counters::*counter, std::uint64_t amount = 1) {
    bump(local().*counter, amount);
  }
  void add(const session_effects::counters& counted);

  [[nodiscard]] counters total() const;

  /// Gauges: connections that have not finished CONNECT, and clients that have.
  std::atomic<std::size_t> handshakes{0};
  std::atomic<std::size_t> clients_online{0};
  std::atomic<std::size_t> clients_online_maximum{0};
  /// Sessions that went on at other nodes, which have not got all that they left here.
  std::atomic<std::size_t> ends_unread{0};
  std::atomic<std::uint64_t> end_bytes_read{0};  ///< of what they left, in all

private:
  static void bump(std::uint64_t& counter, std::uint64_t amount) noexcept {
    // One writer, many readers: no read-modify-write needed.
    std::atomic_ref<std::uint64_t> shared(counter);
    shared.store(shared.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  counters& local();

  const std::uint64_t number_ = ++last_number_;  ///< tells this object from earlier ones
  static inline std::atomic<std::uint64_t> last_number_{0};

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<counters>> by_thread_;
};

}  // namespace troupe
