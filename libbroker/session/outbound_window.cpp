#include "libbroker/session/outbound_window.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

// [MQTT5-2.2.1-4], [MQTT311-2.3.1-4], [MQTT5-4.3.2-1], [MQTT5-4.3.3-1]
outbound_window::place outbound_window::add() {
  packet_id id = first_free_;
  if (id != 0) {
    first_free_ = messages_[id - 1U].next_free;
    if (first_free_ == 0) last_free_ = 0;
  } else {
    messages_.emplace_back();
    id = static_cast<packet_id>(messages_.size());
  }
  message& sent = messages_[id - 1U];
  sent.stage = stage::published;
  sent.order = order_++;
  ++size_;
  return {id, sent};
}

void outbound_window::complete(packet_id id) noexcept {
  messages_[id - 1U] = message();
  if (last_free_ != 0)
    messages_[last_free_ - 1U].next_free = id;
  else
    first_free_ = id;
  last_free_ = id;
  --size_;
}

std::vector<packet_id> outbound_window::in_order() const {
  std::vector<packet_id> ids;
  ids.reserve(size_);
  for (std::size_t i = 0; i != messages_.size(); ++i)
    if (messages_[i].stage != stage::free) ids.push_back(static_cast<packet_id>(i + 1));
  std::sort(ids.begin(), ids.end(), [this](packet_id left, packet_id right) {
    // The order wraps around; in flight at once are far fewer than half of it.
    return static_cast<std::int32_t>(messages_[left - 1U].order - messages_[right - 1U].order) < 0;
  });
  return ids;
}

void outbound_window::detach_blocks() {
  for (message& held : messages_) {
    if (!held.block || held.block->size() == 1) continue;
    held.block = copy_run({held.block, held.index, 1});
    held.index = 0;
  }
}

void outbound_window::leave_to_log() noexcept {
  for (message& held : messages_)
    if (held.offset != 0) held.block = nullptr;
}

void outbound_window::restore(const std::vector<std::pair<packet_id, message>>& earlier) {
  for (const auto& [id, sent] : earlier) {
    if (messages_.size() < id) messages_.resize(id);
    messages_[id - 1U] = sent;
    messages_[id - 1U].order = order_++;
    ++size_;
  }
  for (std::size_t i = messages_.size(); i-- != 0;) {
    if (messages_[i].stage != stage::free) continue;
    const auto id = static_cast<packet_id>(i + 1);
    messages_[i].next_free = first_free_;
    if (first_free_ == 0) last_free_ = id;
    first_free_ = id;
  }
}

void outbound_window::clear() noexcept {
  std::vector<message>().swap(messages_);
  first_free_ = last_free_ = 0;
  size_ = 0;
}

}  // namespace troupe
