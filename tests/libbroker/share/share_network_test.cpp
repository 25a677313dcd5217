// The groups of one shared subscription on three nodes, whose links break, with or without what was
// on them, and which crash and go on with what was written down. The test plays shards, logs, the
// disk, peers and members' sessions. Each message is to come to a member, and at QoS 2 once.

#include "libbroker/share/share_group.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr int nodes_in_all = 3;
constexpr int members_of_each = 2;
constexpr std::uint32_t room_of_each = 3;

struct world;

/// A durable session that is a member, and its client.
struct member {
  enum class stage {
    sent,     ///< the client has it
    finished  ///< at QoS 2: it is done, and the group has not written that down
  };
  struct message {
    log_offset offset = 0;
    qos level = qos::at_least_once;
    stage now = stage::sent;
    request_number report = 0;
  };
  std::uint64_t session = 0;
  bool is_subscribed = true;
  bool is_online = false;
  std::vector<message> in_flight;  ///< on the disk as soon as it is here
};

/// A node: a group, and what of it outlives a crash.
struct node {
  node(world& in, int number_)
      : all(in),
        number(number_),
        name(std::string(1, static_cast<char>('a' + number_))),
        id(share_id_of_node(name)),
        home(100 + static_cast<std::uint64_t>(number_)) {
    for (int i = 0; i != members_of_each; ++i)
      members.push_back(
          {.session = static_cast<std::uint64_t>(number_ * 10 + i + 1), .in_flight = {}});
  }

  void start();
  void crash();
  void collect();
  /// What an actor does between two messages: `step`s of others come in between.
  void later(std::function<void()> what) { inbox.push_back(std::move(what)); }

  void publish(const std::string& payload, qos level);
  void take(const share_effects::outgoing& batch);
  void commit(bool is_good);
  void report(std::uint64_t session, share_report what);
  void expect_confirmation(std::uint64_t session, const share_report& what);
  void complete_one(member& who);
  void hang_up(member& who);
  void come_back(member& who);
  void unsubscribe_all();
  void subscribe_all();
  [[nodiscard]] bool has_members() const { return members.front().is_subscribed; }
  void join(const node& other);
  void join(const member& who);
  [[nodiscard]] message_block_ptr read(log_offset offset) const;

  world& all;
  const int number;
  const std::string name;
  const std::uint64_t id;
  const std::uint64_t home;

  // The disk.
  struct record {
    std::string payload;
    qos level = qos::at_least_once;
    bool is_loan = false;
  };
  std::map<log_offset, record> log;
  std::optional<kept_share> kept;
  std::map<std::pair<std::uint64_t, log_offset>, kept_loan> loans;
  std::vector<member> members;

  // The process.
  std::unique_ptr<share_group> group;
  share_effects effects;
  std::atomic<log_offset> head{0};
  bool is_subscribed = false;
  bool is_live = true;
  std::deque<std::function<void()>> inbox;      ///< of the group
  std::deque<std::function<void()>> shard;      ///< what it asks of shards
  std::deque<std::function<void(bool)>> store;  ///< not committed
  struct reporter {
    std::uint64_t session = 0;
    request_number number = 0;
    std::uint32_t epoch = 0;  ///< of the link over which it spoke
    write_number write = 0;
  };
  std::vector<reporter> reporters;
  void answer(const reporter& whom);
  std::map<int, std::uint32_t> epochs;        ///< of links, as the peers know them
  std::map<int, std::uint32_t> known_epochs;  ///< as the group does
  request_number last_number = 0;
};

enum class saying {
  lent,
  question,
  other
};

/// One direction between two nodes.
struct wire {
  std::deque<std::function<void()>> peer;     ///< from the group to the peer
  std::deque<std::function<void()>> lending;  ///< waits there for credit
  std::deque<std::function<void()>> frames;   ///< on the link
};

