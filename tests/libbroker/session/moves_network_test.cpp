// A session that goes from one node to another while three publish, one of which may be away, and
// either of the two crashes at any point: what was published comes once at QoS 2, and in order.

#include "libbroker/codec/encode.hpp"
#include "tests/libbroker/session/durable_scene.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <numeric>
#include <random>
#include <set>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t old_node = 0;
constexpr std::size_t new_node = 1;
constexpr std::size_t third = 2;
constexpr std::array<const char*, 3> names{"old", "new", "third"};
constexpr std::uint64_t move_number = 77;

/// The client, which goes on where its connection broke.
struct reader {
  std::set<packet_id> under_way;
  std::map<char, std::vector<int>> got;  ///< numbers by publisher

  void take(const publish& packet) {
    if (!under_way.insert(packet.id).second) return;  // it was sent again
    const std::string_view text = as_text(packet.payload);
    got[text.front()].push_back(std::stoi(std::string(text.substr(1))));
  }
};

/// A node: its log, and the session or its end.
struct place {
  struct record {
    log_offset offset = 0;
    message_identity identity;
    std::string payload;
  };

  place(const config& with, std::uint64_t number) : settings(with), identity{.home = number} {
    restart();
  }

  /// What was not written is gone.
  void restart() {
    const std::string name = machine ? machine->name() : "client";
    machine.emplace(shared_text(name), 7, host);
    effects = {};
    is_live = false;
    if (!disk.exists) return;
    machine->restore(disk.session, effects);
    machine->go_on(now, effects);
  }

  message_block_ptr block_of(const record& of) const {
    const auto one =
        make_block({{.topic = "t", .payload = of.payload, .qos = qos::exactly_once}}, now);
    message_entry entry = (*one)[0];
    entry.log_offset = of.offset;
    message_block_builder builder;
    builder.add(entry, one->wire((*one)[0]), one->version(), {}, of.identity);
    return builder.seal({.publisher = 1, .received_at = now});
  }

  void append(const message_identity& identity, const std::string& payload) {
    head = head + 1;
    log.push_back({head, identity, payload});
    if (!is_live || !is_subscribed) return;
    auto batch = intrusive_ptr<delivery>::adopt(new delivery());
    batch->add(block_of(log.back()), 0);
    machine->deliver(*batch, {.maximum_qos = qos::exactly_once}, 0, now, effects);
  }

  void attach(reader& client) {
    connect request = scene::request_v5();
    request.session_expiry_interval = 1000;
    machine->attach(request, false, now, effects);
    if (machine->next_end() == nullptr) machine->end_relay(now, effects);
    while (step(client)) {
    }
  }
  void lose() {
    machine->connection_lost(now, effects);
    machine->output().clear();
  }

  /// Does one thing that the machine wants. Returns whether there was one.
  bool step(reader& client) {
    machine->keep_progress(now, effects);
    session_effects due = std::exchange(effects, {});
    for (routing_request& each : due.requests)
      requests.push_back(std::move(each));
    for (log_request& each : due.read_log)
      reads.push_back(std::move(each));
    wants_cuts |= due.wants_cuts;
    tells_cuts |= due.tell_cuts;
    is_consumed |= due.nothing_left;
    if (due.nothing_left && !machine->waits_for_origins()) {
      machine->finish(now, effects);
      disk.exists = false;
      return false;
    }
    if (due.adopted) adopted = due.adopted;
    ended |= due.session_ended;
    if (due.write.number != 0) {
      for (const session_change& change : due.write.changes)
        std::visit(disk, change);
      machine->written(due.write.number, true, now, effects);
      return true;
    }
    if (!requests.empty()) return answer();
    if (!reads.empty()) {
      const log_request read = std::move(reads.front());
      reads.pop_front();
      machine->log_read(read.number, page_of(read), false, now, effects);
      return true;
    }
    return take_output(client);
  }

  bool answer() {
    if (const auto* p = std::get_if<shard_subscribe>(&requests.front())) {
      is_subscribed = true;
      is_live = p->live;
      if (!may_subscribe) return false;
    }
    const routing_request next = std::move(requests.front());
    requests.pop_front();
    if (const auto* p = std::get_if<shard_subscribe>(&next)) {
      machine->subscribed(p->shard, p->number, 0, {}, effects);
    } else if (const auto* p = std::get_if<shard_unsubscribe>(&next)) {
      is_subscribed = false;
      machine->unsubscribed(p->number, head, now, effects);
    } else if (const auto* p = std::get_if<shard_set_live>(&next)) {
      is_live = p->live;
      machine->live_set(0, p->number, head, now, effects);
    }
    return true;
  }

  log_page page_of(const log_request& read) const {
    log_page page{.reached = read.page.up_to};
    for (const record& each : log) {
      const bool is_named = std::ranges::find(read.offsets, each.offset) != read.offsets.end();
      const bool is_between =
          read.offsets.empty() && each.offset > read.page.after && each.offset <= read.page.up_to;
      if (is_named || is_between)
        page.runs.push_back({.publisher = "ann", .block = block_of(each)});
    }
    return page;
  }

