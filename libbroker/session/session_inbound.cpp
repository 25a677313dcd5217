// What a client sends: dispatch, PUBLISH, and the acknowledgements of both sides.

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// A block is closed at this size, so that a slow receiver of one of its
/// messages keeps little alive.
constexpr std::uint32_t largest_block = 64 * 1024;

bool has_too_many_levels(std::string_view topic, std::size_t limit) noexcept {
  return topic.size() >= limit &&
         static_cast<std::size_t>(std::count(topic.begin(), topic.end(), '/')) >= limit;
}

/// Messages that one `receive` collects, by shard. One per thread: it is empty
/// between calls, and what a session does not need now it should not hold.
std::vector<message_block_builder>& builders(std::uint32_t shards) {
  thread_local std::vector<message_block_builder> by_shard;
  if (by_shard.size() < shards) by_shard.resize(shards);
  return by_shard;
}

}  // namespace

std::size_t session::receive(byte_view input, time_point now, session_effects& effects) {
  if (!connected_) return input.size();
  last_received_ = now;
  std::size_t taken = 0;
  while (connected_) {
    const auto scanned = scan_frame(input.subspan(taken), host_.settings.limits.max_packet_size);
    if (!scanned) {
      fail(scanned.error(), now, effects);
      break;
    }
    if (scanned->status == frame_scan::status::incomplete) break;
    taken += scanned->size;
    ++effects.counted.packets_received;
    if (!handle(scanned->packet, input.size() - taken, now, effects)) break;
  }
  seal_publishes(now, effects);
  return taken;
}

bool session::handle(const frame& packet, std::size_t more, time_point now,
                     session_effects& effects) {
  switch (packet.type) {
  case packet_type::publish: on_publish(packet, more, now, effects); break;
  case packet_type::puback:
  case packet_type::pubrec:
  case packet_type::pubrel:
  case packet_type::pubcomp: on_acknowledgement(packet, now, effects); break;
  case packet_type::subscribe: on_subscribe(packet, now, effects); break;
  case packet_type::unsubscribe: on_unsubscribe(packet, now, effects); break;
  case packet_type::pingreq:
    if (const auto decoded = decode_pingreq(packet); !decoded) {
      fail(decoded.error(), now, effects);
    } else {
      encode(pingresp{}, output_.tail());  // [MQTT5-3.12.4-1], [MQTT311-3.12.4-1]
      ++effects.counted.packets_sent;
    }
    break;
  case packet_type::disconnect: on_disconnect(packet, now, effects); break;
  case packet_type::auth:  // no method was agreed on at CONNECT [MQTT5-4.12.0-7], [MQTT5-4.12.1-2]
    fail({reason_code::protocol_error, "MQTT5-4.12.0-7", "AUTH without authentication method"}, now,
         effects);
    break;
  case packet_type::connect:
    fail({reason_code::protocol_error,  // [MQTT5-3.1.0-2], [MQTT311-3.1.0-2]
          version_ == protocol_version::v5 ? "MQTT5-3.1.0-2" : "MQTT311-3.1.0-2", "second CONNECT"},
         now, effects);
    break;
  default:
    fail({reason_code::protocol_error, "MQTT5 §4.13", "packet that only a server may send"}, now,
         effects);
    break;
  }
  return connected_;
}

// -- PUBLISH ----------------------------------------------------------------------

void session::on_publish(const frame& packet, std::size_t more, time_point now,
                         session_effects& effects) {
  auto decoded = decode_publish(packet, version_);
  if (!decoded) return fail(decoded.error(), now, effects);
  publish& message = *decoded;
  ++effects.counted.publishes_received;
  effects.counted.publish_bytes_received += message.payload.size();
  if (version_ == protocol_version::v5 && !resolve_alias(message, now, effects)) return;
  if (const auto checked = check_publish(message); !checked) [[unlikely]]
    return refuse_publish(message, checked.error(), now, effects);
  if (message.qos != qos::at_most_once && !register_publish(message, now, effects)) return;
  collect_publish(message, more, effects);
}

