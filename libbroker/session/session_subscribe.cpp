// SUBSCRIBE, UNSUBSCRIBE, and the retained messages that a subscription begins with.

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/variable_byte_integer.hpp"
#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// The client waits for an answer that it does not take: the two cannot talk.
constexpr error reply_too_large{reason_code::packet_too_large, "MQTT5-3.1.2-24",
                                "answer over the client's maximum packet size"};

reason_code granted(qos level) noexcept { return static_cast<reason_code>(level); }

}  // namespace

reason_code session::refusal(protocol_version version, reason_code code) noexcept {
  // 3.1.1 knows one failure code; the values below 0x80 are the same in both.
  return version == protocol_version::v5 ? code : reason_code::unspecified_error;
}

/// Whether a SUBACK or UNSUBACK with so many codes is not too large for the client.
bool session::takes_reply(std::size_t codes) const noexcept {
  const std::size_t body = 3 + codes;
  return maximum_packet_size_ == 0 ||
         1 + variable_byte_integer_size(body) + body <= maximum_packet_size_;
}

result<topic_filter> session::check_filter(std::string_view text, const subscribe& packet) const {
  const features_config& features = host_.settings.features;
  const limits_config& limits = host_.settings.limits;
  auto parsed = parse_topic_filter(text);
  if (!parsed) return parsed;
  if (parsed->is_shared() && !features.shared_subscriptions)
    return error{reason_code::shared_subscriptions_not_supported, "MQTT5 §3.9.3",
                 "shared subscriptions are switched off"};
  if (parsed->has_wildcard && !features.wildcard_subscriptions)  // [MQTT311-3.8.3-2]
    return error{reason_code::wildcard_subscriptions_not_supported, "MQTT5 §3.9.3",
                 "wildcard subscriptions are switched off"};
  if (packet.subscription_identifier != 0 && !features.subscription_identifiers)
    return error{reason_code::subscription_identifiers_not_supported, "MQTT5 §3.9.3",
                 "subscription identifiers are switched off"};
  const auto slashes = std::count(text.begin(), text.end(), '/');
  if (text.size() > limits.max_topic_length ||
      static_cast<std::size_t>(slashes) >= limits.max_filter_levels)
    return error{reason_code::topic_filter_invalid, "MQTT5 §3.9.3", "filter over the limits"};
  if (limits.max_subscriptions_per_session != 0 && !subscriptions_.contains(text) &&
      subscriptions_.size() >= limits.max_subscriptions_per_session)
    return error{reason_code::quota_exceeded, "MQTT5 §3.9.3", "too many subscriptions"};
  return parsed;
}