struct world {
  explicit world(std::uint64_t seed) : random(seed) {
    for (int i = 0; i != nodes_in_all; ++i)
      nodes.push_back(std::make_unique<node>(*this, i));
    for (auto& each : nodes)
      each->start();
  }

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
  }
  bool is_up(int from, int to) const {
    return links.at({std::min(from, to), std::max(from, to)}) && nodes[from]->group != nullptr &&
           nodes[to]->group != nullptr;
  }
  void link(int one, int other) {
    bool& is_linked = links[{std::min(one, other), std::max(one, other)}];
    if (is_linked || !nodes[one]->group || !nodes[other]->group) return;
    is_linked = true;
    for (const auto& [from, to] : {std::pair(one, other), std::pair(other, one)})
      nodes[from]->later([this, from, to] {
        node& here = *nodes[from];
        here.known_epochs[to] = here.epochs[to];
        here.group->link_up(nodes[to]->id, nodes[to]->home, here.effects);
      });
  }
  /// `loses`: what is on its way, as after a crash; else it comes when there is a link again.
  void cut(int one, int other, bool loses) {
    bool& is_linked = links[{std::min(one, other), std::max(one, other)}];
    if (loses) wires[{one, other}].frames.clear(), wires[{other, one}].frames.clear();
    wires[{one, other}].lending.clear();
    wires[{other, one}].lending.clear();
    if (!std::exchange(is_linked, false)) return;
    for (const auto& [from, to] : {std::pair(one, other), std::pair(other, one)}) {
      node& here = *nodes[from];
      if (!here.group) continue;
      const std::uint32_t epoch = ++here.epochs[to];
      here.later([this, from, to, epoch] {
        node& there = *nodes[from];
        there.known_epochs[to] = epoch;
        there.group->link_down(nodes[to]->id, there.effects);
      });
    }
  }
  /// What the group of `from` says, as it knows the link at `epoch`, reaches the peer, and over the
  /// link the other group; what is lent perhaps later.
  void say(node& from, int to, std::uint32_t epoch, saying kind, std::function<void(node&)> what) {
    wires[{from.number, to}].peer.push_back([this, &from, to, epoch, kind, what] {
      if (!is_up(from.number, to) || epoch != from.epochs[to]) return;
      wire& over = wires[{from.number, to}];
      if (kind == saying::question) over.lending.clear();
      auto& queue = kind == saying::lent && below(2) == 0 ? over.lending : over.frames;
      queue.push_back(
          [this, to, what] { nodes[to]->later([this, to, what] { what(*nodes[to]); }); });
    });
  }

  /// Something happens that does not disturb anybody.
  bool step();
  void disturb();
  /// Everything is well, until nothing happens any more.
  void calm_down();

  std::mt19937_64 random;
  std::vector<std::unique_ptr<node>> nodes;
  std::map<std::pair<int, int>, bool> links{{{0, 1}, false}, {{0, 2}, false}, {{1, 2}, false}};
  std::map<std::pair<int, int>, wire> wires;
  std::map<std::string, int> delivered;  ///< by payload
  std::map<std::string, qos> published;
  time_point now{1'000'000ms};
};

config clustered() {
  config settings;
  settings.cluster.listen = "127.0.0.1:1";
  return settings;
}
const config settings = clustered();

message_block_ptr make(const node::record& what, log_offset offset) {
  auto block = make_block({{.topic = "t", .payload = what.payload, .qos = what.level, .id = 1}});
  const std::uint32_t only = 0;
  if (offset != 0) message_block::place_in_log(*block, {&only, 1}, offset);
  return block;
}

// -- a node ---------------------------------------------------------------------------------

