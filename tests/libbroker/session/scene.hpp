#pragma once

#include "libbroker/session/session.hpp"
#include "tests/libbroker/codec/any_packet.hpp"

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::test {

/// A message as scripts write it, for both directions.
struct script_message {
  std::string topic = "t";
  std::string payload = "m";
  troupe::qos qos = qos::at_most_once;
  packet_id id = 0;
  bool dup = false;
  bool retain = false;
  std::uint16_t alias = 0;
  std::optional<std::uint32_t> expiry;  ///< seconds
};

/// A message as it lies in the log.
struct logged_message {
  log_offset offset = 0;
  script_message what;
  std::string publisher = "ann";
  wall_time received_at{std::chrono::hours(1)};  ///< the scene's clock in calendar time
  std::string properties{};                      ///< more of them, in wire form
};

/// Plays everybody around one session: the client behind its codec, the shards,
/// and the clock. Packets of the session are checked and read as text, one line
/// each (see `packet_line`).
class scene {
public:
  /// A request to a shard together with the session epoch at which it was made.
  struct request {
    routing_request what;
    std::uint32_t epoch = 0;
  };

  explicit scene(config with = {}, std::uint32_t shards = 1)
      : settings(std::move(with)),
        host{settings, shards},
        machine(shared_text("client"), 7, host) {}

  // -- the client

  /// CONNECT of MQTT 5.0 with a session that is kept, for tests to change.
  [[nodiscard]] static connect request_v5();
  [[nodiscard]] static connect request_v3(bool clean_session = false);
  void attach(const connect& request = request_v5());
  /// `attach` and CONNACK out of the way.
  void online(const connect& request = request_v5());
  void send(const any_packet& packet);
  void send(std::string_view wire);
  void publish(const script_message& message);
  void respond(packet_type type, packet_id id, reason_code code = reason_code::success);
  void subscribe(std::string_view filter, subscription_options options = {}, packet_id id = 1,
                 std::uint32_t identifier = 0);
  void unsubscribe(std::string_view filter, packet_id id = 1);
  /// `subscribe`, answered by the shards, and SUBACK out of the way.
  void subscribed(std::string_view filter, subscription_options options = {},
                  std::uint32_t identifier = 0);
  void disconnect(reason_code code = reason_code::normal_disconnection,
                  std::optional<std::uint32_t> expiry = {});
  void lose();
  void dismiss(reason_code code);
  /// Time passes; what is due is done.
  void wait(std::chrono::milliseconds span);

  /// What the client got since the last call, a line per packet.
  [[nodiscard]] std::string received();
  /// Whether the client reads at all; while it does not, bytes wait in the session.
  void stall(bool on);

  // -- the shards

  /// Takes all requests and answers them as shards that have nothing retained would.
  void answer();
  /// The disk has done all writes, or failed.
  void write(bool done = true);
  /// The publishes among `requests`, `topic payload` one per line; takes all requests.
  [[nodiscard]] std::string routed();
  /// Blocks among `requests`; takes all requests.
  [[nodiscard]] std::vector<message_block_ptr> blocks();
  void accept(const message_block_ptr& block);
  void deliver(const std::vector<script_message>& messages, delivery_options options,
               protocol_version version = protocol_version::v5, std::uint64_t publisher = 1);
  void deliver(const script_message& message, troupe::qos granted = qos::exactly_once) {
    deliver({message}, {.maximum_qos = granted});
  }
  /// Answers the outstanding read of retained messages.
  void retained_page(const std::vector<script_message>& messages, bool done,
                     std::uint64_t publisher = 1);
  void retained_reply(const shard_read_retained& read, const std::vector<script_message>& messages,
                      bool done, std::uint64_t publisher = 1);

  // -- the log

  /// Answers the oldest question where a replay begins.
  void begin_replay(log_offset after, log_offset oldest = 0);
  void refuse_replay();
  /// Answers the oldest read: each message is a record of its own.
  void page(const std::vector<logged_message>& messages, log_offset reached);
  void fail_page();
  /// What was asked of the log and not answered, a line each.
  [[nodiscard]] std::string asked() const;

  /// After every call of a member of `machine` that is not wrapped above.
  void collect();

  const config settings;
  const session_host host;
  session machine;
  session_effects effects;
  time_point now{std::chrono::hours(1)};
  std::deque<request> requests;     ///< to the shards and not yet answered
  std::vector<share_call> reports;  ///< to share groups, since the test last cleared them
  std::optional<shard_read_retained> read;
  std::deque<session_write> writes;  ///< not answered yet
  std::deque<log_request> reads;     ///< of the log, not answered yet
  connack answered;                  ///< the last CONNACK
  bool closed = false;
  bool ended = false;
  int presence_changes = 0;
  std::optional<error> close_reason;
  session_effects::counters counted;  ///< sums

  /// For tests that look at each packet: called instead of keeping its text.
  std::function<void(const any_packet&)> on_packet;

private:
  void answer(const share_call& call);
  void take_output();
  void read_packets();

  protocol_version version_ = protocol_version::v5;
  std::size_t maximum_packet_size_ = 0;
  bool stalled_ = false;
  std::string wire_;
  std::string received_;
};

/// A block as a publishing session would hand it to its shard.
[[nodiscard]] message_block_ptr make_block(const std::vector<script_message>& messages,
                                           time_point now,
                                           protocol_version version = protocol_version::v5,
                                           std::uint64_t publisher = 1);

/// `topic payload` of an entry.
[[nodiscard]] std::string text_of(const message_block& block, std::uint32_t index);

}  // namespace troupe::test