void session::on_subscribe(const frame& packet, time_point now, session_effects& effects) {
  thread_local subscribe decoded;
  if (const auto outcome = decode_subscribe(packet, version_, decoded); !outcome)
    return fail(outcome.error(), now, effects);
  if (!takes_reply(decoded.entries.size())) return fail(reply_too_large, now, effects);
  seal_publishes(now, effects);  // what came before must not match

  // One answer for all [MQTT5-3.8.4-5], [MQTT311-3.8.4-4].
  pending_request pending{.number = ++last_request_, .id = decoded.id};
  shard_parts<shard_subscribe> parts(host_.shards, empty_request());
  for (std::size_t position = 0; position != decoded.entries.size(); ++position) {
    const std::string_view text = decoded.entries[position].filter;
    pending.wants_retained.emplace_back();
    if (is_replay(text)) {
      subscribe_replay(decoded.entries[position], decoded, pending, effects);
      continue;
    }
    const auto filter = check_filter(text, decoded);
    if (!filter) {
      pending.codes.push_back(refusal(version_, filter.error().code));
      pending.reason_string = filter.error().what;
      continue;
    }
    subscription_options options = decoded.entries[position].options;
    options.qos = std::min(options.qos, host_.settings.features.max_qos);  // [MQTT5-3.2.2-10]
    pending.codes.push_back(granted(options.qos));  // [MQTT5-3.8.4-7], [MQTT311-3.8.4-5]

    const auto [at, is_new] = subscriptions_.try_emplace(std::string(text));
    // What is in the log already came before, also for who wanted none of it so far.
    if (is_new || at->second.options.qos == qos::at_most_once) {
      at->second.begin = log_head();
      at->second.adopted = false;
    }
    at->second.options = options;
    at->second.identifier = decoded.subscription_identifier;
    if (is_new && filter->is_shared()) ++shared_subscriptions_;
    if (is_durable()) {
      pending.write =
          write(kept_subscription{std::string(text), options, decoded.subscription_identifier,
                                  at->second.begin, at->second.adopted},
                effects);
      pending.filters.emplace_back(text);
    }
    // Also when the filter was there [MQTT5-3.8.4-4], [MQTT311-3.8.4-3], [MQTT311-3.3.1-6].
    // No retained messages for shared subscriptions (MQTT5 §4.8.2) …
    const bool wants_retained =
        !filter->is_shared() &&
        (options.retain_handling == retain_handling::send ||                    // [MQTT5-3.3.1-9]
         (options.retain_handling == retain_handling::send_if_new && is_new));  // [MQTT5-3.3.1-10]
    // … and none where the client does not want them [MQTT5-3.3.1-11].
    if (wants_retained) pending.wants_retained.back() = text;

    pending.waiting_for += request_subscribe({.filter = std::string(text),
                                              .options = options,
                                              .identifier = decoded.subscription_identifier,
                                              .position = static_cast<std::uint32_t>(position)},
                                             pending.number, parts, effects);
  }
  dispatch(parts, std::move(pending), effects);
}

void session::subscribe_replay(const subscribe::entry& wanted, const subscribe& packet,
                               pending_request& pending, session_effects& effects) {
  const auto parsed = check_replay(wanted.filter, packet);
  if (!parsed) {
    pending.codes.push_back(refusal(version_, parsed.error().code));
    pending.reason_string = parsed.error().what;
    return;
  }
  replay* made = find_replay(wanted.filter);
  const bool is_repeated = made != nullptr && made->subscribing == pending.number;
  if (!is_repeated) {  // begins anew [MQTT5-3.8.4-3], [MQTT311-3.8.4-3]
    stop_replay(wanted.filter, effects);
    made = &make_replay(wanted.filter, *parsed);
  }
  made->options = wanted.options;
  made->options.qos =
      std::min(wanted.options.qos, host_.settings.features.max_qos);  // [MQTT5-3.2.2-10]
  made->identifier = packet.subscription_identifier;
  made->subscribing = pending.number;
  made->entries.push_back(static_cast<std::uint32_t>(pending.codes.size()));
  pending.codes.push_back(granted(made->options.qos));  // [MQTT5-3.8.4-7], [MQTT311-3.8.4-5]
  if (is_durable()) {
    write_replay(*made, effects);
    pending.write = effects.write.number;
    pending.filters.emplace_back(wanted.filter);
  }
  if (is_repeated) return;
  ++pending.waiting_for;
  ask_where_to_begin(*made, effects);
}

void session::on_unsubscribe(const frame& packet, time_point now, session_effects& effects) {
  thread_local unsubscribe decoded;
  if (const auto outcome = decode_unsubscribe(packet, version_, decoded); !outcome)
    return fail(outcome.error(), now, effects);
  if (!takes_reply(decoded.filters.size())) return fail(reply_too_large, now, effects);
  seal_publishes(now, effects);  // what came before still matches

  // One answer for all [MQTT5-3.10.4-6], [MQTT311-3.10.4-6].
  pending_request pending{
      .number = ++last_request_, .reply = packet_type::unsuback, .id = decoded.id};
  shard_parts<shard_unsubscribe> parts(host_.shards);
  for (const std::string_view text : decoded.filters) {
    if (stop_replay(text, effects)) {
      pending.codes.push_back(reason_code::success);
      if (is_durable()) pending.write = write(dropped_subscription{std::string(text)}, effects);
      continue;
    }
    const auto filter = parse_topic_filter(text);
    if (!filter) {
      pending.codes.push_back(refusal(version_, filter.error().code));
      continue;
    }
    const auto found = subscriptions_.find(text);
    if (found == subscriptions_.end()) {
      pending.codes.push_back(reason_code::no_subscription_existed);
      continue;
    }
    pending.codes.push_back(reason_code::success);
    // What is in flight stays so [MQTT5-3.10.4-3], [MQTT311-3.10.4-3].
    if (is_durable()) pending.write = write(dropped_subscription{std::string(text)}, effects);
    pending.waiting_for += end_subscription(found, pending.number, parts, effects);
  }
  dispatch(parts, std::move(pending), effects);
}

