#pragma once

#include "actors/protocol.hpp"
#include "libbroker/wall_clock.hpp"
#include "persistence/database.hpp"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace troupe {

/// What the store holds of the node's earlier life, ready to be sent: first of all retained
/// messages and share groups, then sessions, which say what they hold of groups' messages;
/// `go_on` when all have subscribed.
struct earlier_life {
  std::vector<restore_retained> retained;  ///< by shard
  std::vector<restore_share> shares;
  std::vector<restore_session> sessions;
  std::vector<restore_node> nodes;
  std::unordered_map<std::uint64_t, origin_marks> marks;  ///< by home of the node
  std::vector<member_record> members;                     ///< of the cluster, this node among them

  std::size_t retained_messages = 0;
  std::size_t retained_expired = 0;
  std::size_t damaged = 0;  ///< parts that were left out
};

/// Stages the removal of what has expired or is damaged.
[[nodiscard]] earlier_life load_earlier_life(database& store, std::uint32_t shards,
                                             const clock_reading& now);

}  // namespace troupe
