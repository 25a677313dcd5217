#pragma once

#include "actors/connection.hpp"
#include "libbroker/config/config.hpp"
#include "net/io_scheduler.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// Accepts connections on one address and deals them out to the workers in turn.
/// Outlives the connections.
class listener {
public:
  /// Called on the worker of `connection->home()`; decides about its fate.
  using on_accept = std::function<void(std::unique_ptr<connection>)>;

  /// Binds and listens. Throws `std::runtime_error` with a sentence for the
  /// user when the address cannot be had.
  static std::shared_ptr<listener> open(const listener_config& settings,
                                        const std::vector<io_worker>& workers,
                                        std::size_t accepts_per_turn, on_accept accept);

  virtual ~listener() = default;

  /// Where it listens: with the real port where port 0 was asked for.
  [[nodiscard]] virtual std::string address() const = 0;
  /// Connections that were accepted here and are open.
  [[nodiscard]] std::size_t open_connections() const noexcept { return open_; }
  /// Starts to accept.
  virtual void start() = 0;
  /// Accepts no more; waits until that is so and all that was accepted is with `on_accept`.
  virtual void stop() = 0;

protected:
  std::atomic<std::size_t> open_{0};
};

}  // namespace troupe