void node::start() {
  group = std::make_unique<share_group>("$share/g/t", 1, settings, &head);
  const bool is_first = !kept && loans.empty();
  if (!is_first) {
    kept_share earlier = kept.value_or(kept_share{.share = "$share/g/t"});
    for (const auto& [key, loan] : loans)
      earlier.loans.push_back(loan);
    group->restore(earlier);
  }
  for (auto& other : all.nodes)
    if (other.get() != this && other->has_members()) join(*other);
  for (member& each : members) {
    if (each.is_subscribed) join(each);
    share_report held;
    // What was not finished at QoS 1 is given to anybody.
    std::erase_if(each.in_flight, [](const auto& one) { return one.level == qos::at_least_once; });
    for (member::message& one : each.in_flight) {
      if (one.now == member::stage::sent) {
        held.held.push_back(one.offset);
        continue;
      }
      held.done.push_back(one.offset);
      one.report = ++last_number;
      held.number = one.report;
    }
    for (member::message& one : each.in_flight)
      if (one.now == member::stage::finished) one.report = held.number;
    report(each.session, std::move(held));
  }
  if (!is_first) group->go_on(effects);
  collect();
}

void node::join(const node& other) {
  group->join(other.id,
              {.number = ++last_number, .options = {.qos = qos::exactly_once}, .lasting = true},
              effects);
}

void node::join(const member& who) {
  group->join(who.session,
              {.number = ++last_number,
               .options = {.qos = qos::exactly_once},
               .room = who.is_online ? room_of_each : 0,
               .lasting = true},
              effects);
}

/// What was begun is completed. Other nodes hear of it, whether there is a link or not.
void node::unsubscribe_all() {
  for (member& who : members) {
    share_report done;
    for (member::message& one : who.in_flight) {
      if (one.now != member::stage::sent) continue;
      done.done.push_back(one.offset);
      if (one.level != qos::exactly_once) continue;
      if (done.number == 0) done.number = ++last_number;
      one.now = member::stage::finished;
      one.report = done.number;
    }
    std::erase_if(who.in_flight, [](const auto& one) { return one.level == qos::at_least_once; });
    who.is_subscribed = false;
    who.is_online = false;
    later([this, session = who.session, done] {
      expect_confirmation(session, done);
      group->leave(session, done, effects);
    });
  }
  for (auto& other : all.nodes)
    if (other.get() != this && other->group)
      other->later([&there = *other, this] { there.group->leave(id, {}, there.effects); });
}

void node::subscribe_all() {
  for (member& who : members) {
    who.is_subscribed = true;
    later([this, &who] { join(who); });
  }
  for (auto& other : all.nodes)
    if (other.get() != this && other->group)
      other->later([&there = *other, this] {
        there.join(*this);
        if (all.is_up(number, there.number)) there.group->link_up(id, home, there.effects);
      });
}

void node::crash() {
  for (auto& other : all.nodes)
    if (other.get() != this) all.cut(number, other->number, true);
  group.reset();
  effects.clear();
  inbox.clear();
  shard.clear();
  store.clear();
  reporters.clear();
  for (auto& [pair, each] : all.wires)
    if (pair.first == number) each = {};
  is_subscribed = false;
  is_live = true;
  for (member& each : members)
    each.is_online = false;
}

