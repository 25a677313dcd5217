// What a client is sent: deliveries at each QoS, the window, and the queue behind it.

#include "libbroker/codec/encode.hpp"
#include "libbroker/message/encode_delivery.hpp"
#include "libbroker/session/session.hpp"

#include <algorithm>
#include <span>

namespace troupe {

namespace {

std::span<const std::uint32_t>
identifiers_of(const std::shared_ptr<const std::vector<std::uint32_t>>& list) {
  return list == nullptr ? std::span<const std::uint32_t>() : *list;
}

}  // namespace

void session::deliver(const delivery& messages, const delivery_options& options, time_point now,
                      session_effects& effects) {
  const bool as_kept =
      connected_ && !messages.mixed_versions && !messages.expires && !options.no_local &&
      messages.runs.front().block->version() == version_ && options.identifiers == nullptr &&
      (options.maximum_qos == qos::at_most_once || !messages.has_acknowledged_qos) &&
      !(options.retain_as_published && messages.has_retain) &&
      (maximum_packet_size_ == 0 || messages.largest <= maximum_packet_size_) &&
      (extras_ == nullptr || !extras_->outbound_aliases) &&
      output_.size() + messages.bytes <= settings_.limits.output_buffer;
  if (!as_kept) {
    for (const message_run& run : messages.runs)
      deliver_run(run, options, now, effects);
    return;
  }
  for (const message_run& run : messages.runs)
    output_.append(run);
  effects.counted.publishes_sent += messages.messages;
  effects.counted.packets_sent += messages.messages;
  effects.counted.publish_bytes_sent += messages.payload_bytes;
}

void session::deliver_run(const message_run& run, const delivery_options& options, time_point now,
                          session_effects& effects) {
  // A message that waits for a client to return keeps only itself alive.
  if (!connected_ && run.count != run.block->size())
    return deliver_run({copy_run(run), 0, run.count}, options, now, effects);
  const message_block& block = *run.block;
  if (options.no_local && block.publisher() == number_) return;  // [MQTT5-3.8.3-3]
  for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
    const message_entry& entry = block[i];
    if (std::min(entry.qos, options.maximum_qos) == qos::at_most_once)  // [MQTT5-3.8.4-8]
      send_qos0(block, entry, options, now, effects);
    else if (!block.expired(entry, now))
      queue(run.block, i, options, now, effects);
    else
      ++effects.counted.dropped_expired;
  }
  send_queued(now, effects);
}

