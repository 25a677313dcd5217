// What a peer sends to its node.

#include "actors/peer_actor.hpp"

#include <utility>

namespace troupe {

// -- messages -------------------------------------------------------------------------

bool peer_actor::takes_messages() const noexcept {
  return link_.now() == node_link::phase::up && link_.has_credit();
}

void peer_actor::handle(deliver& batch) {
  if (waiting_.empty() && takes_messages()) {
    forward(batch);
    return request_flush();
  }
  const bool may_get_lost =
      batch.options.maximum_qos == qos::at_most_once || !batch.messages->has_acknowledged_qos;
  if (may_get_lost && link_.now() != node_link::phase::up) return drop(batch);
  waiting_.push_back(std::move(batch));  // the shards' credit bounds how many
}

void peer_actor::forward(const deliver& batch) {
  flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
  const bool at_most_once = batch.options.maximum_qos == qos::at_most_once;
  const time_point now = current_time(*this);
  for (const message_run& run : batch.messages->runs)
    encode_run(run, at_most_once, now, publishes_);
  messages_forwarded_ += batch.messages->messages;
  house_.counts.add(&metrics::counters::messages_forwarded, batch.messages->messages);
  if (publishes_.size() + frame_.size() >= house_.settings.scheduler.batch_bytes) send_frame();
}

void peer_actor::drop(const deliver& batch) {
  flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
  messages_dropped_ += batch.messages->messages;
  house_.counts.add(&metrics::counters::forwards_dropped, batch.messages->messages);
}

void peer_actor::forward_waiting() {
  while (!waiting_.empty() && takes_messages()) {
    const deliver batch = std::move(waiting_.front());
    waiting_.pop_front();
    forward(batch);
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
  if (last_routes_ == 0) return;  // there never was a link: it gets all of them with the first
  routes_record record{.number = ++last_routes_, .changes = changes.changes};
  if (changes.completes == snapshot_ && waiting_for_shards_ != 0)
    record.ends_snapshot = --waiting_for_shards_ == 0;
  if (changes.ticket != 0) announcements_.push_back({record.number, changes.shard, changes.ticket});
  std::string content;
  encode(record, content);
  add_record(record_kind::routes, content);
  request_flush();
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
  if (mailbox().empty()) return send_frame();  // nothing that a later flush could take along
  flush_requested_ = true;
  send(this, flush{});
}

void peer_actor::send_frame() {
  end_publishes();
  if (frame_.empty()) return;
  link_.send(frame_.take(), current_time(*this), effects_);
  carry_out();
}

}  // namespace troupe
