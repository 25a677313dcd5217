#include "libbroker/cluster/inbound_stream.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace troupe {

void inbound_stream::comes_from(std::uint64_t home, const origin_marks* earlier) {
  if (marks_of_home_ != nullptr && home_ == home) return;
  // A node without a data directory has another home in each life, and no log.
  if (marks_of_home_ != nullptr && *marks_of_home_ == origin_marks{}) marks_.erase(home_);
  home_ = home;
  const auto [at, is_new] = marks_.try_emplace(home);
  if (is_new && earlier != nullptr) at->second = *earlier;
  marks_of_home_ = &at->second;
}

void inbound_stream::begins_anew() noexcept {
  for (frame& each : frames_)
    each.sequence = 0;
  repeats_.clear();
}

// -- frames ---------------------------------------------------------------------------

void inbound_stream::begin_frame(std::uint64_t sequence) {
  assert(!is_refusing_);
  const auto repeat = repeats_.find(sequence);
  is_repeated_ = repeat != repeats_.end();
  if (is_repeated_) {
    taken_ = std::move(repeat->second);
    repeats_.erase(repeat);
  } else {
    std::ranges::fill(taken_, 0);
  }
  std::ranges::fill(seen_, 0);
  frames_.push_back({.sequence = sequence, .handled = taken_});
}

bool inbound_stream::takes(std::string_view topic, log_offset offset, shard_index shard) {
  if (seen_[shard]++ < taken_[shard]) return false;
  // Where it lies in the log there says whether it was here before, and nothing else.
  return offset == 0 || move_mark_on(topic, offset, shard);
}

bool inbound_stream::move_mark_on(std::string_view topic, log_offset offset, shard_index shard) {
  const std::uint32_t partition = partition_of(topic);
  log_offset& mark = (*marks_of_home_)[partition];
  if (offset <= mark) return false;
  const log_offset before = std::exchange(mark, offset);
  auto& moved = moved_[shard];
  if (moved == nullptr) moved = std::make_shared<origin_progress>(origin_progress{home_, {}});
  for (origin_progress::mark& each : moved->marks) {
    if (each.partition != partition) continue;
    each.offset = offset;
    return true;
  }
  moved->marks.push_back({partition, offset, before});
  return true;
}

inbound_stream::block inbound_stream::end_block(shard_index shard) {
  return add_block(
      {.shard = shard, .end = seen_[shard], .progress = std::exchange(moved_[shard], nullptr)});
}

inbound_stream::block inbound_stream::end_state_block(shard_index shard) {
  return add_block({.shard = shard});
}

inbound_stream::block inbound_stream::add_block(open_block&& made) {
  ++frames_.back().blocks;
  made.frame = first_frame_ + static_cast<std::uint32_t>(frames_.size() - 1);
  blocks_.push_back(std::move(made));
  return {.number = first_block_ + static_cast<std::uint32_t>(blocks_.size() - 1),
          .attempt = attempt_,
          .progress = blocks_.back().progress};
}

// -- blocks ---------------------------------------------------------------------------

void inbound_stream::answered(std::uint32_t number, bool kept) {
  open_block& done = blocks_[number - first_block_];
  frame& of = frames_[done.frame - first_frame_];
  --of.blocks;
  done.is_answered = true;
  if (kept || done.end == 0) {
    of.handled[done.shard] = std::max(of.handled[done.shard], done.end);
  } else {
    is_refusing_ = of.is_refused = true;
    if (done.progress != nullptr) roll_back(*done.progress);
  }
  for (; !blocks_.empty() && blocks_.front().is_answered; ++first_block_)
    blocks_.pop_front();
}

/// Of a partition's blocks the first ones are taken and the others refused: the least is right.
void inbound_stream::roll_back(const origin_progress& progress) noexcept {
  const auto found = marks_.find(progress.home);
  if (found == marks_.end()) return;
  for (const origin_progress::mark& each : progress.marks)
    found->second[each.partition] = std::min(found->second[each.partition], each.before);
}

std::uint64_t inbound_stream::take_handled() noexcept {
  std::uint64_t handled = 0;
  for (; !frames_.empty() && frames_.front().blocks == 0 && !frames_.front().is_refused;
       ++first_frame_) {
    handled = frames_.front().sequence;
    frames_.pop_front();
  }
  return handled;
}

bool inbound_stream::end_refusal() {
  if (!is_refusing_ || !blocks_.empty()) return false;
  for (frame& each : frames_)
    if (each.sequence != 0) repeats_.emplace(each.sequence, std::move(each.handled));
  first_frame_ += static_cast<std::uint32_t>(frames_.size());
  frames_.clear();
  is_refusing_ = false;
  ++attempt_;
  return true;
}

}  // namespace troupe
