// Shared subscriptions with members on the node: what is lent to it, and what it lends.

#include "actors/peer_actor.hpp"

#include "libbroker/cluster/share_wire.hpp"
#include "libbroker/topic.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

// -- groups here ----------------------------------------------------------------------

void peer_actor::tell_share(const std::string& share, share_request&& what) {
  send(house_.directory_of(share), to_share{.call = {share, std::move(what)},
                                            .from = {},
                                            .session = share_id_,
                                            .epoch = lend_epoch_,
                                            .flow = flow_,
                                            .node = caf::actor_cast<peer_handle>(this)});
}

/// The node has, or has no longer, members of a shared subscription. Answered with
/// `subscriptions_added` or `subscriptions_removed`, as a session is.
void peer_actor::install_share(const route_change& change, std::uint64_t ticket) {
  const auto number = static_cast<request_number>(ticket);
  if (change.interest == route_interest::none) {
    shares_.erase(change.filter);
    return tell_share(change.filter, share_leave{number});
  }
  const bool is_acknowledged = change.interest >= route_interest::passing;
  const qos level = is_acknowledged ? qos::exactly_once : qos::at_most_once;
  tell_share(change.filter, share_join{.number = number,
                                       .options = {.qos = level, .retain_as_published = true},
                                       .lasting = is_acknowledged && house_.store != nullptr});
  shares_.insert(change.filter);
  if (link_.now() == node_link::phase::up)
    tell_share(change.filter, share_link_up{node_.node.home});
}

/// A group has done its part of installing routes.
void peer_actor::share_installed(request_number number) {
  const std::uint64_t first = last_ticket_ + 1 - installations_.size();
  const request_number place = number - static_cast<request_number>(first);
  if (place < installations_.size()) installed(first + place);
}

/// Groups of which it has no members any more may have something of it, or it of theirs.
void peer_actor::shares_up() {
  for (const directory_handle& directory : house_.directories)
    send(directory, share_node_up{.node = share_id_,
                                  .home = node_.node.home,
                                  .epoch = lend_epoch_,
                                  .flow = flow_,
                                  .peer = caf::actor_cast<peer_handle>(this)});
}

/// What was to be lent and is not sent stays here: groups find out what the node has when there is
/// a link again.
void peer_actor::shares_down() {
  ++lend_epoch_;
  return_waiting({});
  for (const std::string& share : shares_)
    tell_share(share, share_link_down{});
}

void peer_actor::shares_died(bool for_good) {
  return_waiting({});
  for (const directory_handle& directory : house_.directories)
    send(directory, share_node_died{share_id_, node_.node.home, for_good});
}

void peer_actor::handle(const share_said& word) {
  // All of it is said again over the next link.
  if (link_.now() != node_link::phase::up || word.epoch != lend_epoch_) return;
  // What waits would come behind the question, and not be in the answer.
  if (std::holds_alternative<share_ask>(word.what.what)) return_waiting(word.what.share);
  add_record(record_kind::share, encode_share_word(word.what));
  request_flush();
}

/// What is to be lent and was not sent stays here; `share`: of one group, or of all if empty.
void peer_actor::return_waiting(std::string_view share) {
  std::erase_if(lending_, [&](const deliver& batch) {
    if (!share.empty() && batch.options.details->share != share) return false;
    flow_->delivering.fetch_sub(batch.messages->footprint(), std::memory_order_relaxed);
    return_lent(batch);
    return true;
  });
}

// -- what is lent to the node ---------------------------------------------------------

void peer_actor::lend(const deliver& batch) {
  const bool is_linked = link_.now() == node_link::phase::up;
  const bool is_for_now = batch.options.tracked || batch.options.maximum_qos == qos::at_most_once;
  if (batch.epoch != lend_epoch_ || (!is_linked && is_for_now)) return return_lent(batch);
  if (is_linked && takes_messages()) return send_lent(batch);
  // What is in no log and nobody else can take waits for the link.
  flow_->delivering.fetch_add(batch.messages->footprint(), std::memory_order_relaxed);
  lending_.push_back(batch);
}

