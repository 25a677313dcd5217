#include "actors/append_queue.hpp"

namespace troupe {

void append_queue::push(route&& request, std::vector<std::uint32_t>&& logged, log_offset head) {
  ++by_publisher_[request.block->publisher()];
  if (!logged.empty()) unsent_bytes_ += request.block->bytes();
  blocks_.push_back(
      {.request = std::move(request), .logged = std::move(logged), .head_before = head});
}

std::vector<append::block> append_queue::take_unsent(std::uint64_t ticket) {
  std::vector<append::block> unsent;
  for (; unsent_from_ != blocks_.size(); ++unsent_from_) {
    waiting& each = blocks_[unsent_from_];
    if (each.logged.empty()) continue;
    each.ticket = ticket;
    unsent.push_back({each.request.block, each.logged, each.request.flow, each.request.lasting,
                      each.request.attempt, each.request.progress});
  }
  unsent_bytes_ = 0;
  return unsent;
}

void append_queue::answered(const appended& reply) {
  answered_ = reply.ticket;
  auto next = reply.first.begin();
  for (waiting& each : blocks_) {
    if (each.ticket > reply.ticket) break;
    if (each.ticket != reply.ticket) continue;
    if (reply.done) each.first = *next++;
    each.failed = each.first == 0;
  }
}

std::optional<append_queue::waiting> append_queue::pop_ready() {
  if (blocks_.empty()) return std::nullopt;
  waiting& front = blocks_.front();
  const bool is_ready = front.logged.empty() || (front.ticket != 0 && front.ticket <= answered_);
  if (!is_ready) return std::nullopt;
  waiting next = std::move(front);
  blocks_.pop_front();
  ++popped_;
  if (next.first != 0) last_ready_ = next.first + next.logged.size() - 1;
  if (unsent_from_ != 0) --unsent_from_;
  const auto at = by_publisher_.find(next.request.block->publisher());
  if (--at->second == 0) by_publisher_.erase(at);
  return next;
}

void append_queue::clear() noexcept {
  blocks_.clear();
  by_publisher_.clear();
  unsent_from_ = 0;
  unsent_bytes_ = 0;
}

}  // namespace troupe
