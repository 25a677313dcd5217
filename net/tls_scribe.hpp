#pragma once

#include "net/tls_session.hpp"

#include <caf/io/network/stream_impl.hpp>
#include <caf/io/scribe.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// A connection of CAF's that speaks TLS: what `caf::io::network::scribe_impl` is for TCP. Written,
/// as CAF's own in caf::openssl, against CAF's extension points, as that one spins while a stranger
/// says nothing, reads the files anew for each, and does not tell why it refuses. In the
/// multiplexer's thread.
class tls_scribe : public caf::io::scribe {
public:
  /// Takes the socket.
  tls_scribe(caf::io::network::default_multiplexer& multiplexer, int socket,
             std::shared_ptr<tls_session> session);

  void configure_read(caf::io::receive_policy::config wanted) override;
  void ack_writes(bool enable) override;
  std::vector<char>& wr_buf() override;
  std::vector<char>& rd_buf() override;
  void graceful_shutdown() override;
  void flush() override;
  std::string addr() const override;
  std::uint16_t port() const override;
  void add_to_loop() override;
  void remove_from_loop() override;

private:
  using rw_state = caf::io::network::rw_state;

  /// CAF's name for what a stream reads from and writes to.
  struct policy {
    tls_scribe& owner;

    rw_state read_some(std::size_t& count, int socket, void* data, std::size_t size);
    rw_state write_some(std::size_t& count, int socket, const void* data, std::size_t size);
    /// What OpenSSL has already read the multiplexer does not see.
    [[nodiscard]] bool must_read_more(int socket, std::size_t wanted) const;
  };

  [[nodiscard]] tls_step shake_hands();

  const std::shared_ptr<tls_session> session_;
  std::vector<char> early_;  ///< written before the handshake was over; CAF's few bytes of greeting
  bool launched_ = false;
  caf::io::network::stream_impl<policy> stream_;
};

}  // namespace troupe
