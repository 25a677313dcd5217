// How a session goes to another node with its client, what it leaves behind, and how that is
// relayed. See moved_session.hpp.

#include "libbroker/codec/encode.hpp"
#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

constexpr std::uint32_t never = 0xFFFFFFFF;

/// Ends that wait for nodes that are away; beyond it the oldest is not waited for any more.
constexpr std::ptrdiff_t most_late_ends = 16;

origin_cut* find_cut(std::vector<origin_cut>& cuts, std::uint64_t home) noexcept {
  const auto found = std::ranges::find(cuts, home, &origin_cut::home);
  return found == cuts.end() ? nullptr : &*found;
}

/// Those that are not known yet become what `found` says. Returns whether there was one.
bool complete_cuts(std::vector<origin_cut>& cuts, const std::vector<origin_cut>& found) {
  bool is_changed = false;
  for (const origin_cut& each : found) {
    origin_cut* const waiting = find_cut(cuts, each.home);
    if (waiting == nullptr || waiting->last != origin_cut::unknown) continue;
    waiting->last = each.last;
    is_changed |= each.last != origin_cut::unknown;
  }
  return is_changed;
}

/// The number of two bytes at `i`; 0 if the packet ends before.
unsigned number_at(const frame& packet, std::size_t i) noexcept {
  if (packet.body.size() < i + 2) return 0;
  return std::to_integer<unsigned>(packet.body[i]) << 8 |
         std::to_integer<unsigned>(packet.body[i + 1]);
}

qos level_of(const frame& publish) noexcept {
  return static_cast<qos>((publish.flags >> 1) & 0x03U);
}

/// Whether it was sent before.
bool is_repeated(const frame& publish) noexcept { return (publish.flags & 0x08U) != 0; }

std::string_view topic_of(const frame& publish) noexcept {
  return as_text(publish.body).substr(2, number_at(publish, 0));
}

/// The packet identifier of a PUBLISH or PUBREL; 0: it has none.
packet_id identifier_of(const frame& packet) noexcept {
  if (packet.type == packet_type::pubrel) return static_cast<packet_id>(number_at(packet, 0));
  if (level_of(packet) == qos::at_most_once) return 0;
  return static_cast<packet_id>(number_at(packet, number_at(packet, 0) + std::size_t{2}));
}

}  // namespace

// -- the node that it goes from -------------------------------------------------------------

moved_session session::describe_move() const {
  moved_session state{.expiry = expiry_, .began_clean = began_clean_};
  for (const auto& [filter, each] : subscriptions_)
    state.subscriptions.push_back(
        {.filter = filter, .options = each.options, .identifier = each.identifier});
  for (std::size_t i = 0; replays_ != nullptr && i != replays_->size(); ++i) {
    const replay& each = (*replays_)[i];
    state.subscriptions.push_back(
        {.filter = each.text, .options = each.options, .identifier = each.identifier});
  }
  state.inbound_qos2 = inbound_qos2_.all();
  state.in_flight = window_.in_order();
  if (moves_ == nullptr) return state;
  state.ends = moves_->ends;
  const std::vector<packet_id> relayed = moves_->relayed.all();
  state.in_flight.insert(state.in_flight.end(), relayed.begin(), relayed.end());
  return state;
}

void session::hand_over(std::uint64_t number, const std::vector<origin_cut>& cuts, time_point now,
                        session_effects& effects) {
  // The client has opened the session again [MQTT5-3.1.3-9].
  will_.reset();
  will_due_.reset();
  if (is_written_) write(renamed_session{client_id_, everything_written()}, effects);
  std::vector<origin_cut> begins = std::move(moves().begins);
  *moves_ = {};
  moves_->begins = std::move(begins);
  moves_->end_number = number;
  moves_->cuts = cuts;
  inbound_qos2_.clear();
  accepted_qos2_.clear();
  first_connection_ = connection_epoch_ + 1;  // what is still being routed is nobody's to answer
  unwritten_.reset();
  pulls_.reset();
  replays_.reset();
  extras_.reset();
  let_expire(now);
  write_login(effects);
  if (cursor_ != nullptr) write_progress(effects);
  for (const auto& [filter, each] : subscriptions_)
    if (is_durable())
      write(kept_subscription{filter, each.options, each.identifier, each.begin, each.adopted},
            effects);
  write_moves(effects);
}

