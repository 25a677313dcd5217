#include "actors/cluster_actor.hpp"

#include "actors/log_text.hpp"
#include "actors/peer_actor.hpp"
#include "actors/random_number.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

namespace troupe {

namespace {

/// What is to be said to a node that is away.
constexpr std::size_t most_waiting = 10'000;

membership_settings settings_of(const cluster_config& settings) {
  return {.connects = {.second_mover_delay = std::chrono::milliseconds(300)},
          .dead_after = settings.dead_after,
          .client_address = settings.client_address};
}

}  // namespace

cluster_actor::cluster_actor(caf::actor_config& config, const node_context& house,
                             const cluster_key& key, std::vector<caf::execution_unit*> homes)
    : exposed(config, house.roster), house_(house), key_(key), homes_(std::move(homes)) {}

cluster_actor::behavior_type cluster_actor::make_behavior() {
  return {
      [this](const link_packet& packet) { handle(packet); },
      [this](const enter_cluster& request) { enter(request); },
      [this](const link_changed& event) { handle(event); },
      [this](const gossip_heard& heard) {
        const auto taken = members_->gossip(heard.from, heard.bytes, current_time(*this), effects_);
        if (!taken)
          spdlog::error("event=bad_gossip node={} reason=\"{}\"", heard.from.name,
                        taken.error().what);
        carry_out();
      },
      [this](const say_to_node& what) { handle(what); },
      [this](const fence_session& request) { fence_peers(request); },
      [this](const clients_heard& message) { send(house_.registry, message); },
      [this](const wills_heard& message) { send(house_.registry, message); },
      [this](const cluster_timer& due) { handle(due); },
      [this](const cluster_command& command) { return handle(command); },
      [this](const restore_node& kept) -> caf::result<node_restored> {
        return delegate(link_of(kept.earlier->name).peer, kept);
      },
      [this](const ask_interests& question) { return ask_peers(question.head); },
      [this](const settle&) { return settle_peers(); },
      [this](const stop_now&) {
        for (const auto& [name, link] : links_)
          send(link.peer, stop_now{});
        quit();
      },
  };
}

void cluster_actor::on_exit() {
  links_.clear();
  initiations_.clear();
  responses_.clear();
  inspections_.clear();
  connector_ = nullptr;
}

void cluster_actor::enter(const enter_cluster& request) {
  self_ = {house_.identity, request.address};
  connector_ = request.connector;
  members_.emplace(house_.identity, request.address, house_.settings.cluster.seeds,
                   settings_of(house_.settings.cluster), random_number(), request.remembered,
                   current_time(*this));
  for (const member_record& each : members_->records())
    if (each.left) send(house_.registry, node_gone{each.node.name});
  members_->tick(current_time(*this), effects_);
  carry_out();
}

// -- links ----------------------------------------------------------------------------

cluster_actor::member_link& cluster_actor::link_of(const std::string& name) {
  member_link& link = links_[name];
  if (!link.peer)
    link.peer = spawn_at<peer_actor>(
        system(), homes_.empty() ? nullptr : homes_[links_.size() % homes_.size()], house_, name);
  return link;
}

/// With who has sent the packet. What it sends over the link comes at once, and may be large.
void cluster_actor::open(link_session session, std::string dialed, link_packet welcome) {
  const caf::strong_actor_ptr who = current_sender();
  request(connector_, handshake_timeout, trust_node{who->node()})
      .then(
          [this, session, dialed, who, welcome](const node_trusted&) {
            const std::string& name = session.other.node.name;
            sessions_[session.id] = {name, dialed};
            send(link_of(name).peer, open_link{session, session.is_initiator ? who : nullptr});
            if (!session.is_initiator) reply(who, welcome);
          },
          [this, dialed](const caf::error&) {
            if (!dialed.empty()) members_->connect_failed(dialed, current_time(*this), effects_);
            carry_out();
          });
}

void cluster_actor::handle(const link_changed& event) {
  const auto link = links_.find(event.node.node.name);
  if (link == links_.end()) return;
  const time_point now = current_time(*this);
  const auto session = sessions_.find(event.session);
  const std::string dialed = session == sessions_.end() ? std::string() : session->second.dialed;
  if (event.is_up) {
    link->second.session = event.session;
    for (tell_node& each : std::exchange(link->second.waiting, {}))
      send(link->second.peer, std::move(each));
    tell_registry();
    members_->link_up(event.node.node, event.node.address, dialed, now, effects_);
    return carry_out();
  }
  if (session != sessions_.end()) sessions_.erase(session);
  // Nobody else is taken for that process as long as there is one.
  if (event.stuck) send(connector_, drop_node{event.stuck});
  // Another connection that was tried beside it may end, too.
  if (link->second.session == event.session) {
    link->second.session = 0;
    tell_registry();
    members_->link_down(event.node.node, now, effects_);
  }
  if (!dialed.empty()) members_->connect_failed(dialed, now, effects_);
  carry_out();
}

void cluster_actor::handle(const say_to_node& what) {
  // What a session left before it came back.
  if (what.node == house_.identity.name) return pass_on(what);
  for (auto& [name, link] : links_) {
    if (!what.node.empty() && what.node != name) continue;
    if (link.session != 0)
      send(link.peer, tell_node{what.kind, what.content});
    else if (what.waits && link.waiting.size() < most_waiting)
      link.waiting.push_back({what.kind, what.content});
  }
}

void cluster_actor::pass_on(const say_to_node& to_ourselves) {
  auto message = decode_session_message(to_ourselves.content);
  if (!message) return;
  auto shared = std::make_shared<const session_message>(*std::move(message));
  const directory_handle& directory = house_.directory_of(shared->client_id);
  send(directory, session_said{to_ourselves.node, std::move(shared)});
}

void cluster_actor::tell_registry() {
  nodes_linked view;
  for (const auto& [name, link] : links_)
    if (link.session != 0) view.names.push_back(name);
  send(house_.registry, std::move(view));
}

// -- members --------------------------------------------------------------------------

void cluster_actor::carry_out() {
  const membership_effects due = std::exchange(effects_, {});
  const bool has_left = members_->self().left;
  for (const node_identity& each : due.disconnects)
    if (const auto link = links_.find(each.name); link != links_.end() && !has_left)
      send(link->second.peer, link_broken{});
  for (const member_event& event : due.events)
    report(event);
  for (const membership_effects::message& message : due.messages)
    for (const std::string& name : message.to)
      if (const auto link = links_.find(name); link != links_.end())
        send(link->second.peer, tell_node{record_kind::gossip, message.bytes});
  for (const node_identity& each : due.disconnects)
    if (const auto link = links_.find(each.name); link != links_.end() && has_left)
      part_from(link->second);
  for (const connect_request& target : due.connects)
    connect(target);
  tell_where_clients_go();
  if (due.records_changed && house_.store) send(house_.store, write_members{members_->records()});
  set_timer();
}

/// This node has left: the link ends behind what the other one was told just now, and nothing is
/// kept for it.
void cluster_actor::part_from(const member_link& link) {
  // When the peer answers it has sent that, or will before it takes the next message.
  const auto end = [this, peer = link.peer] { send(peer, node_died{.left = true}); };
  request(link.peer, peer_patience, describe_peer{})
      .then([end](const peer_description&) { end(); }, [end](const caf::error&) { end(); });
}

void cluster_actor::report(const member_event& event) {
  using kind = member_event::kind;
  const auto link = links_.find(event.node.name);
  switch (event.what) {
  case kind::up:
  case kind::down:
  case kind::replaced: return;  // the peer says so
  case kind::joined: spdlog::info("event=node_joined node={}", event.node.name); return;
  case kind::returned: spdlog::info("event=node_returned node={}", event.node.name); return;
  case kind::dead:
    spdlog::warn("event=node_dead node={}", event.node.name);
    if (link != links_.end()) send(link->second.peer, node_died{});
    send(house_.registry, node_dead{event.node.name});
    return;
  case kind::left:
  case kind::forgotten:
    spdlog::info("event=node_left node={}", event.node.name);
    if (link != links_.end()) send(link->second.peer, node_died{.left = true});
    send(house_.registry, node_gone{event.node.name});
    return;
  }
}

void cluster_actor::handle(const cluster_timer& due) {
  if (!alarm_.rings(due)) return;
  const time_point now = current_time(*this);
  end_old_handshakes(now);
  members_->tick(now, effects_);
  carry_out();
}

void cluster_actor::set_timer() {
  time_point due = members_->deadline().value_or(time_point::max());
  for (const auto& [number, each] : initiations_)
    due = std::min({due, each.begun + handshake_timeout, each.said + repeat_after});
  for (const auto& [who, each] : responses_)
    due = std::min(due, each.begun + handshake_timeout);
  for (const auto& [id, each] : inspections_)
    due = std::min(due, each.begun + inspection_timeout);
  if (due != time_point::max()) alarm_.set(*this, due, current_time(*this));
}

}  // namespace troupe
