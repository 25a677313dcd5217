#include "libbroker/output_queue.hpp"

namespace troupe {

void output_queue::append(const message_run& run) {
  const byte_view bytes = run.wire();
  if (bytes.size() < smallest_reference) {
    tail_.append(bytes);
    return;
  }
  if (!tail_.empty()) {
    sealed_ += tail_.size();
    segment own{.own = std::move(tail_), .block = nullptr, .bytes = {}};
    own.bytes = own.own.view();
    segments_.push_back(std::move(own));
  }
  segments_.push_back({.own = {}, .block = run.block, .bytes = bytes});
  sealed_ += bytes.size();
}

std::size_t output_queue::gather(std::span<byte_view> views) const noexcept {
  std::size_t used = 0;
  std::size_t skip = sent_;
  for (std::size_t i = gone_; i != segments_.size() && used != views.size(); ++i) {
    views[used++] = segments_[i].bytes.subspan(skip);
    skip = 0;
  }
  if (!tail_.empty() && used != views.size()) views[used++] = tail_.view().subspan(skip);
  return used;
}

void output_queue::consume(std::size_t count) noexcept {
  sent_ += count;
  while (gone_ != segments_.size() && sent_ >= segments_[gone_].bytes.size()) {
    segment& front = segments_[gone_++];
    sent_ -= front.bytes.size();
    sealed_ -= front.bytes.size();
    front = {};
  }
  if (gone_ == segments_.size()) {
    segments_.clear();
    gone_ = 0;
    if (sent_ == tail_.size()) {
      clear();
    } else if (sent_ > tail_.size() / 2) {
      tail_.erase_front(sent_);  // a tail that never runs empty must not grow for ever
      sent_ = 0;
    }
  } else if (gone_ > 64 && gone_ > segments_.size() / 2) {
    segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(gone_));
    gone_ = 0;
  }
}

void output_queue::clear() noexcept {
  std::vector<segment>().swap(segments_);
  byte_buffer().swap(tail_);
  gone_ = sealed_ = sent_ = 0;
}

}  // namespace troupe