void node::collect() {
  if (!group) return;
  group->flush(effects);
  group->keep_progress(all.now, false, effects);
  for (const auto& each : effects.requests) {
    if (const auto* p = std::get_if<shard_subscribe>(&each))
      shard.emplace_back([this, request = *p] {
        is_subscribed = true;
        is_live = request.live;
        later([this, request, through = head.load()] {
          group->subscribed(request.shard, request.number, through, effects);
        });
      });
    if (const auto* p = std::get_if<shard_set_live>(&each))
      shard.emplace_back([this, request = *p] {
        is_live = request.live;
        later([this, request, through = head.load()] {
          group->live_set(request.shard, request.number, through, effects);
        });
      });
  }
  for (const share_effects::outgoing& each : effects.deliveries)
    take(each);
  if (effects.read_log)
    later([this, asked = *effects.read_log] {
      log_page page;
      page.reached = asked.page.up_to;
      for (const auto& [offset, what] : log) {
        const bool is_wanted =
            asked.offsets.empty()
                ? !what.is_loan && offset > asked.page.after && offset <= asked.page.up_to
                : std::ranges::find(asked.offsets, offset) != asked.offsets.end();
        if (is_wanted) page.runs.push_back({.publisher = {}, .block = make(what, offset)});
      }
      group->log_read(asked.number, std::move(page), false, effects);
    });
  if (effects.write.number != 0) {
    if (!effects.write.kept && effects.write.loans.empty())
      for (const reporter& each : std::exchange(reporters, {}))
        answer(each);
    for (reporter& each : reporters)
      if (each.write == 0) each.write = effects.write.number;
    store.emplace_back([this, what = effects.write](bool is_good) {
      if (is_good) {
        kept = what.kept;
        for (const kept_loan& each : what.loans.ended)
          loans[{each.loan.lender, each.loan.offset}] = each;
        for (const share_loan& each : what.loans.forgotten)
          loans.erase({each.lender, each.offset});
      }
      later([this, number = what.number, is_good] {
        group->written(number, is_good, all.now, effects);
        for (reporter each : std::exchange(reporters, {})) {
          const bool is_due = each.write != 0 && each.write <= number;
          if (is_due && is_good) {
            answer(each);
            continue;
          }
          if (is_due) each.write = 0;
          reporters.push_back(each);
        }
      });
    });
  }
  for (const share_effects::loan_append& each : effects.appends)
    store.emplace_back([this, each](bool is_good) {
      log_offset first = 0;
      for (const std::uint32_t index : each.which) {
        if (!is_good) break;
        const log_offset own = head + 1;
        if (first == 0) first = own;
        const message_entry& entry = (*each.what.block)[index];
        log[own] = {std::string(as_text(each.what.block->payload(entry))), entry.qos, true};
        const share_loan loan{each.what.lender, each.what.offsets[index], own};
        loans[{loan.lender, loan.offset}] = {loan, loan_outcome::open};
        head = own;
      }
      later([this, each, first] { group->loans_appended(each, first, effects); });
    });
  for (const share_effects::word& each : effects.words) {
    const auto to =
        std::ranges::find_if(all.nodes, [&](const auto& other) { return other->id == each.node; });
    const bool asks = std::holds_alternative<share_ask>(each.what);
    all.say(*this, (*to)->number, known_epochs[(*to)->number],
            asks ? saying::question : saying::other, [this, what = each.what](node& there) {
              if (std::holds_alternative<share_ask_me>(what))
                there.group->ask_node(id, there.effects);
              else if (const auto* ask = std::get_if<share_ask>(&what))
                there.group->ask(id, {home, ask->number}, there.effects);
              else if (const auto* holds = std::get_if<share_holds>(&what))
                there.group->holds(id, *holds, there.effects);
              else if (const auto* room = std::get_if<share_room>(&what))
                there.group->set_room(id, *room, there.effects);
              else if (const auto* report = std::get_if<share_report>(&what))
                there.report(id, *report);
            });
  }
  effects.clear();
}

void node::publish(const std::string& payload, qos level) {
  const log_offset offset = head + 1;
  log[offset] = {payload, level, false};
  head = offset;
  all.published[payload] = level;
  if (!is_live) return;
  auto messages = intrusive_ptr<delivery>::adopt(new delivery());
  messages->add(make(log[offset], offset), 0);
  later([this, messages] { group->deliver(*messages, 0, effects); });
}

void node::take(const share_effects::outgoing& batch) {
  for (const message_run& run : batch.messages->runs) {
    for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
      const message_entry& entry = (*run.block)[i];
      const std::string payload(as_text(run.block->payload(entry)));
      if (is_share_id_of_node(batch.session)) {
        const auto to = std::ranges::find_if(
            all.nodes, [&](const auto& other) { return other->id == batch.session; });
        all.say(*this, (*to)->number, known_epochs[(*to)->number], saying::lent,
                [this, payload, level = entry.qos, offset = entry.log_offset](node& there) {
                  there.group->lend(id,
                                    {.block = make({payload, level, true}, 0),
                                     .lender = home,
                                     .offsets = {offset}},
                                    there.effects);
                });
        continue;
      }
      member& who = *std::ranges::find(members, batch.session, &member::session);
      if (!who.is_online) {
        share_report back{.is_away = true, .done = {}, .returned = {entry.log_offset}, .held = {}};
        later([this, session = who.session, back] { report(session, back); });
        continue;
      }
      ++all.delivered[payload];
      who.in_flight.push_back({entry.log_offset, entry.qos});
    }
  }
}

