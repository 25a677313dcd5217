// What the client is sent by ends of its session on other nodes, before anything of its own. See
// moved_session.hpp.

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace troupe {

relay_terms session::terms() const {
  return {.version = version_,
          .expiry = expiry_,
          .receive_maximum = receive_maximum_,
          .maximum_packet_size = maximum_packet_size_,
          .problem_information = problem_information_,
          .taken = moves_ == nullptr ? std::vector<packet_id>() : moves_->relayed.all()};
}

void session::avoid(const std::vector<packet_id>& taken) {
  packet_id_set& relayed = moves().relayed;
  relayed.clear();
  for (const packet_id id : taken)
    if (window_.find(id) == nullptr && !relayed.contains(id)) relayed.insert(id);
}

void session::want_relay() noexcept {
  if (next_end() != nullptr && connected_ && moves_->relay != relay_stage::open)
    moves_->relay = relay_stage::wanted;
}

void session::follow_moves(session_effects& effects) {
  if (moves_ == nullptr) return;
  if (is_end()) {
    effects.nothing_left = is_consumed();
    return;
  }
  // One sender at a time gives out packet identifiers: the end, once nothing of our own or of an
  // end before it is in flight; and it is none before it has been told.
  const bool is_next = moves_->relay == relay_stage::wanted && connected_ && window_.empty() &&
                       next_end() != nullptr && moves_->orphans.size() == 0 &&
                       moves_->at_qos1.size() == 0 &&
                       !(is_adopting() && moves_->adopting->from == *next_end());
  if (!is_next) return;
  moves_->relay = relay_stage::open;
  moves_->read = *next_end();
  effects.open_relay = true;
}

void session::relay(byte_view packets, time_point now, session_effects& effects) {
  if (!connected_ || !has_relay()) return;
  byte_buffer& partial = moves_->partial;
  partial.append(packets);
  std::size_t taken = 0;
  for (;;) {
    const auto scanned = scan_frame(partial.view().subspan(taken), 0);
    if (!scanned) return end_relay(now, effects);  // the node there is broken
    if (scanned->status == frame_scan::status::incomplete) break;
    const byte_view whole = partial.view().subspan(taken, scanned->size);
    if (!relay_packet(scanned->packet, whole, effects)) return end_relay(now, effects);
    taken += scanned->size;
  }
  partial.erase_front(taken);
}

bool session::relay_packet(const frame& packet, byte_view whole, session_effects& effects) {
  if (packet.type == packet_type::publish) {
    const auto decoded = decode_publish(packet, version_, role::client);
    if (decoded) relay_publish(*decoded, whole, effects);
    return decoded.has_value();
  }
  if (packet.type == packet_type::pubrel) {
    const auto decoded = decode_publish_response(packet, version_);
    if (decoded) relay_release(decoded->id, whole, effects);
    return decoded.has_value();
  }
  return true;  // what concerns the connection is this node's to say
}

void session::relay_publish(const publish& packet, byte_view whole, session_effects& effects) {
  if (packet.qos == qos::at_most_once) return;  // it does not wait at an end
  if (decline(packet, effects)) return;
  moves_state& moving = *moves_;
  const bool is_known = moving.relayed.contains(packet.id);
  if (!is_known) moving.relayed.insert(packet.id);
  if (moving.sent.contains(packet.id)) {
    // The relay is another one, the connection is not: nothing is sent again [MQTT5-4.4.0-1].
    if (moving.received.contains(packet.id))
      answer_end(packet_type::pubrec, packet.id, reason_code::success, effects);
    return;
  }
  moving.sent.insert(packet.id);
  if (packet.qos == qos::at_least_once) moving.at_qos1.insert(packet.id);
  if (send_quota_ != 0) --send_quota_;
  ++effects.counted.publishes_sent;
  // A crash must not have the client take another message for this one.
  if (!is_known && packet.qos == qos::exactly_once && is_durable()) hold_relayed();
  pass_to_client(whole, effects);
}

/// What comes from here on waits for a write.
void session::hold_relayed() {
  std::deque<held_packets>& held = moves_->held;
  if (held.empty() || held.back().number != 0) held.emplace_back();
  progress_->wanted = true;
}

void session::pass_to_client(byte_view packet, session_effects& effects) {
  ++effects.counted.packets_sent;
  std::deque<held_packets>& held = moves_->held;
  (held.empty() ? output_.tail() : held.back().bytes).append(packet);
}

/// The write `number` is on the disk.
void session::release_relayed(write_number number) {
  std::deque<held_packets>& held = moves_->held;
  for (; !held.empty() && held.front().number != 0 && held.front().number <= number;
       held.pop_front())
    output_.tail().append(held.front().bytes.view());
}

void session::relay_release(packet_id id, byte_view whole, session_effects& effects) {
  packet_id_set& relayed = moves_->relayed;
  if (moves_->declined.erase(id)) {
    relayed.erase(id);
    return answer_end(packet_type::pubcomp, id, reason_code::success, effects);
  }
  if (!relayed.contains(id)) relayed.insert(id);
  pass_to_client(whole, effects);
}

/// What the client was not sent yet when it unsubscribed it does not get
/// [MQTT5-3.10.4-2], [MQTT311-3.10.4-2]; the end may not know of it, and is told that it has it.
bool session::decline(const publish& packet, session_effects& effects) {
  packet_id_set& relayed = moves_->relayed;
  packet_id_set& declined = moves_->declined;
  if (!declined.contains(packet.id)) {
    // One that was sent before may be begun, though a crash has us not know it.
    const bool is_begun = relayed.contains(packet.id) || packet.dup;
    if (is_begun || is_wanted(packet.topic)) return false;
    if (packet.qos == qos::exactly_once) {
      relayed.insert(packet.id);
      declined.insert(packet.id);
    }
  }  // else the end has not heard it
  const bool is_qos2 = packet.qos == qos::exactly_once;
  answer_end(is_qos2 ? packet_type::pubrec : packet_type::puback, packet.id, reason_code::success,
             effects);
  return true;
}

void session::answer_end(packet_type type, packet_id id, reason_code code,
                         session_effects& effects) const {
  encode(type, publish_response{.id = id, .code = code}, version_, effects.relayed);
}

void session::forget_declined() {
  for (const packet_id id : moves_->declined.all())
    moves_->relayed.erase(id);
  moves_->declined = {};
}

bool session::is_wanted(std::string_view topic) const {
  return std::ranges::any_of(
      subscriptions_, [&](const auto& each) { return matches(matched_part(each.first), topic); });
}

bool session::pass_acknowledgement(packet_type type, const publish_response& packet,
                                   session_effects& effects) {
  if (type == packet_type::pubrel) return false;
  const bool is_relayed = moves_->relayed.contains(packet.id);
  if (!is_relayed || window_.find(packet.id) != nullptr) return false;
  const bool ends_exchange = type != packet_type::pubrec || is_error(packet.code);
  const bool is_orphan = moves_->orphans.contains(packet.id);
  if (ends_exchange) {
    moves_->relayed.erase(packet.id);
    moves_->orphans.erase(packet.id);
    moves_->received.erase(packet.id);
    moves_->at_qos1.erase(packet.id);
    if (moves_->sent.erase(packet.id)) ++send_quota_;
  } else if (moves_->sent.contains(packet.id) && !moves_->received.contains(packet.id)) {
    moves_->received.insert(packet.id);
  }
  // Without a relay the end asks again, with the next one.
  if (!is_orphan && has_relay()) answer_end(type, packet.id, packet.code, effects);
  if (is_orphan && !ends_exchange)
    respond(packet_type::pubrel, packet.id, reason_code::success, effects);  // [MQTT5-4.3.3-4]
  return true;
}

/// The end is gone with its part of exchanges that the client has begun, which so are its own to
/// complete: the identifiers are nobody's before.
void session::orphan_exchanges(session_effects& effects) {
  moves_state& moving = *moves_;
  // What another one may go on with is not known of those of earlier connections.
  const packet_id_set& of_end = moving.ends.empty() ? moving.relayed : moving.sent;
  for (const packet_id id : of_end.all()) {
    if (moving.orphans.contains(id)) continue;
    moving.orphans.insert(id);
    const bool is_answer_due = moving.sent.contains(id) && !moving.received.contains(id);
    if (connected_ && !is_answer_due)
      respond(packet_type::pubrel, id, reason_code::success, effects);  // [MQTT5-4.3.3-4]
  }
}

/// Goes on with them over a new connection.
void session::resend_orphans(session_effects& effects) {
  for (const packet_id id : moves_->orphans.all())
    respond(packet_type::pubrel, id, reason_code::success, effects);  // [MQTT5-4.4.0-1]
  if (moves_->ends.empty()) orphan_exchanges(effects);
}

/// What was sent and not completed, ends send again over the next connection.
void session::break_relay() {
  moves_->partial.clear();
  moves_->held.clear();
  moves_->sent.clear();
  moves_->received.clear();
  moves_->at_qos1.clear();
}

void session::end_relay(time_point now, session_effects& effects) {
  if (!is_relaying()) return;
  moves_->relay = relay_stage::none;
  moves_->partial = byte_buffer();
  send_queued(now, effects);
}

void session::end_consumed(const session_end& which, time_point now, session_effects& effects) {
  if (moves_ == nullptr) return;
  const bool was_in_turn = end_in_turn() != nullptr && *end_in_turn() == which;
  if (std::erase(moves_->ends, which) == 0) return;
  if (was_in_turn) forget_declined();  // it was the other one's
  if (was_in_turn || moves_->ends.empty()) orphan_exchanges(effects);
  write_moves(effects);
  if (was_in_turn) turn_to_next_end(now, effects);
}

/// What is our own comes behind all ends.
void session::turn_to_next_end(time_point now, session_effects& effects) {
  if (next_end() == nullptr || !connected_) return end_relay(now, effects);
  moves_->relay = relay_stage::expected;
  moves_->partial = byte_buffer();
}

void session::end_waits(const session_end& which, bool is_late, time_point now,
                        session_effects& effects) {
  if (moves_ == nullptr || is_end()) return;
  const auto found = std::ranges::find(moves_->ends, which);
  if (found == moves_->ends.end() || found->is_late == is_late) return;
  const bool was_in_turn = end_in_turn() == &*found;
  found->is_late = is_late;
  if (was_in_turn) forget_declined();  // it was the other one's
  write_moves(effects);
  if (was_in_turn) turn_to_next_end(now, effects);
}

bool session::sends_its_own() const noexcept {
  const bool is_cut = !is_adopting() || !is_durable();
  const bool is_unsure = !is_end() && (moves_->asked != 0 || !is_cut);
  return !is_relaying() && !is_unsure && window_.size() + moves_->relayed.size() < 0xFFFF;
}

outbound_window::place session::place_in_window() {
  if (moves_->relayed.size() == 0) return window_.add();
  std::vector<packet_id> taken;  // by what another node has sent
  for (;;) {
    const outbound_window::place found = window_.add();
    if (!moves_->relayed.contains(found.id)) {
      const packet_id id = found.id;
      for (const packet_id each : taken)
        window_.complete(each);
      return {id, *window_.find(id)};
    }
    taken.push_back(found.id);
  }
}

}  // namespace troupe