bool session::resolve_alias(publish& packet, time_point now, session_effects& effects) {
  if (packet.topic_alias == 0) return true;
  if (packet.topic_alias > host_.settings.session.topic_alias_maximum) {  // [MQTT5-3.3.2-9]
    fail({reason_code::topic_alias_invalid, "MQTT5-3.3.2-9", "topic alias above the maximum"}, now,
         effects);
    return false;
  }
  auto& aliases = more_state().inbound_aliases;
  if (!aliases) aliases.emplace();
  if (!packet.topic.empty()) {
    // [MQTT5-3.3.2-12]
    aliases->set(packet.topic_alias, packet.topic);
    return true;
  }
  packet.topic = aliases->find(packet.topic_alias);
  if (packet.topic.empty()) {
    fail({reason_code::protocol_error, "MQTT5 §3.3.2.3.4", "unknown topic alias"}, now, effects);
    return false;
  }
  return true;
}

result<void> session::check_publish(const publish& packet) const {
  const limits_config& limits = host_.settings.limits;
  if (packet.qos > host_.settings.features.max_qos)  // [MQTT5-3.2.2-11]
    return error{reason_code::qos_not_supported, "MQTT5-3.2.2-11", "QoS not supported"};
  if (packet.retain && !host_.settings.features.retain_available)  // [MQTT5-3.2.2-14]
    return error{reason_code::retain_not_supported, "MQTT5-3.2.2-14", "retain not supported"};
  if (packet.topic.size() > limits.max_topic_length ||
      has_too_many_levels(packet.topic, limits.max_topic_levels))
    return error{reason_code::topic_name_invalid, "MQTT5 §3.3.2.1", "topic name over the limits"};
  if (packet.topic.starts_with("$SYS/"))
    return error{reason_code::not_authorized, "MQTT5 §4.7.2", "$SYS belongs to the broker"};
  return {};
}

void session::refuse_publish(const publish& packet, const error& reason, time_point now,
                             session_effects& effects) {
  const bool ends_connection = reason.code == reason_code::qos_not_supported ||
                               reason.code == reason_code::retain_not_supported;
  if (ends_connection) return fail(reason, now, effects);
  // 3.x has no way to say no: the message is acknowledged and dropped [MQTT311-3.3.5-2].
  const reason_code code = version_ == protocol_version::v5 ? reason.code : reason_code::success;
  if (packet.qos == qos::at_least_once) {
    respond(packet_type::puback, packet.id, code, effects, reason.what);
  } else if (packet.qos == qos::exactly_once) {
    if (code == reason_code::success && !inbound_qos2_.contains(packet.id)) {
      inbound_qos2_.insert(packet.id);
      accepted_qos2_.insert(packet.id);
    }
    respond(packet_type::pubrec, packet.id, code, effects, reason.what);  // [MQTT5-4.3.3-9]
  }
}

/// Books a QoS 1 or 2 message; returns whether it is to be routed.
bool session::register_publish(const publish& packet, time_point now, session_effects& effects) {
  if (packet.qos == qos::exactly_once && inbound_qos2_.contains(packet.id)) {
    // Sent again before PUBREL: not routed twice [MQTT5-4.3.3-10], [MQTT311-4.3.3-2]. While the
    // shards have not taken the first one, its PUBREC is still to come.
    if (accepted_qos2_.contains(packet.id))
      respond(packet_type::pubrec, packet.id, reason_code::success, effects);
    return false;
  }
  // A QoS 1 identifier is not compared with earlier ones [MQTT5-4.3.2-5], [MQTT311-4.3.2-2].
  ++unacknowledged_;
  if (version_ == protocol_version::v5 &&
      unacknowledged_ > host_.settings.session.receive_maximum) {
    fail({reason_code::receive_maximum_exceeded, "MQTT5-3.3.4-7", "receive maximum exceeded"}, now,
         effects);
    return false;
  }
  if (packet.qos == qos::exactly_once) inbound_qos2_.insert(packet.id);
  if (!tidy_due_) tidy_due_ = now + tidy_interval;
  return true;
}

