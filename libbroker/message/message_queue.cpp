#include "libbroker/message/message_queue.hpp"

namespace troupe {

namespace {

bool same(const delivery_options& left, const delivery_options& right) noexcept {
  return left.maximum_qos == right.maximum_qos &&
         left.retain_as_published == right.retain_as_published && left.retained == right.retained &&
         left.tracked == right.tracked && left.details == right.details;
}

}  // namespace

bool message_queue::is_from_log(const run& waiting) noexcept {
  const message_run& messages = waiting.messages;
  return (*messages.block)[messages.first].log_offset != 0 && !waiting.options.retained &&
         !is_shared(waiting.options.details);
}

void message_queue::push(const message_block_ptr& block, std::uint32_t index,
                         const delivery_options& options) {
  ++messages_;
  bytes_ += (*block)[index].size;
  if (!runs_.empty()) {
    run& last = runs_.back();
    if (last.messages.block == block && last.messages.first + last.messages.count == index &&
        same(last.options, options) &&
        ((*block)[index].log_offset != 0) == ((*block)[last.messages.first].log_offset != 0)) {
      ++last.messages.count;
      return;
    }
  }
  runs_.push_back({{block, index, 1}, options});
}

void message_queue::pop() noexcept {
  message_run& front = runs_.front().messages;
  --messages_;
  bytes_ -= (*front.block)[front.first].size;
  ++front.first;
  if (--front.count == 0) runs_.pop_front();
}

void message_queue::detach_blocks() {
  for (run& waiting : runs_) {
    message_run& held = waiting.messages;
    if (held.count == held.block->size()) continue;
    held = {copy_run(held), 0, held.count};
  }
}

}  // namespace troupe
