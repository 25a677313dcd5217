// What of a session outlives the process, and the answers that wait until it is written.

#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <utility>

namespace troupe {

// -- writing ----------------------------------------------------------------------

write_number session::write(session_change&& change, session_effects& effects) {
  if (effects.write.number == 0) effects.write.number = ++last_write_;
  effects.write.changes.push_back(std::move(change));
  return effects.write.number;
}

void session::write_login(session_effects& effects) {
  if (host_.settings.node.data_dir.empty()) return;
  if (expiry_ == 0 && will_ == nullptr && !is_written_) return;
  is_written_ = true;
  write(kept_login{.expiry = expiry_,
                   .stamp = stamp_,
                   .began_clean = began_clean_,
                   .connected = connected_,
                   .expires_at = expires_at_,
                   .will_due = will_due_,
                   .will_delay = will_ == nullptr ? 0 : will_->delay,
                   .will = will_ == nullptr ? nullptr : will_->message},
        effects);
}

void session::write_end(session_effects& effects) {
  if (std::exchange(is_written_, false)) write(everything_written(), effects);
}

dropped_session session::everything_written() const {
  dropped_session all{.filters = {}, .inbound_qos2 = inbound_qos2_.all()};
  for (const auto& [filter, state] : subscriptions_)
    all.filters.push_back(filter);
  for (std::size_t i = 0; replays_ != nullptr && i != replays_->size(); ++i)
    all.filters.push_back((*replays_)[i].text);
  return all;
}

void session::respond_when_written(packet_type type, packet_id id, session_change&& change,
                                   session_effects& effects) {
  if (!is_durable())
    return finish_response({.connection_epoch = connection_epoch_, .type = type, .id = id}, true,
                           effects);
  const write_number number = write(std::move(change), effects);
  if (unwritten_ == nullptr) unwritten_ = std::make_unique<std::deque<unwritten_response>>();
  unwritten_->push_back(
      {.number = number, .connection_epoch = connection_epoch_, .type = type, .id = id});
}

void session::finish_response(const unwritten_response& waiting, bool done,
                              session_effects& effects) {
  if (waiting.type == packet_type::pubrec) {
    // The client may release it without waiting.
    if (!inbound_qos2_.contains(waiting.id) || accepted_qos2_.contains(waiting.id)) return;
    if (done) {
      accepted_qos2_.insert(waiting.id);
    } else {
      inbound_qos2_.erase(waiting.id);
      if (unacknowledged_ != 0) --unacknowledged_;
      if (version_ != protocol_version::v5) return;
    }
    // Whatever its expiry [MQTT5-4.3.3-8], [MQTT5-4.3.3-13].
    if (connected_)
      respond(packet_type::pubrec, waiting.id,
              done ? reason_code::success : reason_code::quota_exceeded, effects);
    return;
  }
  // Unanswered, the client asks again with the next connection.
  if (done && connected_ && waiting.connection_epoch == connection_epoch_)
    respond(waiting.type, waiting.id, reason_code::success,
            effects);  // [MQTT5-4.3.3-11], [MQTT311-4.3.3-2]
}

void session::written(write_number number, bool done, time_point now, session_effects& effects) {
  while (pending_request* const request = find_unwritten(number)) {
    if (!done) refuse_request(*request, effects);
    request->write = 0;
    answered(*request, effects);
  }
  while (unwritten_ != nullptr && !unwritten_->empty() && unwritten_->front().number <= number) {
    finish_response(unwritten_->front(), done, effects);
    unwritten_->pop_front();
  }
  if (unwritten_ != nullptr && unwritten_->empty()) unwritten_.reset();
  adoption_written(number, done, now, effects);
  if (moves_ != nullptr && moves_->cuts_write == number) {
    moves_->cuts_write = 0;
    effects.tell_cuts = done;
    if (!done) end_relay(now, effects);  // it is told when the end's node is linked again
  }
  if (cursor_ != nullptr) progress_written(number, done, now, effects);
}

// -- an earlier life --------------------------------------------------------------

void session::restore(const kept_session& kept, session_effects& effects) {
  exists_ = is_written_ = true;
  first_connection_ = ++connection_epoch_;
  expiry_ = kept.login.expiry;
  stamp_ = kept.login.stamp;
  began_clean_ = kept.login.began_clean;
  restore_moves(kept.moves);
  if (kept.login.will != nullptr) {
    will_ = std::make_unique<will_state>();
    will_->delay = kept.login.will_delay;
    will_->message = kept.login.will;
  }
  for (const packet_id id : kept.inbound_qos2) {
    inbound_qos2_.insert(id);
    accepted_qos2_.insert(id);
  }
  if (expiry_ != 0) {
    cursor_ = std::make_unique<log_cursor>(host_.shards, kept.progress.positions);
    progress_ = std::make_unique<progress_state>();
    restore_in_flight(kept.progress.in_flight);
  }
  restore_subscriptions(kept.subscriptions, effects);
  was_connected_ = kept.login.connected;
  expires_at_ = kept.login.expires_at;
  will_due_ = kept.login.will_due;
}

void session::go_on(time_point now, session_effects& effects,
                    std::chrono::milliseconds will_grace) {
  if (will_ != nullptr && will_grace.count() != 0) {
    will_due_ = std::max(will_due_ ? *will_due_ : now, now + will_grace);
    if (expires_at_) expires_at_ = std::max(*expires_at_, *will_due_);
    return;
  }
  if (std::exchange(was_connected_, false)) return end_connection(now, true, effects);
  if (is_end() && !expires_at_) let_expire(now);
  tick(now, effects);
}

void session::restore_in_flight(const std::vector<kept_in_flight>& kept) {
  std::vector<std::pair<packet_id, outbound_window::message>> earlier;
  for (const kept_in_flight& each : kept) {
    // A retained message is gone; at QoS 2 its exchange is to be ended all the same, for the
    // client may have it.
    const bool is_gone = each.offset == 0;
    if (is_gone && each.qos == qos::at_least_once) continue;
    outbound_window::message sent;
    sent.stage = each.released || is_gone ? outbound_window::stage::released
                                          : outbound_window::stage::published;
    sent.offset = each.offset;
    sent.qos = each.qos;
    sent.retain = each.retain;
    sent.replayed = each.replayed;
    if (each.identifier != 0) sent.details = make_match_details({each.identifier});
    if (!each.share.empty()) restore_tracked(each, sent);
    sent.was_sent = true;
    earlier.emplace_back(each.id, std::move(sent));
  }
  window_.restore(earlier);
}

void session::restore_subscriptions(const std::vector<kept_subscription>& kept,
                                    session_effects& effects) {
  shard_parts<shard_subscribe> parts(host_.shards, empty_request());
  for (const kept_subscription& each : kept) {
    if (is_replay(each.filter)) {
      restore_replay(each);
      continue;
    }
    const auto filter = parse_topic_filter(each.filter);
    if (!filter) continue;  // the rules have changed
    const auto [at, is_new] = subscriptions_.try_emplace(each.filter);
    at->second = {.options = each.options,
                  .identifier = each.identifier,
                  .begin = each.begin,
                  .adopted = each.adopted};
    if (is_end() && moves_->has_left) continue;
    if (is_new && filter->is_shared()) ++shared_subscriptions_;
    (void)request_subscribe(
        {.filter = each.filter, .options = each.options, .identifier = each.identifier}, 0, parts,
        effects);
  }
  parts.send(0, effects);
}

}  // namespace troupe