std::uint32_t session::request_subscribe(filter_request&& wanted, request_number number,
                                         shard_parts<shard_subscribe>& parts,
                                         session_effects& effects) const {
  const topic_filter filter = *parse_topic_filter(wanted.filter);
  if (!filter.is_shared()) {
    parts.with(filter, [&](shard_subscribe& part) { part.filters.push_back(wanted); });
    return 0;
  }
  effects.requests.push_back(
      share_call{std::move(wanted.filter), share_join{.number = number,
                                                      .epoch = epoch_,
                                                      .options = wanted.options,
                                                      .identifier = wanted.identifier,
                                                      .room = share_room(),
                                                      .lasting = is_durable()}});
  return 1;
}

std::uint32_t session::end_subscription(subscription_map::iterator which, request_number number,
                                        shard_parts<shard_unsubscribe>& parts,
                                        session_effects& effects) {
  const std::string text = which->first;
  subscriptions_.erase(which);  // [MQTT5-3.10.4-1], [MQTT311-3.10.4-1]
  if (is_shared_filter(text)) {
    --shared_subscriptions_;
    leave_share(text);
  }
  if (pulls_ != nullptr) pulls_->stop(text);
  return request_unsubscribe(text, number, parts, effects);
}

std::uint32_t session::request_unsubscribe(const std::string& text, request_number number,
                                           shard_parts<shard_unsubscribe>& parts,
                                           session_effects& effects) {
  const topic_filter filter = *parse_topic_filter(text);
  if (!filter.is_shared()) {
    parts.with(filter, [&](shard_unsubscribe& part) { part.filters.push_back(text); });
    return 0;
  }
  effects.requests.push_back(share_call{text, share_leave{number, take_report(text)}});
  return 1;
}

/// Sends each shard its part; the answer to the client waits for all of them and the disk.
template <class Request>
void session::dispatch(shard_parts<Request>& parts, pending_request&& pending,
                       session_effects& effects) {
  pending.connection_epoch = connection_epoch_;
  pending.waiting_for += parts.send(pending.number, effects) + (pending.write != 0 ? 1 : 0);
  if (pending.waiting_for == 0)
    complete_request(pending, effects);
  else
    more_state().requests.push_back(std::move(pending));
}

void session::subscribed(shard_index shard, request_number number, std::uint64_t retained_sequence,
                         const std::vector<std::uint32_t>& with_retained,
                         session_effects& effects) {
  pending_request* const request = find_request(number);
  if (request == nullptr) return adoption_subscribed(number, effects);
  for (const std::uint32_t position : with_retained) {
    const std::string& filter = request->wants_retained[position];
    if (filter.empty() || !subscriptions_.contains(filter)) continue;
    if (pulls_ == nullptr) pulls_ = std::make_unique<retained_pulls>();
    pulls_->start(filter, shard, retained_sequence);
  }
  answered(*request, effects);
  read_retained(effects);
}

void session::unsubscribed(request_number number, log_offset through, time_point now,
                           session_effects& effects) {
  if (is_leaving(number)) return left_shard(through, now, effects);
  pending_request* const request = find_request(number);
  if (request != nullptr) answered(*request, effects);
}

session::pending_request* session::find_request(request_number number) {
  if (extras_ == nullptr) return nullptr;
  auto& requests = extras_->requests;
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [&](const pending_request& p) { return p.number == number; });
  return found == requests.end() ? nullptr : &*found;
}