void session::cut_end(const std::vector<origin_cut>& cuts, session_effects& effects) {
  if (is_end() && complete_cuts(moves_->cuts, cuts)) write_moves(effects);
}

void session::origins_come(const std::vector<origin_cut>& reached, time_point now,
                           session_effects& effects) {
  moves_state& moving = *moves_;
  if (moving.asked != 0) --moving.asked;
  if (moving.has_left || moving.leaving != 0) return;
  for (const origin_cut& each : reached)
    if (origin_cut* const come = find_cut(moving.cuts, each.home))
      come->has_come = come->last != origin_cut::unknown;
  if (!waits_for_origins()) return leave(now, effects);
  if (!moving.log_end) {
    // What the others have for it is not waited for: the client goes on.
    moving.first_end = log_head();
    moving.log_end = moving.first_end;
    for (origin_cut& each : moving.cuts)
      each.is_late = !each.has_come;
    leave_shares(effects);
  }
  write_moves(effects);
  send_queued(now, effects);
}

std::vector<origin_cut> session::awaited() const {
  std::vector<origin_cut> found;
  if (moves_ == nullptr) return found;
  if (is_end()) {
    std::ranges::copy_if(moves_->cuts, std::back_inserter(found),
                         [](const origin_cut& each) { return !each.has_come; });
    return found;
  }
  const auto add = [&](const std::vector<origin_cut>& cuts) {
    for (const origin_cut& each : cuts)
      if (each.last == origin_cut::unknown && find_cut(found, each.home) == nullptr)
        found.push_back(each);
  };
  add(moves_->begins);
  for (const session_end& each : moves_->ends)
    add(each.cuts);
  return found;
}

message_identity session::identify(const message_block& block, std::uint32_t index) const noexcept {
  const message_identity& known = block.identity(index);
  return known.home != 0 ? known : message_identity{home_, block[index].log_offset};
}

bool session::is_left_to_session(const message_block& block, std::uint32_t index) const {
  if (!is_end()) return false;
  const message_identity which = identify(block, index);
  const origin_cut* const cut = find_cut(moves_->cuts, which.home);
  // Copies of what was not late came to both.
  const bool is_behind = moves_->first_end != 0 && block[index].log_offset > moves_->first_end;
  if (is_behind && (cut == nullptr || !cut->is_late)) return true;
  return cut != nullptr && cut->last != origin_cut::unknown && which.offset > cut->last;
}

bool session::sends_its_own() const noexcept {
  const bool is_unsure = moves_->asked != 0 && !is_end();
  return !is_relaying() && !is_unsure && window_.size() + moves_->relayed.size() < 0xFFFF;
}

bool session::is_left_to_end(const message_block& block, std::uint32_t index,
                             const delivery_options& options) const {
  if (moves_->begins.empty() || !comes_from_log(block[index], options) || options.replayed)
    return false;
  const message_identity which = identify(block, index);
  const origin_cut* const cut = find_cut(moves_->begins, which.home);
  if (cut == nullptr || which.offset == 0 || which.offset > cut->last) return false;
  // What the client has subscribed to since, no end has.
  const std::string_view topic = block.topic(block[index]);
  return std::ranges::any_of(subscriptions_, [&](const auto& each) {
    const auto& [text, state] = each;
    return state.adopted && state.options.qos != qos::at_most_once && matches(text, topic);
  });
}

