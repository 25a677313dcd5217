#include "libbroker/output_queue.hpp"

namespace troupe {

void output_queue::append(const message_run& run) {
  const byte_view bytes = run.wire();
  if (bytes.size() < smallest_reference) {
    tail_.append(bytes);
    return;
  }
  if (sealed_ == nullptr) sealed_ = std::make_unique<sealed>();
  if (!tail_.empty()) {
    sealed_->bytes += tail_.size();
    segment own{.own = std::move(tail_), .block = nullptr, .bytes = {}};
    own.bytes = own.own.view();
    sealed_->segments.push_back(std::move(own));
  }
  sealed_->segments.push_back({.own = {}, .block = run.block, .bytes = bytes});
  sealed_->bytes += bytes.size();
}

std::size_t output_queue::gather(std::span<byte_view> views) const noexcept {
  std::size_t used = 0;
  std::size_t skip = sent_;
  if (sealed_ != nullptr) {
    const auto& segments = sealed_->segments;
    for (std::size_t i = sealed_->gone; i != segments.size() && used != views.size(); ++i) {
      views[used++] = segments[i].bytes.subspan(skip);
      skip = 0;
    }
  }
  if (!tail_.empty() && used != views.size()) views[used++] = tail_.view().subspan(skip);
  return used;
}

void output_queue::consume(std::size_t count) noexcept {
  sent_ += count;
  if (sealed_ != nullptr && !consume_sealed()) return;
  if (sent_ == tail_.size()) {
    clear();
  } else if (sent_ > tail_.size() / 2) {
    tail_.erase_front(sent_);  // a tail that never runs empty must not grow for ever
    sent_ = 0;
  }
}

bool output_queue::consume_sealed() noexcept {
  auto& [segments, gone, bytes] = *sealed_;
  while (gone != segments.size() && sent_ >= segments[gone].bytes.size()) {
    segment& front = segments[gone++];
    sent_ -= front.bytes.size();
    bytes -= front.bytes.size();
    front = {};
  }
  if (gone == segments.size()) {
    sealed_.reset();
    return true;
  }
  if (gone > 64 && gone > segments.size() / 2) {
    segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(gone));
    gone = 0;
  }
  return false;
}

void output_queue::clear() noexcept {
  sealed_.reset();
  byte_buffer().swap(tail_);
  sent_ = 0;
}

}  // namespace troupe
