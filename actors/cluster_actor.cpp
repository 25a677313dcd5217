#include "actors/cluster_actor.hpp"

#include "actors/log_text.hpp"
#include "actors/peer_actor.hpp"
#include "actors/random_number.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <random>
#include <utility>

namespace troupe {

namespace {

constexpr std::chrono::seconds handshake_timeout{2};
constexpr std::chrono::milliseconds repeat_after{500};
constexpr std::chrono::seconds connect_timeout{10};
constexpr std::chrono::seconds answer_timeout{1};
/// A session that went to another node waits for what nodes had for it here, but not for ever.
/// Handshakes that others have begun at a time; one more ends the oldest.
constexpr std::size_t most_responses = 64;
/// What is to be said to a node that is away.
constexpr std::size_t most_waiting = 10'000;

handshake_nonce make_nonce() {
  handshake_nonce nonce;
  std::random_device random;
  for (char& each : nonce)
    each = static_cast<char>(random());
  return nonce;
}

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
  handle(cluster_timer{});
}

// -- handshakes: the initiator --------------------------------------------------------

void cluster_actor::connect(const connect_request& target) {
  request(connector_, connect_timeout, connect_node{target.address})
      .then([this, target](node_reached& reached) { begin_handshake(target, reached.door); },
            [this, target](const caf::error& why) {
              spdlog::debug("event=connect_failed address={} reason=\"{}\"",
                            log_text{target.address}, caf::to_string(why));
              members_->connect_failed(target.address, current_time(*this), effects_);
              carry_out();
            });
}

void cluster_actor::begin_handshake(const connect_request& target, caf::strong_actor_ptr door) {
  initiation begun{.machine = {key_, self_, make_nonce(), target.expected},
                   .target = target,
                   .door = std::move(door),
                   .begun = current_time(*this),
                   .said = current_time(*this)};
  reply(begun.door, begun.machine.hello());
  initiations_.emplace(++last_initiation_, std::move(begun));
  set_timer();
}

std::map<std::uint64_t, cluster_actor::initiation>::iterator
cluster_actor::find_initiation(const caf::strong_actor_ptr& door) {
  return std::find_if(initiations_.begin(), initiations_.end(),
                      [&](const auto& each) { return each.second.door == door; });
}

void cluster_actor::give_up(std::map<std::uint64_t, initiation>::iterator which,
                            std::string_view why) {
  const initiation failed = std::move(which->second);
  initiations_.erase(which);
  if (failed.machine.other().node == house_.identity) {
    members_->seed_is_self(failed.target.address);
  } else {
    spdlog::warn("event=link_refused address={} reason=\"{}\"", log_text{failed.target.address},
                 why);
    members_->connect_failed(failed.target.address, current_time(*this), effects_);
  }
  carry_out();
}

/// A packet for a handshake that this node has begun.
void cluster_actor::go_on(const link_packet& packet) {
  const auto begun = find_initiation(current_sender());
  if (begun == initiations_.end()) return;
  if (is_kind(packet, packet_kind::challenge)) {
    const auto proof = begun->second.machine.challenged(packet);
    if (!proof) return give_up(begun, proof.error().what);
    return reply(begun->second.door, *proof);
  }
  auto session = begun->second.machine.welcomed(packet);
  if (!session) return give_up(begun, session.error().what);
  const initiation done = std::move(begun->second);
  initiations_.erase(begun);
  const admission verdict = members_->admit(session->other.node);
  if (verdict != admission::ok) {
    spdlog::warn("event=link_refused address={} reason=\"{}\"", log_text{done.target.address},
                 troupe::describe(verdict));
    members_->connect_failed(done.target.address, current_time(*this), effects_);
    return carry_out();
  }
  open(*std::move(session), done.door, done.target.address);
}

// -- handshakes: the responder --------------------------------------------------------

void cluster_actor::handle(const link_packet& packet) {
  if (!members_ || current_sender() == nullptr || packet.head.empty()) return;
  switch (static_cast<packet_kind>(packet.head.front())) {
  case packet_kind::hello:
  case packet_kind::inspection: return answer_hello(packet);
  case packet_kind::proof: return answer_proof(packet);
  case packet_kind::challenge:
  case packet_kind::welcome:
  case packet_kind::refusal: return go_on(packet);
  case packet_kind::question: return answer_question(packet);
  case packet_kind::answer: return;
  case packet_kind::sealed: break;
  default: return;
  }
  // The first packet of a link: whose peer it is for the node there does not know.
  const auto known = sessions_.find(session_of(packet).value_or(0));
  if (known == sessions_.end()) return;
  link_of(known->second.name)
      .peer->enqueue(current_sender(), caf::make_message_id(), caf::make_message(packet),
                     context());
}

void cluster_actor::answer_hello(const link_packet& hello) {
  if (responses_.size() >= most_responses) {
    const auto oldest =
        std::min_element(responses_.begin(), responses_.end(), [](const auto& a, const auto& b) {
          return a.second.begun < b.second.begun;
        });
    responses_.erase(oldest);
  }
  const auto who = caf::actor_cast<caf::actor_addr>(current_sender());
  responses_.erase(who);
  response& made = responses_
                       .emplace(who, response{.machine = {key_, self_, make_nonce()},
                                              .begun = current_time(*this)})
                       .first->second;
  const auto challenge = made.machine.greeted(hello);
  if (!challenge && made.machine.purpose() == link_purpose::inspection)
    return refuse_inspector(challenge.error().what);
  if (!challenge) return refuse(challenge.error().what);
  made.is_challenged = true;
  reply(current_sender(), *challenge);
  set_timer();
}

void cluster_actor::answer_proof(const link_packet& proof) {
  const auto found = responses_.find(caf::actor_cast<caf::actor_addr>(current_sender()));
  if (found == responses_.end() || !found->second.is_challenged) return;
  auto session = found->second.machine.proven(proof);
  const bool is_node = found->second.machine.purpose() == link_purpose::membership;
  if (!session && !is_node) return refuse_inspector(session.error().what);
  if (!session) return refuse(session.error().what);
  if (!is_node) return welcome_inspector(*session);
  const admission verdict = members_->admit(session->other.node);
  if (verdict != admission::ok) return refuse(troupe::describe(verdict));
  link_packet welcome = found->second.machine.welcome();
  responses_.erase(found);
  open(*std::move(session), nullptr, {});
  reply(current_sender(), std::move(welcome));
}

void cluster_actor::refuse(std::string_view why) {
  house_.counts.add(&metrics::counters::links_refused);
  spdlog::warn("event=link_refused reason=\"{}\"", why);
  responses_.erase(caf::actor_cast<caf::actor_addr>(current_sender()));
  reply(current_sender(), refuse_link(why));
}

void cluster_actor::reply(const caf::strong_actor_ptr& to, link_packet packet) {
  send_packet(to, std::move(packet));
}

// -- links ----------------------------------------------------------------------------

cluster_actor::member_link& cluster_actor::link_of(const std::string& name) {
  member_link& link = links_[name];
  if (!link.peer)
    link.peer = spawn_at<peer_actor>(
        system(), homes_.empty() ? nullptr : homes_[links_.size() % homes_.size()], house_, name);
  return link;
}

void cluster_actor::open(link_session session, caf::strong_actor_ptr door, std::string dialed) {
  const std::string name = session.other.node.name;
  sessions_[session.id] = {name, std::move(dialed)};
  send(link_of(name).peer, open_link{std::move(session), std::move(door)});
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
    if (connector_) send(connector_, trust_node{event.session_node});
    return carry_out();
  }
  if (session != sessions_.end()) sessions_.erase(session);
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

void cluster_actor::fence_peers(const fence_session& asked) {
  struct barrier {
    session_fenced answer;
    std::size_t waiting_for = 1;
  };
  auto state = std::make_shared<barrier>();
  state->answer.number = asked.number;
  // What peers had before that is on its way through the shards.
  const auto one_done = [this, state, who = asked.who] {
    if (--state->waiting_for != 0) return;
    settle_shards([this, state, who] {
      for (origin_cut& each : state->answer.reached)
        if (each.node == house_.identity.name && each.home == house_.identity.home)
          each.last = house_.log_head.load(std::memory_order_acquire);
      send(who, std::move(state->answer));
    });
  };
  std::vector<origin_cut> origins = asked.origins;
  if (origins.empty()) origins = all_origins();
  for (origin_cut& each : origins) {
    if (is_gone(each)) {
      each.last = origin_cut::unknown - 1;  // nothing comes from there any more
      state->answer.reached.push_back(std::move(each));
      continue;
    }
    const auto link = links_.find(each.node);
    ++state->waiting_for;
    if (each.node == house_.identity.name) {
      state->answer.reached.push_back(std::move(each));
      one_done();
    } else if (link == links_.end() || link->second.session == 0) {
      state->answer.missing.push_back(std::move(each));
      one_done();
    } else {
      const auto miss = [state, one_done, each] {
        state->answer.missing.push_back(each);
        state->answer.is_slow = true;
        one_done();
      };
      request(link->second.peer, asked.patience, fence{})
          .then(
              [state, one_done, miss, each](const fenced& reply) {
                // An earlier version does not say how far it is.
                if (!reply.is_reached || !reply.head) return miss();
                state->answer.reached.push_back(each);
                state->answer.reached.back().last = *reply.head;
                one_done();
              },
              [miss](const caf::error&) { miss(); });
    }
  }
  one_done();
}

std::vector<origin_cut> cluster_actor::all_origins() const {
  std::vector<origin_cut> all{{.node = house_.identity.name, .home = house_.identity.home}};
  if (!members_) return all;
  for (const member_record& each : members_->records())
    if (!each.left && each.node.name != house_.identity.name)
      all.push_back({.node = each.node.name, .home = each.node.home});
  return all;
}

/// Whether the node with this data directory has left, or another one has its name.
bool cluster_actor::is_gone(const origin_cut& origin) const {
  if (origin.node == house_.identity.name) return origin.home != house_.identity.home;
  if (!members_) return false;
  for (const member_record& each : members_->records())
    if (each.node.name == origin.node) return each.left || each.node.home != origin.home;
  return true;
}

/// Has `done` called when everything that shards were sent before is routed, and in the log.
void cluster_actor::settle_shards(std::function<void()> done) {
  auto left = std::make_shared<std::size_t>(house_.shards.size());
  const auto one_done = [left, done = std::move(done)] {
    if (--*left == 0) done();
  };
  for (const shard_handle& shard : house_.shards)
    request(shard, caf::infinite, settle{})
        .then([one_done](const settled&) { one_done(); },
              [one_done](const caf::error&) { one_done(); });
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
  request(link.peer, answer_timeout, describe_peer{})
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

void cluster_actor::end_old_handshakes(time_point now) {
  std::erase_if(responses_,
                [&](const auto& each) { return now - each.second.begun >= handshake_timeout; });
  std::erase_if(inspections_,
                [&](const auto& each) { return now - each.second.begun >= inspection_timeout; });
  for (auto at = initiations_.begin(); at != initiations_.end();) {
    const auto next = std::next(at);
    if (now - at->second.begun >= handshake_timeout) {
      // CAF may have closed the connection that the other side uses: none is better.
      send(connector_, drop_node{at->second.door->node()});
      give_up(at, "no answer");
    } else if (now - at->second.said >= repeat_after) {
      // When both sides connect, one of the connections goes, with what is on it.
      at->second.said = now;
      reply(at->second.door, at->second.machine.hello());
    }
    at = next;
  }
}

void cluster_actor::handle(const cluster_timer&) {
  timer_at_.reset();
  const time_point now = current_time(*this);
  end_old_handshakes(now);
  members_->tick(now, effects_);
  carry_out();
}

void cluster_actor::set_timer() {
  const time_point now = current_time(*this);
  time_point due = members_->deadline().value_or(time_point::max());
  for (const auto& [number, each] : initiations_)
    due = std::min({due, each.begun + handshake_timeout, each.said + repeat_after});
  for (const auto& [who, each] : responses_)
    due = std::min(due, each.begun + handshake_timeout);
  for (const auto& [id, each] : inspections_)
    due = std::min(due, each.begun + inspection_timeout);
  if (due == time_point::max() || (timer_at_ && *timer_at_ <= due)) return;
  timer_at_ = due;
  delayed_send(this, due > now ? due - now : std::chrono::milliseconds(0), cluster_timer{});
}

caf::result<cluster_status> cluster_actor::handle(const cluster_command& command) {
  using verb = cluster_command::verb;
  if (!members_) return cluster_status{};
  const time_point now = current_time(*this);
  std::string refusal;
  if (command.what == verb::join) {
    spdlog::info("event=cluster_joined address={}", log_text{command.address});
    members_->join(command.address, now, effects_);
    drain(false, false);
  }
  if (command.what == verb::leave) {
    spdlog::info("event=cluster_left");
    members_->leave(now, effects_);
  }
  if (command.what == verb::drain) drain(true, command.for_good);
  if (command.what == verb::forget) {
    refusal = members_->forget(command.name, now, effects_);
    if (refusal.empty()) spdlog::info("event=node_forgotten node={}", log_text{command.name});
  }
  carry_out();
  if (command.what == verb::leave)
    for (const auto& [name, link] : links_)
      part_from(link);
  return describe(std::move(refusal));
}

void cluster_actor::drain(bool on, bool for_good) {
  if (draining_.is_draining != on) spdlog::info("event={}", on ? "drain_begun" : "drain_ended");
  members_->drain(on, current_time(*this), effects_);
  // Whatever it is, they are told.
  draining_ = {.is_draining = on,
               .code = for_good ? reason_code::server_moved : reason_code::use_another_server,
               .servers = members_->client_addresses()};
  for (const directory_handle& each : house_.directories)
    send(each, draining_);
}

/// Nodes come and go while clients are sent away.
void cluster_actor::tell_where_clients_go() {
  if (!draining_.is_draining) return;
  std::vector<std::string> servers = members_->client_addresses();
  if (servers == draining_.servers) return;
  draining_.servers = std::move(servers);
  for (const directory_handle& each : house_.directories)
    send(each, draining_);
}

caf::typed_response_promise<cluster_status> cluster_actor::describe(std::string refusal) {
  struct inquiry {
    cluster_status answer;
    std::size_t waiting_for = 1;
    caf::typed_response_promise<cluster_status> promise;

    void one_done(const membership& members) {
      if (--waiting_for != 0) return;
      answer.members =
          members.members();  // as of now: peers may have said more than they were asked
      promise.deliver(std::move(answer));
    }
  };
  auto state = std::make_shared<inquiry>();
  state->answer.refusal = std::move(refusal);
  state->answer.clients = house_.counts.clients_online;
  state->promise = make_response_promise<cluster_status>();
  state->waiting_for += links_.size();
  for (const auto& [name, link] : links_)
    request(link.peer, answer_timeout, describe_peer{})
        .then(
            [this, state](peer_description& one) {
              state->answer.peers.push_back(std::move(one));
              state->one_done(*members_);
            },
            [this, state](const caf::error&) { state->one_done(*members_); });
  state->one_done(*members_);
  return state->promise;
}

caf::typed_response_promise<interests> cluster_actor::ask_peers(log_offset head) {
  struct inquiry {
    caf::typed_response_promise<interests> promise;
    std::shared_ptr<log_interests> needed = std::make_shared<log_interests>();
    std::size_t waiting_for = 1;

    void one_done() {
      if (--waiting_for == 0) promise.deliver(interests{needed});
    }
  };
  auto state = std::make_shared<inquiry>();
  state->promise = make_response_promise<interests>();
  state->waiting_for += links_.size();
  for (const auto& [name, link] : links_)
    request(link.peer, caf::infinite, ask_interest{head})
        .then(
            [state](const interest& answer) {
              if (answer.needed) state->needed->add(*answer.needed);
              state->one_done();
            },
            [state](const caf::error&) { state->one_done(); });  // the node ends
  state->one_done();
  return state->promise;
}

/// Behind everything that nodes with a link are to be given.
caf::typed_response_promise<settled> cluster_actor::settle_peers() {
  struct inquiry {
    caf::typed_response_promise<settled> promise;
    std::size_t waiting_for = 1;

    void one_done() {
      if (--waiting_for == 0) promise.deliver(settled{});
    }
  };
  auto state = std::make_shared<inquiry>();
  state->promise = make_response_promise<settled>();
  state->waiting_for += links_.size();
  for (const auto& [name, link] : links_)
    request(link.peer, caf::infinite, settle{})
        .then([state](const settled&) { state->one_done(); },
              [state](const caf::error&) { state->one_done(); });  // the node ends
  state->one_done();
  return state->promise;
}

}  // namespace troupe