void session::send_qos0(const message_block& block, const message_entry& entry,
                        const delivery_options& options, time_point now, session_effects& effects) {
  if (!connected_) return;
  if (block.expired(entry, now)) {
    ++effects.counted.dropped_expired;
    return;
  }
  if (output_.size() + entry.size > settings_.limits.output_buffer) {
    ++effects.counted.dropped_output_full;
    return;
  }
  delivery_header header{.version = version_,
                         .retain =
                             options.retained || (options.retain_as_published && entry.retain),
                         .identifiers = identifiers_of(options.identifiers)};
  if (maximum_packet_size_ != 0 &&
      delivery_size(entry, header) > maximum_packet_size_) {  // [MQTT5-3.1.2-24]
    ++effects.counted.dropped_too_large;
    return;
  }
  choose_alias(block, entry, header);
  encode_delivery(block, entry, header, now, output_.tail());
  ++effects.counted.publishes_sent;
  ++effects.counted.packets_sent;
  effects.counted.publish_bytes_sent += block.payload(entry).size();
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

void session::queue(const message_block_ptr& block, std::uint32_t index,
                    const delivery_options& options, time_point now, session_effects& effects) {
  const session_config& limits = settings_.session;
  const std::size_t size = (*block)[index].size;
  const auto has_room = [&] {
    return (limits.max_queued_messages == 0 || queued_messages() < limits.max_queued_messages) &&
           (limits.max_queued_bytes == 0 || queued_bytes() + size <= limits.max_queued_bytes);
  };
  // What the window has room for does not wait, and so does not count.
  if (!has_room()) send_queued(now, effects);
  if (!has_room()) {
    ++effects.counted.dropped_queue_full;
    return;
  }
  if (queue_ == nullptr) queue_ = std::make_unique<message_queue>();
  queue_->push(block, index, options);
}

bool session::may_send() const noexcept {
  return send_quota_ != 0 && output_.size() <= settings_.limits.output_buffer;  // [MQTT5-3.3.4-9]
}

void session::complete(packet_id id) noexcept {
  // What an earlier connection sent takes nothing of this one's quota.
  if (window_.find(id)->charged) ++send_quota_;
  window_.complete(id);
}

void session::resend(time_point now, session_effects& effects) {
  auto& resends = extras_->resends;
  while (!resends.empty() && may_send()) {
    const packet_id id = resends.front();
    resends.pop_front();
    outbound_window::message* const sent = window_.find(id);
    if (sent == nullptr) continue;  // the client completed it without waiting
    if (sent->stage == outbound_window::stage::released)
      respond(packet_type::pubrel, id, reason_code::success);
    else
      send_in_flight(id, *sent, true, now, effects);  // [MQTT5-3.3.1-1]
  }
}

void session::send_queued(time_point now, session_effects& effects) {
  if (!connected_) return;
  if (extras_ != nullptr) resend(now, effects);
  if (queue_ == nullptr) return;
  while (!queue_->empty() && may_send() && window_.size() < settings_.session.max_in_flight &&
         (extras_ == nullptr || extras_->resends.empty())) {
    const message_queue::run& next = queue_->front();
    const message_block_ptr block = next.messages.block;
    const std::uint32_t index = next.messages.first;
    const message_entry& entry = (*block)[index];
    const delivery_options& options = next.options;
    if (block->expired(entry, now)) {  // [MQTT5-3.3.2-5]
      ++effects.counted.dropped_expired;
      queue_->pop();
      continue;
    }
    outbound_window::message sent{.block = block,
                                  .index = index,
                                  .qos = std::min(entry.qos, options.maximum_qos),
                                  .retain = options.retained ||
                                            (options.retain_as_published && entry.retain),
                                  .identifiers = options.identifiers,
                                  .share = options.share};
    queue_->pop();
    const packet_id id = window_.add(std::move(sent));
    send_in_flight(id, *window_.find(id), false, now, effects);
  }
  if (queue_->empty()) {
    queue_.reset();
    read_retained(effects);
  }
}

void session::send_in_flight(packet_id id, outbound_window::message& sent, bool dup, time_point now,
                             session_effects& effects) {
  const message_block& block = *sent.block;
  const message_entry& entry = block[sent.index];
  delivery_header header{.version = version_,
                         .qos = sent.qos,
                         .retain = sent.retain,
                         .dup = dup,
                         .id = id,
                         .identifiers = identifiers_of(sent.identifiers)};
  if (maximum_packet_size_ != 0 && delivery_size(entry, header) > maximum_packet_size_) {
    // Not sent, and treated as if it had been [MQTT5-3.1.2-25].
    ++effects.counted.dropped_too_large;
    window_.complete(id);
    return;
  }
  --send_quota_;
  sent.charged = true;
  if (!tidy_due_) tidy_due_ = now + tidy_interval;
  choose_alias(block, entry, header);
  encode_delivery(block, entry, header, now, output_.tail());
  ++effects.counted.publishes_sent;
  ++effects.counted.packets_sent;
  effects.counted.publish_bytes_sent += block.payload(entry).size();
}

void session::output_drained(time_point now, session_effects& effects) {
  if (!connected_) return;
  send_queued(now, effects);
  read_retained(effects);
}

std::string_view session::reason_that_fits(std::string_view what, std::size_t size) const noexcept {
  constexpr std::size_t property_header_size = 3;
  const bool fits = maximum_packet_size_ == 0 ||
                    size + property_header_size + what.size() <= maximum_packet_size_;
  return fits ? what : std::string_view();
}

void session::respond(packet_type type, packet_id id, reason_code code, std::string_view what) {
  if (code == reason_code::success) {
    std::byte* const out = output_.tail().prepare(4);
    out[0] = static_cast<std::byte>((static_cast<unsigned>(type) << 4) |
                                    (type == packet_type::pubrel ? 2U : 0U));
    out[1] = std::byte{2};
    out[2] = static_cast<std::byte>(id >> 8);
    out[3] = static_cast<std::byte>(id);
    output_.tail().commit(4);
    return;
  }
  publish_response answer{.id = id, .code = code};
  if (problem_information_)                            // [MQTT5-3.1.2-29]
    answer.reason_string = reason_that_fits(what, 6);  // [MQTT5-3.4.2-2], [MQTT5-3.5.2-2]
  encode(type, answer, version_, output_.tail());
}

}  // namespace troupe
