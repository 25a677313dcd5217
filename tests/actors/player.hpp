#pragma once

#include "actors/protocol.hpp"
#include "tests/actors/scripted_connection.hpp"
#include "tests/libbroker/codec/any_packet.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace troupe::test {

class stage;

/// Plays a client by the bytes that it would send and receive. Nothing happens
/// in the broker before the stage runs; what was sent until then arrives in one read.
class player {
public:
  player(stage& on, std::shared_ptr<cable> line) : stage_(&on), line_(std::move(line)) {}

  // -- what the client does

  void connect(const troupe::connect& request);
  void send(const any_packet& packet) { send_bytes(as_text(encode_any(packet, version_).view())); }
  void send_bytes(std::string_view bytes);
  void publish(std::string_view topic, std::string_view payload, qos level = qos::at_most_once,
               packet_id id = 0, bool retain = false);
  void respond(packet_type type, packet_id id);
  void subscribe(std::string_view filter, qos level = qos::exactly_once, packet_id id = 1);
  void disconnect(reason_code code = reason_code::normal_disconnection);
  /// Ends the connection without DISCONNECT.
  void hang_up();
  /// Ends it so that nothing can be written to it any more.
  void reset();
  /// Takes `bytes` more from the broker, and then nothing.
  void take(std::size_t bytes);

  // -- what the client sees

  /// Runs the stage and returns what came since the last call, a line per
  /// packet (see `packet_line`).
  [[nodiscard]] std::string received();
  /// The same without running anybody.
  [[nodiscard]] std::string arrived();
  /// Runs the stage and returns whether the broker has closed the connection.
  [[nodiscard]] bool cut_off();
  /// `received` for tests that subscribe on the side: checks that it was granted.
  void subscribed(std::string_view filter, qos level = qos::exactly_once);

  [[nodiscard]] cable& line() const noexcept { return *line_; }
  /// Its session, once it has one and while it is online.
  [[nodiscard]] session_handle session() const {
    return caf::actor_cast<session_handle>(line_->owner);
  }

private:
  stage* stage_;
  std::shared_ptr<cable> line_;
  protocol_version version_ = protocol_version::v5;
};

}  // namespace troupe::test
