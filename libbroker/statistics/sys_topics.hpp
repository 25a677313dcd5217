#pragma once

#include "libbroker/statistics/load_average.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// The figures of a node among others.
struct cluster_figures {
  std::size_t nodes_known = 0;            ///< other members, without those that have left
  std::size_t nodes_linked = 0;           ///< that there is a link with
  std::uint64_t messages_forwarded = 0;   ///< to other nodes, one for each
  std::uint64_t messages_received = 0;    ///< from other nodes
  std::uint64_t messages_dropped = 0;     ///< that a node could not take
  std::uint64_t announcements_late = 0;   ///< SUBACKs that did not wait for all nodes
  std::uint64_t links_refused = 0;        ///< bad handshakes on the cluster port
  std::uint64_t inspections_refused = 0;  ///< questions of who does not know the secret
  std::uint64_t stamps_refused = 0;       ///< retained messages, too far ahead of our calendar
  std::uint64_t cleared_forgotten = 0;    ///< cleared topics over the limit
};

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
  std::optional<cluster_figures> cluster;  ///< nothing if it takes part in none
};

/// A figure that is under `$SYS/broker/` and, summed up, under `$SYS/broker/cluster/total/`.
struct figure {
  std::string_view topic;  ///< without the root
  std::uint64_t value = 0;
};
/// Those of which the sum over all nodes means something.
[[nodiscard]] std::vector<figure> summable(const node_figures& figures);

/// One message of `$SYS`.
struct sys_message {
  std::string topic;
  std::string payload;
};

/// Turns a node's figures into the `$SYS/broker/…` messages that mosquitto's
/// users know, and those below `$SYS/broker/cluster/`: docs/cluster.md.
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
