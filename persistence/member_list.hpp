#pragma once

#include "libbroker/cluster/member_gossip.hpp"

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace troupe {

class database;

/// Stages who the members of the cluster are, as this node knows them, in place of what was kept
/// before. REQUIRES: what `append_gossip` does.
void keep_members(database& store, std::span<const member_record> members);

/// Who they were; nothing if that is damaged, whose removal is staged.
[[nodiscard]] std::optional<std::vector<member_record>> load_members(database& store);

/// Whether `value`, a list as it was kept, can be read.
[[nodiscard]] bool is_whole_member_list(std::string_view value);

}  // namespace troupe
