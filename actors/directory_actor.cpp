#include "actors/directory_actor.hpp"

#include "actors/refuse.hpp"
#include "actors/session_actor.hpp"

#include <spdlog/spdlog.h>

namespace troupe {

directory_actor::directory_actor(caf::actor_config& config, const node_context& house)
    : homed(config), house_(house) {}

directory_actor::behavior_type directory_actor::make_behavior() {
  return {
      [this](const claim& request) { admit(request); },
      [this](const retire& request) { forget(request); },
      [this](const stop_all_reading&) {
        shutting_down_ = true;
        for (const auto& [id, at] : sessions_) send(at.session, stop_reading{});
      },
      [this](const dismiss_all&) { return dismiss_everybody(); },
      [this](const dismissed&) {
        if (to_be_dismissed_ != 0 && --to_be_dismissed_ == 0) shutdown_.deliver(all_dismissed{});
      },
      [this](const describe_directory&) {
        return directory_description{.sessions = sessions_.size()};
      },
  };
}

void directory_actor::on_exit() { sessions_.clear(); }

void directory_actor::admit(const claim& request) {
  const client_ptr& who = request.who;
  if (shutting_down_) return refuse(*who, who->request.version, reason_code::server_shutting_down);
  auto found = sessions_.find(who->client_id);
  if (found == sessions_.end()) {
    const std::size_t limit = house_.settings.limits.max_sessions;
    if (limit != 0 && sessions_.size() >= limit / house_.directories.size() + 1) {
      spdlog::warn("event=refused client={} reason=\"too many sessions\"", who->client_id);
      return refuse(*who, who->request.version, reason_code::quota_exceeded);
    }
    found = sessions_.try_emplace(who->client_id).first;
    found->second.session =
        spawn_at<session_actor>(system(), who->socket->home(), house_, who->client_id);
  }
  entry& at = found->second;
  send(at.session, attach_client{who, ++at.attempts});
}

void directory_actor::forget(const retire& request) {
  // During shutdown every session waits for its `dismiss`, which is on its way.
  if (shutting_down_) return;
  const auto found = sessions_.find(request.client_id);
  if (found == sessions_.end() || found->second.session != request.who ||
      found->second.attempts != request.attempts_seen)
    return;
  sessions_.erase(found);
  send(request.who, retired{});
}

caf::result<all_dismissed> directory_actor::dismiss_everybody() {
  shutting_down_ = true;
  if (sessions_.empty()) return all_dismissed{};
  shutdown_ = make_response_promise<all_dismissed>();
  to_be_dismissed_ = sessions_.size();
  for (const auto& [id, at] : sessions_) send(at.session, dismiss{});
  return shutdown_;
}

}  // namespace troupe