  bool take_output(reader& client) {
    std::string bytes;
    while (!machine->output().empty()) {
      std::array<byte_view, 8> views;
      const std::size_t count = machine->output().gather(views);
      for (std::size_t i = 0; i != count; ++i) {
        bytes += as_text(views[i]);
        machine->output().consume(views[i].size());
      }
    }
    if (bytes.empty()) return false;
    byte_buffer acknowledgements;
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto scanned = scan_frame(as_bytes(rest), 0);
      const auto packet = decode_any(scanned->packet, protocol_version::v5, role::client);
      BOOST_TEST_REQUIRE(packet.has_value());
      if (const auto* sent = std::get_if<publish>(&*packet)) {
        client.take(*sent);
        encode(packet_type::pubrec, publish_response{.id = sent->id}, protocol_version::v5,
               acknowledgements);
      } else if (const auto* said = std::get_if<typed_response>(&*packet)) {
        client.under_way.erase(said->packet.id);
        encode(packet_type::pubcomp, publish_response{.id = said->packet.id}, protocol_version::v5,
               acknowledgements);
      }
      rest.remove_prefix(scanned->size);
    }
    machine->output_drained(now, effects);
    machine->receive(acknowledgements.view(), now, effects);
    return true;
  }

  const config settings;
  std::atomic<log_offset> head = 0;
  const node_identity identity;
  const session_host host{.settings = settings, .log_head = &head, .identity = &identity};
  std::vector<record> log;
  std::optional<session> machine;
  session_effects effects;
  kept disk;
  time_point now{1h};
  std::deque<routing_request> requests;
  std::deque<log_request> reads;
  bool is_subscribed = false;
  bool is_live = false;
  bool may_subscribe = true;
  bool wants_cuts = false;
  bool tells_cuts = false;
  bool is_consumed = false;
  bool ended = false;
  std::optional<session_end> adopted;
};

/// All of it, for one seed.
class journey {
public:
  explicit journey(std::uint64_t seed)
      : random_(seed),
        third_is_away_(chance(2)),
        at_{place(with_data_dir(), 1), place(with_data_dir(), 2), place(with_data_dir(), 3)} {}

  void run() {
    begin();
    take_over();
    hand_over();
    read_end();
    go_on();
    if (third_is_away_) come_back();
    third_is_away_ = false;
    noise();
    deliver_all();
    run(at_[new_node]);
    if (chance(2)) crash(new_node);
  }

  void check() const {
    for (std::size_t origin = 0; origin != names.size(); ++origin) {
      std::vector<int> all(published_[origin]);
      std::iota(all.begin(), all.end(), 1);
      const auto found = client_.got.find(*names[origin]);
      const std::vector<int> got = found == client_.got.end() ? std::vector<int>() : found->second;
      BOOST_REQUIRE_EQUAL_COLLECTIONS(got.begin(), got.end(), all.begin(), all.end());
    }
  }

private:
  struct passing {
    std::optional<origin_cut> fence;  ///< else a message
    message_identity identity;
    std::string payload;
  };

  bool chance(unsigned of) { return random_() % of == 0; }

  // -- what goes on all the time

  void publish(std::size_t origin) {
    place& from = at_[origin];
    const std::string payload = *names[origin] + std::to_string(++published_[origin]);
    from.append({}, payload);
    for (const std::size_t to : {old_node, new_node})
      if (to != origin && routes_[origin][to])
        links_[origin][to].push_back({{}, {from.identity.home, from.head}, payload});
  }

  void deliver(std::size_t origin, std::size_t to) {
    auto& link = links_[origin][to];
    if (link.empty() || (origin == third && third_is_away_)) return;
    const passing next = std::move(link.front());
    link.pop_front();
    if (next.fence)
      fenced_.push_back(*next.fence);
    else if (at_[to].is_subscribed)
      at_[to].append(next.identity, next.payload);
  }

  void deliver_all() {
    for (std::size_t origin = 0; origin != names.size(); ++origin)
      for (const std::size_t to : {old_node, new_node})
        while (!links_[origin][to].empty() && !(origin == third && third_is_away_))
          deliver(origin, to);
  }

  void noise() {
    for (auto left = random_() % 8; left != 0; --left) {
      if (chance(2))
        publish(random_() % 3);
      else
        deliver(random_() % 3, random_() % 2);
    }
  }

  void run(place& which) {
    while (which.step(client_)) {
    }
  }

  void crash(std::size_t which) {
    const bool was_connected = at_[which].machine->connected();
    at_[which].restart();
    run(at_[which]);
    if (was_connected) at_[which].attach(client_);
  }

  // -- one step after the other

  void begin() {
    place& old = at_[old_node];
    old.attach(client_);
    old.machine->receive(as_bytes(std::string_view("\x82\x07\0\1\0\0\1t\2", 9)), old.now,
                         old.effects);
    run(old);
    for (auto& each : routes_)
      each[old_node] = true;
    noise();
    run(old);
    noise();
    old.lose();
    run(old);
  }

