#include "tests/libbroker/cluster/registry_network.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace troupe::test {

using namespace std::chrono_literals;

registry_network::registry_network(std::uint64_t seed) : random_(seed) {
  // Small steps and messages make what takes several of them.
  if (below(2) == 0) settings_.pace.entries = 1;
  if (below(4) == 0) settings_.maximum_message = 1;
  const int ids = below(4) + 1;
  for (int i = 0; i != ids; ++i)
    ids_.push_back("client-" + std::to_string(below(1'000)));
  std::ranges::sort(ids_);
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  const int nodes = below(5) + 2;
  const int largest_offset = below(3) == 0 ? 5'000 : 50;
  for (int i = 0; i != nodes; ++i) {
    node& made = nodes_.emplace_back();
    made.name = std::string(1, static_cast<char>('a' + i));
    made.clock_offset = milliseconds(below(largest_offset));
    begin(made);
  }
  for (int one = 0; one != size(); ++one)
    for (int other = one + 1; other != size(); ++other)
      connect(one, other);
}

void registry_network::fault(const std::string& what) {
  faults_.push_back(what + " at " + std::to_string(now_.time_since_epoch().count()) + " ms");
}

// -- what happens -----------------------------------------------------------------------

void registry_network::login(int which, int id) {
  ++events;
  node& at = nodes_[static_cast<std::size_t>(which)];
  const std::string& text = ids_[static_cast<std::size_t>(id)];
  const attempt_number number = at.registry->login(text, wall(at), now_, effects_);
  at.waiting[number] = {text, now_};
  carry_out(which);
}

void registry_network::end_session(int which, int id) {
  ++events;
  node& at = nodes_[static_cast<std::size_t>(which)];
  const std::string& text = ids_[static_cast<std::size_t>(id)];
  const auto session = at.sessions.find(text);
  if (session == at.sessions.end()) return;
  greatest& most = greatest_[text];
  if (most.node == at.name && most.stamp == session->second) most.is_over = true;
  at.sessions.erase(session);
  note_alive(at, text);
  at.registry->session_ended(text, effects_);
  carry_out(which);
}

void registry_network::break_link(int one, int other) {
  if (one == other) return;
  link& broken = between(one, other);
  if (!broken.is_up) return;
  broken.is_up = false;
  const int generation = ++broken.generation;
  for (auto& messages : broken.messages)
    messages.resize(static_cast<std::size_t>(below(static_cast<int>(messages.size()) + 1)));
  for (const int side : {0, 1}) {
    schedule(milliseconds(below(3'000)), [this, one, other, side, generation] {
      link& seen = between(one, other);
      if (seen.generation != generation) return;
      const bool was_seen = std::exchange(seen.is_seen[side], false);
      if (was_seen) tell_view(side == 0 ? std::min(one, other) : std::max(one, other));
      if (!seen.is_seen[1 - side])
        schedule(milliseconds(below(2'000)), [this, one, other] { connect(one, other); });
    });
  }
}

void registry_network::block_link(int one, int other) {
  if (one == other) return;
  break_link(one, other);
  between(one, other).is_blocked = true;
}

void registry_network::part() {
  const unsigned halves = static_cast<unsigned>(below(1 << size()));
  for (int one = 0; one != size(); ++one)
    for (int other = one + 1; other != size(); ++other)
      if (((halves >> one) & 1) != ((halves >> other) & 1)) block_link(one, other);
}

void registry_network::heal() {
  for (auto& [ends, each] : links_) {
    each.is_blocked = false;
    schedule(milliseconds(below(1'000)), [this, ends = ends] { connect(ends.first, ends.second); });
  }
}

void registry_network::connect(int one, int other) {
  link& made = between(one, other);
  if (made.is_up || made.is_blocked || made.is_seen[0] || made.is_seen[1]) return;
  made.is_up = true;
  const int generation = ++made.generation;
  for (const int side : {0, 1}) {
    schedule(milliseconds(below(50)), [this, one, other, side, generation] {
      link& seen = between(one, other);
      if (seen.generation != generation) return;
      seen.is_seen[side] = true;
      tell_view(side == 0 ? std::min(one, other) : std::max(one, other));
    });
  }
}

void registry_network::crash(int which, bool keeps_sessions) {
  node& at = nodes_[static_cast<std::size_t>(which)];
  for (int other = 0; other != size(); ++other) {
    if (other == which) continue;
    break_link(which, other);
    link& gone = between(which, other);
    gone.messages[which < other ? 1 : 0].clear();
    gone.is_seen[which < other ? 0 : 1] = false;
  }
  for (const auto& [number, waiting] : at.waiting)
    note_alive(at, waiting.id);
  at.waiting.clear();
  if (!keeps_sessions) {
    for (const auto& [id, stamp] : at.sessions) {
      note_alive(at, id);
      greatest& most = greatest_[id];
      if (most.node == at.name && most.stamp == stamp) most.is_over = true;
    }
    at.sessions.clear();
  }
  begin(at);
}

void registry_network::begin(node& which) {
  which.registry = std::make_unique<client_registry>(which.name, settings_);
  for (const auto& [id, stamp] : which.sessions)
    which.registry->restored(id, stamp, wall(which));
}

void registry_network::tell_view(int which) {
  ++events;
  std::vector<std::string> names;
  for (int other = 0; other != size(); ++other)
    if (other != which && between(which, other).is_seen[which < other ? 0 : 1])
      names.push_back(nodes_[static_cast<std::size_t>(other)].name);
  node& at = nodes_[static_cast<std::size_t>(which)];
  at.registry->view_changed(names, wall(at), now_, effects_);
  carry_out(which);
}

// -- time -------------------------------------------------------------------------------

void registry_network::run(milliseconds time) {
  const time_point end = now_ + time;
  while (faults_.empty()) {
    const time_point next = std::max(now_, next_event());
    if (next > end) break;
    now_ = next;
    while (!agenda_.empty() && agenda_.begin()->first <= now_) {
      const auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
    }
    deliver_due();
    tick_due();
    if (messages > 8 * (events + 100)) fault("messages without end");
  }
  now_ = end;
}

time_point registry_network::next_event() const {
  time_point next = time_point::max();
  if (!agenda_.empty()) next = agenda_.begin()->first;
  for (const auto& [ends, each] : links_)
    for (const auto& waiting : each.messages)
      if (!waiting.empty()) next = std::min(next, waiting.front().at);
  for (const node& each : nodes_)
    if (const auto at = each.registry->deadline()) next = std::min(next, *at);
  return next;
}

void registry_network::deliver_due() {
  for (auto& [ends, each] : links_)
    for (const int side : {0, 1}) {
      auto& waiting = each.messages[side];
      while (!waiting.empty() && waiting.front().at <= now_) {
        const std::string bytes = std::move(waiting.front().bytes);
        waiting.pop_front();
        const int to = side == 0 ? ends.second : ends.first;
        const int from = side == 0 ? ends.first : ends.second;
        if (!each.is_seen[1 - side] && below(2) == 0) continue;
        node& at = nodes_[static_cast<std::size_t>(to)];
        const std::string& sender = nodes_[static_cast<std::size_t>(from)].name;
        if (!at.registry->receive(sender, bytes, wall(at), now_, effects_)) fault("refused");
        carry_out(to);
      }
    }
}

void registry_network::tick_due() {
  for (int which = 0; which != size(); ++which) {
    node& at = nodes_[static_cast<std::size_t>(which)];
    const auto is_due = [&] {
      const auto deadline = at.registry->deadline();
      return deadline && *deadline <= now_;
    };
    if (!is_due()) continue;
    at.registry->tick(now_, effects_);
    carry_out(which);
    if (is_due()) fault("a tick did not do what was due");
  }
}

// -- what the registries do -------------------------------------------------------------

void registry_network::carry_out(int which) {
  node& at = nodes_[static_cast<std::size_t>(which)];
  for (const auto& each : effects_.outcomes)
    std::visit([&](const auto& outcome) { take(at, outcome); }, each);
  for (registry_effects::message& each : effects_.messages) {
    ++messages;
    last_message_ = now_;
    const int to = each.to[0] - 'a';
    link& over = between(which, to);
    if (!over.is_up) continue;
    const int side = which < to ? 0 : 1;
    over.last[side] = std::max(over.last[side], now_ + milliseconds(1 + below(30)));
    over.messages[side].push_back({over.last[side], std::move(each.bytes)});
  }
  effects_.clear();
}

void registry_network::finish(node& at, attempt_number number, const std::string& id) {
  const auto waiting = at.waiting.find(number);
  if (waiting == at.waiting.end()) return fault("answered twice: " + id);
  if (waiting->second.id != id) fault("answered for another id: " + id);
  if (now_ - waiting->second.since > settings_.claim_timeout) fault("answered late: " + id);
  for (auto earlier = at.waiting.begin(); earlier != waiting; ++earlier)
    if (earlier->second.id == id) fault("answered out of order: " + id);
  at.waiting.erase(waiting);
  note_alive(at, id);
}

void registry_network::take(node& at, const registry_effects::granted& each) {
  finish(at, each.attempt, each.id);
  if (each.previous == at.name) fault("previous owner is the node itself");
  hybrid_stamp& stamp = at.sessions[each.id];
  if (each.stamp <= stamp) fault("stamp does not rise: " + each.id);
  stamp = each.stamp;
  greatest& most = greatest_[each.id];
  if (std::pair(most.stamp, most.node) <= std::pair(each.stamp, at.name))
    most = {each.stamp, at.name, false};
}

void registry_network::take(node& at, const registry_effects::lost& each) {
  finish(at, each.attempt, each.id);
  if (each.winner == at.name) fault("lost to itself: " + each.id);
  if (!has_rival(at, each.id)) fault("lost to nobody: " + each.id);
}

void registry_network::take(node& at, const registry_effects::displaced& each) {
  const auto session = at.sessions.find(each.id);
  if (session == at.sessions.end()) return fault("displaced without a session: " + each.id);
  if (client_claim{each.stamp, each.by} <= client_claim{session->second, at.name})
    fault("displaced by a lesser claim: " + each.id);
  if (!has_rival(at, each.id)) fault("displaced by nobody: " + each.id);
  greatest& most = greatest_[each.id];
  // It counts once it is granted, which it never is if its node crashes first.
  if (std::pair(most.stamp, most.node) < std::pair(each.stamp, each.by))
    most = {each.stamp, each.by, true};
  at.sessions.erase(session);
  note_alive(at, each.id);
}

bool registry_network::has_rival(const node& at, const std::string& id) const {
  // A link that broke is seen after 3 s, and until then what it carried counts.
  constexpr auto lately = 3'500ms;
  return std::ranges::any_of(nodes_, [&](const node& other) {
    if (other.name == at.name) return false;
    if (other.sessions.contains(id)) return true;
    for (const auto& [number, waiting] : other.waiting)
      if (waiting.id == id) return true;
    const auto of_id = alive_.find(id);
    if (of_id == alive_.end()) return false;
    const auto until = of_id->second.find(other.name);
    return until != of_id->second.end() && now_ - until->second <= lately;
  });
}

void registry_network::check_agreement() {
  if (!agenda_.empty() || now_ - last_message_ < 10s) fault("not quiet");
  std::vector<std::string> names;
  for (const node& each : nodes_)
    names.push_back(each.name);
  const rendezvous homes(names);
  for (const std::string& id : ids_) {
    const node* owner = nullptr;
    for (const node& each : nodes_) {
      const auto session = each.sessions.find(id);
      const bool has = session != each.sessions.end();
      if (each.registry->stamp_of(id) != (has ? std::optional(session->second) : std::nullopt))
        fault("registry and model differ: " + id);
      if (has && std::exchange(owner, &each) != nullptr) fault("two sessions: " + id);
    }
    const greatest& most = greatest_[id];
    if (most.stamp != 0 && !most.is_over && (owner == nullptr || owner->name != most.node))
      fault("not the greatest: " + id);
    for (const node& each : nodes_) {
      const auto known = each.registry->owner_of(id);
      const bool is_home = homes.names()[homes.best(id)] == each.name;
      if (is_home && owner != nullptr && !known) fault("home knows no owner: " + id);
      if (known && (owner == nullptr || known->node != owner->name ||
                    known->stamp != owner->sessions.at(id)))
        fault("wrong owner known at " + each.name + ": " + id);
    }
  }
  for (const node& each : nodes_) {
    if (!each.waiting.empty()) fault("login without answer");
    if (each.registry->deadline()) fault("something is due for ever");
  }
}

}  // namespace troupe::test
