// What a peer sends to its node.

#include "actors/peer_actor.hpp"

#include <utility>

namespace troupe {

namespace {

/// How many times `cluster.credit` a node may be told beyond it before the link is given up.
constexpr std::size_t most_beyond_credit = 3;

}  // namespace

// -- messages -------------------------------------------------------------------------

bool peer_actor::takes_messages() const noexcept {
  return link_.now() == node_link::phase::up && link_.has_credit();
}

void peer_actor::handle(const deliver& batch) {
  flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
  if (is_shared(batch.options.details)) return lend(batch);
  const bool concerns_log = log_ != nullptr && batch.messages->has_acknowledged_qos &&
                            batch.options.maximum_qos != qos::at_most_once;
  if (!concerns_log) return pass_on(batch);
  const forward_bounds now = bounds();
  log_->deliver(*batch.messages, batch.from, batch.after, now, log_effects_);
  if (!log_->is_live()) note_missed_retained(*batch.messages);
  carry_out_log(now.has_room);
}

/// Messages that may get lost, or those of a node without a log.
void peer_actor::pass_on(const deliver& batch) {
  const bool at_most_once = batch.options.maximum_qos == qos::at_most_once;
  if (has_room()) {
    forward(*batch.messages, at_most_once);
    return request_flush();
  }
  const bool may_get_lost = at_most_once || !batch.messages->has_acknowledged_qos;
  if (may_get_lost) return drop(*batch.messages);
  // Until it is sent it counts against the shards' credit, which bounds how much waits.
  flow_->delivering.fetch_add(batch.messages->footprint(), std::memory_order_relaxed);
  waiting_.push_back(batch);
}

void peer_actor::forward(const delivery& messages, bool at_most_once) {
  const time_point now = current_time(*this);
  for (const message_run& run : messages.runs)
    encode_run(run, at_most_once, now, publishes_);
  count_forwarded(messages.messages);
  if (publishes_.size() + frame_.size() >= house_.settings.scheduler.batch_bytes) send_frame();
}

void peer_actor::count_forwarded(std::uint64_t messages) {
  messages_forwarded_ += messages;
  house_.counts.add(&metrics::counters::messages_forwarded, messages);
}

void peer_actor::count_dropped(std::uint64_t messages) {
  messages_dropped_ += messages;
  house_.counts.add(&metrics::counters::forwards_dropped, messages);
}

void peer_actor::forward_waiting() {
  while (!waiting_.empty() && takes_messages()) {
    const deliver batch = std::move(waiting_.front());
    waiting_.pop_front();
    flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
    forward(*batch.messages, batch.options.maximum_qos == qos::at_most_once);
  }
  while (!lending_.empty() && takes_messages()) {
    const deliver batch = std::move(lending_.front());
    lending_.pop_front();
    flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
    send_lent(batch);
  }
  request_flush();
}

// -- routes and other records ---------------------------------------------------------

void peer_actor::handle(const tell_node& what) {
  if (link_.now() != node_link::phase::up) return;  // it is told anew when the link is up
  add_record(what.kind, what.content);
  request_flush();
}

void peer_actor::handle(const routes_changed& changes) {
  if (last_routes_ == 0) return;  // it gets all of them when the link is up
  if (link_.now() == node_link::phase::down &&
      link_.unhandled_bytes() > house_.settings.cluster.credit)
    return forget_stream();  // and so it does then: it was away for too long
  const bool completes = changes.completes == snapshot_ && waiting_for_shards_ != 0;
  routes_record shares;
  routes_record others{.changes = {}};
  for (const route_change& change : changes.changes)
    (is_shared_filter(change.filter) ? shares : others).changes.push_back(change);
  if (completes) others.ends_snapshot = --waiting_for_shards_ == 0;
  if (!shares.changes.empty()) tell_routes(record_kind::share_routes, std::move(shares));
  if (!others.changes.empty() || others.ends_snapshot || shares.changes.empty())
    tell_routes(record_kind::routes, std::move(others));
  // The last record confirms all.
  if (changes.ticket != 0) announcements_.push_back({last_routes_, changes.shard, changes.ticket});
  // A frame that takes longer than the node waits for a sign of life would never arrive.
  if (frame_.size() >= house_.settings.scheduler.batch_bytes) return send_all();
  request_flush();
}

void peer_actor::tell_routes(record_kind kind, routes_record&& record) {
  record.number = ++last_routes_;
  std::string content;
  encode(record, content);
  add_record(kind, content);
}

void peer_actor::add_record(record_kind kind, std::string_view content) {
  end_publishes();  // everything keeps its order
  frame_.add(kind, content);
}

void peer_actor::end_publishes() {
  if (publishes_.empty()) return;
  frame_.add(record_kind::publishes, publishes_);
  publishes_.clear();
}

void peer_actor::request_flush() {
  if (flush_requested_) return;
  if (mailbox().empty()) return send_all();  // nothing that a later flush could take along
  flush_requested_ = true;
  send(this, flush{});
}

void peer_actor::send_all() {
  send_frame();
  // Only here: in between, a part of what was taken from the log is not in a frame yet.
  if (log_ != nullptr && publishes_.empty() && frame_.empty()) log_->sent(link_.last_sent());
}

void peer_actor::send_frame() {
  end_publishes();
  if (frame_.empty()) return;
  // Messages wait for credit; what the nodes tell each other of themselves does not.
  beyond_credit_ = link_.has_credit() ? 0 : beyond_credit_ + frame_.size();
  if (beyond_credit_ > most_beyond_credit * house_.settings.cluster.credit &&
      link_.now() == node_link::phase::up) {
    link_.disconnected();
    went_down("too much is sent and not handled there");
    return forget_stream();
  }
  link_.send(frame_.take(), current_time(*this), effects_);
  carry_out();
}

}  // namespace troupe
