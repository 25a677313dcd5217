// What a peer gets from its node.

#include "actors/peer_actor.hpp"

#include "libbroker/topic.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

namespace troupe {

void peer_actor::take_frame(const link_effects::arrival& frame) {
  inbound_.begin_frame(frame.sequence);
  arriving_ = frame.sequence;
  wire_reader in(*frame.frame);
  while (!in.at_end() && in.ok()) {
    const std::uint64_t kind = in.number();
    const std::string_view content = in.text();
    const bool is_done =
        inbound_.is_repeated() && kind != static_cast<std::uint64_t>(record_kind::publishes);
    if (in.ok() && !is_done) take_record(kind, content);
  }
  if (!in.ok()) spdlog::error("event=bad_frame node={} reason=\"a record is cut off\"", name_);
  report_handled();
}

void peer_actor::take_record(std::uint64_t kind, std::string_view content) {
  // Else it would be taken for another one.
  if (kind > std::numeric_limits<std::underlying_type_t<record_kind>>::max()) return;
  switch (static_cast<record_kind>(kind)) {
  case record_kind::publishes: return take_publishes(content, false);
  case record_kind::retained: return take_publishes(content, true);
  case record_kind::retained_sync: return take_retained_word(content);
  case record_kind::routes: return take_routes(content, false);
  case record_kind::share_routes: return take_routes(content, true);
  case record_kind::lent: return take_lent(content);
  case record_kind::share: return take_share_word(content);
  case record_kind::routes_installed: return take_routes_installed(content);
  case record_kind::gossip:
    return send(house_.cluster, gossip_heard{node_.node, std::string(content)});
  case record_kind::clients:
    return send(house_.cluster, clients_heard{name_, std::string(content)});
  case record_kind::figures:
    if (house_.statistics) send(house_.statistics, figures_heard{name_, std::string(content)});
    return;
  case record_kind::fence: return take_fence(content);
  case record_kind::fenced: return take_fenced(content);
  case record_kind::wills: return send(house_.cluster, wills_heard{name_, std::string(content)});
  case record_kind::session: return take_session_word(content);
  }
  // Of a later version: see docs/cluster_wire.md.
}

void peer_actor::take_session_word(std::string_view content) {
  auto message = decode_session_message(content);
  if (!message) {
    spdlog::error("event=bad_frame node={} reason=\"what it says of a session is malformed\"",
                  name_);
    return;
  }
  auto shared = std::make_shared<const session_message>(*std::move(message));
  const directory_handle& directory = house_.directory_of(shared->client_id);
  send(directory, session_said{name_, std::move(shared)});
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
    message_entry entry = found->entry;
    const std::string_view topic =
        as_text(found->wire.subspan(entry.header_size + 2U, entry.topic_size));
    const shard_index shard = shard_of(topic, shards);
    const log_offset there = std::exchange(entry.log_offset, 0);
    if (!is_state && !inbound_.takes(topic, there, shard)) continue;
    retained_stamp stamp = found->stamp;
    if (entry.retain && stamp == retained_stamp()) stamp.node = node_number(name_);
    // Of what is in no log there it is only known that it was not published here.
    message_identity identity;
    if (house_.store && entry.qos != qos::at_most_once) identity = {node_.node.home, there};
    builders_[shard].add(entry, found->wire, found->version, stamp, identity);
    if (builders_[shard].wire_size() >= house_.settings.scheduler.batch_bytes)
      publish_block(shard, found->received_at, is_state);
  }
  publish_all();
  if (!in.ok()) spdlog::error("event=bad_frame node={} reason=\"a message is malformed\"", name_);
}

void peer_actor::publish_block(shard_index shard, time_point received_at, bool is_state) {
  message_block_ptr block =
      builders_[shard].seal({.publisher = number_, .received_at = received_at});
  if (!is_state) count_received(block->size());
  const std::size_t bytes = block->bytes();
  house_.shard_load[shard].bytes.fetch_add(bytes, std::memory_order_relaxed);
  flow_->publishing.fetch_add(bytes, std::memory_order_relaxed);
  inbound_stream::block made =
      is_state ? inbound_.end_state_block(shard) : inbound_.end_block(shard);
  send(house_.shards[shard], route{.block = std::move(block),
                                   .flow = flow_,
                                   .publisher = caf::actor_cast<publisher_handle>(this),
                                   .epoch = made.number,
                                   .forwarded = true,
                                   .is_state = is_state,
                                   .attempt = made.attempt,
                                   .progress = std::move(made.progress)});
}

void peer_actor::count_received(std::uint64_t messages) {
  messages_received_ += messages;
  house_.counts.add(&metrics::counters::messages_from_nodes, messages);
}

void peer_actor::handle(const accepted& batch) {
  inbound_.answered(batch.epoch, batch.kept);
  // The disk failed to keep messages of it: the node is to send them again, later.
  if (inbound_.is_refusing() && link_.now() != node_link::phase::down) {
    link_.disconnected();
    went_down("what it sent cannot be written to the disk");
  }
  report_handled();
  if (inbound_.end_refusal()) link_.take_again();
  carry_out();
}

/// Tells the node how far its frames are routed here.
void peer_actor::report_handled() {
  const std::uint64_t handled = inbound_.take_handled();
  if (handled == 0) return;
  link_.handled(handled, current_time(*this), effects_);
  for (; !fenced_.empty() && fenced_.front().frame <= handled; fenced_.pop_front())
    fenced_.front().promise.deliver(fenced_.front().answer);
}

// -- routes ---------------------------------------------------------------------------

void peer_actor::take_routes(std::string_view content, bool are_shared) {
  auto record = decode_routes(content, are_shared);
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
  std::vector<const route_change*> shared;
  for (const route_change& change : changes) {
    const topic_filter filter = *parse_topic_filter(change.filter);
    if (filter.is_shared()) {
      shared.push_back(&change);
      continue;
    }
    if (!filter.has_wildcard) {
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
  for (const route_change* const change : shared)
    install_share(*change, last_ticket_);
  installations_.push_back({record, shards + shared.size() + (is_written ? 1U : 0U)});
}

/// A shard, or the store, has done its part. Records are confirmed in order: the node takes the
/// word for one as that for all before it.
void peer_actor::installed(std::uint64_t ticket) {
  const std::uint64_t first = last_ticket_ + 1 - installations_.size();
  if (ticket < first) return;  // of an earlier stream
  --installations_[ticket - first].waiting_for;
  std::uint64_t record = 0;
  for (; !installations_.empty() && installations_.front().waiting_for == 0;
       installations_.pop_front())
    record = std::max(record, installations_.front().record);
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