session::pending_request* session::find_unwritten(write_number number) {
  if (extras_ == nullptr) return nullptr;
  auto& requests = extras_->requests;
  const auto found = std::find_if(requests.begin(), requests.end(),
                                  [&](const pending_request& p) { return p.write == number; });
  return found == requests.end() ? nullptr : &*found;
}

void session::refuse_request(pending_request& request, session_effects& effects) {
  // UNSUBACK has no code that says more [MQTT5-3.11.3-2].
  const reason_code refused = request.reply == packet_type::unsuback
                                  ? reason_code::unspecified_error
                                  : refusal(version_, reason_code::quota_exceeded);
  std::replace_if(
      request.codes.begin(), request.codes.end(), [](reason_code code) { return !is_error(code); },
      refused);
  request.reason_string = "the server cannot store subscriptions";
  shard_parts<shard_unsubscribe> parts(host_.shards);
  for (const std::string& text : request.filters) {
    if (const replay* const begun = find_replay(text)) {
      // A later SUBSCRIBE may have begun it anew.
      if (begun->subscribing != 0 && begun->subscribing != request.number) continue;
      stop_replay(text, effects);
      write(dropped_subscription{text}, effects);  // it may have been written again since
      continue;
    }
    const auto found = subscriptions_.find(text);
    if (found == subscriptions_.end()) continue;
    (void)end_subscription(found, 0, parts, effects);
  }
  parts.send(0, effects);
}

void session::answered(pending_request& request, session_effects& effects) {
  if (--request.waiting_for != 0) return;
  // The client of an earlier connection has nobody to be answered over.
  if (connected_ && request.connection_epoch == connection_epoch_)
    complete_request(request, effects);
  std::erase_if(extras_->requests,
                [&](const pending_request& each) { return each.waiting_for == 0; });
}

void session::complete_request(const pending_request& request, session_effects& effects) {
  // Reason strings only where the client wants them [MQTT5-3.1.2-29].
  std::string_view why;
  if (problem_information_)  // nor where they make the packet too large [MQTT5-3.9.2-1]
    why = reason_that_fits(request.reason_string, 8 + request.codes.size());
  // User properties never [MQTT5-3.9.2-2], [MQTT5-3.11.2-2]; UNSUBACK gives no reason
  // [MQTT5-3.11.2-1].
  if (request.reply == packet_type::suback) {
    // [MQTT5-3.8.4-1], [MQTT5-3.8.4-6], [MQTT311-3.8.4-1]
    encode(suback{.id = request.id, .reason_string = why, .codes = request.codes}, version_,
           output_.tail());
  } else {  // [MQTT5-3.10.4-4], [MQTT5-3.10.4-5], [MQTT311-3.10.4-4], [MQTT311-3.10.4-5]
    encode(unsuback{.id = request.id, .codes = request.codes}, version_, output_.tail());
  }
  ++effects.counted.packets_sent;
}

// -- retained messages ------------------------------------------------------------

void session::read_retained(session_effects& effects) {
  if (!connected_ || pulls_ == nullptr) return;
  if (pulls_->idle()) return pulls_.reset();
  // Nothing is read ahead of what the client can take.
  if (output_.size() > host_.settings.limits.output_buffer / 2 || queue_ != nullptr) return;
  if (auto request = pulls_->next(last_request_ + 1)) {
    ++last_request_;
    effects.read_retained = std::move(request);
  }
}

void session::retained_read(request_number number, const retained_store::page& page, time_point now,
                            session_effects& effects) {
  if (!connected_ || pulls_ == nullptr) return;
  if (const auto filter = pulls_->answered(number, page)) {
    const auto& [options, identifier, begin, adopted] = subscriptions_.find(*filter)->second;
    delivery_options how{.maximum_qos = options.qos,
                         .no_local = options.no_local,
                         .retained = true};  // [MQTT311-3.3.1-8]
    if (identifier != 0) how.details = make_match_details({identifier});
    for (const message_block_ptr& block : page.messages)
      deliver_run({block, 0, block->size()}, how, 0, now, effects);
  }
  read_retained(effects);
}

}  // namespace troupe
