#include "actors/registry_actor.hpp"

#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe {

namespace {

/// Of a session whose claim was not kept: any other one is later.
constexpr hybrid_stamp oldest_stamp = 1;

}  // namespace

registry_actor::registry_actor(caf::actor_config& config, const node_context& house)
    : registry_handle::base(config), house_(house), registry_(house.identity.name, {}) {}

registry_actor::behavior_type registry_actor::make_behavior() {
  return {
      [this](const ask_login& request) {
        (void)registry_.login(request.client_id, wall(), current_time(*this), effects_);
        carry_out();
      },
      [this](const session_over& event) {
        registry_.session_ended(event.client_id, effects_);
        carry_out();
      },
      [this](const session_known& earlier) {
        registry_.restored(earlier.client_id, std::max(earlier.stamp, oldest_stamp), wall());
      },
      [this](const session_left_over& session) {
        registry_.reclaim(session.client_id, std::max(session.stamp, oldest_stamp), wall(),
                          current_time(*this), effects_);
        carry_out();
      },
      [this](const nodes_linked& view) { change_view(view.names); },
      [this](const node_gone& event) { registry_.forget_node(event.name); },
      [this](const clients_heard& message) { hear(message); },
      [this](const follow_node& request) { follow(request); },
      [this](const unfollow_node& request) { unfollow(request); },
      [this](const registry_timer&) {
        timer_at_.reset();
        registry_.tick(current_time(*this), effects_);
        carry_out();
      },
  };
}

void registry_actor::on_exit() { followers_.clear(); }

wall_time registry_actor::wall() const { return read_wall_clock(current_time(*this)).wall; }

void registry_actor::change_view(const std::vector<std::string>& names) {
  std::set<std::string, std::less<>> now(names.begin(), names.end());
  std::vector<std::string> changed;
  std::ranges::set_symmetric_difference(linked_, now, std::back_inserter(changed));
  linked_ = std::move(now);
  registry_.view_changed(names, wall(), current_time(*this), effects_);
  carry_out();
  for (const std::string& node : changed) {
    const auto found = followers_.find(node);
    if (found == followers_.end()) continue;
    for (const session_handle& each : found->second)
      send(each, node_followed{node, linked_.contains(node)});
  }
}

void registry_actor::follow(const follow_node& request) {
  followers_[request.node].insert(request.who);
  const bool is_reached = request.node == house_.identity.name || linked_.contains(request.node);
  send(request.who, node_followed{request.node, is_reached});
}

void registry_actor::unfollow(const unfollow_node& request) {
  const auto found = followers_.find(request.node);
  if (found == followers_.end()) return;
  found->second.erase(request.who);
  if (found->second.empty()) followers_.erase(found);
}

void registry_actor::hear(const clients_heard& message) {
  const auto taken =
      registry_.receive(message.from, message.bytes, wall(), current_time(*this), effects_);
  if (!taken)
    spdlog::error("event=bad_clients node={} reason=\"{}\"", log_text{message.from},
                  taken.error() == registry_fault::malformed ? "malformed"
                                                             : "its clock is too far ahead");
  carry_out();
}

void registry_actor::carry_out() {
  for (registry_effects::message& each : effects_.messages)
    send(house_.cluster,
         say_to_node{std::move(each.to), record_kind::clients, std::move(each.bytes)});
  struct teller {
    registry_actor& self;

    void operator()(registry_effects::granted& outcome) const {
      const directory_handle& directory = self.house_.directory_of(outcome.id);
      self.send(directory, login_decided{.client_id = std::move(outcome.id),
                                         .granted = true,
                                         .stamp = outcome.stamp,
                                         .previous = std::move(outcome.previous)});
    }
    void operator()(registry_effects::lost& outcome) const {
      const directory_handle& directory = self.house_.directory_of(outcome.id);
      self.send(directory, login_decided{.client_id = std::move(outcome.id)});
    }
    void operator()(registry_effects::displaced& outcome) const {
      const directory_handle& directory = self.house_.directory_of(outcome.id);
      self.send(directory, session_displaced{std::move(outcome.id), std::move(outcome.by)});
    }
  };
  for (auto& outcome : effects_.outcomes)
    std::visit(teller{*this}, outcome);
  effects_.clear();
  set_timer();
}

void registry_actor::set_timer() {
  const auto due = registry_.deadline();
  if (!due || (timer_at_ && *timer_at_ <= *due)) return;
  timer_at_ = due;
  const time_point now = current_time(*this);
  delayed_send(this, *due > now ? *due - now : std::chrono::milliseconds(0), registry_timer{});
}

}  // namespace troupe
