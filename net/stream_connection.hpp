#pragma once

#include "actors/connection.hpp"
#include "net/worker_loop.hpp"

#include <atomic>

namespace troupe {

/// A connected TCP or unix-domain socket without any layer above it.
class stream_connection final : public connection {
public:
  /// Takes ownership of `socket`, which is non-blocking. `open`: counts connections and outlives
  /// this one. To be called on the worker of `loop`.
  stream_connection(int socket, std::string peer, worker_loop& loop,
                    std::atomic<std::size_t>& open);
  ~stream_connection() override;

  io_result read_some(std::span<std::byte> into) override;
  io_result write_some(std::span<const byte_view> views) override;
  void watch(connection_owner owner, std::uint32_t watch) override;
  void unwatch() override;
  void set_deadline(std::optional<time_point> due) override;
  /// Changes with `watch`.
  [[nodiscard]] caf::execution_unit* home() const noexcept override { return loop_->home(); }
  [[nodiscard]] std::string peer() const override { return peer_; }

private:
  int socket_;
  worker_loop* loop_;  ///< whose poller has the socket
  poller::slot_id slot_;
  std::atomic<std::size_t>& open_;
  std::string peer_;
};

}  // namespace troupe
