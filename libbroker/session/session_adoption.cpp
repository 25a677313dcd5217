// How a session comes to the node that its client is on, and what it leaves to its ends. See
// moved_session.hpp.

#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace troupe {

namespace {

/// Ends that wait for nodes that are away; beyond it the oldest is not waited for any more.
constexpr std::ptrdiff_t most_late_ends = 16;

}  // namespace

void session::adopt(const moved_session& moved, const session_end& from, session_effects& effects) {
  if (!exists_) {
    exists_ = true;
    first_connection_ = connection_epoch_ + 1;
    expiry_ = moved.expiry;
    began_clean_ = moved.began_clean;
    if (expiry_ != 0 && !host_.settings.node.data_dir.empty()) {
      cursor_ = std::make_unique<log_cursor>(host_.shards,
                                             std::vector<log_offset>(host_.shards, log_head()));
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
  shard_parts<shard_subscribe> parts(host_.shards, empty_request());
  for (const kept_subscription& each : moved) {
    kept_subscription here = each;
    here.begin = 0;
    if (is_replay(each.filter)) {
      if (find_replay(each.filter) != nullptr || host_.settings.node.data_dir.empty()) continue;
      restore_replay(here);
    } else {
      const auto filter = parse_topic_filter(each.filter);
      if (!filter || subscriptions_.contains(each.filter)) continue;
      here.begin = log_head();
      here.options.qos = std::min(here.options.qos, host_.settings.features.max_qos);
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
  moves_->has_adopted = true;
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
  moves_->has_adopted = true;
  end_relay(now, effects);
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

}  // namespace troupe
