#include "persistence/node_table.hpp"

#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/topic.hpp"
#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"

#include <optional>
#include <string>
#include <utility>

namespace troupe {

namespace {

// The values are offsets, 8 bytes each, and of a filter the interest in it, one byte, and the
// offset where it begins, which an earlier version did not write.
constexpr std::size_t route_size = 1 + sizeof(log_offset);

std::optional<std::vector<log_offset>> decode_offsets(std::string_view value) {
  if (value.empty() || value.size() % sizeof(log_offset) != 0 ||
      value.size() > partition_count * sizeof(log_offset))
    return std::nullopt;
  std::vector<log_offset> offsets;
  for (std::size_t at = 0; at != value.size(); at += sizeof(log_offset))
    offsets.push_back(get_big_endian<log_offset>(value.substr(at)));
  return offsets;
}

bool is_whole_route(std::string_view filter, std::string_view value) {
  const auto parsed = parse_topic_filter(filter);
  return parsed && (value.size() == 1 || value.size() == route_size) &&
         value[0] == static_cast<char>(route_interest::lasting);
}

}  // namespace

void node_table::apply(const node_write& change) {
  if (change.forgets) {
    const std::string prefix = keys::node_of(change.name);
    const store_scan scan = store_.scan();
    for (scan->Seek(prefix); scan->Valid() && scan->key().starts_with(prefix); scan->Next())
      store_.remove({scan->key().data(), scan->key().size()});
    return;
  }
  if (!change.handled.empty()) {
    std::string value;
    for (const log_offset each : change.handled)
      append_big_endian(each, value);
    store_.put(keys::node_progress(change.name), value);
  }
  for (const kept_route& each : change.routes) {
    const std::string key = keys::node_route(change.name, each.filter);
    if (each.interest == route_interest::lasting) {
      std::string value(1, static_cast<char>(each.interest));
      append_big_endian(each.begin, value);
      store_.put(key, value);
    } else {
      store_.remove(key);
    }
  }
}

void node_table::move_on(const origin_progress& progress) {
  for (const origin_progress::mark& each : progress.marks) {
    std::string value;
    append_big_endian(each.offset, value);
    store_.put(keys::origin_mark(progress.home, each.partition), value);
  }
}

node_table::figures node_table::load(const std::function<void(kept_node&&)>& take) {
  figures found;
  kept_node current;
  const auto finish = [&] {
    if (current.name.empty()) return;
    ++found.nodes;
    take(std::exchange(current, {}));
  };
  const store_scan scan = store_.scan();
  for (scan->Seek(std::string(1, keys::node_table)); scan->Valid(); scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    const std::string_view value(scan->value().data(), scan->value().size());
    if (key[0] != keys::node_table) break;
    const keys::node_part part = keys::parse_node(key);
    if (!is_whole_node_part(key, value)) {
      ++found.damaged;
      store_.remove(std::string(key));
      continue;
    }
    if (part.name != current.name) finish();
    current.name = part.name;
    if (part.part == keys::node_progress_part)
      current.handled = *decode_offsets(value);
    else
      current.routes.push_back(
          {std::string(part.rest), route_interest::lasting,
           value.size() == route_size ? get_big_endian<log_offset>(value.substr(1)) : 0});
  }
  finish();
  if (!scan->status().ok()) ++found.damaged;
  return found;
}

std::unordered_map<std::uint64_t, origin_marks> node_table::load_marks() const {
  std::unordered_map<std::uint64_t, origin_marks> found;
  const store_scan scan = store_.scan();
  for (scan->Seek(std::string(1, keys::origin_table)); scan->Valid(); scan->Next()) {
    const std::string_view key(scan->key().data(), scan->key().size());
    if (key[0] != keys::origin_table) break;
    const auto place = keys::parse_origin_mark(key);
    if (!place || scan->value().size() != sizeof(log_offset)) continue;
    found[place->home][place->partition] =
        get_big_endian<log_offset>({scan->value().data(), scan->value().size()});
  }
  return found;
}

bool is_whole_node_part(std::string_view key, std::string_view value) {
  const keys::node_part part = keys::parse_node(key);
  if (part.part == keys::node_progress_part)
    return part.rest.empty() && decode_offsets(value).has_value();
  return part.part == keys::node_route_part && is_whole_route(part.rest, value);
}

}  // namespace troupe
