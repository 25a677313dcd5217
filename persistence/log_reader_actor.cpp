#include "persistence/log_reader_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

/// Whoever asks again at once after an error would find the same.
constexpr std::chrono::seconds pause_after_error{1};

/// Questions of one session that wait. It has no more than `limits.max-replays-per-session`
/// that it still wants answers to, unless that is set higher; beyond it answers come late.
constexpr std::uint32_t most_waits = 64;

/// Who waits for messages is answered after one to two of these at the latest, so that
/// sessions that are gone are not kept for ever.
constexpr std::chrono::seconds longest_wait{20};

}  // namespace

log_reader_actor::log_reader_actor(caf::actor_config& config, actor_roster& roster,
                                   const database& store, offset_log& log)
    : counted(config, roster), log_(log), reader_(store, log.streams()) {}

template <class IsOver>
void log_reader_actor::end_waits(IsOver is_over) {
  std::vector<wait> left;
  for (wait& each : std::exchange(waiting_, {})) {
    const caf::actor_id whose = each.request.reader.id();
    if (!is_over(each))
      left.push_back(std::move(each));
    else if (const auto waits = waits_of_.find(whose); --waits->second == 0)
      waits_of_.erase(waits);
  }
  waiting_ = std::move(left);
}

log_reader_actor::behavior_type log_reader_actor::make_behavior() {
  return {
      [this](read_log& request) { answer(request); },
      [this](const find_replay& request) { find_beginning(request); },
      [this](const find_unneeded& request) { answer(request); },
      [this](const log_grown&) { look_again(); },
      [this](const end_long_waits&) {
        has_timer_ = false;
        end_waits([this](wait& each) {
          if (++each.rounds < 2) return false;
          log_page nothing;
          nothing.reached = each.request.what.page.after;
          send_page(each.request, std::move(nothing));
          return true;
        });
        if (waiting_.empty()) return;
        has_timer_ = true;
        delayed_send(this, longest_wait, end_long_waits{});
      },
  };
}

void log_reader_actor::answer(read_log& request) {
  if (!request.what.follows) return send_page(request, read(request.what));
  log_.await_growth();  // first, so that what is added while we look is not missed
  if (follow(request)) return;
  std::uint32_t& waits = waits_of_[request.reader.id()];
  if (waits == most_waits) {
    log_read nothing{.number = request.what.number, .epoch = request.epoch, .page = {}};
    nothing.page.reached = request.what.page.after;
    return delayed_send(request.reader, pause_after_error, std::move(nothing));
  }
  ++waits;
  waiting_.push_back({.request = std::move(request)});
  if (!std::exchange(has_timer_, true)) delayed_send(this, longest_wait, end_long_waits{});
}

void log_reader_actor::answer(const find_unneeded& request) {
  if (!needed_ || needed_->all() != request.limits.needed) needed_.emplace(request.limits.needed);
  auto found = reader_.find_unneeded(request.after, request.limits.head, *needed_);
  if (found)
    return send(request.reply_to, unneeded_found{std::move(found->records), found->reached});
  spdlog::error("event=log_unreadable reason=\"{}\"", found.error().what);
  send(request.reply_to, unneeded_found{{}, request.limits.head});
}

void log_reader_actor::find_beginning(const find_replay& request) {
  const log_query& what = request.what.page;
  const auto found = reader_.find(*request.what.start, what.filters, what.now.wall);
  replay_found reply{.number = request.what.number, .epoch = request.epoch, .where = {}};
  if (found)
    reply.where = {.after = found->after, .oldest = found->oldest};
  else
    spdlog::error("event=log_unreadable reason=\"{}\"", found.error().what);
  reply.where.failed = !found;
  if (found)
    send(request.reader, reply);
  else
    delayed_send(request.reader, pause_after_error, reply);
}

bool log_reader_actor::follow(read_log& request) {
  log_query& what = request.what.page;
  what.up_to = log_.head();
  if (what.after >= what.up_to) return false;
  auto page = reader_.read(what);
  const bool found_nothing =
      page && page->messages == 0 && page->damaged_records == 0 && page->reached >= what.up_to;
  if (found_nothing) {
    what.after = page->reached;
    return false;
  }
  // Also a page without messages: who still wants to know asks again, behind others.
  send_page(request, std::move(page));
  return true;
}

void log_reader_actor::look_again() {
  if (waiting_.empty()) return;
  log_.await_growth();
  end_waits([this](wait& each) { return follow(each.request); });
}

void log_reader_actor::send_page(const read_log& request, storage_result<log_page>&& page) {
  log_read reply{.number = request.what.number, .epoch = request.epoch, .page = {}};
  if (page) {
    if (page->damaged_records != 0)
      spdlog::error("event=log_damaged records={}", page->damaged_records);
    reply.page = *std::move(page);
    return send(request.reader, std::move(reply));
  }
  spdlog::error("event=log_unreadable reason=\"{}\"", page.error().what);
  reply.page.reached = request.what.page.after;
  reply.failed = true;
  delayed_send(request.reader, pause_after_error, std::move(reply));
}

storage_result<log_page> log_reader_actor::read(const log_request& what) const {
  if (what.offsets.empty()) return reader_.read(what.page);
  log_page page;
  for (const log_offset offset : what.offsets) {
    auto found = reader_.get(offset, what.page.now);
    if (!found) return found.error();
    if (*found) page.runs.push_back(**std::move(found));
  }
  return page;
}

}  // namespace troupe
