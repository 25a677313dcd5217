#include "libbroker/session/retained_pulls.hpp"

#include <utility>

namespace troupe {

void retained_pulls::start(const std::string& filter, shard_index shard, std::uint64_t as_of) {
  const auto [at, is_new] = cursors_.try_emplace({filter, shard});
  at->second = {.as_of = as_of};
  if (at == current_) current_ = cursors_.end();
}

void retained_pulls::stop(std::string_view filter) {
  auto at = cursors_.lower_bound({std::string(filter), 0});
  while (at != cursors_.end() && at->first.first == filter) {
    if (at == current_) current_ = cursors_.end();
    at = cursors_.erase(at);
  }
}

std::optional<shard_read_retained> retained_pulls::next(request_number number) {
  if (asked_ != 0 || cursors_.empty()) return std::nullopt;
  asked_ = number;
  current_ = cursors_.begin();
  const auto& [filter, shard] = current_->first;
  return shard_read_retained{
      .shard = shard, .number = number, .filter = filter, .from = current_->second};
}

std::optional<std::string> retained_pulls::answered(request_number number,
                                                    const retained_store::page& page) {
  if (asked_ != number) return std::nullopt;
  asked_ = 0;
  const auto read = std::exchange(current_, cursors_.end());
  if (read == cursors_.end()) return std::nullopt;
  std::string filter = read->first.first;
  if (page.done)
    cursors_.erase(read);
  else
    read->second = page.next;
  return filter;
}

}  // namespace troupe
