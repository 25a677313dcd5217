#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/log_offset.hpp"
#include "libbroker/topic.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

/// What is kept of other nodes, so that neither a crash here nor one there loses or doubles what
/// is forwarded between them.
namespace troupe {

/// Of a node that forwards to this one: the last message of each partition, in offsets of its
/// log, that is handled here.
using origin_marks = std::array<log_offset, partition_count>;

/// How a block of messages moves them on; written in one piece with the messages.
struct origin_progress {
  std::uint64_t home = 0;  ///< of the node
  struct mark {
    std::uint32_t partition = 0;
    log_offset offset = 0;
    log_offset before = 0;  ///< where it was
  };
  std::vector<mark> marks;
};

/// A filter that a node wants lasting, or no longer.
struct kept_route {
  std::string filter;
  route_interest interest = route_interest::none;
  log_offset begin = 0;  ///< it gets what lies above it in the log here

  friend bool operator==(const kept_route&, const kept_route&) = default;
};

/// Of a node that this one forwards to.
struct kept_node {
  std::string name;
  std::vector<log_offset> handled;  ///< there, by shard or partition of the log here
  std::vector<kept_route> routes;   ///< that it wants lasting
};

/// What has changed of that.
struct node_write {
  std::string name;
  std::vector<log_offset> handled;  ///< empty: as it was
  std::vector<kept_route> routes;   ///< not lasting: no longer kept
  bool forgets = false;             ///< nothing is kept of the node any more
};

}  // namespace troupe
