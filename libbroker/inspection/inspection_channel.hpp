#pragma once

#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/cluster/link_packet.hpp"

#include <cstdint>
#include <optional>

namespace troupe {

/// One end of a session in which somebody who knows the cluster's secret asks a node questions, one
/// after the other. Seals what it says and believes nothing without the other side's seal.
class inspection_channel {
public:
  /// Of a handshake for `link_purpose::inspection`.
  explicit inspection_channel(const link_session& session) : session_(session) {}

  [[nodiscard]] std::uint64_t id() const noexcept { return session_.id; }

  /// The next question of the initiator, or the answer to the last one by the responder.
  [[nodiscard]] link_packet say(frame_ptr content);
  /// What the packet says; null if it is not the next one of the other side.
  [[nodiscard]] frame_ptr hear(const link_packet& packet);

private:
  link_session session_;
  std::uint64_t said_ = 0;
  std::uint64_t heard_ = 0;
};

/// Which session a question or an answer belongs to; nothing for other packets.
[[nodiscard]] std::optional<std::uint64_t> inspection_of(const link_packet& packet) noexcept;

}  // namespace troupe
