#include "libbroker/log_cursor.hpp"

#include "libbroker/topic.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace troupe {

log_cursor::log_cursor(std::uint32_t shards, log_offset head) : places_(shards) {
  for (place& each : places_)
    each = {.taken = head, .through = head, .live = true};
}

log_cursor::log_cursor(std::uint32_t shards, const std::vector<log_offset>& positions)
    : phase_(phase::away), places_(shards) {
  if (positions.empty()) return;
  const auto of = [&](std::size_t partition) { return positions[partition % positions.size()]; };
  for (shard_index shard = 0; shard != shards; ++shard) {
    places_[shard].taken = of(shard);
    for (std::size_t partition = shard; partition < partition_count; partition += shards)
      places_[shard].taken = std::min(places_[shard].taken, of(partition));
  }
  if (positions.size() == shards) return;
  for (std::size_t partition = 0; partition != partition_count; ++partition)
    earlier_.push_back(of(partition));
}

// -- what shards send -------------------------------------------------------------

log_cursor::verdict log_cursor::arrives(shard_index from, log_offset offset) noexcept {
  place& at = places_[from];
  // A page may hold what was on the disk before its shard knew.
  if (offset <= at.taken) return verdict::leave;
  if (!at.live) {
    at.is_final = true;
    return verdict::leave;
  }
  return phase_ == phase::live ? verdict::take : verdict::hold;
}

void log_cursor::set_back(std::string_view topic, log_offset offset) noexcept {
  assert(!wants_live());
  place& at = places_[partition_of(topic) % places_.size()];
  at.taken = std::min(at.taken, offset - 1);
  at.is_final = true;
}

void log_cursor::go_back_to(const std::vector<log_offset>& earlier) {
  assert(!wants_live());
  log_cursor before(static_cast<std::uint32_t>(places_.size()), earlier);
  for (std::size_t i = 0; i != places_.size(); ++i) {
    places_[i].taken = before.places_[i].taken;
    places_[i].is_final = true;
  }
  earlier_ = std::move(before.earlier_);
  position_.reset();
  page_.drop();
}

// -- changes of phase ---------------------------------------------------------------

std::optional<request_number> log_cursor::leave(phase to, std::optional<shard_index> missed) {
  page_.drop();
  asked_.reset();
  position_.reset();
  is_near_head_ = false;
  const phase before = std::exchange(phase_, to);
  if (before < phase::joining) return std::nullopt;
  // What was held was not taken; before, everything was that arrived.
  const bool is_final = before != phase::live;
  for (place& each : places_) {
    each.is_final = is_final || !each.live;
    each.live = false;
  }
  if (missed) places_[*missed].is_final = true;
  held_ = message_queue();
  waiting_ = static_cast<std::uint32_t>(places_.size());
  return ++request_;
}

request_number log_cursor::join() {
  phase_ = phase::joining;
  waiting_ = static_cast<std::uint32_t>(places_.size());
  return ++request_;
}

bool log_cursor::answered(shard_index from, request_number number, log_offset through) noexcept {
  if (number != request_ || waiting_ == 0) return false;
  place& at = places_[from];
  if (phase_ == phase::joining) {
    at.live = true;
    at.through = through;
  } else if (!at.is_final) {
    at.taken = std::max(at.taken, through);
    at.is_final = true;
  }
  if (--waiting_ != 0) return false;
  if (phase_ == phase::joining) phase_ = phase::closing;
  return true;
}

// -- reading ------------------------------------------------------------------------

log_offset log_cursor::position() noexcept {
  if (!position_) {
    const auto first =
        std::min_element(places_.begin(), places_.end(), [](const place& left, const place& right) {
          return left.taken < right.taken;
        });
    position_ = first->taken;
  }
  return *position_;
}

log_offset log_cursor::end(log_offset head) const noexcept {
  if (phase_ != phase::closing) return head;
  return std::ranges::max_element(places_, {}, &place::through)->through;
}

log_cursor::step log_cursor::next_step(log_offset end) noexcept {
  const bool is_closing = phase_ == phase::closing;
  if (position() < end && (is_closing || !is_near_head_)) return step::read;
  return is_closing ? step::become_live : step::join;
}

void log_cursor::skip_to(log_offset offset) noexcept {
  if (phase_ != phase::live) position_ = std::max(position(), offset);
  for (shard_index shard = 0; shard != places_.size(); ++shard)
    places_[shard].taken = taken_of(shard, offset);
  if (std::all_of(earlier_.begin(), earlier_.end(),
                  [&](log_offset each) { return each <= offset; }))
    earlier_.clear();
}

bool log_cursor::is_answer(request_number number) noexcept {
  if (asked_ != number) return false;
  asked_.reset();
  return true;
}

bool log_cursor::is_new(log_offset offset, std::string_view topic) const noexcept {
  const std::uint32_t partition = partition_of(topic);
  const place& at = places_[partition % places_.size()];
  if (offset <= at.taken) return false;
  if (!earlier_.empty() && offset <= earlier_[partition]) return false;
  return phase_ != phase::closing || offset <= at.through;
}

std::optional<page_reader::message> log_cursor::next() {
  if (!page_.has_page()) return std::nullopt;
  while (const auto found = page_.next()) {
    if (is_new(found->entry().log_offset, found->topic())) return found;
    page_.pop();
  }
  is_near_head_ = page_.reached() >= page_end_;
  skip_to(page_.reached());
  page_.drop();
  return std::nullopt;
}

void log_cursor::pop() noexcept {
  const auto taken = *page_.next();
  const auto shards = static_cast<std::uint32_t>(places_.size());
  places_[shard_of(taken.topic(), shards)].taken = taken.entry().log_offset;
  page_.pop();
}

// -- what is kept -------------------------------------------------------------------

std::vector<log_offset> log_cursor::positions() const {
  std::vector<log_offset> found;
  if (earlier_.empty()) {
    for (const place& each : places_)
      found.push_back(each.taken);
  } else {
    for (std::size_t partition = 0; partition != partition_count; ++partition)
      found.push_back(std::max(earlier_[partition], places_[partition % places_.size()].taken));
  }
  return found;
}

}  // namespace troupe
