#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/time_point.hpp"

#include <caf/all.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace troupe {

/// Event: something happened to a socket. Sent by the socket's worker to the
/// actor that watches it.
struct io_ready {
  std::uint32_t watch = 0;  ///< as given to `connection::watch`
  bool readable = false;
  bool writable = false;
  bool hung_up = false;  ///< the other side sends no more: read until `closed`
  bool deadline_passed = false;
};

/// An actor that owns a connection.
using connection_owner = caf::typed_actor<caf::reacts_to<io_ready>>;

/// A client's byte stream, non-blocking and passive: only its owner touches it,
/// in its own turn. Readiness is edge-triggered: after `io_ready`, read until
/// `would_block` or, unless it said `hung_up`, less than asked for comes back.
/// Destroying it closes it.
class connection {
public:
  enum class io_status : std::uint8_t {
    ok,
    would_block,  ///< nothing moved; `io_ready` follows
    closed        ///< by the other side, or broken
  };
  struct io_result {
    std::size_t bytes = 0;
    io_status status = io_status::ok;
  };

  connection() = default;
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  virtual ~connection() = default;

  [[nodiscard]] virtual io_result read_some(std::span<std::byte> into) = 0;
  /// Writes the views in order, as much as the socket takes.
  [[nodiscard]] virtual io_result write_some(std::span<const byte_view> views) = 0;

  /// From now on `io_ready{watch}` goes to `owner`. What happened before may not
  /// be reported: read until `would_block` after this. Call it in a turn on the
  /// worker where `owner` lives.
  virtual void watch(connection_owner owner, std::uint32_t watch) = 0;
  /// Nobody is told any more, until the next `watch`.
  virtual void unwatch() = 0;
  /// At `due` or soon after `io_ready{deadline_passed}` is sent, once.
  virtual void set_deadline(std::optional<time_point> due) = 0;

  /// The worker whose sockets this belongs to; actors made for it should live there.
  [[nodiscard]] virtual caf::execution_unit* home() const noexcept = 0;
  /// Address of the other side, for logs.
  [[nodiscard]] virtual std::string peer() const = 0;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::io_ready)
