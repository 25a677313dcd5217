// What this node is told and asked of the cluster, and what it asks its peers and shards for that.

#include "actors/cluster_actor.hpp"
#include "actors/gathering.hpp"
#include "actors/log_text.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <utility>
#include <vector>

namespace troupe {

// -- commands -------------------------------------------------------------------------

caf::result<cluster_status> cluster_actor::handle(const cluster_command& command) {
  using verb = cluster_command::verb;
  if (!members_) return cluster_status{};
  const time_point now = current_time(*this);
  std::string refusal;
  if (command.what == verb::join) {
    spdlog::info("event=cluster_joined address={}", log_text{command.address});
    members_->join(command.address, now, effects_);
    drain(false, false);
  }
  if (command.what == verb::leave) {
    spdlog::info("event=cluster_left");
    members_->leave(now, effects_);
  }
  if (command.what == verb::drain) drain(true, command.for_good);
  if (command.what == verb::forget) {
    refusal = members_->forget(command.name, now, effects_);
    if (refusal.empty()) spdlog::info("event=node_forgotten node={}", log_text{command.name});
  }
  carry_out();
  if (command.what == verb::leave)
    for (const auto& [name, link] : links_)
      part_from(link);
  return describe(std::move(refusal));
}

void cluster_actor::drain(bool on, bool for_good) {
  if (draining_.is_draining != on) spdlog::info("event={}", on ? "drain_begun" : "drain_ended");
  members_->drain(on, current_time(*this), effects_);
  draining_ = {.is_draining = on,
               .code = for_good ? reason_code::server_moved : reason_code::use_another_server,
               .servers = members_->client_addresses()};
  tell_directories();  // also if it was drained before: `for_good` may be another one
}

void cluster_actor::tell_directories() {
  for (const directory_handle& each : house_.directories)
    send(each, draining_);
}

/// Nodes come and go while clients are sent away.
void cluster_actor::tell_where_clients_go() {
  if (!draining_.is_draining) return;
  std::vector<std::string> servers = members_->client_addresses();
  if (servers == draining_.servers) return;
  draining_.servers = std::move(servers);
  tell_directories();
}

caf::typed_response_promise<cluster_status> cluster_actor::describe(std::string refusal) {
  auto promise = make_response_promise<cluster_status>();
  auto answer = std::make_shared<cluster_status>();
  answer->refusal = std::move(refusal);
  gathering peers(*this, peer_patience, [this, promise, answer]() mutable {
    // Read now: much may have changed while peers answered.
    answer->clients = house_.counts.clients_online;
    answer->unread = house_.counts.ends_unread;
    answer->bytes_read = house_.counts.end_bytes_read;
    answer->members = members_->members();
    promise.deliver(std::move(*answer));
  });
  for (const auto& [name, link] : links_)
    peers.ask<peer_description>(link.peer, describe_peer{}, [answer](peer_description& one) {
      answer->peers.push_back(std::move(one));
    });
  peers.all_asked();
  return promise;
}

// -- what peers need, and have handled ------------------------------------------------

caf::typed_response_promise<interests> cluster_actor::ask_peers(log_offset head) {
  auto promise = make_response_promise<interests>();
  auto needed = std::make_shared<log_interests>();
  gathering peers(*this, caf::infinite,
                  [promise, needed]() mutable { promise.deliver(interests{needed}); });
  for (const auto& [name, link] : links_)
    peers.ask<interest>(link.peer, ask_interest{head}, [needed](const interest& answer) {
      if (answer.needed) needed->add(*answer.needed);
    });
  peers.all_asked();
  return promise;
}

/// Behind everything that nodes with a link are to be given.
caf::typed_response_promise<settled> cluster_actor::settle_peers() {
  auto promise = make_response_promise<settled>();
  gathering peers(*this, caf::infinite, [promise]() mutable { promise.deliver(settled{}); });
  for (const auto& [name, link] : links_)
    peers.ask<settled>(link.peer, settle{});
  peers.all_asked();
  return promise;
}

/// Has `done` called when everything that shards were sent before is routed, and in the log.
void cluster_actor::settle_shards(std::function<void()> done) {
  gathering shards(*this, caf::infinite, std::move(done));
  for (const shard_handle& shard : house_.shards)
    shards.ask<settled>(shard, settle{});
  shards.all_asked();
}

// -- how far nodes are ------------------------------------------------------------------

void cluster_actor::fence_peers(const fence_session& asked) {
  auto answer = std::make_shared<session_fenced>();
  answer->number = asked.number;
  gathering peers(*this, asked.patience, [this, answer, who = asked.who] {
    // What they had before that is on its way through the shards.
    settle_shards([this, answer, who] {
      for (origin_cut& each : answer->reached)
        if (each.node == house_.identity.name && each.home == house_.identity.home)
          each.last = house_.log_head.load(std::memory_order_acquire);
      send(who, std::move(*answer));
    });
  });
  std::vector<origin_cut> origins = asked.origins.empty() ? all_origins() : asked.origins;
  for (origin_cut& each : origins) {
    const auto link = links_.find(each.node);
    if (is_gone(each)) {
      each.last = origin_cut::unknown - 1;  // nothing comes from there any more
      answer->reached.push_back(std::move(each));
    } else if (each.node == house_.identity.name) {
      answer->reached.push_back(std::move(each));
    } else if (link == links_.end() || link->second.session == 0) {
      answer->missing.push_back(std::move(each));
    } else {
      const auto miss = [answer, each] {
        answer->missing.push_back(each);
        answer->is_slow = true;
      };
      peers.ask<fenced>(
          link->second.peer, fence{},
          [answer, miss, each](const fenced& reply) {
            // An earlier version does not say how far it is.
            if (!reply.is_reached || !reply.head) return miss();
            answer->reached.push_back(each);
            answer->reached.back().last = *reply.head;
          },
          [miss](const caf::error&) { miss(); });
    }
  }
  peers.all_asked();
}

std::vector<origin_cut> cluster_actor::all_origins() const {
  std::vector<origin_cut> all{{.node = house_.identity.name, .home = house_.identity.home}};
  if (!members_) return all;
  for (const member_record& each : members_->records())
    if (!each.left && each.node.name != house_.identity.name)
      all.push_back({.node = each.node.name, .home = each.node.home});
  return all;
}

/// Whether the node with this data directory has left, or another one has its name.
bool cluster_actor::is_gone(const origin_cut& origin) const {
  if (origin.node == house_.identity.name) return origin.home != house_.identity.home;
  if (!members_) return false;
  for (const member_record& each : members_->records())
    if (each.node.name == origin.node) return each.left || each.node.home != origin.home;
  return true;
}

}  // namespace troupe
