// What a session leaves on the node that its client goes from: the end. See moved_session.hpp.

#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace troupe {

void session::hand_over(std::uint64_t number, const std::vector<origin_cut>& cuts, time_point now,
                        session_effects& effects) {
  // The client has opened the session again [MQTT5-3.1.3-9].
  will_.reset();
  will_due_.reset();
  if (is_written_) write(renamed_session{std::string(client_id()), everything_written()}, effects);
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

bool session::is_left_to_session(const message_block& block, std::uint32_t index) const {
  if (!is_end()) return false;
  const message_identity which = identify(block, index);
  const origin_cut* const cut = find_cut(moves_->cuts, which.home);
  // Copies of what was not late came to both.
  const bool is_behind = moves_->has_late_cuts() && block[index].log_offset > moves_->first_end;
  if (is_behind && (cut == nullptr || !cut->is_late)) return true;
  return cut != nullptr && cut->last != origin_cut::unknown && which.offset > cut->last;
}

/// Other members are to get what comes.
void session::leave_shares(session_effects& effects) {
  shard_parts<shard_unsubscribe> parts(host_.shards);
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto next = std::next(at);
    if (is_shared_filter(at->first)) {
      const std::string filter = at->first;
      leave_share(filter);
      request_unsubscribe(filter, 0, parts, effects);
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
  shard_parts<shard_unsubscribe> parts(host_.shards);
  for (auto at = subscriptions_.begin(); at != subscriptions_.end();) {
    const auto next = std::next(at);
    const std::string filter = at->first;
    if (is_shared_filter(filter)) leave_share(filter);
    moving.unanswered += request_unsubscribe(filter, moving.leaving, parts, effects);
    if (is_shared_filter(filter)) {
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

}  // namespace troupe
