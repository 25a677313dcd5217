// Replays: subscriptions that are served from the log.

#include "libbroker/rfc3339.hpp"
#include "libbroker/session/session.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

// -- subscribing --------------------------------------------------------------------

result<replay_filter> session::check_replay(std::string_view text, const subscribe& packet) const {
  auto parsed = parse_replay_filter(text);
  if (!parsed) return parsed;
  if (const auto filter = check_filter(parsed->filter, packet); !filter) return filter.error();
  if (host_.settings.node.data_dir.empty())
    return error{reason_code::implementation_specific_error, "MQTT5 §3.9.3",
                 "there is no log to replay"};
  const std::size_t others = replays_ == nullptr ? 0 : replays_->size();
  if (find_replay(text) == nullptr && others >= host_.settings.limits.max_replays_per_session)
    return error{reason_code::quota_exceeded, "MQTT5 §3.9.3", "too many replays"};
  return parsed;
}

replay* session::find_replay(std::string_view text) const noexcept {
  if (replays_ == nullptr) return nullptr;
  const auto found = std::ranges::find(*replays_, text, &replay::text);
  return found == replays_->end() ? nullptr : &*found;
}

replay& session::make_replay(std::string_view text, const replay_filter& wanted) {
  if (replays_ == nullptr) replays_ = std::make_unique<std::vector<replay>>();
  replay& made = replays_->emplace_back();
  made.text = text;
  made.filter = wanted.filter;
  made.start = wanted.start;
  return made;
}

bool session::stop_replay(std::string_view text, session_effects& effects) {
  replay* const found = find_replay(text);
  if (found == nullptr) return false;
  const request_number subscribing = found->subscribing;
  replays_->erase(replays_->begin() + (found - replays_->data()));
  if (replays_->empty()) replays_.reset();
  pending_request* const request = subscribing == 0 ? nullptr : find_request(subscribing);
  if (request != nullptr) answered(*request, effects);  // nobody else will
  return true;
}

void session::ask_where_to_begin(replay& waiting, session_effects& effects) {
  waiting.asked = ++last_request_;
  effects.read_log.push_back({.number = last_request_,
                              .page = {.filters = {waiting.filter}},
                              .offsets = {},
                              .start = waiting.start});
}

void session::replay_found(request_number number, const replay_beginning& found, time_point now,
                           session_effects& effects) {
  if (replays_ == nullptr) return;
  const auto waiting = std::ranges::find(*replays_, number, &replay::asked);
  if (waiting == replays_->end()) return;
  waiting->asked.reset();
  pending_request* const request =
      waiting->subscribing == 0 ? nullptr : find_request(waiting->subscribing);
  waiting->subscribing = 0;
  const bool begins_later = found.after < found.oldest && waiting->start != replay_start{};
  if (request != nullptr && begins_later)
    request->reason_string = "the replay begins with the oldest message that is left";
  if (found.failed && request != nullptr) {
    for (const std::uint32_t entry : waiting->entries)
      request->codes[entry] = refusal(version_, reason_code::unspecified_error);
    request->reason_string = "the log cannot be read";
    const std::string text = waiting->text;
    if (is_durable()) write(dropped_subscription{text}, effects);
    stop_replay(text, effects);
  } else if (!found.failed) {
    waiting->position = std::max(found.after, found.oldest);
    if (is_durable()) write_replay(*waiting, effects);
  }
  if (request != nullptr) answered(*request, effects);
  follow_replays(now, effects);
}

// -- reading ------------------------------------------------------------------------

bool session::takes_replayed(const replay& from, const message_entry& entry) const noexcept {
  if (queue_ != nullptr) return false;
  if (std::min(entry.qos, from.options.qos) != qos::at_most_once) return window_is_open();
  return output_.empty() || output_.size() + entry.size <= host_.settings.limits.output_buffer;
}

