// What a client is sent: deliveries at each QoS, the window, and the queue behind it.

#include "libbroker/codec/encode.hpp"
#include "libbroker/message/encode_delivery.hpp"
#include "libbroker/session/session.hpp"

#include <algorithm>

namespace troupe {

void session::deliver(const delivery& messages, const delivery_options& options, shard_index from,
                      time_point now, session_effects& effects) {
  if (!connected_ && (options.maximum_qos == qos::at_most_once || !messages.has_acknowledged_qos))
    return;  // not kept for who is away
  const bool as_kept =
      connected_ && !messages.mixed_versions && !messages.expires && !options.no_local &&
      messages.runs.front().block->version() == version_ &&
      identifiers_of(options.details).empty() &&
      (options.maximum_qos == qos::at_most_once || !messages.has_acknowledged_qos) &&
      !(options.retain_as_published && messages.has_retain) &&
      (maximum_packet_size_ == 0 || messages.largest <= maximum_packet_size_) &&
      (extras_ == nullptr || !extras_->outbound_aliases) &&
      output_.size() + messages.bytes <= host_.settings.limits.output_buffer;
  if (!as_kept) {
    for (const message_run& run : messages.runs)
      deliver_run(run, options, from, now, effects);
    return;
  }
  for (const message_run& run : messages.runs)
    output_.append(run);
  effects.counted.publishes_sent += messages.messages;
  effects.counted.packets_sent += messages.messages;
  effects.counted.publish_bytes_sent += messages.payload_bytes;
}

void session::deliver_run(const message_run& run, const delivery_options& options, shard_index from,
                          time_point now, session_effects& effects) {
  const bool is_for_others =
      options.tracked && !(connected_ && subscriptions_.contains(options.details->share));
  if (is_for_others) {
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i)
      report_to(options.details->share).returned.push_back((*run.block)[i].log_offset);
    return;
  }
  // A message that waits for a client to return keeps only itself alive.
  if (!connected_ && run.count != run.block->size())
    return deliver_run({copy_run(run), 0, run.count}, options, from, now, effects);
  const message_block& block = *run.block;
  if (options.no_local && block.publisher() == number_) return;  // [MQTT5-3.8.3-3]
  for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
    const message_entry& entry = block[i];
    // [MQTT5-3.8.4-8], [MQTT311-3.8.4-6]
    if (std::min(entry.qos, options.maximum_qos) == qos::at_most_once)
      send_qos0(block, entry, options, now, effects);
    else if (block.expired(entry, now))
      drop_expired(entry, options, effects);
    else if (comes_from_log(entry, options))
      deliver_logged(run.block, i, options, from, now, effects);
    else if (!send_or_queue(run.block, i, options, now, effects))
      ++effects.counted.dropped_queue_full;
  }
  if (queue_ != nullptr) send_queued(now, effects);
}

void session::drop_expired(const message_entry& entry, const delivery_options& options,
                           session_effects& effects) {
  ++effects.counted.dropped_expired;
  if (options.tracked) report_done(entry, options);
}

void session::send_qos0(const message_block& block, const message_entry& entry,
                        const delivery_options& options, time_point now, session_effects& effects) {
  if (!connected_) return;
  if (block.expired(entry, now)) {
    ++effects.counted.dropped_expired;
    return;
  }
  // A single message may be larger than all that is to wait.
  if (!output_.empty() && output_.size() + entry.size > host_.settings.limits.output_buffer) {
    ++effects.counted.dropped_output_full;
    return;
  }
  // [MQTT5-4.3.1-1], [MQTT311-4.3.1-1], [MQTT5-3.3.1-12], [MQTT5-3.3.1-13], [MQTT311-3.3.1-9]
  delivery_header header{.version = version_,
                         .retain =
                             options.retained || (options.retain_as_published && entry.retain),
                         .identifiers = identifiers_of(options.details),
                         .timestamp = timestamp_of(options.details)};
  if (maximum_packet_size_ != 0 &&
      delivery_size(entry, header) > maximum_packet_size_) {  // [MQTT5-3.1.2-24]
    ++effects.counted.dropped_too_large;
    return;
  }
  choose_alias(block, entry, header);
  encode_delivery(block, entry, header, now, output_.tail());
  ++effects.counted.publishes_sent;
  ++effects.counted.packets_sent;
  effects.counted.publish_bytes_sent += entry.payload_size();
}

