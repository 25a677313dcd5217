// How a session follows its client to another node, and what the nodes say to each other. The rules
// are the machine's: libbroker/session/moved_session.hpp.

#include "actors/log_text.hpp"
#include "actors/refuse.hpp"
#include "actors/session_actor.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace troupe {

namespace {

using verb = session_message::verb;

/// A client is served after so long even if the node that had its session says nothing.
constexpr std::chrono::seconds take_timeout{1};

/// What was offered and not taken is offered again.
constexpr std::chrono::seconds offer_interval{5};

/// A node that does not say within it how far its log is counts as away for a session.
constexpr std::chrono::seconds cut_timeout{1};

/// A node that has not sent within it what it has for an end is not waited for by the client.
constexpr std::chrono::seconds fence_timeout{10};

/// Those of which it is known up to where.
std::vector<origin_cut> known_cuts(std::vector<origin_cut>&& all) {
  std::erase_if(all, [](const origin_cut& each) { return each.last == origin_cut::unknown; });
  return std::move(all);
}

}  // namespace

session_actor::travel_state& session_actor::travel() {
  if (travel_ == nullptr) travel_ = std::make_unique<travel_state>();
  return *travel_;
}

void session_actor::say(const std::string& node, session_message&& message) {
  message.client_id = machine_.client_id();
  // What nobody wants would lie there for long.
  const bool waits = message.what == verb::discard;
  send(house_.cluster, say_to_node{node, record_kind::session, encode(message), waits});
}

void session_actor::follow(const std::string& node, bool has_spoken) {
  travel().followed.insert(node);
  send(house_.registry, follow_node{node, self(), has_spoken});
}

void session_actor::unfollow_all() {
  if (travel_ == nullptr) return;
  for (const std::string& node : std::exchange(travel_->followed, {}))
    caf::anon_send(house_.registry, unfollow_node{node, self()});
}

void session_actor::unfollow_unneeded() {
  if (travel_ == nullptr || travel_->followed.empty()) return;
  const std::vector<origin_cut> awaited = machine_.awaited();
  const auto is_awaited = [&](const std::string& node) {
    return std::ranges::find(awaited, node, &origin_cut::node) != awaited.end();
  };
  std::erase_if(travel_->followed, [&](const std::string& node) {
    const bool is_needed =
        node == travel_->taking_from || node == travel_->given_to ||
        (machine_.is_end() && node == travel_->reader) || is_awaited(node) ||
        std::ranges::find(machine_.ends(), node, &session_end::node) != machine_.ends().end();
    if (!is_needed) send(house_.registry, unfollow_node{node, self()});
    return !is_needed;
  });
}

void session_actor::handle(const session_said& message) {
  const session_message& said = *message.what;
  if (is_for_end(said) && (machine_.end_number() != said.number || !machine_.exists())) {
    const bool is_asked = said.what == verb::open || said.what == verb::keep;
    // It was given to that node, which has not taken it yet, as one of the two has crashed.
    const bool is_whole = machine_.exists() && !machine_.is_end() && !machine_.connected() &&
                          !is_taking() && machine_.stamp() < said.number;
    // With cuts that node has all of it, and only what it said last was lost.
    if (said.what == verb::keep && is_whole && !said.cuts.empty())
      return become_end(message.from, said);
    if (is_asked && is_whole) return say(message.from, {.what = verb::offer});
    if (is_asked)
      say(message.from, {.what = verb::nothing_left, .number = said.number, .relay = said.relay});
    return;
  }
  switch (said.what) {
  case verb::take:
  case verb::state:
  case verb::hand_over:
    // One node after the other.
    if (machine_.is_adopting()) return travel().deferred.push_back(message);
    if (said.what == verb::take) return give(message);
    if (said.what == verb::state) return take(message.from, said);
    return hand_over(message.from, said);
  case verb::unwanted: return left_over();
  case verb::offer: return consider(message.from);
  case verb::discard: return discard(said);
  case verb::keep: return keep(message.from, said);
  case verb::open: return relay_to(message.from, said);
  case verb::output: return take_output(message.from, said);
  case verb::nothing_left: return end_consumed({message.from, said.number}, said.is_late);
  case verb::more: return read_more({message.from, said.number});
  case verb::input:
  case verb::took:
  case verb::close: return serve_relay(message.from, said);
  }
}

