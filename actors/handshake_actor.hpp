#pragma once

#include "actors/homed.hpp"
#include "actors/node_context.hpp"
#include "actors/protocol.hpp"

#include <unordered_map>

namespace troupe {

/// One per worker. Has a connection from its accept on: receives its CONNECT, checks it,
/// has the client authenticated and passes it to the directory. Bounded in bytes and time.
class handshake_actor final : public homed<handshake_handle> {
public:
  handshake_actor(caf::actor_config& config, const node_context& house);

  const char* name() const override { return "handshake"; }

protected:
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  /// A client that has not been let in yet.
  struct newcomer {
    client_ptr who;
    byte_buffer input;
    bool authenticating = false;
  };
  using newcomers = std::unordered_map<handshake_number, newcomer>;

  void receive(const greet& arrived);
  void read_input(newcomers::iterator at);
  void take_connect(newcomers::iterator at, std::size_t size);
  void let_in(newcomers::iterator at);
  void fail(newcomers::iterator at, const error& reason,
            std::optional<protocol_version> answer = std::nullopt);
  void forget(newcomers::iterator at);

  const node_context& house_;
  newcomers newcomers_;
  handshake_number last_number_ = 0;
  bool ended_ = false;
};

}  // namespace troupe
