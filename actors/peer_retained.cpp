// What a peer's node has of retained messages, and this one.

#include "actors/peer_actor.hpp"

#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace troupe {

retained_sync_settings peer_actor::retained_settings(const node_context& house,
                                                     std::string_view name) {
  return {.shards = static_cast<std::uint32_t>(house.shards.size()),
          .begins = house.identity.name < name};
}

/// The link is up, and the shards forward what changes from now on: this was asked of them first.
void peer_actor::compare_retained() {
  retained_.link_up(current_time(*this), retained_effects_);
  carry_out_retained();
}

void peer_actor::take_retained_word(std::string_view content) {
  auto word = decode_retained_word(content);
  if (!word) {
    spdlog::error("event=bad_frame node={} reason=\"what is retained is malformed\"", name_);
    return;
  }
  retained_.take(*std::move(word), current_time(*this), retained_effects_);
  carry_out_retained();
}

void peer_actor::handle(retained_answered& answer) {
  retained_.answered(answer.ticket, std::move(answer.answer), retained_effects_);
  carry_out_retained();
}

void peer_actor::tick_retained() {
  // What it read from the log was what somebody there has subscribed to, and no more.
  const bool is_live = log_ == nullptr || log_->is_live();
  if (!std::exchange(was_live_, is_live) && is_live) retained_.missed(current_time(*this));
  retained_.tick(current_time(*this), retained_effects_);
  carry_out_retained();
}

void peer_actor::note_missed_retained(const delivery& messages) {
  if (messages.has_retain) retained_.missed(current_time(*this));
}

void peer_actor::carry_out_retained() {
  const auto shards = static_cast<std::uint32_t>(house_.shards.size());
  retained_sync_effects due = std::exchange(retained_effects_, {});
  const auto ask = [&](shard_index shard, const retained_question& what, std::uint64_t ticket) {
    send(house_.shards[shard], ask_retained{what, caf::actor_cast<peer_handle>(this), ticket});
  };
  for (const auto& [ticket, what] : due.questions) {
    if (const auto bucket = bucket_of(what)) {
      ask(shard_of_bucket(*bucket, shards), what, ticket);
      continue;
    }
    for (shard_index shard = 0; shard != shards; ++shard)
      ask(shard, what, ticket);
  }
  if (due.finished && due.finished->wanted + due.finished->given != 0)
    spdlog::info("event=retained_compared node={} newer_there={} newer_here={}", name_,
                 due.finished->wanted, due.finished->given);
  send_retained();
}

/// Says what is to be said as far as there is room; most of that is left to messages.
void peer_actor::send_retained() {
  std::string values;
  const auto add_values = [&] {
    if (!values.empty()) add_record(record_kind::retained, std::exchange(values, {}));
  };
  const std::size_t most = house_.settings.scheduler.batch_bytes;
  const std::size_t share = house_.settings.cluster.credit / 4;
  while (has_room() && link_.unhandled_bytes() <= share) {
    const auto next = retained_.pop();
    if (!next) break;
    if (const auto* const value = std::get_if<retained_value>(&*next)) {
      encode_retained(value->message, value->stamp, current_time(*this), values);
      if (values.size() < most) continue;
    }
    add_values();
    if (const auto* const word = std::get_if<retained_word>(&*next))
      add_record(record_kind::retained_sync, encode(*word));
    if (frame_.size() >= most) send_frame();
  }
  add_values();
  if (!frame_.empty()) request_flush();
}

}  // namespace troupe
