#include "persistence/store_actor.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

/// A commit takes so many bytes at most before others have their answers.
constexpr std::size_t largest_commit = 4UL << 20;

clock_reading read_clocks(const caf::local_actor& asking) {
  using std::chrono::floor;
  using std::chrono::milliseconds;
  return {.monotonic = floor<milliseconds>(asking.clock().now()),
          .wall = floor<milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace

store_actor::store_actor(caf::actor_config& config, database& store, offset_log& log,
                         std::atomic<log_offset>& head, const store_config& settings,
                         log_reader_handle follower)
    : store_handle::base(config),
      store_(store),
      log_(log),
      head_(head),
      retained_(store),
      sessions_(store),
      settings_(settings),
      follower_(std::move(follower)) {
  head_.store(log_.head(), std::memory_order_release);
}

store_actor::behavior_type store_actor::make_behavior() {
  return {
      [this](append& request) { add(request); },
      [this](const keep_retained& request) { keep(request); },
      [this](write_session& request) { write(request); },
      [this](const trim& request) { remove_passed(request); },
      [this](const sync_now&) {
        sync_requested_ = false;
        if (const auto done = store_.commit(true); !done)
          spdlog::error("event=store_failed reason=\"{}\"", done.error().what);
      },
      [this](const flush&) {
        flush_requested_ = false;
        commit();
      },
      [this](const settle&) {
        commit();
        return settled{};
      },
  };
}

void store_actor::on_exit() {
  commit();
  append_answers_.clear();
  shard_answers_.clear();
  session_answers_.clear();
  follower_ = nullptr;
}

void store_actor::add(append& request) {
  if (failing_) store_.open_again();
  const clock_reading now = read_clocks(*this);
  append_answer answer{std::move(request.reply_to), {.ticket = request.ticket, .first = {}}};
  for (const append::block& each : request.blocks) {
    const message_block& block = *each.messages;
    const std::string_view publisher =
        each.flow == nullptr ? std::string_view() : std::string_view(each.flow->client_id);
    answer.message.first.push_back(
        log_.append(block, each.which,
                    {.publisher = publisher, .received_at = now.to_wall(block.received_at())}));
    if (!each.lasting) continue;
    // One batch with the message: it is either there and not taken again, or neither.
    for (const std::uint32_t index : each.which)
      if (block[index].qos == qos::exactly_once)
        sessions_.apply(publisher, kept_packet_id{block[index].id}, now);
  }
  append_answers_.push_back(std::move(answer));
  commit_soon();
}

void store_actor::keep(const keep_retained& request) {
  const clock_reading now = read_clocks(*this);
  for (const retained_change& change : request.changes)
    if (change.removed)
      retained_.remove(change.block->topic((*change.block)[change.index]));
    else
      retained_.keep(*change.block, change.index, now);
  shard_answers_.push_back({request.reply_to, request.ticket});
  commit_soon();
}

void store_actor::write(write_session& request) {
  const clock_reading now = read_clocks(*this);
  for (const session_change& change : request.changes.changes)
    sessions_.apply(request.client_id, change, now);
  session_answers_.push_back(
      {std::move(request.reply_to), {.number = request.changes.number, .epoch = request.epoch}});
  commit_soon();
}

bool store_actor::must_sync() const noexcept {
  // Offsets are never used twice, whatever may be lost.
  return settings_.durability == durability::sync || log_.needs_sync();
}

void store_actor::remove_passed(const trim& request) {
  commit();
  const wall_time now = read_clocks(*this).wall;
  for (const stream_number part : log_.streams().all()) {
    const stream_config* const stream = log_.streams().declaration(part);
    const std::chrono::seconds max_age = stream != nullptr ? stream->max_age : settings_.max_age;
    offset_log::trim_limits limits{.passed = request.passed,
                                   .keeps_passed = stream != nullptr,
                                   .overdue = {},
                                   .bytes =
                                       stream != nullptr ? stream->max_bytes : settings_.max_bytes};
    if (max_age.count() != 0) limits.overdue = now - max_age;
    const auto gone = log_.trim(part, limits);
    if (!gone) return spdlog::error("event=trim_failed reason=\"{}\"", gone.error().what);
    if (gone->messages_needed != 0)
      spdlog::warn("event=messages_overdue stream=\"{}\" dropped={}", log_.streams().filter(part),
                   gone->messages_needed);
    if (gone->records == 0) continue;
    if (gone->records == limits.records) trim_again_ = request;  // others have their turn first
    commit_soon();
  }
}

void store_actor::commit_soon() {
  if (store_.staged_bytes() >= largest_commit) return commit();
  if (flush_requested_) return;
  flush_requested_ = true;
  send(this, flush{});
}

void store_actor::commit() {
  if (!store_.has_staged()) return;
  log_.stage_figures();
  const storage_result<void> done =
      log_.is_unsure() ? storage_result<void>(store_.abandon()) : store_.commit(must_sync());
  if (!done && !failing_)
    spdlog::error("event=store_failed reason=\"{}\"", done.error().what);
  else if (done && failing_)
    spdlog::info("event=store_recovered");
  failing_ = !done;
  if (settings_.durability == durability::interval && !std::exchange(sync_requested_, true))
    delayed_send(this, settings_.sync_interval, sync_now{});
  if (done) {
    log_.committed();
    if (head_.exchange(log_.head(), std::memory_order_acq_rel) != log_.head() && log_.is_awaited())
      send(follower_, log_grown{});
    if (trim_again_) send(this, *trim_again_);
  } else {
    log_.failed();
  }
  trim_again_.reset();
  for (append_answer& owed : append_answers_) {
    owed.message.done = done.has_value();
    send(owed.to, std::move(owed.message));
  }
  append_answers_.clear();
  for (const shard_answer& owed : shard_answers_)
    send(owed.to, kept{owed.ticket, done.has_value()});
  shard_answers_.clear();
  for (session_answer& owed : session_answers_) {
    owed.message.done = done.has_value();
    send(owed.to, owed.message);
  }
  session_answers_.clear();
}

}  // namespace troupe
