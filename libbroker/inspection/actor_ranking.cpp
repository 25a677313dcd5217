#include "libbroker/inspection/actor_ranking.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Of the rows of one page: an answer has room for so much.
constexpr std::size_t most_bytes = 40UL << 10;
/// Of a row's numbers.
constexpr std::size_t row_overhead = 64;

bool comes_first(const actor_place& left, const actor_place& right) noexcept {
  return left.value != right.value ? left.value > right.value : left.id < right.id;
}

}  // namespace

actor_place place_in(actor_order order, const actor_row& row) noexcept {
  switch (order) {
  case actor_order::mailbox: return {row.mailbox, row.id};
  case actor_order::time: return {row.nanoseconds, row.id};
  case actor_order::messages: return {row.messages, row.id};
  case actor_order::id: break;
  }
  return {0, row.id};
}

actor_ranking::actor_ranking(const list_actors& wanted)
    : wanted_(wanted), limit_(std::clamp<std::size_t>(wanted.limit, 1, most_rows)) {}

bool actor_ranking::is_first(const actor_row& left, const actor_row& right) const noexcept {
  return comes_first(place_in(wanted_.order, left), place_in(wanted_.order, right));
}

void actor_ranking::offer(const actor_row& seen, std::string_view kind, std::string_view name) {
  if (!wanted_.kind.empty() && kind != wanted_.kind) return;
  ++page_.total;
  if (wanted_.after && !comes_first(*wanted_.after, place_in(wanted_.order, seen))) return;
  ++behind_;
  const auto first = [this](const actor_row& left, const actor_row& right) {
    return is_first(left, right);
  };
  std::vector<actor_row>& rows = page_.rows;
  if (rows.size() == limit_) {
    if (!is_first(seen, rows.front())) return;
    std::ranges::pop_heap(rows, first);
    rows.pop_back();
  }
  rows.push_back(seen);
  rows.back().kind = kind;
  rows.back().name = shortened(name, longest_row_name);
  std::ranges::push_heap(rows, first);
}

actor_page actor_ranking::take() {
  std::ranges::sort_heap(page_.rows, [this](const actor_row& left, const actor_row& right) {
    return is_first(left, right);
  });
  std::size_t bytes = 0;
  const auto too_much = std::ranges::find_if(page_.rows, [&](const actor_row& each) {
    bytes += each.kind.size() + each.name.size() + row_overhead;
    return bytes > most_bytes;
  });
  page_.rows.erase(too_much, page_.rows.end());
  page_.behind = behind_ - page_.rows.size();
  return std::move(page_);
}

}  // namespace troupe
