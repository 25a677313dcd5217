#include "libbroker/router/retained_store.hpp"

#include "libbroker/topic.hpp"

#include <algorithm>

namespace troupe {

namespace {

/// So many topics a read looks at before it hands back what it has.
constexpr std::size_t topics_per_read = 8192;

/// The part of `filter` before its first wildcard level, without the slash.
std::string_view literal_prefix(std::string_view filter, bool& has_wildcard) noexcept {
  const std::size_t wildcard = filter.find_first_of("+#");
  has_wildcard = wildcard != std::string_view::npos;
  if (!has_wildcard) return filter;
  return wildcard == 0 ? std::string_view() : filter.substr(0, wildcard - 1);
}

bool is_below_or_at(std::string_view topic, std::string_view prefix) noexcept {
  return topic.starts_with(prefix) &&
         (topic.size() == prefix.size() || topic[prefix.size()] == '/');
}

}  // namespace

bool topic_order::operator()(std::string_view left, std::string_view right) const noexcept {
  const std::size_t common = std::min(left.size(), right.size());
  const auto [l, r] = std::mismatch(
      left.begin(), left.begin() + static_cast<std::ptrdiff_t>(common), right.begin());
  if (l == left.begin() + static_cast<std::ptrdiff_t>(common)) return left.size() < right.size();
  const auto rank = [](char c) { return c == '/' ? 0U : static_cast<unsigned char>(c) + 1U; };
  return rank(*l) < rank(*r);
}

bool retained_store::store(const message_block& block, std::uint32_t index,
                           std::uint64_t sequence) {
  const message_entry& entry = block[index];
  const auto found = messages_.find(block.topic(entry));
  // [MQTT5-3.3.1-6], [MQTT5-3.3.1-7], [MQTT311-3.3.1-10], [MQTT311-3.3.1-11]
  if (block.payload(entry).empty()) {
    if (found != messages_.end()) remove(found);
    return true;
  }
  message_entry own = entry;
  own.log_offset = 0;  // it stays when the log is trimmed
  message_block_builder builder;
  builder.add(own, block.wire(entry), block.version());
  message_block_ptr copy = builder.seal({.publisher = block.publisher(),
                                         .connection_epoch = block.connection_epoch(),
                                         .received_at = block.received_at()});
  const std::size_t before = found == messages_.end() ? 0 : found->block->bytes();
  if ((limits_.bytes != 0 && bytes_ - before + copy->bytes() > limits_.bytes) ||
      (limits_.messages != 0 && before == 0 && messages_.size() >= limits_.messages)) {
    if (found != messages_.end()) remove(found);  // none is better than one out of date
    return false;
  }
  bytes_ = bytes_ - before + copy->bytes();
  if (found == messages_.end()) {
    messages_.insert({std::move(copy), sequence});
    return true;
  }
  // In place of the one before [MQTT5-3.3.1-5], [MQTT311-3.3.1-5], [MQTT311-3.3.1-7]. The key is a
  // view into the message: take the node out to change both.
  const auto hint = std::next(found);
  auto node = messages_.extract(found);
  node.value() = {std::move(copy), sequence};
  messages_.insert(hint, std::move(node));
  return true;
}

retained_store::message_set::iterator retained_store::remove(message_set::iterator at) {
  bytes_ -= at->block->bytes();
  return messages_.erase(at);
}

message_block_ptr retained_store::find(std::string_view topic) const {
  const auto found = messages_.find(topic);
  return found == messages_.end() ? nullptr : found->block;
}

bool retained_store::may_match(std::string_view filter) const noexcept {
  bool has_wildcard = false;
  const std::string_view prefix = literal_prefix(filter, has_wildcard);
  if (!has_wildcard) return messages_.contains(filter);
  if (prefix.empty()) return !messages_.empty();
  const auto first = messages_.lower_bound(prefix);
  return first != messages_.end() && is_below_or_at(first->topic(), prefix);
}

retained_store::page retained_store::read(std::string_view filter, const cursor& from,
                                          std::size_t maximum_messages, std::size_t maximum_bytes,
                                          time_point now) {
  bool has_wildcard = false;
  const std::string_view prefix = literal_prefix(filter, has_wildcard);
  page result;
  result.next = from;

  auto at = from.started ? messages_.upper_bound(std::string_view(from.after))
                         : messages_.lower_bound(prefix);
  std::size_t bytes = 0;
  std::size_t looked_at = 0;
  while (at != messages_.end()) {
    if (!prefix.empty() && !is_below_or_at(at->topic(), prefix)) break;
    if (looked_at == topics_per_read || result.messages.size() == maximum_messages ||
        bytes >= maximum_bytes)
      return result;
    ++looked_at;
    result.next.started = true;
    result.next.after.assign(at->topic());
    const message_block& block = *at->block;
    if (block.expired(block[0], now)) {  // [MQTT5-3.3.2-5]
      result.expired.emplace_back(at->topic());
      at = remove(at);
      continue;
    }
    if (at->sequence <= from.as_of && matches(filter, at->topic())) {
      result.messages.push_back(at->block);
      bytes += block[0].size;
    }
    if (!has_wildcard) break;
    ++at;
  }
  result.done = true;
  return result;
}

}  // namespace troupe
