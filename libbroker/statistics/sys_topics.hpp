#pragma once

#include "libbroker/statistics/load_average.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// The figures of a node at one moment; counters since its start.
struct node_figures {
  std::chrono::milliseconds uptime{0};
  std::size_t clients_total = 0;  ///< sessions, on- and offline
  std::size_t clients_connected = 0;
  std::size_t clients_maximum = 0;  ///< connected at once, ever
  std::uint64_t packets_received = 0;
  std::uint64_t packets_sent = 0;
  std::uint64_t publishes_received = 0;
  std::uint64_t publishes_sent = 0;
  std::uint64_t publishes_dropped = 0;
  std::uint64_t publish_bytes_received = 0;
  std::uint64_t publish_bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t connections = 0;  ///< accepted, ever
  std::size_t subscriptions = 0;
  std::size_t retained_messages = 0;
  std::size_t retained_bytes = 0;
};

/// One message of `$SYS`.
struct sys_message {
  std::string topic;
  std::string payload;
};

/// Turns a node's figures into the `$SYS/broker/…` messages that mosquitto's
/// users know.
class sys_topics {
public:
  explicit sys_topics(std::string version) : version_(std::move(version)) {}

  /// `elapsed`: since the last call, for the load averages.
  [[nodiscard]] std::vector<sys_message> render(const node_figures& figures,
                                                std::chrono::milliseconds elapsed);

private:
  std::string version_;
  std::array<load_average, 8> loads_;
};

}  // namespace troupe