void session_actor::handle(const node_followed& news) {
  if (travel_ == nullptr) return;
  const time_point now = current_time(*this);
  if (news.is_linked)
    node_linked(news.node);
  else
    node_lost(news.node, now);
  carry_out(now);
  schedule_timer(now);
}

void session_actor::node_linked(const std::string& node) {
  ask_origin(node);
  if (machine_.is_end()) return;
  if (travel_->given_to == node) offer();
  if (machine_.is_adopting()) return;  // it is one end more soon
  for (const session_end& each : machine_.ends())
    if (each.node == node) keep_end(each);
  const session_end* const next = machine_.next_end();
  if (next != nullptr && next->node == node) machine_.want_relay();
}

void session_actor::node_lost(const std::string& node, time_point now) {
  ask_origin(node);  // it may be none of the cluster any more
  if (machine_.is_end()) {
    if (travel_->reader == node) machine_.let_go(now, effects());
    return;
  }
  if (travel_->taking_from == node) attach_waiting();
  if (const session_end* const at = machine_.end_in_turn(); at != nullptr && at->node == node)
    machine_.end_relay(now, effects());
}

// -- the node that the client comes to ------------------------------------------------------

void session_actor::handle(attach_client& request) {
  // It became an end while the client was on its way.
  if (machine_.is_end()) {
    attempts_ = request.attempt;
    if (request.previous.empty() && travel_ != nullptr) request.previous = travel_->handed_to;
    return send(house_.directory_of(machine_.client_id()), attach_elsewhere{std::move(request)});
  }
  machine_.claimed(request.stamp);
  if (travel_ != nullptr) travel_->given_to.clear();
  if (request.who->request.clean_start) {
    // [MQTT5-3.1.2-4], [MQTT311-3.1.2-6]
    if (is_taking()) say(travel_->taking_from, {.what = verb::discard, .count = request.stamp});
    if (!request.previous.empty())
      say(request.previous, {.what = verb::discard, .count = request.stamp});
    stop_taking();
  } else if (!request.previous.empty() && !is_taking()) {
    begin_taking(request.previous, request.stamp, false);
  }
  if (!is_taking()) return attach(request);
  refuse_waiting();
  travel_->waiting = std::move(request);
}

bool session_actor::is_taking() const noexcept {
  return travel_ != nullptr && travel_->taking != 0;
}

void session_actor::begin_taking(const std::string& node, std::uint64_t number, bool has_spoken) {
  travel().taking = number;
  travel_->taking_from = node;
  say(node, {.what = verb::take, .number = number});
  delayed_send(this, take_timeout, move_timer{number});
  follow(node, has_spoken);
}

void session_actor::stop_taking() {
  if (travel_ == nullptr) return;
  travel_->taking = 0;
  travel_->taking_from.clear();
  refuse_waiting();
}

/// There never was a session, and its client is gone.
void session_actor::retire_if_empty() {
  if (machine_.exists() || is_taking()) return;
  ending_ = true;
  retire_when_done();
}

/// [MQTT5-3.1.4-3], [MQTT311-3.1.4-2]: a later one is there, and this one was told nothing yet.
void session_actor::refuse_waiting(reason_code why, std::string_view servers) {
  const attach_client before = std::exchange(travel_->waiting, {});
  if (!before.who) return;
  attempts_ = before.attempt;
  refuse(*before.who, before.who->request.version, why, {}, servers);
}

/// Goes on with what there is.
void session_actor::attach_waiting() {
  travel_->taking = 0;
  travel_->taking_from.clear();
  attach_client request = std::exchange(travel_->waiting, {});
  if (request.who) return attach(request);
  retire_if_empty();
}

void session_actor::handle(const move_timer& due) {
  if (due.is_of_origins) {
    if (travel_ != nullptr) travel_->asks_again = false;
    return ask_awaited();
  }
  if (due.is_of_offer) {
    if (travel_ != nullptr && travel_->offers == due.number) offer();
    return;
  }
  if (!is_taking() || travel_->taking != due.number) return;
  spdlog::warn("event=session_not_taken client={} node={} reason=\"no answer\"",
               log_text{machine_.client_id()}, travel_->taking_from);
  attach_waiting();
}

