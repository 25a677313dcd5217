#pragma once

#include "apps/troupe-bench/packet_id_window.hpp"
#include "apps/troupe-bench/packet_scanner.hpp"
#include "apps/troupe-bench/plan.hpp"
#include "apps/troupe-bench/run_context.hpp"
#include "apps/troupe-bench/socket.hpp"
#include "libbroker/bytes.hpp"

#include <cstdint>
#include <limits>
#include <vector>

namespace troupe::bench {

/// The publishing half of a client. Streams are served in turn, one message each.
struct publisher {
  std::vector<stream*> streams;
  std::size_t cursor = 0;      ///< the stream whose turn it is
  std::uint64_t position = 0;  ///< among the publishers of its thread
  std::uint64_t sent = 0;      ///< messages
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();  ///< of `sent`
  packet_id_window ids;

  [[nodiscard]] stream& turn() const noexcept { return *streams[cursor]; }
  void next_turn() noexcept { cursor = cursor + 1 == streams.size() ? 0 : cursor + 1; }
};

/// One client and its socket. Only its worker's thread touches it.
struct connection {
  enum class phase : std::uint8_t {
    unopened,
    connecting,
    connack,
    suback,
    ready,
    leaving,  ///< has sent DISCONNECT, and waits for the broker to close
    closed
  };

  connection(client_plan planned, std::uint32_t position, protocol_version version)
      : plan(std::move(planned)), index(position), scanner(version) {}

  /// Hands `bytes` to the kernel; what it does not take is kept in `output`.
  /// Returns an errno value, 0 for success.
  [[nodiscard]] int send(byte_view bytes);

  /// Sends what is in `output`. Returns an errno value, 0 for success.
  [[nodiscard]] int send_output();

  [[nodiscard]] bool is_open() const noexcept {
    return state != phase::unopened && state != phase::closed;
  }

  client_plan plan;
  std::uint32_t index;  ///< among the clients of its worker
  phase state = phase::unopened;
  bool has_session = false;      ///< the broker keeps one of an earlier connection of this run
  bool queued = false;           ///< stands in the worker's list of runnable publishers
  receiver* receives = nullptr;  ///< null: subscribes to nothing
  bench::publisher publishes;    ///< without streams: publishes nothing
  file_descriptor socket;
  packet_scanner scanner;
  byte_buffer output;
  std::int64_t opened_at = 0;  ///< `now_ns`
  std::int64_t next_ping = 0;  ///< `now_ns`
};

}  // namespace troupe::bench
