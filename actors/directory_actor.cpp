#include "actors/directory_actor.hpp"

#include "actors/end_now.hpp"
#include "actors/gathering.hpp"
#include "actors/log_text.hpp"
#include "actors/refuse.hpp"
#include "actors/session_actor.hpp"
#include "actors/share_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

namespace troupe {

namespace {

/// Clients of one directory that are sent away at a time, and how often.
constexpr std::size_t clients_per_round = 100;
constexpr std::chrono::milliseconds drain_interval{50};

constexpr auto normal = caf::message_priority::normal;
constexpr auto high = caf::message_priority::high;

}  // namespace

directory_actor::directory_actor(caf::actor_config& config, const node_context& house)
    : homed(config, house.roster), house_(house) {}

directory_actor::behavior_type directory_actor::make_behavior() {
  return {
      [this](const claim& request) { admit(request); },
      [this](const restore_session& kept) { return restore(kept); },
      [this](const restore_share& kept) { send(make_share(kept.earlier->share), kept); },
      [this](const go_on& request) {
        for (const auto& [share, at] : shares_)
          send(at.group, request);
        for (const auto& [id, at] : sessions_)
          send(at.session, request);
      },
      [this](to_share& request) { pass_on(request); },
      [this](const share_node_up& event) {
        for (const auto& [share, at] : shares_)
          send(at.group, to_share{.call = {share, share_link_up{event.home}},
                                  .from = {},
                                  .session = event.node,
                                  .epoch = event.epoch,
                                  .flow = event.flow,
                                  .node = event.peer});
      },
      [this](const share_node_died& event) {
        for (const auto& [share, at] : shares_)
          send(at.group, event);
      },
      [this](const retire_share& request) { forget(request); },
      [this](const settle&) { return settle_shares(); },
      [this](const ask_interests& question) { return ask_everybody(question.head); },
      [this](const retire& request) { forget(request); },
      [this](login_decided& answer) { handle(answer); },
      [this](const session_displaced& event) { handle(event); },
      [this](const will_published& news) {
        const auto found = sessions_.find(news.client_id);
        if (found != sessions_.end()) send(found->second.session, news);
      },
      [this](attach_elsewhere& back) {
        attach_client& request = back.request;
        let_in(request.who, request.stamp, std::move(request.previous));
      },
      [this](const session_said& message) { pass_on(message); },
      [this](const session_moved& event) { rename(event); },
      [this](const drain_clients& request) { drain(request); },
      [this](const drain_some&) { drain_some_more(); },
      [this](const stop_all_reading&) { return tell_everybody<high>(stop_reading{}); },
      [this](const dismiss_all& step) {
        dismissing_ = true;
        return step.at_once ? tell_everybody<high>(dismiss{}) : tell_everybody<normal>(dismiss{});
      },
      [this](const shutdown_step_done& step) {
        if (step.dismissed != dismissing_) return;  // late: its step was given up
        if (not_done_ != 0 && --not_done_ == 0) step_.deliver(all_done{});
      },
      [this](const describe_directory&) {
        return directory_description{.sessions = sessions_.size(), .share_groups = shares_.size()};
      },
  };
}

void directory_actor::on_exit() {
  for (const auto& [id, at] : sessions_)
    end_now(at.session);  // only a shutdown that was given up left any
  sessions_.clear();
  asking_.clear();
  for (const auto& [share, at] : shares_)
    end_now(at.group);
  shares_.clear();
  step_ = {};  // it refers to this actor
}

void directory_actor::admit(const claim& request) {
  const client_ptr& who = request.who;
  // 0x8B is for DISCONNECT only [MQTT5-3.2.2-8].
  if (shutting_down_) return refuse(*who, who->request.version, reason_code::server_unavailable);
  if (draining_.is_draining)
    return refuse(*who, who->request.version, draining_.code, {}, servers_for(who->client_id));
  if (!house_.registry) return let_in(who, 0, {});
  asking_[who->client_id].push_back(who);
  send(house_.registry, ask_login{who->client_id});
}

void directory_actor::let_in(const client_ptr& who, hybrid_stamp stamp, std::string previous) {
  auto found = sessions_.find(who->client_id);  // [MQTT5-3.1.3-2], [MQTT311-3.1.3-2]
  if (found == sessions_.end()) {
    const std::size_t limit = house_.settings.limits.max_sessions;
    // [MQTT311-4.8.0-2]
    if (limit != 0 && sessions_.size() >= limit / house_.directories.size() + 1) {
      spdlog::warn("event=refused client={} reason=\"too many sessions\"",
                   log_text{who->client_id});
      if (house_.registry) send(house_.registry, session_over{who->client_id});
      return refuse(*who, who->request.version, reason_code::quota_exceeded);
    }
    const shared_text name(who->client_id);
    session_handle made = spawn_at<session_actor>(system(), who->socket->home(), house_, name);
    found = sessions_.try_emplace(name, entry{.session = std::move(made)}).first;
  }
  entry& at = found->second;
  send(at.session, attach_client{who, ++at.attempts, stamp, std::move(previous)});
  // It was let in before.
  if (draining_.is_draining)
    send(at.session, send_away{draining_.code, servers_for(who->client_id)});
}

// -- one session in the cluster ---------------------------------------------------------

void directory_actor::handle(login_decided& answer) {
  const auto waiting = asking_.find(answer.client_id);
  if (waiting == asking_.end()) return;
  const client_ptr who = std::move(waiting->second.front());
  waiting->second.pop_front();
  if (waiting->second.empty()) asking_.erase(waiting);
  // A later login, on another node, has the identifier.
  if (shutting_down_ || !answer.granted)
    return refuse(*who, who->request.version, reason_code::server_unavailable);
  let_in(who, answer.stamp, std::move(answer.previous));
}

void directory_actor::handle(const session_displaced& event) {
  const auto found = sessions_.find(event.client_id);
  if (found != sessions_.end()) send(found->second.session, displace{event.by});
}

void directory_actor::pass_on(const session_said& message) {
  const session_message& said = *message.what;
  auto found =
      sessions_.find(is_for_end(said) ? name_of_end(said.client_id, said.number) : said.client_id);
  // It may be about to say that it is one.
  if (is_for_end(said) && found == sessions_.end()) found = sessions_.find(said.client_id);
  if (found != sessions_.end()) return send(found->second.session, message);
  answer_for_none(message);
}

/// There is no such session here, or not any more.
void directory_actor::answer_for_none(const session_said& message) {
  using verb = session_message::verb;
  session_message answer{.client_id = message.what->client_id, .number = message.what->number};
  switch (message.what->what) {
  case verb::take: answer.what = verb::state; break;
  case verb::offer: answer.what = verb::unwanted; break;
  case verb::open:
  case verb::keep: answer.what = verb::nothing_left; break;
  default: return;
  }
  send(house_.cluster, say_to_node{message.from, record_kind::session, encode(answer)});
}

void directory_actor::rename(const session_moved& event) {
  const auto found = sessions_.find(event.client_id);
  if (found == sessions_.end() || found->second.session != event.who) return;
  auto node = sessions_.extract(found);
  node.key() = shared_text(name_of_end(event.client_id, event.number));
  sessions_.insert(std::move(node));
}

// -- clients that are to go to other nodes ------------------------------------------------

void directory_actor::drain(const drain_clients& request) {
  draining_ = request;
  to_drain_.clear();
  if (!draining_.is_draining) return;
  for (const auto& [name, at] : sessions_)
    to_drain_.emplace_back(name);
  if (!drains_) drain_some_more();
}

/// Told again if the list changes meanwhile: who has gone takes no notice.
void directory_actor::drain_some_more() {
  drains_ = draining_.is_draining && !to_drain_.empty();
  for (std::size_t left = clients_per_round; left != 0 && !to_drain_.empty(); --left) {
    const std::string name = std::move(to_drain_.back());
    to_drain_.pop_back();
    if (const auto found = sessions_.find(name); found != sessions_.end())
      send(found->second.session, send_away{draining_.code, servers_for(name)});
  }
  if (drains_) delayed_send(this, drain_interval, drain_some{});
}

/// All of them, each client another one first.
std::string directory_actor::servers_for(std::string_view client_id) const {
  const std::vector<std::string>& servers = draining_.servers;
  std::string all;
  const std::size_t first = servers.empty() ? 0 : hash_text(client_id) % servers.size();
  for (std::size_t i = 0; i != servers.size(); ++i)
    all += (i == 0 ? "" : " ") + servers[(first + i) % servers.size()];
  return all;
}

// -- earlier lives, and the end -----------------------------------------------------------

caf::result<session_restored> directory_actor::restore(const restore_session& kept) {
  const std::string& client_id = kept.earlier->client_id;
  const shared_text name(client_id);
  // It runs here until its client comes; its socket's worker may then be another one.
  session_handle made = spawn_at<session_actor>(system(), home(), house_, name);
  sessions_.try_emplace(name, entry{.session = made});
  if (house_.registry && !is_name_of_end(client_id))
    send(house_.registry, session_known{client_id, kept.earlier->login.stamp});
  return delegate(made, kept);
}

// -- share groups -----------------------------------------------------------------------

share_handle directory_actor::make_share(const std::string& share) {
  return shares_
      .try_emplace(share,
                   share_entry{.group = spawn_at<share_actor>(system(), home(), house_, share)})
      .first->second.group;
}

void directory_actor::pass_on(to_share& request) {
  const bool joins = std::holds_alternative<share_join>(request.call.what);
  auto found = shares_.find(request.call.share);
  if (found == shares_.end() && joins) {
    make_share(request.call.share);
    found = shares_.find(request.call.share);
  }
  if (found != shares_.end()) {
    if (joins) ++found->second.joins;
    return send(found->second.group, std::move(request));
  }
  request.node ? answer_node_for_none(request) : answer_for_none(request);
}

/// Its group is gone, and with it what could have been delivered again.
void directory_actor::answer_for_none(const to_share& request) {
  const auto* report = std::get_if<share_report>(&request.call.what);
  if (const auto* const left = std::get_if<share_leave>(&request.call.what)) {
    report = &left->last;
    send(request.from, subscriptions_removed{left->number, request.epoch});
  }
  if (report != nullptr && report->number != 0)
    send(request.from, share_kept{report->number, request.epoch});
}

void directory_actor::answer_node_for_none(to_share& request) {
  const auto answer = [&](share_request&& what) {
    send(request.node, share_said{{std::move(request.call.share), std::move(what)}, request.epoch});
  };
  if (const auto* const left = std::get_if<share_leave>(&request.call.what))
    send(request.node, subscriptions_removed{left->number, request.epoch});
  else if (const auto* const report = std::get_if<share_report>(&request.call.what))
    answer(share_confirmed{.number = report->number});
  else if (std::holds_alternative<share_ask_me>(request.call.what))
    answer(share_ask{});
  else if (const auto* const question = std::get_if<share_ask>(&request.call.what))
    answer(share_holds{.number = question->number, .offsets = {}});
  else if (auto* const lent = std::get_if<share_lend>(&request.call.what)) {
    request.flow->lent.fetch_sub(lent->block->bytes(), std::memory_order_relaxed);
    if (!lent->offsets.empty())
      answer(share_report{.done = {}, .returned = std::move(lent->offsets), .held = {}});
  }
}

void directory_actor::forget(const retire_share& request) {
  const auto found = shares_.find(request.share);
  if (found == shares_.end() || found->second.group != request.who ||
      found->second.joins != request.joins_seen)
    return;
  shares_.erase(found);
  send(request.who, retired{});
}

caf::typed_response_promise<settled> directory_actor::settle_shares() {
  auto promise = make_response_promise<settled>();
  gathering groups(*this, caf::infinite, [promise]() mutable { promise.deliver(settled{}); });
  for (const auto& [share, at] : shares_)
    groups.ask<settled>(at.group, settle{});
  groups.all_asked();
  return promise;
}

caf::typed_response_promise<interests> directory_actor::ask_everybody(log_offset head) {
  auto promise = make_response_promise<interests>();
  auto needed = std::make_shared<log_interests>();
  gathering all(*this, caf::infinite,
                [promise, needed]() mutable { promise.deliver(interests{needed}); });
  const auto add = [needed](const interest& answer) {
    if (answer.needed) needed->add(*answer.needed);
  };
  for (const auto& [share, at] : shares_)
    all.ask<interest>(at.group, ask_interest{head}, add);
  for (const auto& [id, at] : sessions_)
    all.ask<interest>(at.session, ask_interest{head}, add);
  all.all_asked();
  return promise;
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
  // Who logs in meanwhile has claimed the identifier anew.
  if (house_.registry && !is_name_of_end(request.client_id) && !asking_.contains(request.client_id))
    send(house_.registry, session_over{request.client_id});
}

template <caf::message_priority Priority, class Step>
caf::result<all_done> directory_actor::tell_everybody(Step step) {
  shutting_down_ = true;
  not_done_ = sessions_.size();
  if (sessions_.empty()) return all_done{};
  for (const auto& [id, at] : sessions_)
    send<Priority>(at.session, step);
  step_ = make_response_promise<all_done>();
  return step_;
}

}  // namespace troupe
