#pragma once

#include "libbroker/config/config.hpp"

#include <memory>

struct ssl_ctx_st;

namespace troupe {

/// What this node shows at its cluster port, and whom it believes: TLS 1.3 with certificates on
/// both sides, of one authority. Names in certificates do not count. For any thread.
class tls_context {
public:
  /// Reads the files. Throws `std::runtime_error` with a sentence for the user that names the file.
  explicit tls_context(const cluster_tls_config& files);

  /// OpenSSL's own; lives as long as this.
  [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_.get(); }

private:
  struct release {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  std::unique_ptr<ssl_ctx_st, release> context_;
};

using tls_context_ptr = std::shared_ptr<const tls_context>;

}  // namespace troupe
