// How a link with another node begins: this node's part as the one that connects, and as the one
// that answers. The rules are libbroker/cluster/link_handshake.hpp's.

#include "actors/cluster_actor.hpp"
#include "actors/log_text.hpp"
#include "actors/random_number.hpp"
#include "libbroker/cluster/node_link.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe {

namespace {

constexpr std::chrono::seconds connect_timeout{10};
/// Handshakes that others have begun at a time; one more ends the oldest.
constexpr std::size_t most_responses = 64;

}  // namespace

// -- the initiator --------------------------------------------------------

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
  open(*std::move(session), done.target.address);
}

// -- the responder --------------------------------------------------------

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
  const auto who = caf::actor_cast<caf::actor_addr>(current_sender());
  // Said again, as the answer takes long.
  if (const auto known = responses_.find(who);
      known != responses_.end() && known->second.is_challenged && known->second.hello == hello.head)
    return reply(current_sender(), known->second.challenge);
  if (responses_.size() >= most_responses) {
    const auto oldest =
        std::min_element(responses_.begin(), responses_.end(), [](const auto& a, const auto& b) {
          return a.second.begun < b.second.begun;
        });
    responses_.erase(oldest);
  }
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
  made.hello = hello.head;
  made.challenge = *challenge;
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
  open(*std::move(session), {}, std::move(welcome));
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

// -- both -------------------------------------------------------------------------------

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

}  // namespace troupe
