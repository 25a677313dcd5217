#include "actors/inspector_actor.hpp"

#include "actors/gathering.hpp"
#include "actors/inspector_facts.hpp"
#include "libbroker/inspection/actor_ranking.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

namespace troupe {

namespace {

constexpr std::chrono::seconds answer_timeout{5};
/// Somebody sits in front of a terminal.
constexpr std::chrono::seconds facts_timeout{2};

actor_row row_of(const actor_glance& seen) {
  return {.id = seen.id,
          .mailbox = seen.waiting,
          .messages = seen.messages,
          .nanoseconds = static_cast<std::uint64_t>(seen.busy.count())};
}

inspected refusal(std::string what) { return {inspection_refusal{std::move(what)}}; }

}  // namespace

inspector_actor::inspector_actor(caf::actor_config& config, const node_context& house)
    : counted(config, house.roster), house_(house) {}

inspector_actor::behavior_type inspector_actor::make_behavior() {
  return {
      [this](const describe_node&) { return describe(); },
      [this](const inspect_node& question) {
        return std::visit([this](const auto& what) { return answer(what); }, question.what);
      },
  };
}

caf::typed_response_promise<node_description> inspector_actor::describe() {
  auto promise = make_response_promise<node_description>();
  auto answer = std::make_shared<node_description>();
  gathering all(*this, answer_timeout, [promise, answer]() mutable { promise.deliver(*answer); });
  const auto gave_up = [](const caf::error& reason) {
    spdlog::warn("event=inspection_incomplete reason=\"{}\"", caf::to_string(reason));
  };
  const auto add_shard = [answer](const shard_description& part) {
    shard_description& sum = answer->shards;
    sum.subscriptions += part.subscriptions;
    sum.filters += part.filters;
    sum.retained_messages += part.retained_messages;
    sum.retained_bytes += part.retained_bytes;
    sum.retained_refused += part.retained_refused;
    sum.deliveries_dropped += part.deliveries_dropped;
  };
  const auto add_directory = [answer](const directory_description& part) {
    answer->sessions += part.sessions;
  };
  const auto add_nodes = [answer](const cluster_status& status) {
    for (const membership::view& each : status.members) {
      const bool is_linked = each.state == member_state::linked;
      const bool is_away = each.state == member_state::unlinked || each.state == member_state::dead;
      answer->nodes_linked += is_linked ? 1 : 0;
      answer->nodes_known += is_linked || is_away ? 1 : 0;
    }
  };
  for (const shard_handle& shard : house_.shards)
    all.ask<shard_description>(shard, describe_shard{}, add_shard, gave_up);
  for (const directory_handle& directory : house_.directories)
    all.ask<directory_description>(directory, describe_directory{}, add_directory, gave_up);
  if (house_.cluster)
    all.ask<cluster_status>(house_.cluster, cluster_command{}, add_nodes, gave_up);
  all.all_asked();
  return promise;
}

// -- for people -----------------------------------------------------------------------

caf::result<inspected> inspector_actor::answer(const list_actors& list) const {
  actor_ranking ranking(list);
  house_.roster.for_each(
      [&](const actor_glance& seen) { ranking.offer(row_of(seen), seen.kind, seen.subject); });
  return inspected{ranking.take()};
}

caf::result<inspected> inspector_actor::answer(const show_actor& show) {
  actor_detail detail;
  const caf::strong_actor_ptr who = house_.roster.find(show.id, [&](const actor_glance& seen) {
    detail.actor = row_of(seen);
    detail.actor.kind = seen.kind;
    detail.actor.name = shortened(seen.subject);
  });
  if (who == nullptr) return refusal("there is no actor " + std::to_string(show.id));
  auto promise = make_response_promise<inspected>();
  ask_about(who, std::move(detail), promise);
  return promise;
}

template <class Description, class Handle, class Request, class ToGroups>
void inspector_actor::ask(const Handle& whom, const Request& what, ToGroups to_groups,
                          actor_detail detail, caf::typed_response_promise<inspected> promise) {
  auto answer = std::make_shared<actor_detail>(std::move(detail));
  request(whom, facts_timeout, what)
      .then(
          [answer, promise, to_groups](const Description& said) mutable {
            answer->groups = to_groups(said);
            promise.deliver(inspected{std::move(*answer)});
          },
          [answer, promise](const caf::error&) mutable {
            answer->has_answered = false;
            promise.deliver(inspected{std::move(*answer)});
          });
}

/// By its kind: the roster does not know interfaces.
void inspector_actor::ask_about(const caf::strong_actor_ptr& who, actor_detail detail,
                                const caf::typed_response_promise<inspected>& promise) {
  const std::string_view kind = detail.actor.kind;
  const auto in_figures = [](const auto& said) { return facts_of(said); };
  const auto as_told = [](const facts_told& said) { return said.groups; };
  const auto ask_itself = [&](const auto& handle) {
    ask<facts_told>(handle, ask_facts{}, as_told, std::move(detail), promise);
  };
  if (kind == "session") return ask_itself(caf::actor_cast<session_handle>(who));
  if (kind == "share-group") return ask_itself(caf::actor_cast<share_handle>(who));
  if (kind == "handshake") return ask_itself(caf::actor_cast<handshake_handle>(who));
  if (kind == "store") return ask_itself(house_.store);
  if (kind == "registry") return ask_itself(house_.registry);
  if (kind == "shard")
    return ask<shard_description>(caf::actor_cast<shard_handle>(who), describe_shard{}, in_figures,
                                  std::move(detail), promise);
  if (kind == "directory")
    return ask<directory_description>(caf::actor_cast<directory_handle>(who), describe_directory{},
                                      in_figures, std::move(detail), promise);
  if (kind == "peer")
    return ask<peer_description>(caf::actor_cast<peer_handle>(who), describe_peer{}, in_figures,
                                 std::move(detail), promise);
  if (kind == "cluster")
    return ask<cluster_status>(house_.cluster, cluster_command{}, in_figures, std::move(detail),
                               promise);
  // It has nothing but its messages.
  caf::typed_response_promise<inspected>(promise).deliver(inspected{std::move(detail)});
}

caf::result<inspected> inspector_actor::answer(const locate_node& locate) {
  if (!house_.cluster) return refusal("this node takes part in no cluster");
  auto promise = make_response_promise<inspected>();
  request(house_.cluster, facts_timeout, cluster_command{})
      .then(
          [promise, locate](const cluster_status& status) mutable {
            const auto found = std::ranges::find(status.members, locate.name, [](const auto& each) {
              return each.record.node.name;
            });
            if (found != status.members.end() && !found->record.address.empty())
              promise.deliver(inspected{node_location{found->record.address}});
            else
              promise.deliver(refusal("no member is called " + shortened(locate.name)));
          },
          [promise](const caf::error&) mutable {
            promise.deliver(refusal("the cluster actor does not answer"));
          });
  return promise;
}

}  // namespace troupe
