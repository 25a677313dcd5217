// How a session that outlives the process gets messages from the log, and how what it has
// sent is kept.

#include "libbroker/session/session.hpp"
#include "libbroker/topic.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Acknowledgements at QoS 1 are written down after so long at the latest: a crash has what
/// was acknowledged since sent again.
constexpr std::chrono::seconds progress_interval{1};

/// In-flight messages that are read at a time.
constexpr std::size_t messages_per_fetch = 64;

}  // namespace

// -- what shards send -------------------------------------------------------------

bool session::comes_from_log(const message_entry& entry,
                             const delivery_options& options) const noexcept {
  return cursor_ != nullptr && entry.log_offset != 0 && !options.retained &&
         options.maximum_qos != qos::at_most_once && !is_shared(options.details);
}

void session::deliver_logged(const message_block_ptr& block, std::uint32_t index,
                             const delivery_options& options, shard_index from, time_point now,
                             session_effects& effects) {
  const log_offset offset = (*block)[index].log_offset;
  switch (cursor_->arrives(from, offset)) {
  case log_cursor::verdict::leave: return;
  case log_cursor::verdict::take:
    if (!send_or_queue(block, index, options, now, effects)) return fall_behind(from, effects);
    cursor_->taken(from, offset);
    return progressed(now);
  case log_cursor::verdict::hold:
    if (!has_room(cursor_->held(), (*block)[index].size)) return fall_behind(from, effects);
    cursor_->held().push(block, index, options);
  }
}

void session::fall_behind(std::optional<shard_index> missed, session_effects& effects) {
  if (const auto number = cursor_->leave(log_cursor::phase::reading, missed))
    set_live(*number, false, effects);
}

void session::leave_to_log(message_queue& waiting) {
  waiting.for_each_logged(true, [this](std::string_view topic, log_offset offset) {
    cursor_->set_back(topic, offset);
  });
  waiting.leave_to_log();
}

void session::leave_log(session_effects& effects) {
  if (cursor_ == nullptr) return;
  if (const auto number = cursor_->leave(log_cursor::phase::away, {}))
    set_live(*number, false, effects);
  if (queue_ != nullptr) leave_to_log(*queue_);
  if (queue_ != nullptr && queue_->empty()) queue_.reset();
  window_.leave_to_log();
  write_progress(effects);
}

void session::deliveries_missed(shard_index from, session_effects& effects) {
  if (cursor_ == nullptr) return;
  cursor_->missed(from);
  if (cursor_->wants_live()) fall_behind(from, effects);
}

void session::set_live(request_number number, bool live, session_effects& effects) {
  for (shard_index shard = 0; shard != host_.shards; ++shard)
    effects.requests.push_back(shard_set_live{shard, number, live});
}

void session::live_set(shard_index from, request_number number, log_offset through, time_point now,
                       session_effects& effects) {
  if (cursor_ == nullptr) return;
  if (cursor_->answered(from, number, through)) follow_log(now, effects);
  progressed(now);
}

// -- reading ------------------------------------------------------------------------

void session::follow_log(time_point now, session_effects& effects) {
  if (cursor_ == nullptr || !connected_) return;
  while (queue_ == nullptr && window_is_open()) {
    const auto next = cursor_->next();
    if (!next) break;
    send_from_log(*next, now, effects);
    cursor_->pop();
    progressed(now);
  }
  // A page waits while the client takes no more.
  if (queue_ != nullptr || !window_is_open() || !cursor_->may_read()) return;
  if (is_end() && !moves_->log_end) return;
  log_offset end = cursor_->end(log_head());
  if (is_end()) end = std::min(end, *moves_->log_end);
  log_query query{.filters = logged_filters(), .up_to = end, .most_messages = messages_per_page};
  if (query.filters.empty()) cursor_->skip_to(end);
  log_cursor::step next = cursor_->next_step(end);
  // The end of an end may move on.
  if (is_end() && next == log_cursor::step::join && cursor_->position() < end)
    next = log_cursor::step::read;
  switch (next) {
  case log_cursor::step::read:
    query.after = cursor_->position();
    cursor_->asked(++last_request_, end);
    return effects.read_log.push_back(
        {.number = last_request_, .page = std::move(query), .offsets = {}, .start = {}});
  case log_cursor::step::join:
    if (is_end())
      moves_->is_read = true;
    else
      set_live(cursor_->join(), true, effects);
    return;
  case log_cursor::step::become_live: return become_live(now, effects);
  }
}