void node::commit(bool is_good) {
  auto one = std::move(store.front());
  store.pop_front();
  one(is_good);
}

void node::answer(const reporter& whom) {
  if (is_share_id_of_node(whom.session)) {
    const auto to = std::ranges::find_if(
        all.nodes, [&](const auto& other) { return other->id == whom.session; });
    return all.say(*this, (*to)->number, whom.epoch, saying::other,
                   [this, number = whom.number](node& there) {
                     there.group->confirmed({home, number}, there.effects);
                   });
  }
  later([this, whom] {
    member& who = *std::ranges::find(members, whom.session, &member::session);
    std::erase_if(who.in_flight, [&](const auto& each) {
      return each.now == member::stage::finished && each.report == whom.number;
    });
  });
}

void node::report(std::uint64_t session, share_report what) {
  group->report(session, what, effects);
  expect_confirmation(session, what);
}

void node::expect_confirmation(std::uint64_t session, const share_report& what) {
  if (what.number == 0) return;
  std::uint32_t epoch = 0;
  for (const auto& other : all.nodes)
    if (other->id == session) epoch = known_epochs[other->number];
  const reporter who{session, what.number, epoch};
  if (group->is_durable())
    reporters.push_back(who);
  else
    answer(who);
}

void node::complete_one(member& who) {
  if (who.in_flight.empty() || !who.is_online) return;
  member::message& one = who.in_flight[all.below(who.in_flight.size())];
  if (one.now != member::stage::sent) return;
  share_report done{.done = {one.offset}, .returned = {}, .held = {}};
  if (one.level == qos::exactly_once) {
    one.now = member::stage::finished;
    one.report = done.number = ++last_number;
  } else {
    who.in_flight.erase(who.in_flight.begin() + (&one - who.in_flight.data()));
  }
  later([this, session = who.session, done] { report(session, done); });
}

void node::hang_up(member& who) {
  if (!std::exchange(who.is_online, false)) return;
  share_report back{.is_away = true, .done = {}, .returned = {}, .held = {}};
  std::erase_if(who.in_flight, [&](const auto& each) {
    if (each.level == qos::exactly_once) return false;
    back.returned.push_back(each.offset);
    return true;
  });
  later([this, session = who.session, back] { report(session, back); });
}

void node::come_back(member& who) {
  if (!who.is_subscribed || std::exchange(who.is_online, true)) return;
  later(
      [this, session = who.session] { group->set_room(session, {.room = room_of_each}, effects); });
}

// -- the world ------------------------------------------------------------------------------

bool world::step() {
  std::vector<std::function<void()>> possible;
  for (auto& each : nodes) {
    node& here = *each;
    if (!here.group) continue;
    if (!here.inbox.empty())
      possible.emplace_back([&here] {
        auto what = std::move(here.inbox.front());
        here.inbox.pop_front();
        what();
        here.collect();
      });
    if (!here.shard.empty())
      possible.emplace_back([&here] {
        here.shard.front()();
        here.shard.pop_front();
      });
    if (!here.store.empty()) possible.emplace_back([&here] { here.commit(true); });
    for (member& who : here.members)
      if (std::ranges::any_of(who.in_flight,
                              [](const auto& one) { return one.now == member::stage::sent; }) &&
          who.is_online)
        possible.emplace_back([&here, &who] { here.complete_one(who); });
    if (here.group->deadline() && *here.group->deadline() <= now)
      possible.emplace_back([&here] { here.collect(); });
  }
  for (auto& [pair, each] : wires) {
    auto& [peer, lending, frames] = each;
    const auto take_one = [&possible](auto& queue) {
      possible.emplace_back([&queue] {
        auto what = std::move(queue.front());
        queue.pop_front();
        what();
      });
    };
    if (!peer.empty()) take_one(peer);
    if (!frames.empty() && is_up(pair.first, pair.second)) take_one(frames);
    if (!lending.empty() && is_up(pair.first, pair.second))
      possible.emplace_back([&lending, &frames] {
        frames.push_back(std::move(lending.front()));
        lending.pop_front();
      });
  }
  if (possible.empty()) return false;
  possible[below(possible.size())]();
  return true;
}