void session::follow_replays(time_point now, session_effects& effects) {
  if (replays_ == nullptr || !connected_ || is_resending()) return;
  for (replay& each : *replays_) {
    while (const auto next = each.page.next()) {
      if (!takes_replayed(each, next->entry())) break;
      each.position = next->entry().log_offset;
      send_replayed(each, *next, now, effects);
      each.page.pop();
      if (is_durable()) progressed(now);
    }
    if (each.page.next()) continue;
    if (each.page.has_page()) each.position = std::max(*each.position, each.page.reached());
    each.page.drop();
    if (each.asked || queue_ != nullptr) continue;
    if (!each.position) {
      ask_where_to_begin(each, effects);
      continue;
    }
    each.asked = ++last_request_;
    effects.read_log.push_back({.number = last_request_,
                                .page = {.filters = {each.filter},
                                         .after = *each.position,
                                         .most_messages = messages_per_page},
                                .offsets = {},
                                .start = {},
                                .follows = true});
  }
}

bool session::replay_read(request_number number, log_page& page, bool failed, time_point now,
                          session_effects& effects) {
  if (replays_ == nullptr) return false;
  const auto reader = std::ranges::find(*replays_, number, &replay::asked);
  if (reader == replays_->end()) return false;
  reader->asked.reset();
  reader->details_of = nullptr;
  if (!failed) reader->page.take(std::move(page));
  follow_replays(now, effects);
  return true;
}

void session::send_replayed(replay& from, const page_reader::message& next, time_point now,
                            session_effects& effects) {
  if (from.options.no_local && next.run.publisher == client_id_) return;  // [MQTT5-3.8.3-3]
  if (next.block().expired(next.entry(), now)) {                          // [MQTT5-3.3.2-5]
    ++effects.counted.dropped_expired;
    return;
  }
  if (std::exchange(from.details_of, &next.run) != &next.run)
    from.details = replay_details(from.identifier, next.run);
  const delivery_options options{.maximum_qos = from.options.qos,
                                 .retain_as_published = from.options.retain_as_published,
                                 .replayed = true,
                                 .details = from.details};
  if (std::min(next.entry().qos, options.maximum_qos) == qos::at_most_once)
    send_qos0(next.block(), next.entry(), options, now, effects);
  else
    send_first_time(next.run.block, next.index, options, now, effects);
}

match_details_ptr session::replay_details(std::uint32_t identifier, const log_run& run) const {
  std::vector<std::uint32_t> identifiers;
  if (identifier != 0) identifiers.push_back(identifier);
  if (version_ == protocol_version::v5)
    return make_match_details(std::move(identifiers), {}, to_rfc3339(run.received_at));
  return identifiers.empty() ? nullptr : make_match_details(std::move(identifiers));
}

void session::interrupt_replays() noexcept {
  if (replays_ == nullptr) return;
  for (replay& each : *replays_) {
    each.page.drop();
    each.details_of = nullptr;
    if (each.position) each.asked.reset();  // the next connection asks anew
  }
}

// -- what is kept -------------------------------------------------------------------

void session::write_replay(replay& changed, session_effects& effects) {
  changed.written = changed.position;
  write(kept_subscription{.filter = changed.text,
                          .options = changed.options,
                          .identifier = changed.identifier,
                          .begin = changed.position ? *changed.position + 1 : 0},
        effects);
}

void session::write_replays(session_effects& effects) {
  if (replays_ == nullptr) return;
  for (replay& each : *replays_)
    if (each.position && each.position != each.written) write_replay(each, effects);
}

void session::forget_written_replays() noexcept {
  if (replays_ == nullptr) return;
  for (replay& each : *replays_)
    each.written.reset();
}

void session::restore_replay(const kept_subscription& kept) {
  const auto wanted = parse_replay_filter(kept.filter);
  if (!wanted) return;  // the rules have changed
  replay& restored = make_replay(kept.filter, *wanted);
  restored.options = kept.options;
  restored.identifier = kept.identifier;
  if (kept.begin != 0) restored.position = restored.written = kept.begin - 1;
}

}  // namespace troupe
