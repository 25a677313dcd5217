#pragma once

#include "actors/protocol.hpp"

#include <vector>

/// What actors that answer in figures say, for people.
namespace troupe {

[[nodiscard]] std::vector<fact_group> facts_of(const shard_description& shard);
[[nodiscard]] std::vector<fact_group> facts_of(const directory_description& directory);
[[nodiscard]] std::vector<fact_group> facts_of(const peer_description& peer);
[[nodiscard]] std::vector<fact_group> facts_of(const cluster_status& status);

}  // namespace troupe
