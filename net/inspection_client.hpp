#pragma once

#include "libbroker/cluster/link_crypto.hpp"
#include "libbroker/config/config.hpp"
#include "libbroker/inspection/inspection_wire.hpp"
#include "libbroker/result.hpp"

#include <memory>
#include <string>

namespace troupe {

/// The node that answers.
struct inspected_node {
  std::string name;
};

/// A CAF node that is no member of the cluster and asks one: proves that it knows the secret, as
/// nodes do, and asks one question after the other. Calls wait for the answer.
class inspection_client {
public:
  /// `settings`: TLS and time-outs. `key`: of the secret. Throws `std::runtime_error` with a
  /// sentence for the user.
  inspection_client(const cluster_config& settings, const cluster_key& key);
  ~inspection_client();
  inspection_client(const inspection_client&) = delete;
  inspection_client& operator=(const inspection_client&) = delete;

  /// Leads to the node at "host:port". `expected`: its name; empty if it is not known. Returns the
  /// name, or a sentence about what went wrong. In place of an earlier connection.
  [[nodiscard]] result<inspected_node, std::string> connect(const std::string& address,
                                                            const std::string& expected);
  /// REQUIRES: connected.
  [[nodiscard]] result<inspection_answer, std::string> ask(const inspection_question& question);

private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace troupe