void session::choose_alias(const message_block& block, const message_entry& entry,
                           delivery_header& header) {
  if (extras_ == nullptr || !extras_->outbound_aliases) return;
  // An alias that is new makes the packet longer than the one that was checked.
  delivery_header longest = header;
  longest.topic_alias = 1;
  if (maximum_packet_size_ != 0 && delivery_size(entry, longest) > maximum_packet_size_) return;
  const auto [alias, known] = extras_->outbound_aliases->choose(block.topic(entry));
  header.topic_alias = alias;
  header.omit_topic = known;
}

bool session::has_room(const message_queue& queue, std::size_t size) const noexcept {
  const session_config& limits = host_.settings.session;
  return (limits.max_queued_messages == 0 || queue.messages() < limits.max_queued_messages) &&
         (limits.max_queued_bytes == 0 || queue.bytes() + size <= limits.max_queued_bytes);
}

bool session::send_or_queue(const message_block_ptr& block, std::uint32_t index,
                            const delivery_options& options, time_point now,
                            session_effects& effects) {
  if (connected_ && queue_ == nullptr && window_is_open()) {
    send_first_time(block, index, options, now, effects);
    return true;
  }
  const std::size_t size = (*block)[index].size;
  // What the window has room for does not wait, and so does not count.
  if (queue_ != nullptr && !has_room(*queue_, size)) send_queued(now, effects);
  if (queue_ == nullptr) queue_ = std::make_unique<message_queue>();
  // A group hands out no more than the client has room for.
  if (!options.tracked && !has_room(*queue_, size)) {
    if (queue_->empty()) queue_.reset();
    return false;
  }
  queue_->push(block, index, options);  // [MQTT311-3.1.2-5]
  return true;
}

bool session::window_is_open() const noexcept {
  return may_send() && window_.size() < host_.settings.session.max_in_flight && !is_resending() &&
         (moves_ == nullptr || sends_its_own());
}

/// Asked before QoS 1 and 2 PUBLISH packets only [MQTT5-3.3.4-10], [MQTT5-4.9.0-3].
bool session::may_send() const noexcept {
  // [MQTT5-3.3.4-9], [MQTT5-4.9.0-2]
  return send_quota_ != 0 && output_.size() <= host_.settings.limits.output_buffer;
}

void session::complete(packet_id id, outbound_window::message& sent) {
  // What an earlier connection sent takes nothing of this one's quota.
  if (sent.charged) ++send_quota_;
  sent.charged = false;
  // The client may do so before it was sent anything.
  forget_unkept(id);
  if (sent.tracked) report_done(id, sent);
  if (!sent.unconfirmed) return window_.complete(id);
  sent.stage = outbound_window::stage::finished;
  sent.block = nullptr;
}

void session::resend(time_point now, session_effects& effects) {
  auto& resends = extras_->resends;
  while (!resends.empty() && may_send()) {
    const packet_id id = resends.front();
    outbound_window::message* const sent = window_.find(id);
    if (is_unkept(id)) return;
    if (sent != nullptr && is_to_be_fetched(*sent)) return fetch_in_flight(effects);
    resends.pop_front();
    // The client completed it without waiting.
    if (sent == nullptr || sent->stage == outbound_window::stage::finished) continue;
    if (sent->stage == outbound_window::stage::released)
      respond(packet_type::pubrel, id, reason_code::success, effects);
    else
      // Though it expired [MQTT5-4.3.3-7]; DUP [MQTT5-3.3.1-1], [MQTT311-3.3.1-1].
      send_in_flight(id, *sent, sent->was_sent, now, effects);
  }
}

void session::send_queued(time_point now, session_effects& effects) {
  if (!connected_) return;
  if (is_resending()) resend(now, effects);
  if (queue_ == nullptr) {
    follow_log(now, effects);
    return follow_replays(now, effects);
  }
  for (; !queue_->empty() && window_is_open(); queue_->pop()) {
    const auto& [messages, options] = queue_->front();
    const message_entry& entry = (*messages.block)[messages.first];
    if (messages.block->expired(entry, now))  // [MQTT5-3.3.2-5]
      drop_expired(entry, options, effects);
    else
      send_first_time(messages.block, messages.first, options, now, effects);
  }
  if (queue_->empty()) {
    queue_.reset();
    read_retained(effects);
    follow_log(now, effects);
    follow_replays(now, effects);
  }
}

