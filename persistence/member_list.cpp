#include "persistence/member_list.hpp"

#include "persistence/database.hpp"
#include "persistence/keys.hpp"

#include <string>

namespace troupe {

void keep_members(database& store, std::span<const member_record> members) {
  std::vector<gossiped_member> all;
  all.reserve(members.size());
  for (const member_record& each : members)
    all.push_back({each, false});
  std::string value;
  append_gossip(all, value);
  store.put(keys::members, value);
}

std::optional<std::vector<member_record>> load_members(database& store) {
  std::vector<member_record> members;
  const auto kept = store.get(keys::members);
  if (kept && !*kept) return members;
  const auto read = read_gossip(kept ? std::string_view(**kept) : std::string_view());
  if (!read) {
    store.remove(keys::members);
    return std::nullopt;
  }
  for (const gossiped_member& each : *read)
    members.push_back(each.record);
  return members;
}

bool is_whole_member_list(std::string_view value) { return read_gossip(value).has_value(); }

}  // namespace troupe
