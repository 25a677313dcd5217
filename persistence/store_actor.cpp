#include "persistence/store_actor.hpp"

#include <spdlog/spdlog.h>

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

store_actor::store_actor(caf::actor_config& config, database& store)
    : store_handle::base(config), store_(store), retained_(store), sessions_(store) {}

store_actor::behavior_type store_actor::make_behavior() {
  return {
      [this](const keep_retained& request) { keep(request); },
      [this](write_session& request) { write(request); },
      [this](const flush&) {
        flush_requested_ = false;
        commit();
      },
  };
}

void store_actor::on_exit() {
  commit();
  shard_answers_.clear();
  session_answers_.clear();
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

void store_actor::commit_soon() {
  if (store_.staged_bytes() >= largest_commit) return commit();
  if (flush_requested_) return;
  flush_requested_ = true;
  send(this, flush{});
}

void store_actor::commit() {
  if (!store_.has_staged()) return;
  const auto done = store_.commit(true);
  if (!done && !failing_)
    spdlog::error("event=store_failed reason=\"{}\"", done.error().what);
  else if (done && failing_)
    spdlog::info("event=store_recovered");
  failing_ = !done;
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