void session::collect_publish(const publish& packet, std::size_t more, session_effects& effects) {
  const shard_index shard = shard_of(packet.topic, host_.shards);
  message_block_builder& builder = builders(host_.shards)[shard];
  if (builder.size() >= host_.settings.scheduler.batch_messages ||
      builder.wire_size() + packet.payload.size() + packet.topic.size() > largest_block) {
    if (!builder.empty())
      effects.requests.push_back(
          shard_publish{shard, builder.seal({.publisher = number_,
                                             .connection_epoch = connection_epoch_,
                                             .received_at = last_received_})});
  }
  builder.add(packet, packet.topic, version_, more);
}

void session::seal_publishes(time_point now, session_effects& effects) {
  auto& by_shard = builders(host_.shards);
  for (shard_index shard = 0; shard != host_.shards; ++shard) {
    if (by_shard[shard].empty()) continue;
    effects.requests.push_back(shard_publish{
        shard,
        by_shard[shard].seal(
            {.publisher = number_, .connection_epoch = connection_epoch_, .received_at = now})});
  }
}

// [MQTT5-3.3.4-1], [MQTT311-3.3.4-1]
void session::accepted(const message_block& block, session_effects& effects) {
  if (block.connection_epoch() < first_connection_)
    return forget_packet_ids(block, effects);  // an ended session's
  const bool same_connection = connected_ && block.connection_epoch() == connection_epoch_;
  for (std::uint32_t i = 0; i != block.size(); ++i) {
    const message_entry& entry = block[i];
    if (entry.qos == qos::at_least_once) {
      if (!same_connection) continue;  // the client sends it again
      --unacknowledged_;
      respond(packet_type::puback, entry.id, reason_code::success, effects);  // [MQTT5-4.3.2-4]
    } else if (entry.qos == qos::exactly_once && inbound_qos2_.contains(entry.id) &&
               !accepted_qos2_.contains(entry.id)) {
      if (entry.log_offset != 0)  // written together with the message
        finish_response({.type = packet_type::pubrec, .id = entry.id}, true, effects);
      else
        respond_when_written(packet_type::pubrec, entry.id, kept_packet_id{entry.id}, effects);
    }
  }
}

void session::forget_packet_ids(const message_block& block, session_effects& effects) {
  if (!is_durable()) return;
  for (std::uint32_t i = 0; i != block.size(); ++i) {
    const message_entry& entry = block[i];
    if (entry.qos == qos::exactly_once && entry.log_offset != 0 &&
        !inbound_qos2_.contains(entry.id))
      (void)write(dropped_packet_id{entry.id}, effects);
  }
}

void session::not_kept(const message_block& block, session_effects& effects) {
  if (block.connection_epoch() < first_connection_) return forget_packet_ids(block, effects);
  const bool same_connection = connected_ && block.connection_epoch() == connection_epoch_;
  constexpr std::string_view why = "the server cannot store messages";
  for (std::uint32_t i = 0; i != block.size(); ++i) {
    const message_entry& entry = block[i];
    if (entry.qos == qos::at_most_once) continue;
    if (is_in_log(entry)) {
      finish_response({.type = packet_type::pubrec, .id = entry.id}, true, effects);
      continue;
    }
    // Another connection may wait for an answer at QoS 2, as what it repeated was not routed.
    const bool is_awaited =
        entry.qos == qos::at_least_once
            ? same_connection
            : connected_ && inbound_qos2_.contains(entry.id) && !accepted_qos2_.contains(entry.id);
    if (entry.qos == qos::exactly_once && !accepted_qos2_.contains(entry.id))
      inbound_qos2_.erase(entry.id);
    if (!is_awaited) continue;
    --unacknowledged_;
    if (version_ != protocol_version::v5) continue;  // the missing answer has to do
    respond(entry.qos == qos::at_least_once ? packet_type::puback : packet_type::pubrec, entry.id,
            reason_code::quota_exceeded, effects, why);
  }
}

