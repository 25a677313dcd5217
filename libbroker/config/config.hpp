#pragma once

#include "libbroker/config/listener_address.hpp"
#include "libbroker/packet.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What the broker can be told, as plain values. The option table
/// (`option_table.cpp`) gives each field its name, range and the text that
/// users read; loading, overriding and printing all work from that table.
namespace troupe {

/// A session expiry that never comes. Source: MQTT5 §3.1.2.11.2.
inline constexpr std::chrono::seconds never_expires{never_ends};

inline constexpr std::size_t kibibyte = 1024;
inline constexpr std::size_t mebibyte = 1024 * kibibyte;
inline constexpr std::size_t gibibyte = 1024 * mebibyte;

/// [node]
struct node_config {
  std::string name;      ///< unique in the cluster; empty = made up and kept
  std::string data_dir;  ///< directory; empty = everything is in memory

  friend bool operator==(const node_config&, const node_config&) = default;
};

/// One of [[listener]].
struct listener_config {
  listener_address address;             ///< where to accept connections
  std::optional<bool> allow_anonymous;  ///< empty = only where `address.is_local()`
  std::size_t max_connections = 0;      ///< through this listener; 0 = only the node's limit
  std::size_t backlog = 1024;           ///< connections the kernel holds before they are accepted

  /// Whether a client may connect here without authenticating.
  [[nodiscard]] bool anonymous_allowed() const noexcept {
    return allow_anonymous.value_or(address.is_local());
  }

  friend bool operator==(const listener_config&, const listener_config&) = default;
};

/// [limits]: what one client, or all of them together, can make the broker hold.
struct limits_config {
  std::size_t max_connections = 100'000;               ///< open connections; 0 = no limit
  std::size_t max_sessions = 1'000'000;                ///< on- and offline; 0 = no limit
  std::size_t max_handshakes = 4096;                   ///< connections without CONNECT so far
  std::chrono::milliseconds connect_timeout{10'000};   ///< from accept to a complete CONNECT
  std::size_t max_connect_size = 64 * kibibyte;        ///< bytes of a CONNECT packet
  std::size_t max_packet_size = 16 * mebibyte;         ///< bytes of any packet, with its header
  std::size_t max_subscriptions_per_session = 10'000;  ///< filters; 0 = no limit
  std::size_t max_replays_per_session = 16;  ///< $replay/ subscriptions; 0 = replay is switched off
  std::size_t max_filter_levels = 128;       ///< levels of a topic filter
  std::size_t max_topic_levels = 128;        ///< levels of a topic name
  std::size_t max_topic_length = 65'535;     ///< bytes of a topic name or filter
  std::size_t output_buffer = 4 * mebibyte;  ///< bytes for one socket; then QoS 0 drops
  std::size_t publish_credit = mebibyte;     ///< bytes of a session's unprocessed publishes
  std::size_t publish_backlog = 256 * kibibyte;  ///< bytes held when that credit is used up
  std::size_t shard_credit = 64 * mebibyte;      ///< bytes of all unprocessed publishes of a shard
  std::size_t delivery_credit = 16 * mebibyte;   ///< bytes handed to a session and not yet taken
  std::size_t retained_messages = 1'000'000;     ///< per node; 0 = no limit
  std::size_t retained_bytes = gibibyte;         ///< per node; 0 = no limit

  friend bool operator==(const limits_config&, const limits_config&) = default;
};

/// [session]
struct session_config {
  std::uint16_t max_in_flight = 1024;    ///< QoS 1 and 2 sent and not completed; 1 or more
  std::uint16_t receive_maximum = 1024;  ///< QoS 1 and 2 accepted at a time; told to v5 clients
  std::size_t max_queued_messages = 100'000;           ///< waiting in one session; 0 = no limit
  std::size_t max_queued_bytes = 64 * mebibyte;        ///< waiting in one session; 0 = no limit
  std::chrono::seconds max_expiry = never_expires;     ///< upper bound of every session's expiry
  std::chrono::seconds expiry_for_v3 = never_expires;  ///< of 3.x sessions without clean session
  std::uint16_t topic_alias_maximum = 64;              ///< aliases a client may set; 0 = none
  std::uint16_t outbound_topic_aliases = 16;  ///< aliases the broker sets at most; 0 = none
  std::chrono::seconds max_keep_alive{0};     ///< upper bound of a client's; 0 = no limit

  friend bool operator==(const session_config&, const session_config&) = default;
};

/// [features]: what CONNACK tells MQTT 5 clients they may use.
struct features_config {
  qos max_qos = qos::exactly_once;          ///< of PUBLISH and of subscriptions
  bool retain_available = true;             ///< whether messages can be retained
  bool wildcard_subscriptions = true;       ///< whether filters may hold + and #
  bool shared_subscriptions = true;         ///< whether $share/ filters are taken
  bool subscription_identifiers = true;     ///< whether subscriptions may carry one
  std::string response_information_prefix;  ///< topic prefix for responses; empty = none

