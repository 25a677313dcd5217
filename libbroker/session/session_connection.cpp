// How a session begins, resumes and ends: CONNECT, DISCONNECT, wills and expiry.

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"
#include "libbroker/codec/properties.hpp"
#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>

namespace troupe {

namespace {

/// The session expiry that a CONNECT asks for, in seconds.
std::uint32_t requested_expiry(const connect& request, const session_config& settings) {
  const auto bound = static_cast<std::uint32_t>(settings.max_expiry.count());
  if (request.version == protocol_version::v5)
    return std::min(request.session_expiry_interval, bound);
  if (request.clean_start) return 0;
  return std::min(static_cast<std::uint32_t>(settings.expiry_for_v3.count()), bound);
}

/// The keep alive that is to be used, in seconds.
std::uint16_t effective_keep_alive(const connect& request, const session_config& settings) {
  // Only MQTT 5.0 has a way to tell the client [MQTT5-3.1.2-21], [MQTT5-3.2.2-22].
  if (request.version != protocol_version::v5 || settings.max_keep_alive.count() == 0)
    return request.keep_alive;
  const auto bound = static_cast<std::uint16_t>(
      std::min<std::chrono::seconds::rep>(settings.max_keep_alive.count(), 65535));
  return request.keep_alive == 0 ? bound : std::min(request.keep_alive, bound);
}

std::optional<time_point> earlier(std::optional<time_point> left,
                                  std::optional<time_point> right) noexcept {
  if (left && right) return std::min(*left, *right);
  return left ? left : right;
}

message_block_ptr make_will(const will& last_words, const connect& request,
                            std::uint64_t publisher) {
  byte_buffer properties;
  append_message_properties(last_words.message_properties, properties);
  const publish packet{.qos = last_words.qos,
                       // [MQTT5-3.1.2-14], [MQTT5-3.1.2-15], [MQTT311-3.1.2-16], [MQTT311-3.1.2-17]
                       .retain = last_words.retain,
                       .topic = last_words.topic,
                       .payload = last_words.payload,
                       .has_message_expiry_interval = last_words.has_message_expiry_interval,
                       .message_expiry_interval = last_words.message_expiry_interval,
                       .properties = properties.view()};
  message_block_builder builder;
  builder.add(packet, packet.topic, request.version);
  return builder.seal({.publisher = publisher});
}

}  // namespace

session::session(const shared_text& name, std::uint64_t number, const session_host& host)
    : host_(host),
      client_id_(is_name_of_end(name) ? shared_text(parse_session_name(name).client_id) : name),
      number_(number) {
  if (const std::uint64_t end = parse_session_name(name).end; end != 0) moves().end_number = end;
}

session::~session() = default;

void session::attach(const connect& request, bool assigned_id, time_point now,
                     session_effects& effects) {
  // [MQTT5-3.1.2-4], [MQTT311-3.1.2-6], [MQTT5-3.1.4-4], [MQTT311-3.1.4-3]
  if (exists_ && request.clean_start) discard_state(now, effects);
  // [MQTT5-3.1.2-5], [MQTT5-3.1.2-6], [MQTT5-3.2.2-2], [MQTT5-3.2.2-3], [MQTT311-3.1.2-4],
  // [MQTT311-3.2.2-1], [MQTT311-3.2.2-2], [MQTT311-3.2.2-3]
  const bool session_present = exists_;
  exists_ = true;

  ++connection_epoch_;
  if (!session_present) {
    first_connection_ = connection_epoch_;
    began_clean_ = request.clean_start;
  }
  connected_ = true;
  clean_start_ = request.clean_start;
  version_ = request.version;
  // A relay ends with its link.
  keep_alive_ = is_end() ? std::uint16_t{0} : effective_keep_alive(request, host_.settings.session);
  receive_maximum_ = send_quota_ = request.receive_maximum;  // [MQTT5-4.9.0-1]
  maximum_packet_size_ = request.maximum_packet_size;
  problem_information_ = request.request_problem_information;
  const std::uint32_t expiry = requested_expiry(request, host_.settings.session);
  // An end does not go with the client's connection: the node that has the client says when.
  if (!is_end() || expiry != 0) expiry_ = expiry;
  expiry_was_zero_ = request.session_expiry_interval == 0;
  last_received_ = now;
  tidy_due_ = now + tidy_interval;
  expires_at_.reset();
  was_connected_ = false;
  will_due_.reset();  // [MQTT5-3.1.3-9]
  will_.reset();
  if (request.will) {  // [MQTT5-3.1.2-7], [MQTT311-3.1.2-8]
    will_ = std::make_unique<will_state>();
    will_->message = make_will(*request.will, request, number_);
    will_->delay = request.will->delay_interval;
  }
  unacknowledged_ = inbound_qos2_.size();
  if (moves_ != nullptr) {
    moves_->is_read = false;
    moves_->relay = next_end() == nullptr ? relay_stage::none : relay_stage::expected;
  }
  const std::uint16_t aliases =
      std::min(request.topic_alias_maximum, host_.settings.session.outbound_topic_aliases);
  // [MQTT5-3.1.2-26], [MQTT5-3.1.2-27], [MQTT5-3.3.2-11]
  if (aliases != 0) more_state().outbound_aliases.emplace(aliases);
  effects.presence_changed = session_present && has_shared_subscriptions();

  // Once and first [MQTT5-3.1.4-5], [MQTT5-3.2.0-1], [MQTT5-3.2.0-2], [MQTT311-3.1.4-4],
  // [MQTT311-3.2.0-1].
  if (!send_connack(request, assigned_id, session_present, effects)) {
    effects.close_connection = true;
    effects.close_reason = {reason_code::packet_too_large, "MQTT5-3.1.2-24",
                            "CONNACK over the client's maximum packet size"};
    return end_connection(now, false, effects);
  }
  write_login(effects);
  const bool is_new = cursor_ == nullptr;
  if (is_new && expiry_ != 0 && !host_.settings.node.data_dir.empty()) {
    cursor_ = std::make_unique<log_cursor>(host_.shards, log_head());
    progress_ = std::make_unique<progress_state>();
    write_progress(effects);
  }
  if (session_present) {
    if (!is_new) cursor_->read_on();
    begin_resend();
    if (moves_ != nullptr) resend_orphans(effects);
    if (pulls_ != nullptr) pulls_->interrupt();
    send_queued(now, effects);
    read_retained(effects);
  }
}

bool session::send_connack(const connect& request, bool assigned_id, bool session_present,
                           session_effects& effects) {
  // No authentication method [MQTT5-4.12.0-6], no user properties [MQTT5-3.2.2-20].
  connack answer;
  // 3.1 has no session present flag; its byte is reserved.
  answer.session_present = session_present && version_ != protocol_version::v3_1;
  const features_config& features = host_.settings.features;
  std::string response_information;
  if (version_ == protocol_version::v5) {
    if (expiry_ != request.session_expiry_interval) answer.session_expiry_interval = expiry_;
    answer.receive_maximum = host_.settings.session.receive_maximum;
    // [MQTT5-3.2.2-9]
    if (features.max_qos != qos::exactly_once) answer.maximum_qos = features.max_qos;
    if (!features.retain_available) answer.retain_available = false;
    answer.maximum_packet_size = static_cast<std::uint32_t>(host_.settings.limits.max_packet_size);
    if (assigned_id) answer.assigned_client_identifier = client_id_;  // [MQTT5-3.1.3-7]
    answer.topic_alias_maximum = host_.settings.session.topic_alias_maximum;
    if (!features.wildcard_subscriptions) answer.wildcard_subscription_available = false;
    if (!features.subscription_identifiers) answer.subscription_identifiers_available = false;
    if (!features.shared_subscriptions) answer.shared_subscription_available = false;
    if (keep_alive_ != request.keep_alive) answer.server_keep_alive = keep_alive_;
    // [MQTT5-3.1.2-28]
    if (request.request_response_information && !features.response_information_prefix.empty()) {
      response_information = features.response_information_prefix;
      response_information.append(client_id()) += '/';
      answer.response_information = response_information;
    }
  }
  encode(answer, version_, output_.tail());
  ++effects.counted.packets_sent;
  if (maximum_packet_size_ == 0 || output_.size() <= maximum_packet_size_) return true;
  // What the client has to know does not fit [MQTT5-3.1.2-24]: the two cannot talk.
  output_.clear();
  encode(connack{.code = reason_code::packet_too_large}, version_, output_.tail());
  return false;
}

void session::begin_resend() {
  if (window_.empty()) return;
  // [MQTT5-4.4.0-1], [MQTT311-4.4.0-1], [MQTT5-4.6.0-1], [MQTT5-4.8.2-4]
  const std::vector<packet_id> ids = window_.in_order();
  for (const packet_id id : ids)
    window_.find(id)->charged = false;
  more_state().resends.assign(ids.begin(), ids.end());
}

/// Retained messages are not part of it [MQTT311-3.1.2-7].
void session::discard_state(time_point now, session_effects& effects) {
  publish_will(now, effects);  // the session ends, so the delay does [MQTT5-3.1.2-8]
  report_all();
  if (!subscriptions_.empty()) {
    shard_parts<shard_unsubscribe> parts(host_.shards);
    for (const auto& [text, state] : subscriptions_)
      request_unsubscribe(text, 0, parts, effects);
    parts.send(0, effects);
  }
  return_shared(effects);
  write_end(effects);
  if (moves_ != nullptr && !is_end()) {
    // That is none yet.
    if (is_adopting()) {
      std::erase(moves_->ends, moves_->adopting->from);
      effects.dropped_at = moves_->adopting->from.node;
    }
    effects.dropped_ends = std::move(moves_->ends);
    moves_.reset();
  }
  unwritten_.reset();
  cursor_.reset();
  progress_.reset();
  ++epoch_;
  exists_ = false;
  subscriptions_.clear();
  shared_subscriptions_ = 0;
  window_.clear();
  queue_.reset();
  pulls_.reset();
  replays_.reset();
  inbound_qos2_.clear();
  accepted_qos2_.clear();
  extras_.reset();
}

void session::dismiss(reason_code code, time_point now, session_effects& effects,
                      std::string_view servers) {
  if (!connected_) return;
  if (version_ == protocol_version::v5) {  // [MQTT5-3.14.2-2], [MQTT5-3.14.2-4]
    encode(disconnect{.code = code, .server_reference = reason_that_fits(servers, 4)}, version_,
           output_.tail());
    ++effects.counted.packets_sent;
  }
  effects.close_connection = true;
  end_connection(now, true, effects);
}

void session::connection_lost(time_point now, session_effects& effects) {
  if (!connected_) return;
  effects.close_connection = true;
  end_connection(now, true, effects);
}

void session::fail(const error& reason, time_point now, session_effects& effects) {
  if (!connected_) return;
  // A CONNACK went before [MQTT5-3.14.0-1].
  if (version_ == protocol_version::v5) {
    const std::string_view why = reason_that_fits(reason.what, 4);  // [MQTT5-3.14.2-3]
    encode(disconnect{.code = reason.code, .reason_string = why}, version_, output_.tail());
    ++effects.counted.packets_sent;
  }
  // [MQTT5-3.14.4-2], [MQTT5-4.13.1-1], [MQTT5-4.13.2-1], [MQTT311-4.8.0-1]
  effects.close_connection = true;
  effects.close_reason = reason;
  end_connection(now, true, effects);
}

void session::end_connection(time_point now, bool will_wanted, session_effects& effects) {
  seal_publishes(now, effects);  // they come before the will
  // The client gets no packet any more [MQTT5-3.14.4-1].
  connected_ = false;
  end_relay(now, effects);
  if (moves_ != nullptr) break_relay();
  if (!will_wanted) will_.reset();  // [MQTT5-3.14.4-3], [MQTT311-3.14.4-3]
  if (will_ != nullptr) {
    // The will waits for its delay or the end of the session [MQTT5-3.1.2-8].
    const std::uint32_t delay = will_delay();
    if (delay == 0)
      publish_will(now, effects);
    else if (delay != never_ends)
      will_due_ = now + std::chrono::seconds(delay);
  }
  // What shards still have to answer may bring retained messages for the next connection.
  std::deque<pending_request> unanswered;
  if (extras_ != nullptr) unanswered.swap(extras_->requests);
  extras_.reset();
  if (!unanswered.empty()) more_state().requests.swap(unanswered);
  tidy_due_.reset();
  // [MQTT5-3.1.2-23], [MQTT5-4.1.0-1], [MQTT311-4.1.0-1], [MQTT311-4.1.0-2]
  if (expiry_ == 0) {
    discard_state(now, effects);
    effects.session_ended = true;
    return;
  }
  let_expire(now);
  effects.presence_changed = has_shared_subscriptions();
  inbound_qos2_.trim();
  accepted_qos2_.trim();
  interrupt_replays();
  return_tracked();
  leave_log(effects);
  window_.detach_blocks();
  if (queue_ != nullptr) queue_->detach_blocks();
  write_login(effects);
}

void session::let_expire(time_point now) noexcept {
  expires_at_.reset();
  const bool is_held = moves_ != nullptr && moves_->is_held;
  if (expiry_ != never_ends && !is_held) expires_at_ = now + std::chrono::seconds(expiry_);
}

void session::publish_will(time_point now, session_effects& effects) {
  will_due_.reset();
  if (will_ == nullptr) return;  // [MQTT311-3.1.2-12]
  // Its expiry interval counts from now on (MQTT5 §3.1.3.2.4).
  message_block_builder builder;
  builder.add(*will_->message, (*will_->message)[0]);
  will_.reset();  // [MQTT5-3.1.2-10], [MQTT311-3.1.2-10]
  message_block_ptr block = builder.seal({.publisher = number_, .received_at = now});
  const shard_index shard = shard_of(block->topic((*block)[0]), host_.shards);
  effects.requests.push_back(shard_publish{shard, std::move(block)});  // [MQTT5-3.1.2-8]
}

void session::forget_will(time_point now, session_effects& effects) {
  if (connected_ || will_ == nullptr) return;
  will_.reset();
  will_due_.reset();
  if (std::exchange(was_connected_, false)) return end_connection(now, false, effects);
  write_login(effects);
}

void session::tick(time_point now, session_effects& effects) {
  if (connected_) {
    if (tidy_due_ && now >= *tidy_due_) tidy(now);
    const auto due = keep_alive_due();
    if (due && now >= *due)  // [MQTT5-3.1.2-22], [MQTT311-3.1.2-24]
      fail({reason_code::keep_alive_timeout, "MQTT5-3.1.2-22", "keep alive timeout"}, now, effects);
    return;
  }
  const bool will_is_due = will_due_ && now >= *will_due_;
  if (will_is_due && std::exchange(was_connected_, false))
    return end_connection(now, true, effects);
  if (will_is_due) publish_will(now, effects);
  if (expires_at_ && now >= *expires_at_) {  // [MQTT5-4.1.0-2]
    expires_at_.reset();
    discard_state(now, effects);
    effects.session_ended = true;
  } else if (will_is_due) {
    write_login(effects);
  }
}

std::optional<time_point> session::deadline() const noexcept {
  const auto progress_due = progress_ == nullptr ? std::nullopt : progress_->due;
  return earlier(progress_due, connected_ ? earlier(keep_alive_due(), tidy_due_)
                                          : earlier(will_due_, expires_at_));
}

std::optional<time_point> session::keep_alive_due() const noexcept {
  if (keep_alive_ == 0) return std::nullopt;
  return last_received_ + std::chrono::milliseconds(keep_alive_ * 1500);
}

/// A message under way keeps its whole block alive, which is cheap while clients
/// acknowledge at once. What has been kept for longer gets a block of its own.
void session::tidy(time_point now) {
  tidy_due_.reset();
  inbound_qos2_.trim();
  accepted_qos2_.trim();
  if (window_.empty() && queue_ == nullptr) {
    window_.clear();
    return;
  }
  window_.detach_blocks();
  if (queue_ != nullptr) queue_->detach_blocks();
  tidy_due_ = now + tidy_interval;
}

void session::on_disconnect(const frame& packet, time_point now, session_effects& effects) {
  const auto decoded = decode_disconnect(packet, version_);
  if (!decoded) return fail(decoded.error(), now, effects);
  if (decoded->session_expiry_interval) {
    if (expiry_was_zero_ && *decoded->session_expiry_interval != 0)
      return fail({reason_code::protocol_error, "MQTT5 §3.14.2.2.2",
                   "session expiry set in DISCONNECT but not in CONNECT"},
                  now, effects);
    expiry_ = std::min(*decoded->session_expiry_interval,
                       static_cast<std::uint32_t>(host_.settings.session.max_expiry.count()));
  }
  effects.close_connection = true;
  // [MQTT5-3.1.2-10], [MQTT5-3.14.4-3]
  end_connection(now, decoded->code != reason_code::normal_disconnection, effects);
}

}  // namespace troupe
