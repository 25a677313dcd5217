#include "actors/retention_actor.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

namespace {

constexpr std::chrono::seconds answer_timeout{30};

}  // namespace

struct retention_actor::round {
  log_offset head = 0;
  std::shared_ptr<log_interests> needed = std::make_shared<log_interests>();
  std::size_t waiting_for = 0;
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
  at->waiting_for = house_.shards.size();
  const auto done = [this, at] {
    if (--at->waiting_for == 0) ask_sessions(at);
  };
  for (const shard_handle& shard : house_.shards)
    request(shard, answer_timeout, settle{})
        .then([done](const settled&) { done(); },
              [done, at](const caf::error&) {
                at->failed = true;
                done();
              });
}

void retention_actor::ask_sessions(const std::shared_ptr<round>& at) {
  at->waiting_for = house_.directories.size() + (house_.cluster ? 1 : 0);
  const auto done = [this, at] {
    if (--at->waiting_for == 0) finish(*at);
  };
  const auto ask = [&](const auto& whom) {
    request(whom, answer_timeout, ask_interests{at->head})
        .then(
            [done, at](const interests& answer) {
              at->needed->add(*answer.needed);
              done();
            },
            [done, at](const caf::error&) {
              at->failed = true;
              done();
            });
  };
  for (const directory_handle& directory : house_.directories)
    ask(directory);
  if (house_.cluster) ask(house_.cluster);
}

void retention_actor::finish(const round& done) {
  if (done.failed)
    spdlog::warn("event=trim_skipped reason=\"not everybody answered\"");
  else
    send(house_.store, trim{done.head, done.needed});
  delayed_send(this, house_.settings.store.trim_interval, look_for_unneeded{});
}

}  // namespace troupe
