#include "actors/inspector_facts.hpp"

#include <algorithm>
#include <cstdint>

namespace troupe {

std::vector<fact_group> facts_of(const shard_description& shard) {
  return {{"shard",
           {{"subscriptions", std::uint64_t{shard.subscriptions}},
            {"filters", std::uint64_t{shard.filters}},
            {"remote_filters", std::uint64_t{shard.remote_filters}},
            {"retained_messages", std::uint64_t{shard.retained_messages}},
            {"retained_bytes", std::uint64_t{shard.retained_bytes}},
            {"retained_refused", shard.retained_refused},
            {"deliveries_dropped", shard.deliveries_dropped}}}};
}

std::vector<fact_group> facts_of(const directory_description& directory) {
  return {{"directory",
           {{"sessions", std::uint64_t{directory.sessions}},
            {"share_groups", std::uint64_t{directory.share_groups}}}}};
}

std::vector<fact_group> facts_of(const peer_description& peer) {
  return {{"link",
           {{"up", peer.is_up},
            {"routes", std::uint64_t{peer.routes}},
            {"messages_forwarded", peer.messages_forwarded},
            {"messages_received", peer.messages_received},
            {"messages_dropped", peer.messages_dropped},
            {"unhandled_bytes", std::uint64_t{peer.unhandled_bytes}}}}};
}

std::vector<fact_group> facts_of(const cluster_status& status) {
  const auto count = [&](member_state state) {
    return static_cast<std::uint64_t>(
        std::ranges::count(status.members, state, &membership::view::state));
  };
  return {{"cluster",
           {{"linked", count(member_state::linked)},
            {"unlinked", count(member_state::unlinked)},
            {"dead", count(member_state::dead)},
            {"left", count(member_state::left)},
            {"clients", std::uint64_t{status.clients}}}}};
}

}  // namespace troupe
