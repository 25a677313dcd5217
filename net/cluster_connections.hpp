#pragma once

#include "net/tls_session.hpp"

#include <caf/io/connection_handle.hpp>
#include <caf/io/doorman.hpp>
#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/scribe.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

/// The connections between nodes, as CAF has them, and what strangers may do with them.
namespace troupe {

/// All of them. CAF makes room for whatever a header announces, up to 4 GiB, and waits for it for
/// ever: those with whom there is no link yet may announce little, and not stay. For any thread.
class connection_list {
public:
  /// One more; closed at once if there are too many strangers. `session`: null for plain TCP.
  void add(const void* who, int socket, const caf::io::scribe& connection,
           std::shared_ptr<const tls_session> session, tls_role role);
  void remove(const void* who);
  [[nodiscard]] bool is_trusted(const void* who) const;
  /// It says by which process it is. CAF believes that, and sends there what is for that process:
  /// returns whether it may, as there is no trusted connection with it.
  [[nodiscard]] bool introduce(const void* who, std::string_view process);
  /// CAF has answered that: what becomes of it is the cluster's affair.
  void introduced(const void* who);
  void trust(caf::io::connection_handle handle);
  void drop(caf::io::connection_handle handle) const;

  /// Ends the connections of strangers that have had their time. Logs who was refused since the
  /// last time: one line for a reason, however many there are. Returns how many have come to this
  /// node since then, did not introduce themselves, and are gone.
  [[nodiscard]] std::size_t close_old();

private:
  struct connection {
    int socket = -1;
    caf::io::connection_handle handle;
    std::string peer;
    std::string process;  ///< that it says it is; empty: nothing yet
    std::shared_ptr<const tls_session> session;
    tls_role role{};
    std::chrono::steady_clock::time_point since{};
    bool is_trusted = false;
    bool is_introduced = false;
    bool is_noted = false;  ///< why it is refused
  };
  struct refusal {
    std::size_t connections = 0;
    std::string peer;  ///< the last one
  };

  void note(const std::string& reason, connection& refused);

  mutable std::mutex mutex_;
  std::map<const void*, connection> connections_;
  std::size_t strangers_ = 0;                ///< of them
  std::size_t gone_ = 0;                     ///< who did not introduce themselves
  std::map<std::string, refusal> refusals_;  ///< by reason, of which OpenSSL knows some dozens
};

/// What connections are made of.
struct cluster_transport {
  caf::io::network::default_multiplexer& multiplexer;
  std::shared_ptr<connection_list> connections;
  tls_context_ptr tls;  ///< null: plain TCP
};

/// A connection for CAF's broker.
struct cluster_connection {
  caf::io::scribe_ptr scribe;
  std::shared_ptr<const tls_session> session;  ///< null as `cluster_transport::tls`
};

/// Takes the socket, which is connected.
[[nodiscard]] cluster_connection make_connection(const cluster_transport& transport, int socket,
                                                 tls_role role);

/// Takes the socket, which listens, and accepts from it.
[[nodiscard]] caf::io::doorman_ptr make_doorman(const cluster_transport& transport, int socket);

}  // namespace troupe
