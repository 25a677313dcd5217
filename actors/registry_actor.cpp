#include "actors/registry_actor.hpp"

#include "actors/log_text.hpp"
#include "actors/random_number.hpp"
#include "libbroker/topic.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace troupe {

namespace {

/// Of a session whose claim was not kept: any other one is later.
constexpr hybrid_stamp oldest_stamp = 1;

/// A link over which a node has spoken is known here after so long, unless it has gone again.
constexpr std::chrono::seconds link_patience{1};

}  // namespace

registry_actor::registry_actor(caf::actor_config& config, const node_context& house)
    : counted(config, house.roster),
      house_(house),
      registry_(house.identity.name, {}),
      wills_(house.identity.name, random_number()),
      number_(++house.last_session_number) {}

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
      [this](const node_gone& event) {
        registry_.forget_node(event.name);
        tell_followers(event.name);  // who has waited for it waits no more
      },
      [this](const clients_heard& message) { hear(message); },
      [this](const will_changed& news) { handle(news); },
      [this](const node_dead& event) {
        wills_.node_died(event.name, current_time(*this));
        carry_out_wills();
      },
      [this](const wills_heard& message) { hear(message); },
      [](const settle&) { return settled{}; },
      [this](const ask_facts&) {
        return facts_told{{{"registry",
                            {{"sessions", std::uint64_t{registry_.sessions()}},
                             {"owners", std::uint64_t{registry_.owners()}},
                             {"nodes_linked", std::uint64_t{linked_.size()}}}}}};
      },
      [this](const follow_node& request) { follow(request); },
      [this](const unfollow_node& request) { unfollow(request); },
      [this](const follower_timer& due) { handle(due); },
      [this](const registry_timer& due) {
        if (!alarm_.rings(due)) return;
        registry_.tick(current_time(*this), effects_);
        wills_.tick(current_time(*this), will_effects_);
        carry_out();
        carry_out_wills();
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
  wills_.view_changed(names, current_time(*this), will_effects_);
  carry_out_wills();
  for (const std::string& node : changed)
    tell_followers(node);
}

void registry_actor::tell_followers(const std::string& node) {
  const auto found = followers_.find(node);
  if (found == followers_.end()) return;
  for (const session_handle& each : found->second)
    send(each, node_followed{node, linked_.contains(node)});
}

void registry_actor::follow(const follow_node& request) {
  followers_[request.node].insert(request.who);
  const bool is_reached = request.node == house_.identity.name || linked_.contains(request.node);
  if (is_reached || !request.has_spoken)
    send(request.who, node_followed{request.node, is_reached});
  else
    delayed_send(this, link_patience, follower_timer{request.node, request.who});
}

void registry_actor::handle(const follower_timer& due) {
  const auto found = followers_.find(due.node);
  const bool is_away = !linked_.contains(due.node);
  if (is_away && found != followers_.end() && found->second.contains(due.who))
    send(due.who, node_followed{due.node, false});
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

// -- wills ------------------------------------------------------------------------------

void registry_actor::handle(const will_changed& news) {
  if (news.will == nullptr || news.delay == never_ends) {
    wills_.clear(news.client_id, will_effects_);
  } else {
    guarded_will will{.delay = news.delay, .message = {}};
    encode_run({news.will, 0, 1}, false, news.will->received_at(), will.message);
    wills_.set(news.client_id, std::move(will), will_effects_);
  }
  carry_out_wills();
}

void registry_actor::hear(const wills_heard& message) {
  if (!wills_.receive(message.from, message.bytes, current_time(*this), will_effects_))
    spdlog::error("event=bad_wills node={} reason=\"malformed\"", log_text{message.from});
  carry_out_wills();
}

void registry_actor::carry_out_wills() {
  for (will_effects::message& each : will_effects_.messages)
    send(house_.cluster,
         say_to_node{std::move(each.to), record_kind::wills, std::move(each.bytes)});
  for (const will_effects::due_will& each : will_effects_.due)
    publish(each);
  for (const std::string& each : will_effects_.published)
    send(house_.directory_of(each), will_published{each});
  will_effects_.clear();
  set_timer();
}

void registry_actor::publish(const will_effects::due_will& due) {
  // The client is back, before the delay was over [MQTT5-3.1.3-9].
  const auto owner = registry_.owner_of(due.client_id);
  if (due.will.delay != 0 && owner && owner->node != due.owner) return;
  const time_point now = current_time(*this);
  publishes_reader in(due.will.message, now);
  const auto found = in.next();
  if (!found) {
    spdlog::error("event=bad_wills node={} reason=\"a message is malformed\"", due.owner);
    return;
  }
  spdlog::info("event=will_published client={} node={}", log_text{due.client_id}, due.owner);
  message_block_builder builder;
  builder.add(found->entry, found->wire, found->version);
  message_block_ptr block = builder.seal({.publisher = number_, .received_at = now});
  const shard_index shard =
      shard_of(block->topic((*block)[0]), static_cast<std::uint32_t>(house_.shards.size()));
  send(house_.shards[shard], route{.block = std::move(block)});
}

void registry_actor::set_timer() {
  auto due = registry_.deadline();
  const auto will_due = wills_.deadline();
  if (will_due && (!due || *will_due < *due)) due = will_due;
  alarm_.set(*this, due, current_time(*this));
}

}  // namespace troupe