void session::send_from_log(const page_reader::message& next, time_point now,
                            session_effects& effects) {
  const message_entry& entry = next.entry();
  if (entry.qos == qos::at_most_once) return;  // a stream's; not kept for who is away
  if (is_left_to_session(next.block(), next.index)) return;
  const auto options = match(next.topic(), entry.log_offset, next.run.publisher == client_id_);
  if (!options || options->maximum_qos == qos::at_most_once) return;
  if (next.block().expired(entry, now))  // [MQTT5-3.3.2-5]
    ++effects.counted.dropped_expired;
  else
    send_first_time(next.run.block, next.index, *options, now, effects);
}

void session::become_live(time_point now, session_effects& effects) {
  cursor_->become_live();
  message_queue held = std::exchange(cursor_->held(), {});
  for (; !held.empty() && cursor_->now() == log_cursor::phase::live; held.pop()) {
    const auto& [messages, options] = held.front();
    const std::string_view topic = messages.block->topic((*messages.block)[messages.first]);
    deliver_logged(messages.block, messages.first, options, shard_of(topic, host_.shards), now,
                   effects);
  }
  leave_to_log(held);  // if it fell behind again
}

std::vector<std::string> session::logged_filters() const {
  std::vector<std::string> filters;
  for (const auto& [text, state] : subscriptions_)
    if (!is_shared_filter(text) && state.options.qos != qos::at_most_once) filters.push_back(text);
  return filters;
}

std::optional<delivery_options> session::match(std::string_view topic, log_offset offset,
                                               bool own) const {
  combined_options matched;
  for (const auto& [text, state] : subscriptions_) {
    const bool counts = offset > state.begin && !(own && state.options.no_local) &&
                        !is_shared_filter(text) && matches(text, topic);
    if (counts) matched.add(state.options, state.identifier);  // [MQTT5-3.8.3-3]
  }
  if (matched.empty()) return std::nullopt;
  return matched.take();
}

void session::log_read(request_number number, log_page&& page, bool failed, time_point now,
                       session_effects& effects) {
  if (replay_read(number, page, failed, now, effects)) return;
  if (cursor_ == nullptr || !cursor_->is_answer(number)) return;
  if (!cursor_->asked_offsets().empty()) {
    if (!failed && is_resending()) take_in_flight(page);
    return send_queued(now, effects);
  }
  if (!failed) cursor_->take_page(std::move(page));
  follow_log(now, effects);
}

// -- what is in flight ----------------------------------------------------------------

void session::fetch_in_flight(session_effects& effects) {
  if (cursor_->is_asked()) return;
  log_request request{.number = ++last_request_, .page = {}, .offsets = {}, .start = {}};
  for (const packet_id id : extras_->resends) {
    const outbound_window::message* const sent = window_.find(id);
    if (request.offsets.size() == messages_per_fetch) break;
    if (sent != nullptr && is_to_be_fetched(*sent)) request.offsets.push_back(sent->offset);
  }
  cursor_->asked(request.number, std::vector(request.offsets));
  effects.read_log.push_back(std::move(request));
}

void session::take_in_flight(const log_page& page) {
  const std::vector<log_offset>& asked = cursor_->asked_offsets();
  for (const packet_id id : extras_->resends) {
    outbound_window::message* const sent = window_.find(id);
    if (sent == nullptr || !is_to_be_fetched(*sent)) continue;
    if (std::find(asked.begin(), asked.end(), sent->offset) == asked.end()) continue;
    const auto run = std::find_if(page.runs.begin(), page.runs.end(), [&](const log_run& each) {
      return (*each.block)[0].log_offset == sent->offset;
    });
    if (run != page.runs.end()) {
      sent->block = run->block;
      sent->index = 0;
      if (sent->replayed) {
        sent->details = replay_details(replay_identifier(*sent), *run);
      } else if (is_shared(sent->details)) {
        sent->details = share_details(sent->details->share);
      } else {
        const auto options = match(run->block->topic((*run->block)[0]), sent->offset, false);
        if (options) sent->details = options->details;
      }
    } else if (sent->qos == qos::at_least_once) {
      complete(id, *sent);  // nothing is left of it
    } else {
      sent->stage = outbound_window::stage::released;  // ends the exchange, whatever the client has
    }
  }
}

// -- what is kept -------------------------------------------------------------------

void session::progressed(time_point now) noexcept {
  if (!progress_->due) progress_->due = now + progress_interval;
}

void session::send_when_kept(packet_id id) {
  forget_unkept(id);
  progress_->unkept.push_back({0, id});
  progress_->wanted = true;
}

void session::forget_unkept(packet_id id) noexcept {
  if (progress_ == nullptr) return;
  std::erase_if(progress_->unkept, [&](const unkept_message& each) { return each.id == id; });
}