void session_actor::take(const std::string& from, const session_message& said) {
  const bool is_asked =
      is_taking() && travel_->taking == said.number && travel_->taking_from == from;
  if (!is_asked && said.state) return consider(from);  // it comes too late
  if (!is_asked) return;
  const time_point now = current_time(*this);
  const bool is_wanted = said.state && (machine_.exists() || travel_->waiting.who);
  if (is_wanted) {
    spdlog::info("event=session_moved client={} from={}", log_text{machine_.client_id()}, from);
    machine_.adopt(*said.state, {from, said.number}, effects());
  }
  attach_waiting();
  if (is_wanted) carry_out(now);
}

void session_actor::follow_ends() {
  for (const session_end& each : machine_.ends())
    follow(each.node);
}

/// What is subscribed here need not be there any more.
void session_actor::adopted(const session_end& from) {
  say(from.node, {.what = verb::hand_over, .number = from.number, .cuts = from.cuts});
  follow_ends();
  await_origins();
}

/// It hears when these nodes are linked.
void session_actor::await_origins() {
  for (const origin_cut& each : machine_.awaited())
    if (!travel().followed.contains(each.node)) follow(each.node);
}

/// Asks a node that is there.
void session_actor::ask_origin(const std::string& node) {
  std::vector<origin_cut> asked = machine_.awaited();
  std::erase_if(asked, [&](const origin_cut& each) { return each.node != node; });
  ask_origins(std::move(asked));
}

/// Asks all that are there. A node that is not there is asked when it is linked.
void session_actor::ask_awaited() { ask_origins(machine_.awaited()); }

/// Asks nodes what they have for an end, of those of which it is known up to where that is the
/// end's; else how far they are.
void session_actor::ask_origins(std::vector<origin_cut>&& asked) {
  if (machine_.is_end()) asked = known_cuts(std::move(asked));
  if (asked.empty() || machine_.is_adopting()) return;
  machine_.origins_asked();
  send(house_.cluster, fence_session{self(), machine_.move_number(), std::move(asked),
                                     machine_.is_end() ? fence_timeout : cut_timeout});
}

/// What is adopted is subscribed: from where on does it come from all nodes?
void session_actor::ask_for_cuts() {
  send(house_.cluster, fence_session{self(), machine_.move_number(), {}, cut_timeout});
}

/// An end: asks all of which it is known up to where it is the end's; if that is of none, as the
/// other side is of an earlier version, all members. The client goes on when they have answered.
void session_actor::ask_all_origins() {
  machine_.origins_asked();
  send(house_.cluster,
       fence_session{self(), machine_.end_number(), known_cuts(machine_.awaited()), fence_timeout});
}

void session_actor::keep_end(const session_end& which) {
  say(which.node, {.what = verb::keep, .number = which.number, .cuts = which.cuts});
}

/// Tells nodes that their ends are still wanted, and up to where of other nodes.
void session_actor::keep_ends() {
  for (const session_end& each : machine_.ends())
    keep_end(each);
  follow_ends();  // and have a relay to the first
}

/// A node has a session from before the client came here. It offers it again if that is ignored.
void session_actor::consider(const std::string& from) {
  const bool is_given = travel_ != nullptr && !travel_->given_to.empty();
  if (is_taking() || is_given || machine_.is_adopting()) return;
  if (!machine_.exists()) return say(from, {.what = verb::unwanted});
  if (machine_.began_clean()) return say(from, {.what = verb::discard, .count = machine_.stamp()});
  const hybrid_stamp next = house_.clock.next(read_wall_clock(current_time(*this)).wall);
  begin_taking(from, std::max(next, machine_.stamp() + 1), true);
}

// -- the node that it goes from -------------------------------------------------------------

void session_actor::handle(const displace& event) {
  if (machine_.is_end()) return;
  leave_client();
  if (!machine_.exists()) return;
  travel().given_to = event.by;
  follow(event.by);  // when it is linked, the session is offered
}

/// Until it is taken, or its client is back.
void session_actor::offer() {
  if (machine_.is_end() || !machine_.exists() || travel_->given_to.empty()) return;
  say(travel_->given_to, {.what = verb::offer});
  delayed_send(this, offer_interval, move_timer{.number = ++travel_->offers, .is_of_offer = true});
}

/// The node that has the client, as we heard, has no session for it: who has one?
void session_actor::left_over() {
  const bool is_ours = travel_ != nullptr && !travel_->given_to.empty() && machine_.exists() &&
                       !machine_.is_end() && !machine_.connected();
  if (!is_ours) return;
  travel_->given_to.clear();
  send(house_.registry, session_left_over{std::string(machine_.client_id()), machine_.stamp()});
}