/// Other members are to get what comes.
void session::leave_shares(session_effects& effects) {
  shard_parts<shard_unsubscribe> parts(shards_);
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto next = std::next(at);
    if (is_shared_filter(at->first)) {
      const std::string filter = at->first;
      request_unsubscribe(filter, 0, parts, effects);
      leave_share(filter);
      give_back_queued(filter, effects);
      if (is_durable()) write(dropped_subscription{filter}, effects);
      subscriptions_.erase(at);
    }
    at = next;
  }
  shared_subscriptions_ = 0;
  parts.send(0, effects);
}

/// What it has in the log is found by its filters all the same.
void session::leave(time_point now, session_effects& effects) {
  moves_state& moving = moves();
  if (moving.has_left || moving.leaving != 0) return;
  moving.leaving = ++last_request_;
  moving.leaving_through = log_head();
  shard_parts<shard_unsubscribe> parts(shards_);
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto next = std::next(at);
    const std::string filter = at->first;
    moving.unanswered += request_unsubscribe(filter, moving.leaving, parts, effects);
    if (is_shared_filter(filter)) {
      leave_share(filter);
      give_back_queued(filter, effects);
      subscriptions_.erase(at);
    }
    at = next;
  }
  shared_subscriptions_ = 0;
  moving.unanswered += parts.send(moving.leaving, effects);
  if (moving.unanswered == 0) have_left(now, effects);
}

/// A shard sends nothing more; what it did lies in the log at or below `through`.
void session::left_shard(log_offset through, time_point now, session_effects& effects) {
  moves_state& moving = *moves_;
  moving.leaving_through = std::max(moving.leaving_through, through);
  if (--moving.unanswered == 0) have_left(now, effects);
}

void session::have_left(time_point now, session_effects& effects) {
  moves_->log_end = moves_->leaving_through;
  moves_->has_left = effects.has_left = true;
  moves_->is_read = false;
  write_moves(effects);
  send_queued(now, effects);
}

void session::let_expire(time_point now) noexcept {
  expires_at_.reset();
  const bool is_held = moves_ != nullptr && moves_->is_held;
  if (expiry_ != never && !is_held) expires_at_ = now + std::chrono::seconds(expiry_);
}

void session::hold(session_effects& effects) {
  if (std::exchange(moves().is_held, true)) return;
  expires_at_.reset();
  write_login(effects);
}

void session::let_go(time_point now, session_effects& effects) {
  moves().is_held = false;
  if (connected_) return connection_lost(now, effects);
  let_expire(now);
  write_login(effects);
}

bool session::is_consumed() const noexcept {
  if (!moves_->has_left && !waits_for_origins()) return false;  // it is about to leave
  return connected_ && moves_->log_end && moves_->asked == 0 && window_.empty() &&
         queue_ == nullptr && !is_resending() && (cursor_ == nullptr || moves_->is_read);
}

void session::finish(time_point now, session_effects& effects) {
  expiry_ = 0;
  if (connected_) return connection_lost(now, effects);
  discard_state(now, effects);
  effects.session_ended = true;
}

// -- the node that it comes to --------------------------------------------------------------

void session::adopt(const moved_session& moved, const session_end& from, session_effects& effects) {
  if (!exists_) {
    exists_ = true;
    first_connection_ = connection_epoch_ + 1;
    expiry_ = moved.expiry;
    began_clean_ = moved.began_clean;
    if (expiry_ != 0 && !settings_.node.data_dir.empty()) {
      cursor_ = std::make_unique<log_cursor>(shards_, std::vector<log_offset>(shards_, log_head()));
      progress_ = std::make_unique<progress_state>();
    }
    // Else the client was told of a session that knows of none of these.
    for (const packet_id id : moved.inbound_qos2) {
      inbound_qos2_.insert(id);
      accepted_qos2_.insert(id);
      if (is_durable()) write(kept_packet_id{id}, effects);
    }
  }
  moves_state& moving = moves();
  for (const session_end& each : moved.ends)
    if (std::ranges::find(moving.ends, each) == moving.ends.end()) moving.ends.push_back(each);
  moving.ends.push_back(from);
  drop_late_ends(effects);
  for (const packet_id id : moved.in_flight)
    if (!moving.relayed.contains(id)) moving.relayed.insert(id);
  moving.adopting = adoption{.number = ++last_request_, .from = from};
  adopt_subscriptions(moved.subscriptions, effects);
  write_login(effects);
  if (cursor_ != nullptr) write_progress(effects);
  write_moves(effects);
  moving.adopting->write = effects.write.number;
  moving.adopting->waiting_for += (effects.write.number != 0 ? 1 : 0) + 1;
  adopted_in_part(effects);
}

