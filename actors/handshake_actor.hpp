#pragma once

#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"

namespace troupe {

/// Receives a connection's CONNECT, checks it, has the client authenticated and
/// passes it to the directory; then it is gone. Bounded in bytes and time.
class handshake_actor final : public homed<handshake_handle> {
public:
  /// `anonymous_allowed`: by the listener that accepted `socket`.
  handshake_actor(caf::actor_config& config, const node_context& house,
                  std::unique_ptr<connection> socket, bool anonymous_allowed);

  const char* name() const override { return "handshake"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  void read_input();
  void take_connect(std::size_t size);
  void fail(const error& reason, std::optional<protocol_version> answer = std::nullopt);

  const node_context& house_;
  client_ptr client_;
  byte_buffer input_;
  bool authenticating_ = false;
};

}  // namespace troupe
