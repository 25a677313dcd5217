#include "persistence/share_table.hpp"

#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"

#include <optional>
#include <string>
#include <utility>

namespace troupe {

namespace {

constexpr std::uint8_t share_format = 1;
constexpr std::size_t position_count_at = 1;
constexpr std::size_t outstanding_count_at = 2;
constexpr std::size_t offsets_at = 6;  // positions, what is outstanding, what is settled

std::string encode(const kept_share& group) {
  std::string value;
  value += static_cast<char>(share_format);
  value += static_cast<char>(group.positions.size());
  append_big_endian(static_cast<std::uint32_t>(group.outstanding.size()), value);
  for (const auto* list : {&group.positions, &group.outstanding, &group.settled})
    for (const log_offset each : *list)
      append_big_endian(each, value);
  return value;
}

std::optional<kept_share> decode(std::string_view key, std::string_view value) {
  if (value.size() < offsets_at || static_cast<std::uint8_t>(value[0]) != share_format)
    return std::nullopt;
  const std::size_t positions = static_cast<std::uint8_t>(value[position_count_at]);
  const std::size_t outstanding = get_big_endian<std::uint32_t>(value.substr(outstanding_count_at));
  const std::size_t bytes = value.size() - offsets_at;
  if (positions == 0 || bytes % sizeof(log_offset) != 0 ||
      bytes / sizeof(log_offset) < positions + outstanding)
    return std::nullopt;
  kept_share group{
      .share = std::string(key.substr(1)), .positions = {}, .outstanding = {}, .settled = {}};
  const auto filter = parse_topic_filter(group.share);
  if (!filter || !filter->is_shared()) return std::nullopt;
  for (std::size_t at = offsets_at; at != value.size(); at += sizeof(log_offset)) {
    const auto offset = get_big_endian<log_offset>(value.substr(at));
    if (group.positions.size() != positions)
      group.positions.push_back(offset);
    else if (group.outstanding.size() != outstanding)
      group.outstanding.push_back(offset);
    else
      group.settled.push_back(offset);
  }
  return group;
}

}  // namespace

void share_table::keep(const kept_share& group) {
  store_.put(keys::share(group.share), encode(group));
}

void share_table::remove(std::string_view share) { store_.remove(keys::share(share)); }

share_table::figures share_table::load(const std::function<void(kept_share&&)>& take) {
  figures found;
  const store_scan scan = store_.scan();
  for (scan->Seek(std::string(1, keys::share_table)); scan->Valid(); scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    if (key[0] != keys::share_table) break;
    auto group = decode(key, {scan->value().data(), scan->value().size()});
    if (group) {
      ++found.groups;
      take(*std::move(group));
    } else {
      ++found.damaged;
      store_.remove(std::string(key));
    }
  }
  if (!scan->status().ok()) ++found.damaged;
  return found;
}

bool is_whole_share(std::string_view key, std::string_view value) {
  return decode(key, value).has_value();
}

}  // namespace troupe
