#include "net/tls_scribe.hpp"

#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/interfaces.hpp>

#include <utility>

namespace troupe {

namespace network = caf::io::network;

tls_scribe::tls_scribe(network::default_multiplexer& multiplexer, int socket,
                       std::shared_ptr<tls_session> session)
    : scribe(network::conn_hdl_from_socket(socket)),
      session_(std::move(session)),
      stream_(multiplexer, socket, policy{*this}) {}

void tls_scribe::configure_read(caf::io::receive_policy::config wanted) {
  stream_.configure_read(wanted);
  if (std::exchange(launched_, true)) return;
  stream_.start(this);
  stream_.force_empty_write(this);  // the client begins
}

void tls_scribe::ack_writes(bool enable) { stream_.ack_writes(enable); }

/// The stream would ask again and again for what it cannot write before the handshake.
std::vector<char>& tls_scribe::wr_buf() {
  return session_->is_established() ? stream_.wr_buf() : early_;
}

std::vector<char>& tls_scribe::rd_buf() { return stream_.rd_buf(); }

void tls_scribe::graceful_shutdown() {
  stream_.graceful_shutdown();
  detach(&stream_.backend(), false);
}

void tls_scribe::flush() {
  if (session_->is_established()) stream_.flush(this);
}

std::string tls_scribe::addr() const {
  const auto known = network::remote_addr_of_fd(stream_.fd());
  return known ? *known : std::string();
}

std::uint16_t tls_scribe::port() const {
  const auto known = network::remote_port_of_fd(stream_.fd());
  return known ? *known : std::uint16_t{0};
}

void tls_scribe::add_to_loop() { stream_.activate(this); }

void tls_scribe::remove_from_loop() { stream_.passivate(); }

tls_step tls_scribe::shake_hands() {
  const tls_step step = session_->shake_hands();
  if (step != tls_step::done) return step;
  auto& buffer = stream_.wr_buf();
  buffer.insert(buffer.end(), early_.begin(), early_.end());
  early_ = {};
  flush();
  return step;
}

tls_scribe::rw_state tls_scribe::policy::read_some(std::size_t& count, int, void* data,
                                                   std::size_t size) {
  count = 0;
  tls_step step = tls_step::done;
  if (!owner.session_->is_established()) step = owner.shake_hands();
  if (step == tls_step::wants_write) owner.stream_.force_empty_write(&owner);
  if (step == tls_step::done) step = owner.session_->read(data, size, count);
  return step == tls_step::failed ? rw_state::failure : rw_state::success;
}

tls_scribe::rw_state tls_scribe::policy::write_some(std::size_t& count, int, const void* data,
                                                    std::size_t size) {
  count = 0;
  tls_step step = tls_step::done;
  if (!owner.session_->is_established()) step = owner.shake_hands();
  if (step == tls_step::failed) return rw_state::failure;
  // Nothing to write (before the handshake there never is): not asked again until there is.
  if (step == tls_step::wants_read || (step == tls_step::done && size == 0))
    return rw_state::indeterminate;
  if (step == tls_step::done) step = owner.session_->write(data, size, count);
  return step == tls_step::failed ? rw_state::failure : rw_state::success;
}

bool tls_scribe::policy::must_read_more(int, std::size_t wanted) const {
  return owner.session_->buffered() >= wanted;
}

}  // namespace troupe
