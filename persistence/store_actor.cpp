#include "persistence/store_actor.hpp"

#include "libbroker/cluster/log_publisher.hpp"
#include "libbroker/topic.hpp"
#include "persistence/member_list.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

namespace {

/// A commit takes so many bytes at most before others have their answers.
constexpr std::size_t largest_commit = 4UL << 20;

/// That are removed before others have their turn.
constexpr std::size_t records_per_turn = 1000;

/// Topics whose durability is remembered.
constexpr std::size_t most_known_topics = 1 << 16;

clock_reading read_clocks(const caf::local_actor& asking) {
  using std::chrono::floor;
  using std::chrono::milliseconds;
  return {.monotonic = floor<milliseconds>(asking.clock().now()),
          .wall = floor<milliseconds>(std::chrono::system_clock::now())};
}

}  // namespace

store_actor::store_actor(caf::actor_config& config, actor_roster& roster, database& store,
                         offset_log& log, std::atomic<log_offset>& head,
                         const store_config& settings, log_reader_handle follower,
                         const std::vector<durability_rule>& rules)
    : counted(config, roster),
      store_(store),
      log_(log),
      head_(head),
      retained_(store),
      sessions_(store),
      shares_(store),
      nodes_(store),
      settings_(settings),
      rules_(rules),
      follower_(std::move(follower)) {
  head_.store(log_.head(), std::memory_order_release);
}