  void take_over() {
    place& next = at_[new_node];
    for (std::uint64_t number = move_number;; ++number) {
      noise();
      const moved_session state = at_[old_node].machine->describe_move();
      next.may_subscribe = next.wants_cuts = false;
      next.adopted.reset();
      next.machine->adopt(state, {"old", number}, next.effects);
      run(next);
      for (std::size_t origin = 0; origin != names.size(); ++origin) {
        noise();
        if (origin != third || !third_is_away_) routes_[origin][new_node] = true;
      }
      next.may_subscribe = true;
      run(next);
      BOOST_TEST_REQUIRE(next.wants_cuts);
      std::vector<origin_cut> reached;
      for (std::size_t origin = 0; origin != names.size(); ++origin) {
        reached.push_back({.node = names[origin], .home = at_[origin].identity.home});
        if (origin != third || !third_is_away_) reached.back().last = at_[origin].head;
        noise();
      }
      if (chance(4)) {
        crash(new_node);
        continue;
      }
      next.machine->cut(std::move(reached), next.effects);
      run(next);
      BOOST_TEST_REQUIRE(next.adopted.has_value());
      noise();
      if (!chance(4)) return;
      crash(new_node);
    }
  }

  void hand_over() {
    place& old = at_[old_node];
    old.machine->hand_over(at_[new_node].adopted->number, at_[new_node].adopted->cuts, old.now,
                           old.effects);
    run(old);
    if (chance(3)) crash(old_node);
    forget_broken_moves();
    ask_origins();
  }

  /// The old node has no end of moves that a crash broke off, and says so.
  void forget_broken_moves() {
    place& next = at_[new_node];
    for (std::uint64_t number = move_number; number != next.adopted->number; ++number)
      next.machine->end_consumed({"old", number}, next.now, next.effects);
    run(next);
  }

  void ask_origins(bool attaches = false) {
    place& old = at_[old_node];
    if (!old.machine->waits_for_origins()) return;
    if (chance(4)) crash(old_node);
    fenced_.clear();
    std::size_t asked = 0;
    for (const origin_cut& each : old.machine->awaited()) {
      const std::size_t origin = each.home - 1;
      if (each.last == origin_cut::unknown || (origin == third && third_is_away_)) continue;
      ++asked;
      if (origin == old_node)
        fenced_.push_back(each);
      else
        links_[origin][old_node].push_back({each, {}, {}});
    }
    old.machine->origins_asked();
    old.is_consumed = false;
    if (attaches) old.attach(client_);
    while (fenced_.size() != asked)
      noise();
    old.machine->origins_come(fenced_, old.now, old.effects);
    run(old);
  }

  void read_end() {
    place& old = at_[old_node];
    place& next = at_[new_node];
    if (!old.machine->connected()) {
      old.is_consumed = false;
      old.attach(client_);
    }
    while (!old.is_consumed) {
      run(old);
      noise();
      if (chance(8)) {
        crash(old_node);
        if (old.machine->waits_for_origins()) ask_origins();
      }
    }
    const session_end end{"old", old.machine->end_number()};
    if (old.machine->waits_for_origins()) {
      next.machine->end_waits(end, true, next.now, next.effects);
      old.lose();
    } else {
      next.machine->end_consumed(end, next.now, next.effects);
    }
    run(old);
    run(next);
  }

  void go_on() {
    place& next = at_[new_node];
    if (!next.machine->connected()) next.attach(client_);
    for (int i = 0; i != 3; ++i) {
      noise();
      run(next);
      if (chance(4)) crash(new_node);
    }
  }

  void come_back() {
    place& old = at_[old_node];
    place& next = at_[new_node];
    if (chance(3)) crash(old_node);
    third_is_away_ = false;
    routes_[third][new_node] = true;
    noise();
    do {
      noise();
      if (chance(3)) crash(new_node);
      run(next);
      if (next.machine->awaited().empty()) break;
      origin_cut found = next.machine->awaited().front();
      next.machine->origins_asked();
      found.last = at_[third].head;
      noise();
      run(next);
      next.tells_cuts = false;
      next.machine->cuts_found({found}, next.now, next.effects);
      run(next);
    } while (chance(3));
    const std::vector<origin_cut> cuts = next.machine->ends().front().cuts;
    noise();
    old.machine->cut_end(cuts, old.effects);
    run(old);
    ask_origins(chance(2));
    noise();
    BOOST_TEST(old.machine->has_more() != old.machine->connected());
    read_end();
  }

  std::mt19937_64 random_;
  bool third_is_away_;
  std::array<place, 3> at_;
  reader client_;
  std::array<std::size_t, 3> published_{};
  std::array<std::array<bool, 2>, 3> routes_{};  ///< from, to
  std::array<std::array<std::deque<passing>, 2>, 3> links_;
  std::vector<origin_cut> fenced_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(session_moves_network)

BOOST_AUTO_TEST_CASE(what_is_published_during_a_move_comes_once_and_in_order) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 3000; ++round) {
    BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed << ", round " << round);
    journey one(seed + round);
    one.run();
    one.check();
  }
}

BOOST_AUTO_TEST_SUITE_END()
