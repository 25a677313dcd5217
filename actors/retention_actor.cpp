#include "actors/retention_actor.hpp"

#include "actors/gathering.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

namespace {

constexpr std::chrono::seconds answer_timeout{30};

}  // namespace

struct retention_actor::round {
  log_offset head = 0;
  std::shared_ptr<log_interests> needed = std::make_shared<log_interests>();
  bool failed = false;
};

retention_actor::retention_actor(caf::actor_config& config, const node_context& house)
    : counted(config, house.roster), house_(house) {
  delayed_send(this, house_.settings.store.trim_interval, look_for_unneeded{});
}

retention_actor::behavior_type retention_actor::make_behavior() {
  return {[this](const look_for_unneeded&) { ask_shards(); }};
}

void retention_actor::ask_shards() {
  auto at = std::make_shared<round>();
  at->head = house_.log_head.load(std::memory_order_acquire);
  gathering shards(*this, answer_timeout, [this, at] { ask_sessions(at); });
  for (const shard_handle& shard : house_.shards)
    shards.ask<settled>(
        shard, settle{}, [](const settled&) {}, [at](const caf::error&) { at->failed = true; });
  shards.all_asked();
}

void retention_actor::ask_sessions(const std::shared_ptr<round>& at) {
  gathering all(*this, answer_timeout, [this, at] { finish(*at); });
  const auto ask = [&](const auto& whom) {
    all.ask<interests>(
        whom, ask_interests{at->head},
        [at](const interests& answer) { at->needed->add(*answer.needed); },
        [at](const caf::error&) { at->failed = true; });
  };
  for (const directory_handle& directory : house_.directories)
    ask(directory);
  if (house_.cluster) ask(house_.cluster);
  all.all_asked();
}

void retention_actor::finish(const round& done) {
  if (done.failed)
    spdlog::warn("event=trim_skipped reason=\"not everybody answered\"");
  else
    send(house_.store, trim{done.head, done.needed});
  delayed_send(this, house_.settings.store.trim_interval, look_for_unneeded{});
}

}  // namespace troupe
