#include "persistence/earlier_life.hpp"

#include "libbroker/topic.hpp"
#include "persistence/member_list.hpp"
#include "persistence/node_table.hpp"
#include "persistence/retained_table.hpp"
#include "persistence/session_table.hpp"
#include "persistence/share_table.hpp"

#include <memory>
#include <utility>

namespace troupe {

earlier_life load_earlier_life(database& store, std::uint32_t shards, const clock_reading& now) {
  earlier_life found;
  found.retained.resize(shards);
  const auto retained = retained_table(store).load(now, [&](message_block_ptr message) {
    const std::string_view topic = message->topic((*message)[0]);
    found.retained[shard_of(topic, shards)].messages.push_back(std::move(message));
  });
  const auto groups = share_table(store).load([&](kept_share&& group) {
    found.shares.push_back({std::make_shared<const kept_share>(std::move(group))});
  });
  const auto sessions = session_table(store).load(now, [&](kept_session&& session) {
    found.sessions.push_back({std::make_shared<const kept_session>(std::move(session))});
  });
  const auto nodes = node_table(store).load([&](kept_node&& node) {
    found.nodes.push_back({std::make_shared<const kept_node>(std::move(node))});
  });
  found.marks = node_table(store).load_marks();
  auto members = load_members(store);
  const std::size_t lists_damaged = members ? 0 : 1;
  if (members) found.members = *std::move(members);
  found.retained_messages = retained.messages;
  found.retained_expired = retained.expired;
  found.damaged =
      retained.damaged + groups.damaged + sessions.damaged + nodes.damaged + lists_damaged;
  return found;
}

}  // namespace troupe