void session::send_first_time(const message_block_ptr& block, std::uint32_t index,
                              const delivery_options& options, time_point now,
                              session_effects& effects) {
  if (moves_ != nullptr && is_left_to_end(*block, index, options)) return;
  const message_entry& entry = (*block)[index];
  const auto [id, sent] = moves_ == nullptr ? window_.add() : place_in_window();
  sent.block = block;
  sent.offset = options.tracked || comes_from_log(entry, options) ? entry.log_offset : 0;
  sent.tracked = options.tracked;
  sent.details = options.details;
  sent.replayed = options.replayed;
  sent.index = index;
  sent.qos = std::min(entry.qos, options.maximum_qos);
  // [MQTT5-3.3.1-12], [MQTT5-3.3.1-13], [MQTT311-3.3.1-9]
  sent.retain = options.retained || (options.retain_as_published && entry.retain);
  sent.charged = true;
  --send_quota_;
  // A crash must not have the client take another message for this one.
  if (cursor_ != nullptr && sent.qos == qos::exactly_once) return send_when_kept(id);
  // [MQTT5-4.3.2-2], [MQTT5-4.3.3-2], [MQTT311-4.3.2-1]
  send_in_flight(id, sent, false, now, effects);
}

void session::send_in_flight(packet_id id, outbound_window::message& sent, bool dup, time_point now,
                             session_effects& effects) {
  const message_block& block = *sent.block;
  const message_entry& entry = block[sent.index];
  delivery_header header{.version = version_,
                         .qos = sent.qos,
                         .retain = sent.retain,
                         .dup = dup,  // [MQTT5-3.3.1-3], [MQTT311-3.3.1-3]
                         .id = id,
                         .identifiers = identifiers_of(sent.details),
                         .timestamp = timestamp_of(sent.details)};
  if (maximum_packet_size_ != 0 && delivery_size(entry, header) > maximum_packet_size_) {
    // Not sent, and treated as if it had been [MQTT5-3.1.2-25].
    ++effects.counted.dropped_too_large;
    return complete(id, sent);
  }
  if (!sent.charged) --send_quota_;
  sent.charged = sent.was_sent = true;
  if (!tidy_due_) tidy_due_ = now + tidy_interval;
  choose_alias(block, entry, header);
  encode_delivery(block, entry, header, now, output_.tail());
  ++effects.counted.publishes_sent;
  ++effects.counted.packets_sent;
  effects.counted.publish_bytes_sent += entry.payload_size();
}

void session::output_drained(time_point now, session_effects& effects) {
  send_queued(now, effects);
  read_retained(effects);
}

std::string_view session::reason_that_fits(std::string_view what, std::size_t size) const noexcept {
  constexpr std::size_t property_header_size = 3;
  const bool fits = maximum_packet_size_ == 0 ||
                    size + property_header_size + what.size() <= maximum_packet_size_;
  return fits ? what : std::string_view();
}

void session::respond(packet_type type, packet_id id, reason_code code, session_effects& effects,
                      std::string_view what) {
  ++effects.counted.packets_sent;
  if (code == reason_code::success) {
    std::byte* const out = output_.tail().prepare(4);
    out[0] = static_cast<std::byte>((static_cast<unsigned>(type) << 4) |
                                    (type == packet_type::pubrel ? 2U : 0U));
    out[1] = std::byte{2};
    out[2] = static_cast<std::byte>(id >> 8);  // [MQTT5-2.2.1-5], [MQTT311-2.3.1-6]
    out[3] = static_cast<std::byte>(id);
    output_.tail().commit(4);
    return;
  }
  // User properties never [MQTT5-3.4.2-3], [MQTT5-3.5.2-3], [MQTT5-3.6.2-3], [MQTT5-3.7.2-3].
  publish_response answer{.id = id, .code = code};
  if (problem_information_)  // [MQTT5-3.1.2-29]
    // [MQTT5-3.4.2-2], [MQTT5-3.5.2-2], [MQTT5-3.6.2-2], [MQTT5-3.7.2-2]
    answer.reason_string = reason_that_fits(what, 6);
  encode(type, answer, version_, output_.tail());
}

}  // namespace troupe