void session::adopt_subscriptions(const std::vector<kept_subscription>& moved,
                                  session_effects& effects) {
  adoption& adopting = *moves_->adopting;
  shard_parts<shard_subscribe> parts(shards_, empty_request());
  for (const kept_subscription& each : moved) {
    kept_subscription here = each;
    here.begin = 0;
    if (is_replay(each.filter)) {
      if (find_replay(each.filter) != nullptr || settings_.node.data_dir.empty()) continue;
      restore_replay(here);
    } else {
      const auto filter = parse_topic_filter(each.filter);
      if (!filter || subscriptions_.contains(each.filter)) continue;
      here.begin = log_head();
      here.options.qos = std::min(here.options.qos, settings_.features.max_qos);
      subscriptions_.emplace(each.filter,
                             subscription_state{here.options, each.identifier, here.begin, true});
      here.adopted = adopting.is_new = true;
      if (filter->is_shared()) ++shared_subscriptions_;
      adopting.waiting_for += request_subscribe(
          {.filter = each.filter, .options = each.options, .identifier = each.identifier},
          adopting.number, parts, effects);
    }
    if (is_durable()) write(std::move(here), effects);
  }
  adopting.waiting_for += parts.send(adopting.number, effects);
}

/// Every shard, the share groups and the disk are waited for.
void session::adopted_in_part(session_effects& effects) {
  adoption& adopting = *moves_->adopting;
  if (--adopting.waiting_for != 0) return;
  // Without a log nobody can say which message it is.
  if (is_durable() && !adopting.is_cut) {
    effects.wants_cuts = true;
    return;
  }
  const auto adopted = std::ranges::find(moves_->ends, adopting.from);
  effects.adopted = adopted == moves_->ends.end() ? adopting.from : *adopted;
  moves_->adopting.reset();
}

void session::cut(std::vector<origin_cut>&& reached, session_effects& effects) {
  if (!is_adopting() || moves_->adopting->is_cut || moves_->adopting->waiting_for != 0) return;
  adoption& adopting = *moves_->adopting;
  adopting.is_cut = true;
  for (origin_cut& each : reached) {
    origin_cut* const before = find_cut(moves_->begins, each.home);
    // What came since it was adopted first was sent to the client, perhaps.
    if (before == nullptr)
      moves_->begins.push_back(each);
    else if (before->last == origin_cut::unknown)
      before->last = each.last;
    else if (!adopting.is_new)
      each.last = before->last;
  }
  const auto end = std::ranges::find(moves_->ends, adopting.from);
  if (end != moves_->ends.end()) end->cuts = std::move(reached);
  complete_ends();
  write_moves(effects);
  adopting.write = effects.write.number;
  adopting.waiting_for = (effects.write.number != 0 ? 1 : 0) + 1;
  adopted_in_part(effects);
}

