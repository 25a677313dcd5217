#pragma once

#include "net/tls_context.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

struct ssl_st;

namespace troupe {

enum class tls_role {
  client,
  server
};

/// What became of a step. `wants_…`: nothing, and the socket must be ready for that first.
enum class tls_step {
  done,
  wants_read,
  wants_write,
  failed  ///< the connection is of no more use
};

/// TLS on a connected, non-blocking socket that somebody else owns. For one thread at a time, but
/// for `is_established` and `failure`.
class tls_session {
public:
  tls_session(tls_context_ptr context, int socket, tls_role role);

  /// Goes on with the handshake.
  [[nodiscard]] tls_step shake_hands();
  /// Once it is established: reads up to `size` bytes, sets `count`.
  [[nodiscard]] tls_step read(void* data, std::size_t size, std::size_t& count);
  /// Once it is established: writes all of `data` or, when it is not `done`, wants to be given the
  /// same again.
  [[nodiscard]] tls_step write(const void* data, std::size_t size, std::size_t& count);
  /// Bytes that can be read without the socket.
  [[nodiscard]] std::size_t buffered() const noexcept;

  [[nodiscard]] bool is_established() const noexcept { return state_ == state::established; }
  /// Why this side or the other would have no TLS with the other; empty: no such thing was found,
  /// or not yet. May hold words of the other side's certificate or alert that OpenSSL knows, no
  /// free text.
  [[nodiscard]] std::string failure() const;

private:
  enum class state {
    handshake,
    established,
    failed  ///< `failure_` is there
  };
  struct release {
    void operator()(ssl_st* session) const noexcept;
  };

  [[nodiscard]] tls_step outcome(int result);
  [[nodiscard]] std::string explain() const;

  const tls_context_ptr context_;
  const std::unique_ptr<ssl_st, release> session_;
  const tls_role role_;
  std::string failure_;
  std::atomic<state> state_ = state::handshake;
};

}  // namespace troupe
