// What a peer gets from its node.

#include "actors/peer_actor.hpp"

#include "libbroker/topic.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace troupe {

void peer_actor::take_frame(const link_effects::arrival& frame) {
  frames_.push_back({.sequence = frame.sequence});
  wire_reader in(*frame.frame);
  while (!in.at_end() && in.ok()) {
    const std::uint64_t kind = in.number();
    const std::string_view content = in.text();
    if (in.ok()) take_record(kind, content);
  }
  if (!in.ok()) spdlog::error("event=bad_frame node={} reason=\"a record is cut off\"", name_);
  report_handled();
}

void peer_actor::take_record(std::uint64_t kind, std::string_view content) {
  switch (static_cast<record_kind>(kind)) {
  case record_kind::publishes: return take_publishes(content, false);
  case record_kind::retained: return take_publishes(content, true);
  case record_kind::retained_sync: return take_retained_word(content);
  case record_kind::routes: return take_routes(content);
  case record_kind::routes_installed: return take_routes_installed(content);
  case record_kind::gossip:
    return send(house_.cluster, gossip_heard{node_.node, std::string(content)});
  }
  // Of a later version: see docs/cluster_wire.md.
}

// -- messages -------------------------------------------------------------------------

/// `is_state`: what is retained there, not for subscribers.
void peer_actor::take_publishes(std::string_view content, bool is_state) {
  const auto shards = static_cast<std::uint32_t>(house_.shards.size());
  publishes_reader in(content, current_time(*this));
  // A block has one publisher, version and time; runs of the same have been put together.
  std::optional<std::pair<protocol_version, time_point>> common;
  const auto publish_all = [&] {
    for (shard_index shard = 0; shard != shards; ++shard)
      if (!builders_[shard].empty()) publish_block(shard, common->second, is_state);
  };
  while (const auto found = in.next()) {
    const std::pair described{found->version, found->received_at};
    if (common && *common != described) publish_all();
    common = described;
    if (!is_state) ++messages_received_;
    message_entry entry = found->entry;
    const std::string_view topic =
        as_text(found->wire.subspan(entry.header_size + 2U, entry.topic_size));
    const shard_index shard = shard_of(topic, shards);
    // Where it lies in the log there says whether it was here before, and nothing else.
    if (const log_offset offset = std::exchange(entry.log_offset, 0);
        offset != 0 && !move_mark_on(topic, offset, shard))
      continue;
    retained_stamp stamp = found->stamp;
    if (entry.retain && stamp == retained_stamp()) stamp.node = node_number(name_);
    builders_[shard].add(entry, found->wire, found->version, stamp);
    if (builders_[shard].wire_size() >= house_.settings.scheduler.batch_bytes)
      publish_block(shard, found->received_at, is_state);
  }
  publish_all();
  if (!in.ok()) spdlog::error("event=bad_frame node={} reason=\"a message is malformed\"", name_);
}

bool peer_actor::move_mark_on(std::string_view topic, log_offset offset, shard_index shard) {
  const std::uint32_t partition = partition_of(topic);
  if (offset <= marks_[partition]) return false;
  const log_offset before = std::exchange(marks_[partition], offset);
  auto& moved = moved_[shard];
  if (moved == nullptr) moved = std::make_shared<origin_progress>(origin_progress{marks_home_, {}});
  for (origin_progress::mark& each : moved->marks) {
    if (each.partition != partition) continue;
    each.offset = offset;
    return true;
  }
  moved->marks.push_back({partition, offset, before});
  return true;
}