void session::cuts_found(const std::vector<origin_cut>& reached, time_point now,
                         session_effects& effects) {
  if (moves_ == nullptr || is_end()) return;
  if (moves_->asked != 0) --moves_->asked;
  bool is_changed = complete_cuts(moves_->begins, reached);
  for (const origin_cut& each : reached)  // what only earlier ends wait for
    if (find_cut(moves_->begins, each.home) == nullptr) moves_->begins.push_back(each);
  is_changed |= complete_ends();
  if (!is_changed) return send_queued(now, effects);
  if (next_end() != nullptr && connected_ && !is_relaying()) moves_->relay = relay_stage::expected;
  write_moves(effects);
  moves_->cuts_write = effects.write.number;
  effects.tell_cuts |= effects.write.number == 0;
  send_queued(now, effects);
}

/// Where the session's own begins, ends end: also those of nodes that it was on while another was
/// away. Returns whether there was one.
bool session::complete_ends() {
  bool is_changed = false;
  for (session_end& each : moves_->ends) {
    if (!complete_cuts(each.cuts, moves_->begins)) continue;
    is_changed = true;
    each.is_late = false;  // and so comes before what these nodes publish from now on
  }
  return is_changed;
}

void session::drop_late_ends(session_effects& effects) {
  std::vector<session_end>& ends = moves_->ends;
  if (std::ranges::count(ends, true, &session_end::is_late) <= most_late_ends) return;
  const auto oldest = std::ranges::find(ends, true, &session_end::is_late);
  effects.dropped_ends.push_back(*oldest);
  ends.erase(oldest);
}

void session::adoption_subscribed(request_number number, session_effects& effects) {
  if (is_adopting() && moves_->adopting->number == number) adopted_in_part(effects);
}

void session::adoption_written(write_number number, bool done, time_point now,
                               session_effects& effects) {
  if (!is_adopting() || moves_->adopting->write != number) return;
  if (done) return adopted_in_part(effects);
  // It stays where it is, too, and is offered again.
  std::erase(moves_->ends, moves_->adopting->from);
  moves_->adopting.reset();
  end_relay(now, effects);
}

// -- the relay ------------------------------------------------------------------------------

relay_terms session::terms() const noexcept {
  return {.version = version_,
          .expiry = expiry_,
          .receive_maximum = receive_maximum_,
          .maximum_packet_size = maximum_packet_size_,
          .problem_information = problem_information_};
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
  // One sender at a time gives out packet identifiers: the end, once nothing of our own is in
  // flight; and it is none before it has been told.
  const bool is_next = moves_->relay == relay_stage::wanted && connected_ && window_.empty() &&
                       next_end() != nullptr &&
                       !(is_adopting() && moves_->adopting->from == *next_end());
  if (!is_next) return;
  moves_->relay = relay_stage::open;
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
    relay_packet(scanned->packet, partial.view().subspan(taken, scanned->size), effects);
    taken += scanned->size;
  }
  partial.erase_front(taken);
}

void session::relay_packet(const frame& packet, byte_view whole, session_effects& effects) {
  if (packet.type != packet_type::publish && packet.type != packet_type::pubrel) return;
  moves_state& moving = *moves_;
  const packet_id id = identifier_of(packet);
  if (id == 0) return;  // QoS 0 does not wait at an end
  if (decline(packet, id, effects)) return;
  if (!moving.relayed.contains(id)) moving.relayed.insert(id);
  if (packet.type == packet_type::publish) {
    if (moving.sent.contains(id)) {
      // The relay is another one, the connection is not: nothing is sent again [MQTT5-4.4.0-1].
      if (moving.received.contains(id))
        encode(packet_type::pubrec, publish_response{.id = id}, version_, effects.relayed);
      return;
    }
    moving.sent.insert(id);
    if (send_quota_ != 0) --send_quota_;
    ++effects.counted.publishes_sent;
  }
  ++effects.counted.packets_sent;
  output_.tail().append(whole);
}

