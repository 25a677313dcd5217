#pragma once

#include "actors/connection.hpp"
#include "actors/protocol.hpp"
#include "libbroker/cluster/session_wire.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace troupe {

/// Where a relay leads, and what goes over it.
struct relay_address {
  std::string node;  ///< where the client is
  std::string client_id;
  std::uint64_t end = 0;    ///< number of the session's end here
  std::uint64_t relay = 0;  ///< number of the relay, of that node's choice
};

/// The client of a session's end: its bytes go by way of the node where it is. That node says
/// how much of them it has taken; more than `window` bytes are not under way.
class relay_connection final : public connection {
public:
  static constexpr std::size_t window = 256 * 1024;

  relay_connection(cluster_handle cluster, relay_address to, caf::execution_unit* home);

  [[nodiscard]] const relay_address& to() const noexcept { return to_; }
  /// What the client has sent; to be read by the owner.
  void push(std::string_view bytes) { input_.append(bytes); }
  /// So much was taken there. Returns whether what would block may be tried again.
  bool took(std::uint64_t bytes) noexcept;

  [[nodiscard]] io_result read_some(std::span<std::byte> into) override;
  [[nodiscard]] io_result write_some(std::span<const byte_view> views) override;
  void watch(connection_owner owner, std::uint32_t watch) override;
  void unwatch() override { owner_ = nullptr; }
  void set_deadline(std::optional<time_point> due) override;
  [[nodiscard]] caf::execution_unit* home() const noexcept override { return home_; }
  [[nodiscard]] std::string peer() const override { return "node:" + to_.node; }

private:
  const cluster_handle cluster_;
  const relay_address to_;
  caf::execution_unit* const home_;
  byte_buffer input_;
  std::size_t under_way_ = 0;
  connection_owner owner_;
  std::uint32_t watch_ = 0;
};

}  // namespace troupe