void session::not_routed(const message_block& block) {
  if (block.connection_epoch() < first_connection_) return;  // an ended session's
  for (std::uint32_t i = 0; i != block.size(); ++i)
    if (block[i].qos == qos::exactly_once && !is_in_log(block[i]) &&
        !accepted_qos2_.contains(block[i].id))
      inbound_qos2_.erase(block[i].id);
}

// -- acknowledgements -------------------------------------------------------------

void session::on_acknowledgement(const frame& packet, time_point now, session_effects& effects) {
  const auto decoded = decode_publish_response(packet, version_);
  if (!decoded) return fail(decoded.error(), now, effects);
  if (moves_ != nullptr && pass_acknowledgement(packet.type, *decoded, effects)) return;
  switch (packet.type) {
  case packet_type::puback: on_puback(*decoded, now); break;
  case packet_type::pubrec: on_pubrec(*decoded, now, effects); break;
  case packet_type::pubrel: on_pubrel(*decoded, effects); break;
  default: on_pubcomp(*decoded, now); break;
  }
  if (queue_ != nullptr || is_resending() || cursor_ != nullptr || replays_ != nullptr)
    send_queued(now, effects);
}

void session::on_puback(const publish_response& packet, time_point now) {
  outbound_window::message* const sent = window_.find(packet.id);
  // Whatever its code [MQTT5-4.4.0-2], [MQTT5-4.8.2-6].
  if (sent == nullptr || sent->qos != qos::at_least_once) return;
  complete(packet.id, *sent);
  if (cursor_ != nullptr) progressed(now);
}

void session::on_pubrec(const publish_response& packet, time_point now, session_effects& effects) {
  outbound_window::message* const sent = window_.find(packet.id);
  if (sent == nullptr || sent->qos != qos::exactly_once ||
      sent->stage == outbound_window::stage::finished) {
    if (!is_error(packet.code))
      respond(packet_type::pubrel, packet.id, reason_code::packet_identifier_not_found, effects);
    return;
  }
  // [MQTT5-4.3.3-4] applies to success only; [MQTT5-4.4.0-2], [MQTT5-4.8.2-6].
  if (is_error(packet.code)) {
    complete(packet.id, *sent);
    if (cursor_ != nullptr) progressed(now);
    return;
  }
  const bool was_released = sent->stage == outbound_window::stage::released;
  // [MQTT5-4.3.3-5], [MQTT5-4.3.3-6], [MQTT311-4.3.3-1]
  sent->stage = outbound_window::stage::released;
  sent->block = nullptr;
  if (sent->tracked) report_done(packet.id, *sent);
  if (!sent->unconfirmed) sent->details = nullptr;
  // From PUBREL on the client may take the identifier for another message.
  if (cursor_ != nullptr && !was_released) return send_when_kept(packet.id);
  if (is_unkept(packet.id)) return;
  respond(packet_type::pubrel, packet.id, reason_code::success, effects);  // [MQTT5-4.3.3-4]
}

void session::on_pubrel(const publish_response& packet, session_effects& effects) {
  const bool known = inbound_qos2_.erase(packet.id);  // [MQTT5-4.3.3-12]
  accepted_qos2_.erase(packet.id);
  if (!known) {
    // An earlier release may not have got to the disk.
    if (is_durable()) (void)write(dropped_packet_id{packet.id}, effects);
    return respond(packet_type::pubcomp, packet.id, reason_code::packet_identifier_not_found,
                   effects);
  }
  if (unacknowledged_ != 0) --unacknowledged_;
  respond_when_written(packet_type::pubcomp, packet.id, dropped_packet_id{packet.id}, effects);
}

void session::on_pubcomp(const publish_response& packet, time_point now) {
  outbound_window::message* const sent = window_.find(packet.id);
  if (sent == nullptr || sent->stage != outbound_window::stage::released) return;
  complete(packet.id, *sent);
  if (cursor_ != nullptr) progressed(now);
}

}  // namespace troupe
