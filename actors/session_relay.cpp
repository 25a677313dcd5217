// How what a session has left on another node gets to its client. The rules are the machine's:
// libbroker/session/moved_session.hpp.

#include "actors/relay_connection.hpp"
#include "actors/session_actor.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace troupe {

namespace {

using verb = session_message::verb;

}  // namespace

// -- the relay: the client's node -----------------------------------------------------------

void session_actor::open_relay() {
  const session_end& end = *machine_.next_end();
  travel_state& here = travel();
  here.relayed = end;
  here.relay = house_.clock.next(read_wall_clock(current_time(*this)).wall);
  here.owed = 0;
  say(end.node,
      {.what = verb::open, .number = end.number, .relay = here.relay, .terms = machine_.terms()});
}

void session_actor::close_relay() {
  if (travel_ == nullptr || travel_->relay == 0) return;
  say(travel_->relayed.node,
      {.what = verb::close, .number = travel_->relayed.number, .relay = travel_->relay});
  travel_->relay = 0;
}

void session_actor::pass_to_end(byte_view packets) {
  say(travel_->relayed.node, {.what = verb::input,
                              .number = travel_->relayed.number,
                              .relay = travel_->relay,
                              .bytes = std::string(as_text(packets))});
}

void session_actor::take_output(const std::string& from, const session_message& said) {
  if (travel_ == nullptr || travel_->relay != said.relay || travel_->relayed.node != from) return;
  const time_point now = current_time(*this);
  machine_.relay(as_bytes(said.bytes), now, effects());
  travel_->owed += said.bytes.size();
  carry_out(now);
  acknowledge_output();
}

/// Nothing is asked for ahead of what the client takes.
void session_actor::acknowledge_output() {
  if (travel_ == nullptr || travel_->owed == 0 || travel_->relay == 0) return;
  if (is_owed_too_much() || machine_.holds_relayed()) return;
  say(travel_->relayed.node, {.what = verb::took,
                              .number = travel_->relayed.number,
                              .relay = travel_->relay,
                              .count = std::exchange(travel_->owed, 0)});
}

void session_actor::end_consumed(const session_end& which, bool is_late) {
  const time_point now = current_time(*this);
  if (is_late)
    machine_.end_waits(which, true, now, effects());
  else
    machine_.end_consumed(which, now, effects());
  carry_out(now);
  follow_ends();  // and have a relay to the next one
}

void session_actor::read_more(const session_end& which) {
  const auto found = std::ranges::find(machine_.ends(), which);
  if (found == machine_.ends().end() || !found->is_late) return;  // it is read already
  const time_point now = current_time(*this);
  machine_.end_waits(which, false, now, effects());
  carry_out(now);
  follow_ends();
}

// -- the relay: the end's node --------------------------------------------------------------

void session_actor::relay_to(const std::string& from, const session_message& said) {
  const time_point now = current_time(*this);
  if (machine_.connected()) {
    machine_.connection_lost(now, effects());
    carry_out(now);
  }
  auto reader = std::make_shared<client>();
  auto relay = std::make_unique<relay_connection>(
      house_.cluster,
      relay_address{from, std::string(machine_.client_id()), machine_.end_number(), said.relay},
      home());
  travel().outgoing = relay.get();
  reader->socket = std::move(relay);
  reader->request = {.version = said.terms.version,
                     .session_expiry_interval = said.terms.expiry,
                     .receive_maximum = said.terms.receive_maximum,
                     .maximum_packet_size = said.terms.maximum_packet_size,
                     .request_problem_information = said.terms.problem_information};
  hold_for(from);
  machine_.avoid(said.terms.taken);
  attach_client request{.who = std::move(reader), .attempt = attempts_, .stamp = machine_.stamp()};
  attach(request);
}

/// The node has the client, and may read what is here.
void session_actor::hold_for(const std::string& node) {
  travel().reader = node;
  machine_.hold(effects());
  carry_out(current_time(*this));
  follow(node, true);
}

void session_actor::serve_relay(const std::string& from, const session_message& said) {
  if (travel_ == nullptr || socket_ == nullptr || !machine_.is_end()) return;
  relay_connection& relay = *travel_->outgoing;
  if (relay.to().relay != said.relay || relay.to().node != from) return;
  const time_point now = current_time(*this);
  switch (said.what) {
  case verb::input: relay.push(said.bytes); return read_input(now);
  case verb::took:
    house_.counts.end_bytes_read += said.count;
    if (relay.took(said.count) && write_blocked_) write_output(now);
    return;
  default: machine_.connection_lost(now, effects()); carry_out(now);  // it is closed
  }
}

/// The client has everything.
void session_actor::end_here(time_point now) {
  const relay_address to = travel_->outgoing->to();
  const bool is_late = machine_.waits_for_origins();
  say(to.node,
      {.what = verb::nothing_left, .number = to.end, .relay = to.relay, .is_late = is_late});
  if (is_late)
    machine_.connection_lost(now, effects());
  else
    machine_.finish(now, effects());
  carry_out(now);
}

}  // namespace troupe