/// What the client was not sent yet when it unsubscribed it does not get
/// [MQTT5-3.10.4-2], [MQTT311-3.10.4-2]; the end may not know of it, and is told that it has it.
bool session::decline(const frame& packet, packet_id id, session_effects& effects) {
  packet_id_set& relayed = moves_->relayed;
  packet_id_set& declined = moves_->declined;
  const auto answer = [&](packet_type type) {
    encode(type, publish_response{.id = id}, version_, effects.relayed);
    return true;
  };
  if (packet.type == packet_type::pubrel) {
    if (!declined.erase(id)) return false;
    relayed.erase(id);
    return answer(packet_type::pubcomp);
  }
  if (declined.contains(id)) return answer(packet_type::pubrec);  // the end has not heard that
  // One that was sent before may be begun, though a crash has us not know it.
  const bool is_begun = relayed.contains(id) || is_repeated(packet);
  if (is_begun || is_wanted(topic_of(packet))) return false;
  if (level_of(packet) == qos::at_least_once) return answer(packet_type::puback);
  relayed.insert(id);
  declined.insert(id);
  return answer(packet_type::pubrec);
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
  if (ends_exchange) {
    moves_->relayed.erase(packet.id);
    moves_->received.erase(packet.id);
    if (moves_->sent.erase(packet.id)) ++send_quota_;
  } else if (moves_->sent.contains(packet.id) && !moves_->received.contains(packet.id)) {
    moves_->received.insert(packet.id);
  }
  // Without a relay the end asks again, with the next one.
  if (has_relay())
    encode(type, publish_response{.id = packet.id, .code = packet.code}, version_, effects.relayed);
  return true;
}

void session::end_relay(time_point now, session_effects& effects) {
  if (!is_relaying()) return;
  moves_->relay = relay_stage::none;
  moves_->partial = byte_buffer();
  send_queued(now, effects);
}

void session::end_consumed(const session_end& which, time_point now, session_effects& effects) {
  if (moves_ == nullptr) return;
  const bool was_next = next_end() != nullptr && *next_end() == which;
  if (std::erase(moves_->ends, which) == 0) return;
  if (moves_->ends.empty()) moves_->relayed.clear();
  write_moves(effects);
  if (was_next) turn_to_next_end(now, effects);
}

/// What is our own comes behind all ends.
void session::turn_to_next_end(time_point now, session_effects& effects) {
  forget_declined();  // it was the other one's
  if (next_end() == nullptr || !connected_) return end_relay(now, effects);
  moves_->relay = relay_stage::expected;
  moves_->partial = byte_buffer();
}

void session::end_waits(const session_end& which, bool is_late, time_point now,
                        session_effects& effects) {
  if (moves_ == nullptr || is_end()) return;
  const auto found = std::ranges::find(moves_->ends, which);
  if (found == moves_->ends.end() || found->is_late == is_late) return;
  const bool was_next = next_end() == &*found;
  found->is_late = is_late;
  write_moves(effects);
  if (was_next) turn_to_next_end(now, effects);
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

// -- what is kept ---------------------------------------------------------------------------

void session::write_moves(session_effects& effects) {
  if (!is_written_ || moves_ == nullptr) return;
  write(kept_moves{.log_end = moves_->log_end.value_or(0),
                   .ends = moves_->ends,
                   .relayed = moves_->relayed.all(),
                   .first_end = moves_->first_end,
                   .begins = moves_->begins,
                   .cuts = moves_->cuts},
        effects);
}

void session::restore_moves(const kept_moves& kept) {
  if (!is_end() && kept.ends.empty() && kept.begins.empty()) return;
  moves().ends = kept.ends;
  moves_->begins = kept.begins;
  for (const packet_id id : kept.relayed)
    if (!moves_->relayed.contains(id)) moves_->relayed.insert(id);
  if (!is_end()) return;
  moves_->cuts = kept.cuts;
  moves_->first_end = kept.first_end;
  moves_->has_left = !waits_for_origins();
  if (kept.log_end != 0)
    moves_->log_end = kept.log_end;
  else if (moves_->has_left)
    moves_->log_end = log_head();
}

}  // namespace troupe
