#include "libbroker/message/delivery.hpp"

#include <algorithm>

namespace troupe {

void delivery::add(const message_block_ptr& block, std::uint32_t index) {
  const message_entry& entry = (*block)[index];
  if (!runs.empty() && runs.back().block == block &&
      runs.back().first + runs.back().count == index) {
    ++runs.back().count;
  } else {
    mixed_versions |= !runs.empty() && runs.front().block->version() != block->version();
    runs.push_back({block, index, 1});
  }
  ++messages;
  bytes += entry.size;
  payload_bytes += block->payload(entry).size();
  largest = std::max(largest, entry.size);
  has_acknowledged_qos |= entry.qos != qos::at_most_once;
  has_retain |= entry.retain;
  expires |= entry.expires;
}

}  // namespace troupe
