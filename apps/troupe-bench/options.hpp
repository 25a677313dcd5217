#pragma once

#include "libbroker/packet.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::bench {

enum class scenario : std::uint8_t {
  pairs,     ///< N publishers and N subscribers, one topic a pair
  fan_in,    ///< N publishers, one subscriber
  fan_out,   ///< one publisher, N subscribers
  wildcard,  ///< N topics d/<i>/x, N subscribers on d/<i>/+, some more on #
  shared,    ///< publishers and one shared subscription
  retained,  ///< N retained messages, then one new subscriber
  drain,     ///< N messages for one absent session, then it returns
  offline,   ///< messages for N absent sessions that do not return
  connect,   ///< N connections as fast as the broker takes them
  idle,      ///< N connections that only keep alive
  latency    ///< one publisher, one subscriber
};

/// The name on the command line.
[[nodiscard]] std::string_view to_string(scenario value) noexcept;

/// How a publisher decides when to send its next message.
enum class pacing : std::uint8_t {
  flat_out,     ///< at once, but at most `max_ahead` before its slowest subscriber
  closed_loop,  ///< when fewer than `closed_loop` messages are between it and its subscribers
  open_loop     ///< by the clock, at `rate`
};

[[nodiscard]] std::string_view to_string(pacing value) noexcept;

/// Everything the command line says. Zero means "none" or "no limit" unless
/// said otherwise; `complete` fills in what depends on the scenario.
struct options {
  bench::scenario scenario = scenario::pairs;

  std::string host = "127.0.0.1";
  std::vector<std::uint16_t> ports{1883};       ///< of several nodes clients take turns
  std::vector<std::uint16_t> subscriber_ports;  ///< where subscribers connect; empty: `ports`
  std::string unix_path;                        ///< used instead of host and port when not empty
  std::string user_name;
  std::string password;
  protocol_version version = protocol_version::v3_1_1;
  std::uint16_t keep_alive = 60;  ///< seconds
  bool persistent = false;
  std::string client_prefix;  ///< empty: unique to this process
  std::string topic_prefix = "bench";

  unsigned threads = 1;
  unsigned count = 0;       ///< the N of the scenario; 0: its default
  unsigned publishers = 0;  ///< connections; 0: the scenario's default
  unsigned members = 10;    ///< of the shared subscription
  unsigned hash_subscribers = 10;
  bool own_topics = false;

  troupe::qos qos = troupe::qos::at_most_once;
  std::size_t payload = 64;    ///< bytes
  std::uint16_t window = 100;  ///< QoS 1 and 2 messages in flight for each publisher
  std::uint64_t closed_loop = 0;
  std::uint64_t max_ahead = 1000;
  unsigned gather = 0;         ///< microseconds
  double rate = 0;             ///< messages per second, all publishers together
  std::uint64_t messages = 0;  ///< for each publisher
  double duration = 0;         ///< seconds
  double warmup = -1;          ///< seconds; negative: the default
  double linger = 5;           ///< seconds

  double connect_rate = 0;      ///< connections per second
  unsigned connecting = 100;    ///< connections being opened at the same time
  double connect_timeout = 30;  ///< seconds without any progress

  int pid = 0;  ///< of the broker; 0: no figures about it
  bool keep_retained = false;
  bool expect_no_loss = false;
  bool json = false;
  bool quiet = false;

  [[nodiscard]] bench::pacing pacing() const noexcept {
    if (rate > 0) return pacing::open_loop;
    return closed_loop > 0 ? pacing::closed_loop : pacing::flat_out;
  }
};

/// Fills in the scenario's defaults. Throws std::invalid_argument with one
/// sentence if the options contradict each other.
void complete(options& wanted);

}  // namespace troupe::bench