store_actor::behavior_type store_actor::make_behavior() {
  return {
      [this](append& request) { add(request); },
      [this](const keep_retained& request) { keep(request); },
      [this](write_session& request) { write(request); },
      [this](keep_share& request) { write(request); },
      [this](append_loans& request) { add(request); },
      [this](write_node& request) { write(request); },
      [this](const write_members& request) { write(request); },
      [this](const trim& request) { remove_passed(request); },
      [this](const unneeded_found& found) { remove_unneeded(found); },
      [this](const sync_now&) {
        sync_requested_ = false;
        if (store_.has_staged()) {
          note(durability::sync);
          return commit();
        }
        if (const auto done = store_.commit(true); !done)
          spdlog::error("event=store_failed reason=\"{}\"", done.error().what);
      },
      [this](const flush&) {
        flush_requested_ = false;
        commit();
      },
      [this](const ask_facts&) {
        return facts_told{{{"store", {{"log_head", log_.head()}, {"failing", failing_}}}}};
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
  share_answers_.clear();
  loan_answers_.clear();
  node_answers_.clear();
  follower_ = nullptr;
  sweep_.reset();
  needed_.reset();
}

void store_actor::add(append& request) {
  if (failing_) store_.open_again();
  const clock_reading now = read_clocks(*this);
  append_answer answer{std::move(request.reply_to), {.ticket = request.ticket, .first = {}}};
  for (const append::block& each : request.blocks) {
    const message_block& block = *each.messages;
    if (is_refused(each)) {
      answer.message.first.push_back(0);
      continue;
    }
    if (each.attempt != 0) answer.forwarded.emplace_back(block.publisher(), each.attempt);
    const std::string_view publisher =
        each.flow == nullptr ? std::string_view() : std::string_view(each.flow->client_id);
    answer.message.first.push_back(
        log_.append(block, each.which,
                    {.publisher = publisher, .received_at = now.to_wall(block.received_at())}));
    for (const std::uint32_t index : each.which)
      note(durability_of(block.topic(block[index])));
    // One batch with the message, likewise for both: it is there and not taken again, or neither.
    if (each.progress != nullptr) nodes_.move_on(*each.progress);
    if (!each.lasting) continue;
    for (const std::uint32_t index : each.which)
      if (block[index].qos == qos::exactly_once)
        sessions_.apply(publisher, kept_packet_id{block[index].id}, now);
  }
  append_answers_.push_back(std::move(answer));
  commit_soon();
}

bool store_actor::is_refused(const append::block& each) const {
  if (each.attempt == 0 || refused_.empty()) return false;
  const auto found = refused_.find(each.messages->publisher());
  return found != refused_.end() && found->second == each.attempt;
}

void store_actor::keep(const keep_retained& request) {
  const clock_reading now = read_clocks(*this);
  for (const retained_change& change : request.changes) {
    const std::string_view topic = change.block->topic((*change.block)[change.index]);
    note(durability_of(topic));
    if (change.removed)
      retained_.remove(topic);
    else
      retained_.keep(*change.block, change.index, now);
  }
  shard_answers_.push_back({request.reply_to, request.ticket});
  commit_soon();
}

void store_actor::write(write_session& request) {
  const clock_reading now = read_clocks(*this);
  note(settings_.durability);
  for (const session_change& change : request.changes.changes)
    sessions_.apply(request.client_id, change, now);
  session_answers_.push_back(
      {std::move(request.reply_to), {.number = request.changes.number, .epoch = request.epoch}});
  commit_soon();
}

void store_actor::write(keep_share& request) {
  note(settings_.durability);
  if (request.where)
    shares_.keep(*request.where);
  else
    shares_.remove(request.share);
  shares_.change_loans(request.share, request.loans);
  share_answers_.push_back({std::move(request.reply_to), {.number = request.number}});
  commit_soon();
}

void store_actor::add(append_loans& request) {
  if (failing_) store_.open_again();
  note(settings_.durability);
  const message_block& block = *request.lent.block;
  const log_offset first =
      log_.append_loan(block, request.which,
                       {.publisher = publisher_of_node(request.lent.lender_name),
                        .received_at = read_clocks(*this).to_wall(block.received_at())});
  // One batch with the messages: what is there is known, and is not lent twice.
  log_offset own = first;
  for (const std::uint32_t index : request.which)
    shares_.add_loan(request.share, {request.lent.lender, request.lent.offsets[index], own++});
  loan_answers_.push_back({std::move(request.reply_to), {first}});
  commit_soon();
}

void store_actor::write(write_node& request) {
  if (request.change.forgets) commit();  // what is staged is to go, too
  note(settings_.durability);
  nodes_.apply(request.change);
  if (request.reply_to) node_answers_.push_back({std::move(request.reply_to), {request.ticket}});
  commit_soon();
}

void store_actor::write(const write_members& request) {
  note(settings_.durability);
  keep_members(store_, request.all);
  commit_soon();
}

durability store_actor::durability_of(std::string_view topic) {
  if (rules_.empty()) return settings_.durability;
  if (const auto known = known_durability_.find(topic); known != known_durability_.end())
    return known->second;
  if (known_durability_.size() >= most_known_topics) known_durability_.clear();
  const auto rule = std::ranges::find_if(
      rules_, [&](const durability_rule& each) { return matches(each.filter, topic); });
  const durability found = rule == rules_.end() ? settings_.durability : rule->mode;
  known_durability_.emplace(topic, found);
  return found;
}

void store_actor::remove_passed(const trim& request) {
  commit();
  const wall_time now = read_clocks(*this).wall;
  const log_offset passed = request.needed->passed(request.head);
  const log_offset unpinned = request.needed->unpinned(request.head);
  if (!needed_ || needed_->all() != request.needed) needed_.emplace(request.needed);
  std::size_t left = records_per_turn;
  for (const stream_number part : log_.streams().all()) {
    const stream_config* const stream = log_.streams().declaration(part);
    const std::chrono::seconds max_age = stream != nullptr ? stream->max_age : settings_.max_age;
    const bool holds_loans = part == loan_part;
    offset_log::trim_limits limits{.passed = holds_loans ? unpinned : passed,
                                   .keeps_passed = stream != nullptr,
                                   .overdue = {},
                                   .bytes =
                                       stream != nullptr ? stream->max_bytes : settings_.max_bytes,
                                   .needed = &*needed_,
                                   .records = left};
    if (max_age.count() != 0) limits.overdue = now - max_age;
    const auto gone = log_.trim(part, limits);
    if (!gone) {
      spdlog::error("event=trim_failed reason=\"{}\"", gone.error().what);
      continue;
    }
    if (gone->messages_needed != 0)
      spdlog::warn("event=messages_overdue stream=\"{}\" dropped={}", log_.streams().filter(part),
                   gone->messages_needed);
    left -= gone->records;
    if (left != 0) continue;
    trim_again_ = request;  // others have their turn first
    break;
  }
  const bool is_done = !trim_again_;
  // An append in the same commit would not see which topics go.
  commit();
  if (is_done) begin_sweep(request);
}

/// One session that is behind keeps what lies above its position on all topics; a search by
/// topic finds what only seems to be needed. It is worth it when half of the log may go.
void store_actor::begin_sweep(const trim& request) {
  const std::uint64_t bytes = log_.streams().kept(0).bytes;
  swept_bytes_ = std::min(swept_bytes_, bytes);
  if (sweep_ || bytes <= settings_.sweep_above + 2 * swept_bytes_) return;
  sweep_ = request;
  sweep_on(0);
}

void store_actor::sweep_on(log_offset after) {
  send(follower_, find_unneeded{after, *sweep_, caf::actor_cast<store_handle>(this)});
}

void store_actor::remove_unneeded(const unneeded_found& found) {
  if (!sweep_) return;
  commit();
  if (const auto done = log_.remove(found.records); !done) {
    spdlog::error("event=trim_failed reason=\"{}\"", done.error().what);
    sweep_.reset();
    return;
  }
  commit();
  if (failing_) return sweep_.reset();
  if (found.reached < sweep_->head) return sweep_on(found.reached);
  sweep_.reset();
  swept_bytes_ = log_.streams().kept(0).bytes;
  spdlog::info("event=log_swept bytes={}", swept_bytes_);
}

void store_actor::commit_soon() {
  if (store_.staged_bytes() >= largest_commit) return commit();
  if (flush_requested_) return;
  flush_requested_ = true;
  send(this, flush{});
}

void store_actor::commit() {
  // All of an append may be refused, and of a node nothing may be new.
  if (!store_.has_staged() && append_answers_.empty() && node_answers_.empty()) return;
  log_.stage_figures();
  const durability wanted = std::exchange(staged_, durability::os);
  // Offsets are never used twice, whatever may be lost.
  const bool must_sync = wanted == durability::sync || log_.needs_sync();
  const storage_result<void> done =
      log_.is_unsure() ? storage_result<void>(store_.abandon()) : store_.commit(must_sync);
  if (!done && !failing_)
    spdlog::error("event=store_failed reason=\"{}\"", done.error().what);
  else if (done && failing_)
    spdlog::info("event=store_recovered");
  failing_ = !done;
  if (wanted == durability::interval && !std::exchange(sync_requested_, true))
    delayed_send(this, settings_.sync_interval, sync_now{});
  if (done) {
    log_.committed();
    if (head_.exchange(log_.head(), std::memory_order_acq_rel) != log_.head() &&
        log_.take_awaited())
      send(follower_, log_grown{});
    if (trim_again_) send(this, *trim_again_);
  } else {
    log_.failed();
  }
  trim_again_.reset();
  for (append_answer& owed : append_answers_) {
    owed.message.done = done.has_value();
    if (!done)
      for (const auto& [publisher, attempt] : owed.forwarded)
        refused_[publisher] = attempt;
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
  for (share_answer& owed : share_answers_) {
    owed.message.done = done.has_value();
    send(owed.to, owed.message);
  }
  share_answers_.clear();
  for (loan_answer& owed : loan_answers_) {
    if (!done) owed.message.first = 0;
    send(owed.to, owed.message);
  }
  loan_answers_.clear();
  for (node_answer& owed : node_answers_) {
    owed.message.done = done.has_value();
    send(owed.to, owed.message);
  }
  node_answers_.clear();
}

}  // namespace troupe