void peer_actor::send_lent(const deliver& batch) {
  std::string content;
  encode_lent_header({.share = batch.options.details->share, .is_counted = batch.options.tracked},
                     content);
  const time_point now = current_time(*this);
  const bool at_most_once = batch.options.maximum_qos == qos::at_most_once;
  for (const message_run& run : batch.messages->runs)
    encode_run(run, at_most_once, now, content);
  count_forwarded(batch.messages->messages);
  add_record(record_kind::lent, content);
  request_flush();
}

/// The node does not get it. Of what is counted the group finds that out itself.
void peer_actor::return_lent(const deliver& batch) {
  if (batch.options.tracked) return;
  const bool at_most_once = batch.options.maximum_qos == qos::at_most_once;
  for (const message_run& run : batch.messages->runs) {
    message_block_builder others;
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
      const message_entry& entry = (*run.block)[i];
      if (at_most_once || entry.qos == qos::at_most_once)
        count_dropped(1);
      else
        others.add(*run.block, entry);
    }
    if (others.empty()) continue;
    tell_share(batch.options.details->share,
               share_return{others.seal({.publisher = run.block->publisher(),
                                         .received_at = run.block->received_at()})});
  }
}

// -- what the node says ---------------------------------------------------------------

void peer_actor::take_share_word(std::string_view content) {
  auto word = decode_share_word(content);
  if (!word) {
    spdlog::error("event=bad_frame node={} reason=\"what it says of a share group is malformed\"",
                  name_);
    return;
  }
  if (auto* const ask = std::get_if<share_ask>(&word->what)) ask->lender = node_.node.home;
  if (auto* const confirmed = std::get_if<share_confirmed>(&word->what))
    confirmed->lender = node_.node.home;
  tell_share(word->share, std::move(word->what));
}

/// Messages for a member here of a group.
void peer_actor::take_lent(std::string_view content) {
  const auto header = take_lent_header(content);
  publishes_reader in(content, current_time(*this));
  message_block_builder block;
  std::vector<log_offset> offsets;
  std::optional<std::pair<protocol_version, time_point>> common;
  const auto pass_on = [&] {
    if (block.empty()) return;
    take_lent_block(std::string(header->share),
                    {.block = block.seal({.publisher = number_, .received_at = common->second}),
                     .lender = node_.node.home,
                     .lender_name = name_,
                     .offsets = std::exchange(offsets, {})});
  };
  while (header) {
    const auto found = in.next();
    if (!found) break;
    const std::pair described{found->version, found->received_at};
    if (common && *common != described) pass_on();
    common = described;
    message_entry entry = found->entry;
    const log_offset offset = std::exchange(entry.log_offset, 0);
    if (header->is_counted && offset == 0) continue;  // nothing could be said of it
    if (header->is_counted) offsets.push_back(offset);
    const message_identity identity =
        offset == 0 ? message_identity() : message_identity{node_.node.home, offset};
    block.add(entry, found->wire, found->version, found->stamp, identity);
    if (block.wire_size() >= house_.settings.scheduler.batch_bytes) pass_on();
  }
  pass_on();
  if (!header || !in.ok())
    spdlog::error("event=bad_frame node={} reason=\"what it lends is malformed\"", name_);
}

void peer_actor::take_lent_block(const std::string& share, share_lend&& lent) {
  count_received(lent.block->size());
  const std::size_t bytes = lent.block->bytes();
  // What the node keeps count of is no more than members here have room for.
  const std::size_t waiting = flow_->lent.fetch_add(bytes, std::memory_order_relaxed);
  if (lent.offsets.empty() && waiting > house_.settings.limits.delivery_credit) {
    flow_->lent.fetch_sub(bytes, std::memory_order_relaxed);
    house_.counts.add(&metrics::counters::deliveries_dropped, lent.block->size());
    return;
  }
  tell_share(share, std::move(lent));
}

}  // namespace troupe