void session_actor::handle(const send_away& request) {
  if (travel_ != nullptr) refuse_waiting(request.code, request.servers);
  if (machine_.is_end() || !machine_.connected()) return;
  const time_point now = current_time(*this);
  machine_.dismiss(request.code, now, effects(), request.servers);
  carry_out(now);
}

/// [MQTT5-3.1.4-3], [MQTT311-3.1.4-2]
void session_actor::leave_client() {
  stop_taking();
  const time_point now = current_time(*this);
  if (machine_.connected()) {
    machine_.dismiss(reason_code::session_taken_over, now, effects());
    carry_out(now);
  } else {
    retire_if_empty();
  }
}

void session_actor::give(const session_said& message) {
  const session_message& said = *message.what;
  session_message answer{.what = verb::state, .number = said.number};
  const bool is_later_here = machine_.stamp() > said.number;
  if (!machine_.is_end() && !is_later_here) {
    leave_client();
    // Its client is away, so that soon there is an answer for everything.
    if (machine_.awaits_acceptance()) return travel().deferred.push_back(message);
    if (machine_.exists()) {
      travel().given_to = message.from;
      answer.state = machine_.describe_move();
    }
  }
  say(message.from, std::move(answer));
}

void session_actor::hand_over(const std::string& from, const session_message& said) {
  const bool is_given = travel_ != nullptr && travel_->given_to == from && machine_.exists() &&
                        !machine_.is_end() && !machine_.connected() && !is_taking();
  if (is_given) become_end(from, said);
}

void session_actor::become_end(const std::string& from, const session_message& said) {
  const time_point now = current_time(*this);
  machine_.hand_over(said.number, said.cuts, now, effects());
  ask_all_origins();
  count_end();
  travel().given_to.clear();
  travel_->handed_to = from;
  hold_for(from);
  send(house_.directory_of(machine_.client_id()),
       session_moved{std::string(machine_.client_id()), said.number, self()});
  carry_out(now);
  await_origins();
  schedule_timer(now);
}

/// Until the actor ends, which it does when all is read.
void session_actor::count_end() {
  if (!std::exchange(travel().is_counted, true)) ++house_.counts.ends_unread;
}

void session_actor::handle(const session_fenced& news) {
  const bool is_of_another_end = machine_.is_end() && news.number != machine_.end_number();
  if (is_of_another_end || !machine_.exists()) return;
  const time_point now = current_time(*this);
  if (machine_.is_end()) {
    machine_.origins_come(news.reached, now, effects());
  } else if (news.number != 0) {
    if (news.number != machine_.move_number()) return;  // of a move that was broken off
    std::vector<origin_cut> all = news.reached;
    for (const origin_cut& each : news.missing)
      all.push_back(each);
    machine_.cut(std::move(all), effects());
  } else {
    machine_.cuts_found(news.reached, now, effects());
  }
  carry_out(now);
  await_origins();
  if (news.is_slow && !std::exchange(travel().asks_again, true))
    delayed_send(this, offer_interval, move_timer{.is_of_origins = true});
}

/// The node that has the client still wants what is here.
void session_actor::keep(const std::string& from, const session_message& said) {
  machine_.cut_end(said.cuts, effects());
  hold_for(from);
  await_origins();
  ask_awaited();
  if (machine_.has_more()) tell_more();
}

/// What nodes had that were away is here: the client, which went on, may have it.
void session_actor::tell_more() {
  if (travel_ == nullptr) return;
  say(travel_->reader, {.what = verb::more, .number = machine_.end_number()});
}

void session_actor::discard(const session_message& said) {
  const bool is_later_here = !machine_.is_end() && machine_.stamp() > said.count;
  if (is_later_here) return;
  leave_client();
  if (!machine_.exists()) return;
  const time_point now = current_time(*this);
  machine_.finish(now, effects());
  carry_out(now);
}

// -- the will -------------------------------------------------------------------------------

void session_actor::tell_will() {
  if (!house_.registry) return;
  const message_block_ptr& will = machine_.will();
  if (will == told_will_) return;
  told_will_ = will;
  send(house_.registry,
       will_changed{std::string(machine_.client_id()), will, machine_.will_delay()});
}

void session_actor::handle(const will_published&) {
  const time_point now = current_time(*this);
  machine_.forget_will(now, effects());
  carry_out(now);
  schedule_timer(now);
}

}  // namespace troupe
