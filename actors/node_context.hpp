#pragma once

#include "actors/actor_roster.hpp"
#include "actors/metrics.hpp"
#include "actors/protocol.hpp"
#include "libbroker/cluster/hybrid_clock.hpp"
#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/config/config.hpp"
#include "libbroker/session/session_host.hpp"
#include "libbroker/text_hash.hpp"
#include "libbroker/wall_clock.hpp"

#include <atomic>
#include <memory>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Bytes of publishes that sessions sent to a shard and it has not routed yet.
struct alignas(64) shard_gauge {
  std::atomic<std::size_t> bytes{0};
};

/// What the actors of one node share: settings, each other's handles, counters.
/// Filled before the first client is let in and constant from then on; outlives
/// the actors that refer to it.
struct node_context {
  config settings;
  node_identity identity;
  std::vector<shard_handle> shards;
  std::vector<directory_handle> directories;
  authenticator_handle authenticator;
  store_handle store;               ///< null: everything is in memory
  log_reader_handle log_reader;     ///< for sessions that are behind; null as `store`
  log_reader_handle replay_reader;  ///< for replays; null as `store`
  statistics_handle statistics;     ///< null: there is no `$SYS`
  inspector_handle inspector;
  cluster_handle cluster;    ///< null: this node is alone
  registry_handle registry;  ///< who has which client; null as `cluster`

  /// How far each node's messages were handled in an earlier life, by its home.
  std::unordered_map<std::uint64_t, origin_marks> earlier_marks;

  /// The last offset of the log that is on the disk.
  mutable std::atomic<log_offset> log_head{0};

  /// What sessions know of all this; `shards` is to be set before the first.
  session_host host{.settings = settings, .log_head = &log_head, .identity = &identity};

  /// Orders what is done on different nodes.
  mutable shared_hybrid_clock clock;

  /// The actors that there are.
  mutable actor_roster roster;

  // Counters are not part of the constant state.
  mutable metrics counts;
  std::unique_ptr<shard_gauge[]> shard_load;  ///< by shard
  mutable std::atomic<std::uint64_t> last_session_number{0};
  /// Bytes of publishes that wait for credit and whose clients have closed.
  mutable std::atomic<std::size_t> left_behind{0};

  /// `name`: of a session, or of a share group. What is left of a session is where it was.
  [[nodiscard]] const directory_handle& directory_of(std::string_view name) const noexcept {
    return directories[hash_text(parse_session_name(name).client_id) % directories.size()];
  }
};

/// Both clocks at `now`, which is the monotonic one's time.
[[nodiscard]] inline clock_reading read_wall_clock(time_point now) noexcept {
  using std::chrono::floor;
  return {.monotonic = now,
          .wall = floor<std::chrono::milliseconds>(std::chrono::system_clock::now())};
}

/// The time that `asking` passes to its state machine: that of its system's clock.
[[nodiscard]] inline time_point current_time(const caf::local_actor& asking) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(asking.clock().now());
}

}  // namespace troupe
