#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>

#include <cstring>
#include <stdexcept>
#include <string>

namespace troupe {

namespace {

/// Of the certificates that somebody shows; OpenSSL keeps them until the handshake is over.
constexpr long most_of_certificates = 32L << 10;  // bytes

using store_context = std::unique_ptr<X509_STORE_CTX, decltype(&::X509_STORE_CTX_free)>;

[[noreturn]] void fail(const std::string& what, const std::string& file) {
  const unsigned long code = ::ERR_peek_error();
  const char* const reason = ERR_SYSTEM_ERROR(code) ? std::strerror(ERR_GET_REASON(code))
                                                    : ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  throw std::runtime_error("cannot read " + what + " from " + file + ": " +
                           (reason != nullptr ? reason : "there is none"));
}

/// A broker has nobody to ask for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

void read_files(ssl_ctx_st* context, const cluster_tls_config& files) {
  ::ERR_clear_error();
  ::SSL_CTX_set_default_passwd_cb(context, &no_passphrase);
  if (::SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    fail("a certificate", files.certificate);
  if (::SSL_CTX_load_verify_file(context, files.ca.c_str()) != 1)
    fail("the authority's certificate", files.ca);
  if (::SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1) return;
  if (ERR_GET_REASON(::ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
      ERR_GET_REASON(::ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH)
    throw std::runtime_error("the key in " + files.key + " is not that of the certificate in " +
                             files.certificate);
  fail("a key without a passphrase", files.key);
}

/// Whether others will take the certificate. Not its time: it may come, or clients be served
/// without the cluster.
void check_own(ssl_ctx_st* context, const cluster_tls_config& files) {
  X509* const own = ::SSL_CTX_get0_certificate(context);
  STACK_OF(X509)* chain = nullptr;
  ::SSL_CTX_get0_chain_certs(context, &chain);
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    const store_context check(::X509_STORE_CTX_new(), &::X509_STORE_CTX_free);
    ::X509_STORE_CTX_init(check.get(), ::SSL_CTX_get_cert_store(context), own, chain);
    ::X509_STORE_CTX_set_purpose(check.get(), purpose);
    ::X509_STORE_CTX_set_flags(check.get(), X509_V_FLAG_NO_CHECK_TIME);
    if (::X509_verify_cert(check.get()) == 1) continue;
    throw std::runtime_error(
        "the certificate in " + files.certificate + " is none of the authority's in " + files.ca +
        " for both sides of a connection: " +
        ::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get())));
  }
  if (::X509_cmp_current_time(::X509_get0_notAfter(own)) < 0)
    spdlog::warn("event=certificate_expired file={}", files.certificate);
}

}  // namespace

void tls_context::release::operator()(ssl_ctx_st* context) const noexcept {
  ::SSL_CTX_free(context);
}

tls_context::tls_context(const cluster_tls_config& files)
    : context_(::SSL_CTX_new(::TLS_method())) {
  if (!context_) throw std::runtime_error("OpenSSL cannot be used");
  ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
  ::SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  ::SSL_CTX_set_max_cert_list(context_.get(), most_of_certificates);
  // Links are seldom made: nothing of one is kept for the next.
  ::SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context_.get(), 0);
  // The packets of a link tell themselves whether one is missing.
  ::SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(context_.get(), SSL_MODE_RELEASE_BUFFERS);
  read_files(context_.get(), files);
  check_own(context_.get(), files);
}

}  // namespace troupe
