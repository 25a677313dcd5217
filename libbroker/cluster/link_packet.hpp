#pragma once

#include <memory>
#include <string>

namespace troupe {

/// What one node wants another one to know, encoded once, whatever becomes of the packet.
using frame_ptr = std::shared_ptr<const std::string>;

/// What travels between two nodes in one piece. Bytes: docs/cluster_wire.md.
struct link_packet {
  std::string head;  ///< the link's own words, and the seal over both parts
  frame_ptr frame;   ///< null: none
};

}  // namespace troupe