  friend bool operator==(const features_config&, const features_config&) = default;
};

/// [scheduler]
struct scheduler_config {
  std::size_t workers = 0;         ///< threads; 0 = one per core
  std::size_t shards = 0;          ///< topic shards; 0 = one per worker
  std::size_t jobs_per_poll = 64;  ///< actor turns of a worker between two looks at its sockets
  std::chrono::milliseconds poll_interval{1};  ///< time between two looks at most
  std::size_t accepts_per_turn = 64;  ///< connections accepted before other work gets its turn
  std::size_t read_buffer = 256 * kibibyte;  ///< bytes of a worker's shared read buffer
  std::size_t batch_bytes = 256 * kibibyte;  ///< bytes collected before a stage flushes
  std::size_t batch_messages = 1024;         ///< messages collected before a stage flushes

  friend bool operator==(const scheduler_config&, const scheduler_config&) = default;
};

/// [sys]
struct sys_config {
  std::chrono::seconds interval{10};  ///< between two publishes of $SYS; 0 = off

  friend bool operator==(const sys_config&, const sys_config&) = default;
};

/// When what is acknowledged is on the disk.
enum class durability : std::uint8_t {
  sync,
  interval,
  os
};

/// [store]
struct store_config {
  troupe::durability durability = durability::sync;
  std::chrono::milliseconds sync_interval{1000};  ///< if `durability` is `interval`
  std::chrono::seconds max_age{0};          ///< of messages that wait for sessions; 0 = no limit
  std::size_t max_bytes = 0;                ///< of messages that wait for sessions; 0 = no limit
  std::size_t sweep_above = 64 * mebibyte;  ///< bytes that wait without a search by topic
  std::chrono::seconds trim_interval{60};   ///< between two looks at what is still needed

  friend bool operator==(const store_config&, const store_config&) = default;
};

/// One of [[durability]]: what topics are as safe as. The first whose filter matches counts.
struct durability_rule {
  std::string filter;  ///< topic filter, without `$share/…`
  durability mode = durability::os;

  friend bool operator==(const durability_rule&, const durability_rule&) = default;
};

/// One of [[stream]]: topics whose messages are kept whether anybody subscribes or not. A
/// message belongs to the first stream whose filter matches its topic.
struct stream_config {
  std::string filter;               ///< topic filter, without `$share/…`
  std::chrono::seconds max_age{0};  ///< older messages go; 0 = no limit
  std::size_t max_bytes = 0;        ///< beyond it the oldest go; 0 = no limit

  friend bool operator==(const stream_config&, const stream_config&) = default;
};

/// [cluster.tls]: PEM files. All are given or none.
struct cluster_tls_config {
  std::string certificate;  ///< path; of this node, with the chain below it
  std::string key;          ///< path; of the certificate
  std::string ca;           ///< path; whose certificates other nodes must show

  friend bool operator==(const cluster_tls_config&, const cluster_tls_config&) = default;
};

/// [cluster]
struct cluster_config {
  std::string listen;     ///< "host:port" of the cluster port, 0 = any free one; empty = no cluster
  std::string advertise;  ///< "host:port" under which other nodes reach it; empty = `listen`
  /// "host:port" under which clients of other nodes can reach this one; empty = they are not told
  std::string client_address;
  std::vector<std::string> seeds;            ///< "host:port" of some members
  std::string secret;                        ///< shared by all nodes; never printed
  std::string secret_file;                   ///< path of a file that holds it
  std::chrono::milliseconds heartbeat{500};  ///< something is sent to each node at least so often
  std::size_t missed_heartbeats = 5;         ///< so many in a row and a link is given up
  std::size_t credit = 16 * mebibyte;        ///< bytes sent to a node and not handled there
  std::chrono::milliseconds subscribe_wait{100};  ///< SUBACK waits so long for other nodes
  std::chrono::seconds dead_after{10};            ///< without a link to any node: counts as dead
  cluster_tls_config tls;

  friend bool operator==(const cluster_config&, const cluster_config&) = default;
};

/// How important a log line must be to be written.
enum class log_level : std::uint8_t {
  trace,
  debug,
  info,
  warn,
  error,
  off
};

/// How a log line is written.
enum class log_format : std::uint8_t {
  text,
  json
};

/// [log]
struct log_config {
  log_level level = log_level::info;     ///< least level that is written
  log_format format = log_format::text;  ///< key=value or one JSON object per line
  std::string file;                      ///< path; empty = standard error

  friend bool operator==(const log_config&, const log_config&) = default;
};

/// [shutdown]
struct shutdown_config {
  std::chrono::milliseconds deadline{5000};  ///< for all steps together

  friend bool operator==(const shutdown_config&, const shutdown_config&) = default;
};

/// One entry of [caf], as CAF's own command line takes it: `--key=value`.
struct caf_option {
  std::string key;    ///< dotted and without the leading "caf.": "scheduler.max-threads"
  std::string value;  ///< strings without quotes, lists and numbers in CAF's syntax

  friend bool operator==(const caf_option&, const caf_option&) = default;
};

/// Everything; a default-constructed one serves anonymous clients on loopback.
struct config {
  node_config node;
  std::vector<listener_config> listeners{listener_config{}};
  limits_config limits;
  session_config session;
  features_config features;
  scheduler_config scheduler;
  store_config store;
  std::vector<durability_rule> durability_rules;
  std::vector<stream_config> streams;
  cluster_config cluster;
  sys_config sys;
  log_config log;
  shutdown_config shutdown;
  std::vector<caf_option> caf;  ///< one entry per key

  friend bool operator==(const config&, const config&) = default;
};

}  // namespace troupe
