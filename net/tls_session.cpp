#include "net/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>
#include <utility>

namespace troupe {

namespace {

// OpenSSL's own way to a socket raises SIGPIPE when the other side has gone.

int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio)));
}

bool is_temporary(int failure) { return failure == EAGAIN || failure == EINTR; }

int send_to_socket(BIO* bio, const char* data, int size) {
  const auto sent =
      ::send(socket_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
  ::BIO_clear_retry_flags(bio);
  if (sent < 0 && is_temporary(errno)) ::BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

int receive_from_socket(BIO* bio, char* data, int size) {
  const auto received = ::recv(socket_of(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT);
  ::BIO_clear_retry_flags(bio);
  if (received < 0 && is_temporary(errno)) ::BIO_set_retry_read(bio);
  if (received == 0) ::BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(received);
}

long control_socket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return ::BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // nothing is kept back
}

BIO_METHOD* socket_method() {
  static const std::unique_ptr<BIO_METHOD, decltype(&::BIO_meth_free)> method = [] {
    BIO_METHOD* const made =
        ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "quiet socket");
    ::BIO_meth_set_write(made, &send_to_socket);
    ::BIO_meth_set_read(made, &receive_from_socket);
    ::BIO_meth_set_ctrl(made, &control_socket);
    return std::unique_ptr<BIO_METHOD, decltype(&::BIO_meth_free)>(made, &::BIO_meth_free);
  }();
  return method.get();
}

}  // namespace

void tls_session::release::operator()(ssl_st* session) const noexcept { ::SSL_free(session); }

tls_session::tls_session(tls_context_ptr context, int socket, tls_role role)
    : context_(std::move(context)), session_(::SSL_new(context_->get())), role_(role) {
  BIO* const bio = ::BIO_new(socket_method());
  if (!session_ || bio == nullptr) throw std::bad_alloc();
  ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  ::BIO_set_init(bio, 1);
  ::SSL_set_bio(session_.get(), bio, bio);
}

tls_step tls_session::shake_hands() {
  ::ERR_clear_error();
  const int result =
      role_ == tls_role::client ? ::SSL_connect(session_.get()) : ::SSL_accept(session_.get());
  const tls_step step = outcome(result);
  if (step == tls_step::done) state_ = state::established;
  return step;
}

tls_step tls_session::read(void* data, std::size_t size, std::size_t& count) {
  ::ERR_clear_error();
  return outcome(::SSL_read_ex(session_.get(), data, size, &count));
}

tls_step tls_session::write(const void* data, std::size_t size, std::size_t& count) {
  ::ERR_clear_error();
  return outcome(::SSL_write_ex(session_.get(), data, size, &count));
}

std::size_t tls_session::buffered() const noexcept {
  return static_cast<std::size_t>(::SSL_pending(session_.get()));
}

tls_step tls_session::outcome(int result) {
  switch (::SSL_get_error(session_.get(), result)) {
  case SSL_ERROR_NONE: return tls_step::done;
  case SSL_ERROR_WANT_READ: return tls_step::wants_read;
  case SSL_ERROR_WANT_WRITE: return tls_step::wants_write;
  case SSL_ERROR_SSL:
    if (state_ != state::failed) {
      failure_ = explain();
      state_ = state::failed;
    }
    return tls_step::failed;
  default: return tls_step::failed;  // the connection has ended
  }
}

std::string tls_session::explain() const {
  const unsigned long code = ::ERR_peek_last_error();
  const char* const known = ::ERR_reason_error_string(code);
  const std::string reason = known != nullptr ? known : "unknown error";
  if (const long verdict = ::SSL_get_verify_result(session_.get()); verdict != X509_V_OK)
    return std::string("its certificate is refused: ") + ::X509_verify_cert_error_string(verdict);
  switch (const int number = ERR_GET_REASON(code)) {
  case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "it has shown no certificate";
  case SSL_R_WRONG_VERSION_NUMBER:
  case SSL_R_PACKET_LENGTH_TOO_LONG:
  case SSL_R_HTTP_REQUEST:
  case SSL_R_HTTPS_PROXY_REQUEST: return "it does not speak TLS: " + reason;
  default:
    if (number > SSL_AD_REASON_OFFSET) return "it has refused this node: " + reason;  // an alert
    return "TLS: " + reason;
  }
}

std::string tls_session::failure() const {
  return state_ == state::failed ? failure_ : std::string();
}

}  // namespace troupe
