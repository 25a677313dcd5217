#include "actors/peer_actor.hpp"

#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <random>
#include <utility>

// The link itself. What goes over it: peer_outbound.cpp, peer_inbound.cpp.

namespace troupe {

namespace {

std::uint64_t make_stream_number() {
  std::random_device random;
  std::uint64_t number = 0;
  while (number == 0)
    number = static_cast<std::uint64_t>(random()) << 32 | random();
  return number;
}

link_settings settings_of(const cluster_config& settings) {
  return {.heartbeat = settings.heartbeat,
          .missed_heartbeats = static_cast<std::uint32_t>(settings.missed_heartbeats),
          .credit = settings.credit};
}

}  // namespace

peer_actor::peer_actor(caf::actor_config& config, const node_context& house, std::string name)
    : exposed(config),
      house_(house),
      name_(std::move(name)),
      number_(++house.last_session_number),
      flow_(std::make_shared<session_flow>("node:" + name_)),
      link_(make_stream_number(), settings_of(house.settings.cluster)),
      builders_(house.shards.size()) {}

peer_actor::behavior_type peer_actor::make_behavior() {
  return {
      // CAF looks for a message's handler from the top: those per frame come first.
      [this](deliver& batch) { handle(batch); },
      [this](const link_packet& packet) { handle(packet); },
      [this](const accepted& batch) { handle(batch); },
      [this](const flush&) {
        flush_requested_ = false;
        send_frame();
      },
      [this](const link_timer& due) { handle(due); },
      [this](const routes_changed& changes) { handle(changes); },
      [this](const routes_installed& answer) { handle(answer); },
      [this](const tell_node& what) { handle(what); },
      [this](const open_link& request) { handle(request); },
      [this](const link_broken& event) { handle(event); },
      [this](const node_died&) { install(routes_.clear(), 0); },
      [this](const stop_now&) { quit(); },
      [this](const describe_peer&) {
        return peer_description{.name = name_,
                                .is_up = link_.now() == node_link::phase::up,
                                .routes = routes_.size(),
                                .messages_forwarded = messages_forwarded_,
                                .messages_received = messages_received_,
                                .messages_dropped = messages_dropped_,
                                .unhandled_bytes = link_.unhandled_bytes()};
      },
      // Nothing is asked of shards that these would answer.
      [](const credit_returned&) {},
      [](const deliveries_missed&) {},
      [](const live_set&) {},
      [](const log_read&) {},
      [](const subscriptions_added&) {},
      [](const subscriptions_removed&) {},
      [](const ask_interest&) { return interest{}; },
  };
}

void peer_actor::on_exit() {
  other_ = nullptr;
  waiting_.clear();
  frames_.clear();
}

// -- connections ----------------------------------------------------------------------

void peer_actor::handle(const open_link& request) {
  const link_session& session = request.session;
  // When both sides have connected, that of the lesser name counts, if it is not of a node that
  // has started again since.
  const auto is_lesser = [&](const link_session& of) {
    return of.is_initiator == (house_.identity.name < name_);
  };
  if (link_.now() != node_link::phase::down && node_ == session.other && !is_lesser(session) &&
      is_lesser(link_.connection()))
    return;
  if (link_.now() == node_link::phase::up) went_down("there is a new connection");
  node_ = session.other;
  other_ = request.door;
  link_.open(session, current_time(*this), effects_);
  carry_out();
}

void peer_actor::handle(const link_broken& event) {
  if (link_.now() == node_link::phase::down ||
      (event.session != 0 && event.session != link_.session()))
    return;
  const bool was_up = link_.now() == node_link::phase::up;
  link_.disconnected();
  if (was_up) went_down("the connection is gone");
}

void peer_actor::watch(const caf::strong_actor_ptr& other) {
  if (other_ == other) return;
  other_ = other;
  other->get()->attach_functor(
      [self = caf::actor_cast<caf::actor_addr>(this), session = link_.session()] {
        if (const auto peer = caf::actor_cast<caf::strong_actor_ptr>(self))
          caf::anon_send(caf::actor_cast<caf::actor>(peer), link_broken{session});
      });
}

void peer_actor::handle(const link_packet& packet) {
  const bool is_ours = session_of(packet) == link_.session();
  link_.receive(packet, current_time(*this), effects_);
  // Who sends what has the right seal is where answers go.
  if (is_ours && !effects_.lost && current_sender() != nullptr) watch(current_sender());
  carry_out();
}

void peer_actor::handle(const link_timer&) {
  timer_at_.reset();
  link_.tick(current_time(*this), effects_);
  carry_out();
}

// -- carrying out ---------------------------------------------------------------------

void peer_actor::carry_out() {
  // What is done below has effects of its own, which come behind these.
  link_effects due = std::exchange(effects_, {});
  for (link_packet& packet : due.packets)
    transmit(std::move(packet));
  if (due.other_begins_anew) {
    for (unhandled_frame& frame : frames_)
      frame.sequence = 0;
    installations_.clear();
  }
  if (due.is_up) came_up(due.begins_anew);
  for (const link_effects::arrival& frame : due.frames)
    take_frame(frame);
  if (due.lost) went_down(*due.lost);
  if (!effects_.packets.empty()) return carry_out();
  if (!waiting_.empty() && takes_messages()) forward_waiting();
  set_timer();
}

void peer_actor::transmit(link_packet&& packet) {
  if (other_ != nullptr) send_packet(other_, std::move(packet));
}

void peer_actor::came_up(bool begins_anew) {
  spdlog::info("event=node_up node={} address={}", name_, log_text{node_.address});
  if (begins_anew) {
    last_routes_ = 0;
    announcements_.clear();
    waiting_for_shards_ = house_.shards.size();
    ++snapshot_;
    std::string content;
    encode(routes_record{.number = ++last_routes_, .begins_snapshot = true}, content);
    add_record(record_kind::routes, content);
  }
  for (const shard_handle& shard : house_.shards)
    send(shard, watch_routes{.peer = caf::actor_cast<peer_handle>(this),
                             .node = number_,
                             .flow = flow_,
                             .snapshot = begins_anew ? snapshot_ : 0});
  send(house_.cluster, link_changed{node_, true});
  request_flush();
}

void peer_actor::went_down(std::string_view why) {
  spdlog::warn("event=node_down node={} reason=\"{}\"", name_, why);
  other_ = nullptr;
  for (const shard_handle& shard : house_.shards)
    send(shard, unwatch_routes{number_});
  send(house_.cluster, link_changed{node_, false});
}

void peer_actor::set_timer() {
  const auto due = link_.deadline();
  if (!due || (timer_at_ && *timer_at_ <= *due)) return;
  timer_at_ = due;
  const time_point now = current_time(*this);
  delayed_send(this, *due > now ? *due - now : std::chrono::milliseconds(0), link_timer{});
}

}  // namespace troupe
