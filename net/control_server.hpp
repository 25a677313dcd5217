#pragma once

#include "libbroker/line_sink.hpp"
#include "net/socket_place.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

namespace troupe {

/// The name of the socket in its directory.
inline constexpr const char* control_socket_name = "control";

/// Answers requests of operators at a unix-domain socket that only the broker's own user can
/// reach. A request is one line, the answer lines until the end of the connection:
/// docs/troupectl.md. Each connection has a thread of its own, so that a handler may take its
/// time and a client, too.
class control_server {
public:
  struct limits {
    std::size_t connections = 8;
    std::size_t request_bytes = 64UL << 10;
    std::chrono::milliseconds request_time{5'000};
    /// A client that takes nothing of its answer for so long is left.
    std::chrono::milliseconds answer_time{300'000};
  };
  /// Called on the connection's thread; several at a time.
  using handler = std::function<void(const std::string& request, line_sink& answer)>;

  /// Listens in `directory`. Throws `std::runtime_error` with a sentence for the user when it
  /// cannot. REQUIRES: no other process serves there: a socket that is found was left behind.
  control_server(const std::string& directory, handler answer, const limits& bounds);
  control_server(const std::string& directory, handler answer)
      : control_server(directory, std::move(answer), limits()) {}
  /// Ends all connections and waits for their handlers, whose answer nobody wants any more.
  ~control_server();
  control_server(const control_server&) = delete;
  control_server& operator=(const control_server&) = delete;

  /// Connections that were refused, or whose request was none.
  [[nodiscard]] std::size_t refused() const noexcept { return refused_; }

private:
  class connection;

  void listen();
  void serve();
  void admit(int socket);
  void remove_ended();
  void refuse(const char* reason);

  const socket_place place_;
  const handler answer_;
  const limits limits_;
  int listener_ = -1;
  int wake_ = -1;  ///< an eventfd: a connection ended, or all shall
  std::atomic<bool> stops_{false};
  std::atomic<std::size_t> refused_{0};
  std::list<connection> connections_;  ///< of the thread that serves
  std::thread thread_;
};

}  // namespace troupe
