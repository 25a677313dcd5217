#include "actors/inspector_actor.hpp"

#include <spdlog/spdlog.h>

#include <memory>

namespace troupe {

namespace {

constexpr std::chrono::seconds answer_timeout{5};

/// A description under construction.
struct inquiry {
  node_description answer;
  std::size_t waiting_for = 0;
  caf::typed_response_promise<node_description> promise;

  void one_done() {
    if (--waiting_for == 0) promise.deliver(answer);
  }
};

}  // namespace

inspector_actor::inspector_actor(caf::actor_config& config, const node_context& house)
    : inspector_handle::base(config), house_(house) {}

inspector_actor::behavior_type inspector_actor::make_behavior() {
  return {[this](const describe_node&) { return describe(); }};
}

caf::typed_response_promise<node_description> inspector_actor::describe() {
  auto state = std::make_shared<inquiry>();
  state->promise = make_response_promise<node_description>();
  state->waiting_for = house_.shards.size() + house_.directories.size();
  const auto gave_up = [state](const caf::error& reason) {
    spdlog::warn("event=inspection_incomplete reason=\"{}\"", caf::to_string(reason));
    state->one_done();
  };
  for (const shard_handle& shard : house_.shards)
    request(shard, answer_timeout, describe_shard{})
        .then(
            [state](const shard_description& part) {
              shard_description& sum = state->answer.shards;
              sum.subscriptions += part.subscriptions;
              sum.filters += part.filters;
              sum.retained_messages += part.retained_messages;
              sum.retained_bytes += part.retained_bytes;
              sum.retained_refused += part.retained_refused;
              sum.deliveries_dropped += part.deliveries_dropped;
              state->one_done();
            },
            gave_up);
  for (const directory_handle& directory : house_.directories)
    request(directory, answer_timeout, describe_directory{})
        .then(
            [state](const directory_description& part) {
              state->answer.sessions += part.sessions;
              state->one_done();
            },
            gave_up);
  if (!house_.cluster) return state->promise;
  ++state->waiting_for;
  request(house_.cluster, answer_timeout, cluster_command{})
      .then(
          [state](const cluster_status& status) {
            for (const membership::view& each : status.members) {
              const bool is_linked = each.state == member_state::linked;
              const bool is_away =
                  each.state == member_state::unlinked || each.state == member_state::dead;
              state->answer.nodes_linked += is_linked ? 1 : 0;
              state->answer.nodes_known += is_linked || is_away ? 1 : 0;
            }
            state->one_done();
          },
          gave_up);
  return state->promise;
}

}  // namespace troupe