void peer_actor::publish_block(shard_index shard, time_point received_at, bool is_state) {
  message_block_ptr block =
      builders_[shard].seal({.publisher = number_, .received_at = received_at});
  if (!is_state) house_.counts.add(&metrics::counters::messages_from_nodes, block->size());
  const std::size_t bytes = block->bytes();
  house_.shard_load[shard].bytes.fetch_add(bytes, std::memory_order_relaxed);
  flow_->publishing.fetch_add(bytes, std::memory_order_relaxed);
  ++frames_.back().blocks;
  std::shared_ptr<const origin_progress> progress = std::exchange(moved_[shard], nullptr);
  if (progress != nullptr) frames_.back().progress.push_back(progress);
  send(house_.shards[shard],
       route{.block = std::move(block),
             .flow = flow_,
             .publisher = caf::actor_cast<publisher_handle>(this),
             .epoch = first_frame_ + static_cast<std::uint32_t>(frames_.size() - 1),
             .forwarded = true,
             .is_state = is_state,
             .progress = std::move(progress)});
}

void peer_actor::handle(const accepted& batch) {
  --frames_[batch.epoch - first_frame_].blocks;
  if (!batch.kept) refuse_frame(batch.epoch);
  report_handled();
  carry_out();
}

/// The disk failed to keep messages of it: the node is to send them again, later.
void peer_actor::refuse_frame(std::uint32_t number) {
  unhandled_frame& frame = frames_[number - first_frame_];
  for (const auto& progress : frame.progress)
    for (const origin_progress::mark& each : progress->marks)
      marks_[each.partition] = std::min(marks_[each.partition], each.before);
  for (unhandled_frame& each : frames_)
    each.sequence = 0;
  const bool was_down = link_.now() == node_link::phase::down;
  link_.refuse_stream();
  if (!was_down) went_down("what it sent cannot be written to the disk");
}

/// Tells the node how far its frames are routed here.
void peer_actor::report_handled() {
  std::uint64_t handled = 0;
  while (!frames_.empty() && frames_.front().blocks == 0) {
    handled = frames_.front().sequence;
    frames_.pop_front();
    ++first_frame_;
  }
  if (handled != 0) link_.handled(handled, current_time(*this), effects_);
}

// -- routes ---------------------------------------------------------------------------

void peer_actor::take_routes(std::string_view content) {
  auto record = decode_routes(content);
  if (!record) {
    spdlog::error("event=bad_frame node={} reason=\"routes are malformed\"", name_);
    return;
  }
  if (record->begins_snapshot) routes_.begin_snapshot();
  routes_.apply(record->changes);
  if (record->ends_snapshot)
    for (route_change& gone : routes_.end_snapshot())
      record->changes.push_back(std::move(gone));
  install(record->changes, record->number);
}

/// Has the shards forward; confirms `record` when all of them do, unless it is 0.
void peer_actor::install(const std::vector<route_change>& changes, std::uint64_t record) {
  const auto shards = static_cast<std::uint32_t>(house_.shards.size());
  std::vector<std::vector<route_change>> parts(shards);
  for (const route_change& change : changes) {
    if (!parse_topic_filter(change.filter)->has_wildcard) {
      parts[shard_of(change.filter, shards)].push_back(change);
      continue;
    }
    for (auto& part : parts)
      part.push_back(change);
  }
  ++last_ticket_;
  const bool is_written = keep_routes(changes, last_ticket_);
  // Those without a part answer, too: what came before is behind them then.
  for (shard_index shard = 0; shard != shards; ++shard)
    send(house_.shards[shard], install_routes{.changes = std::move(parts[shard]),
                                              .node = number_,
                                              .ticket = last_ticket_});
  installations_[last_ticket_] = {record, shards + (is_written ? 1U : 0U)};
}

void peer_actor::handle(const routes_installed& answer) {
  const auto found = installations_.find(answer.ticket);
  if (found == installations_.end() || --found->second.waiting_for != 0) return;
  const std::uint64_t record = found->second.record;
  installations_.erase(found);
  if (record == 0) return;
  std::string content;
  wire_writer(content).number(record);
  add_record(record_kind::routes_installed, content);
  request_flush();
}

void peer_actor::take_routes_installed(std::string_view content) {
  const std::uint64_t record = wire_reader(content).number();
  while (!announcements_.empty() && announcements_.front().record <= record) {
    const announcement& done = announcements_.front();
    send(house_.shards[done.shard], routes_announced{number_, done.ticket});
    announcements_.pop_front();
  }
}

}  // namespace troupe