bool session::is_unkept(packet_id id) const noexcept {
  return progress_ != nullptr &&
         std::any_of(progress_->unkept.begin(), progress_->unkept.end(),
                     [&](const unkept_message& each) { return each.id == id; });
}

void session::keep_progress(time_point now, session_effects& effects) {
  send_reports(effects);
  if (moves_ != nullptr && std::exchange(moves_->has_adopted, false)) send_queued(now, effects);
  follow_moves(effects);
  if (cursor_ == nullptr) return;
  if (!progress_->wanted && !(progress_->due && now >= *progress_->due)) return;
  write_progress(effects);
}

std::vector<log_offset> session::positions() const {
  std::vector<log_offset> positions = cursor_->positions();
  // What waits in the queue is lost with the process.
  if (queue_ != nullptr)
    queue_->for_each_logged(positions.size() == host_.shards,
                            [&](std::string_view topic, log_offset offset) {
                              log_offset& at = positions[partition_of(topic) % positions.size()];
                              at = std::min(at, offset - 1);
                            });
  return positions;
}

std::optional<log_interest> session::interest(log_offset head) {
  if (cursor_ == nullptr) return std::nullopt;
  if (cursor_->now() == log_cursor::phase::live) cursor_->skip_to(head);
  log_interest needed;
  const std::vector<log_offset> reached = positions();
  needed.after = *std::min_element(reached.begin(), reached.end());
  const bool has_all = is_end() && moves_->log_end && !waits_for_origins();
  const log_offset end = has_all ? std::min(head, *moves_->log_end) : head;
  if (needed.after < end) needed.filters = logged_filters();
  for (const packet_id id : window_.in_order())
    if (const outbound_window::message& sent = *window_.find(id);
        sent.offset != 0 && sent.stage == outbound_window::stage::published)
      needed.pinned.push_back(sent.offset);
  if (needed.filters.empty() && needed.pinned.empty()) return std::nullopt;
  return needed;
}

void session::write_progress(session_effects& effects) {
  progress_->wanted = false;
  progress_->due.reset();
  kept_progress progress{.positions = positions(), .in_flight = {}};
  for (const packet_id id : window_.in_order()) {
    const outbound_window::message& sent = *window_.find(id);
    const bool has_group = sent.offset != 0 && is_shared(sent.details);
    // The group has it delivered again.
    if (has_group && sent.qos == qos::at_least_once) continue;
    progress.in_flight.push_back({.id = id,
                                  .offset = sent.offset,
                                  .qos = sent.qos,
                                  .retain = sent.retain,
                                  .released = sent.stage != outbound_window::stage::published,
                                  .replayed = sent.replayed,
                                  .identifier = replay_identifier(sent),
                                  .share = has_group ? sent.details->share : std::string()});
  }
  const write_number number = write(std::move(progress), effects);
  if (moves_ != nullptr && moves_->relayed.size() != 0) write_moves(effects);
  write_replays(effects);
  for (unkept_message& each : progress_->unkept)
    if (each.number == 0) each.number = number;
  if (moves_ == nullptr) return;
  for (held_packets& each : moves_->held)
    if (each.number == 0) each.number = number;
}

void session::progress_written(write_number number, bool done, time_point now,
                               session_effects& effects) {
  if (!done) {  // tried again with what has changed since
    forget_written_replays();
    for (unkept_message& each : progress_->unkept)
      if (each.number <= number) each.number = 0;
    for (std::size_t i = 0; moves_ != nullptr && i != moves_->held.size(); ++i)
      if (moves_->held[i].number <= number) moves_->held[i].number = 0;
    return progressed(now);
  }
  if (moves_ != nullptr) release_relayed(number);
  std::vector<unkept_message>& unkept = progress_->unkept;
  const auto end = std::find_if(unkept.begin(), unkept.end(), [&](const unkept_message& each) {
    return each.number == 0 || each.number > number;
  });
  const std::vector<unkept_message> kept(unkept.begin(), end);
  unkept.erase(unkept.begin(), end);
  for (const unkept_message& each : kept) {
    outbound_window::message* const sent = window_.find(each.id);
    // What an earlier connection sent is sent again in its turn.
    if (!connected_ || sent == nullptr || !sent->charged) continue;
    if (sent->stage == outbound_window::stage::released)
      respond(packet_type::pubrel, each.id, reason_code::success, effects);  // [MQTT5-4.3.3-4]
    else
      send_in_flight(each.id, *sent, false, now, effects);
  }
  send_queued(now, effects);
}

}  // namespace troupe