void world::disturb() {
  node& any = *nodes[below(nodes.size())];
  const int other = (any.number + 1 + static_cast<int>(below(nodes_in_all - 1))) % nodes_in_all;
  switch (below(20)) {
  case 0: any.crash(); break;
  case 1:
  case 2:
    if (!any.group) any.start();
    break;
  case 3: cut(any.number, other, true); break;
  case 4: cut(any.number, other, false); break;
  case 5:
  case 6:
  case 7: link(any.number, other); break;
  case 8:
    if (any.group) any.hang_up(any.members[below(members_of_each)]);
    break;
  case 9:
  case 10:
  case 11:
    if (any.group) any.come_back(any.members[below(members_of_each)]);
    break;
  case 12:
    if (any.group && !any.store.empty()) any.commit(below(4) != 0);
    break;
  case 13:
    if (any.group && !is_up(any.number, other))
      any.later(
          [this, &any, other] { any.group->node_died(nodes[other]->id, false, any.effects); });
    break;
  case 14:  // one node has members all the time
    if (any.group && any.number != 0 && any.has_members()) any.unsubscribe_all();
    break;
  case 15:
    if (any.group) any.subscribe_all();  // perhaps once more
    break;
  default:
    // Only what a subscription was acknowledged for is promised.
    if (any.group && any.is_subscribed && any.kept)
      any.publish(any.name + std::to_string(published.size()),
                  below(2) == 0 ? qos::at_least_once : qos::exactly_once);
  }
  now += std::chrono::milliseconds(below(20));
}

void world::calm_down() {
  for (auto& each : nodes)
    if (!each->group) each->start();
  for (int round = 0; round != 50; ++round) {
    for (int one = 0; one != nodes_in_all; ++one)
      for (int other = one + 1; other != nodes_in_all; ++other)
        link(one, other);
    for (auto& each : nodes)
      for (member& who : each->members)
        each->come_back(who);
    while (step()) {
    }
    now += 2s;
  }
}

std::string describe(const world& all) {
  std::string text;
  for (const auto& [payload, level] : all.published) {
    const auto found = all.delivered.find(payload);
    const int times = found == all.delivered.end() ? 0 : found->second;
    if (times == 0) text += " lost " + payload;
    if (times > 1 && level == qos::exactly_once) text += " doubled " + payload;
  }
  for (const auto& each : all.nodes) {
    if (!each->loans.empty()) text += " loans left at " + each->name;
    if (each->kept && !each->kept->outstanding.empty()) text += " outstanding at " + each->name;
  }
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(share_network)

BOOST_AUTO_TEST_CASE(each_message_comes_to_one_member_whatever_breaks) {
  const std::uint64_t first = seed_for_test();
  std::size_t published = 0;
  for (std::uint64_t seed = first; seed != first + 1000; ++seed) {
    world all(seed);
    while (all.step()) {
    }
    for (int one = 0; one != nodes_in_all; ++one)
      for (int other = one + 1; other != nodes_in_all; ++other)
        all.link(one, other);
    for (int i = 0; i != 1500; ++i) {
      if (all.below(8) == 0)
        all.disturb();
      else
        (void)all.step();
    }
    all.calm_down();
    published += all.published.size();
    const std::string wrong = describe(all);
    BOOST_TEST(wrong == "", "seed " << seed << ':' << wrong);
    if (!wrong.empty()) break;
  }
  BOOST_TEST(published > 1000U * 10U);
}

BOOST_AUTO_TEST_SUITE_END()
