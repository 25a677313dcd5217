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
  if (settings_.node.data_dir.empty()) return;
  if (expiry_ == 0 && will_ == nullptr && !is_written_) return;
  is_written_ = true;
  write(kept_login{.expiry = expiry_,
                   .connected = connected_,
                   .expires_at = expires_at_,
                   .will_due = will_due_,
                   .will_delay = will_ == nullptr ? 0 : will_->delay,
                   .will = will_ == nullptr ? nullptr : will_->message},
        effects);
}

void session::write_end(session_effects& effects) {
  if (!std::exchange(is_written_, false)) return;
  dropped_session gone{.filters = {}, .inbound_qos2 = inbound_qos2_.all()};
  for (const auto& [filter, state] : subscriptions_)
    gone.filters.push_back(filter);
  write(std::move(gone), effects);
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

void session::written(write_number number, bool done, session_effects& effects) {
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
}

// -- an earlier life --------------------------------------------------------------

void session::restore(const kept_session& kept, time_point now, session_effects& effects) {
  exists_ = is_written_ = true;
  first_connection_ = ++connection_epoch_;
  expiry_ = kept.login.expiry;
  if (kept.login.will != nullptr) {
    will_ = std::make_unique<will_state>();
    will_->delay = kept.login.will_delay;
    will_->message = kept.login.will;
  }
  for (const packet_id id : kept.inbound_qos2) {
    inbound_qos2_.insert(id);
    accepted_qos2_.insert(id);
  }
  restore_subscriptions(kept.subscriptions, effects);
  if (kept.login.connected) {  // the broker went down under it
    connected_ = true;
    return end_connection(now, true, effects);
  }
  expires_at_ = kept.login.expires_at;
  will_due_ = kept.login.will_due;
  effects.presence_changed = has_shared_subscriptions();
  tick(now, effects);
}

void session::restore_subscriptions(const std::vector<kept_subscription>& kept,
                                    session_effects& effects) {
  shard_parts<shard_subscribe> parts(shards_, {.epoch = epoch_});
  for (const kept_subscription& each : kept) {
    const auto filter = parse_topic_filter(each.filter);
    if (!filter) continue;  // the rules have changed
    const auto [at, is_new] = subscriptions_.try_emplace(each.filter);
    at->second = {.options = each.options, .identifier = each.identifier};
    if (is_new && filter->is_shared()) ++shared_subscriptions_;
    parts.with(*filter, [&](shard_subscribe& part) {
      part.filters.push_back(
          {.filter = each.filter, .options = each.options, .identifier = each.identifier});
    });
  }
  parts.send(0, effects);
}

}  // namespace troupe
