#include "tests/libbroker/cluster/retained_network.hpp"

#include "tests/libbroker/message/make_block.hpp"

#include <algorithm>
#include <chrono>

namespace troupe::test {

using namespace std::chrono_literals;

namespace {

/// Records that a link holds.
constexpr std::size_t link_room = 6;

constexpr std::size_t most_cleared = 10'000;

message_block_ptr with_stamp(const message_block_ptr& message, const retained_stamp& stamp) {
  message_block_builder builder;
  const message_entry& entry = (*message)[0];
  builder.add(entry, message->wire(entry), message->version(), stamp);
  return builder.seal({.publisher = 1, .received_at = message->received_at()});
}

}  // namespace

retained_network::retained_network(std::uint64_t seed, int nodes) : random_(seed) {
  if (nodes == 0) nodes = 2 + below(3);
  for (int i = 0; i != nodes; ++i)
    nodes_.emplace_back().name = std::string(1, static_cast<char>('a' + i));
  for (node& each : nodes_) {
    each.calendar = milliseconds(below(10'000) - 5'000);
    begin(each, 1 + static_cast<std::size_t>(below(3)));
  }
  for (int one = 0; one != nodes; ++one)
    for (int other = one + 1; other != nodes; ++other)
      connect(one, other);
}

void retained_network::begin(node& which, std::size_t shards) {
  ++which.life;
  which.clock = std::make_unique<shared_hybrid_clock>();
  which.shards.clear();
  for (std::size_t i = 0; i != shards; ++i) {
    shard& made = which.shards.emplace_back();
    made.routing = std::make_unique<router>(retained_store::limits{});
    made.routing->share_retained(most_cleared, node_number(which.name));
  }
  which.peers.clear();
  for (int other = 0; other != size(); ++other)
    if (&at(other) != &which)
      which.peers.try_emplace(other, retained_sync({.shards = static_cast<std::uint32_t>(shards),
                                                    .begins = &which < &at(other)}));
}

// -- what happens -----------------------------------------------------------------------

retained_stamp retained_network::publish(int number, const std::string& topic,
                                         const std::string& payload, std::uint32_t expiry) {
  node& which = at(number);
  test_message message{.topic = topic, .payload = payload, .retain = true};
  if (expiry != 0) message.properties = {expiry_property(expiry)};
  const message_block_ptr block =
      make_block({message}, protocol_version::v5, {.publisher = 1, .received_at = now_});
  message_block::set_stamps(*block, which.clock->next(wall(which)), node_number(which.name));
  router_of(which, topic).route(block);
  const retained_stamp stamp = block->stamp(0);
  value& best = greatest_[topic];
  if (stamp > best.stamp) best = {stamp, expiry == 0 ? payload : std::string()};
  std::string run;
  encode_run({block, 0, 1}, false, now_, run);
  for (auto& [other, sync] : which.peers) {
    link& over = between(number, other);
    if (!over.is_seen[number > other ? 1 : 0]) continue;
    if (has_room(number, other))
      push(number, other, record_kind::publishes, run);
    else
      sync.missed(now_);
  }
  return stamp;
}

void retained_network::read(int number) {
  for (shard& each : at(number).shards)
    (void)each.routing->read_retained("#", {.as_of = ~0ULL}, 1'000'000, 1'000'000'000, now_);
}

void retained_network::break_link(int one, int other) {
  if (one == other) return;
  link& over = between(one, other);
  if (!over.is_up) return;
  over.is_up = false;
  ++over.generation;
  for (auto& records : over.records) {
    // Some of it arrives all the same.
    while (!records.empty() && below(3) != 0)
      records.pop_back();
  }
  for (const auto& [which, to] : {std::pair(one, other), std::pair(other, one)})
    schedule(milliseconds(below(3'000)),
             [=, this, which = which, to = to, generation = over.generation] {
               if (between(which, to).generation == generation) see_down(which, to);
             });
}

void retained_network::see_down(int which, int other) {
  link& over = between(which, other);
  bool& is_seen = over.is_seen[which > other ? 1 : 0];
  if (is_seen) at(which).peers.at(other).link_down();
  is_seen = false;
  over.records[which > other ? 0 : 1].clear();  // to it
  if (over.is_seen[0] || over.is_seen[1]) return;
  schedule(milliseconds(below(2'000)), [=, this] { connect(which, other); });
}

void retained_network::block_link(int one, int other) {
  if (one == other) return;
  between(one, other).is_blocked = true;
  break_link(one, other);
}

void retained_network::heal() {
  for (auto& [nodes, over] : links_) {
    over.is_blocked = false;
    if (!over.is_up && !over.is_seen[0] && !over.is_seen[1]) connect(nodes.first, nodes.second);
  }
}

void retained_network::connect(int one, int other) {
  link& over = between(one, other);
  if (over.is_up || over.is_blocked || over.is_seen[0] || over.is_seen[1]) return;
  over.is_up = true;
  ++over.generation;
  for (auto& records : over.records)
    records.clear();
  over.is_seen[0] = over.is_seen[1] = true;
  for (const auto& [which, to] : {std::pair(one, other), std::pair(other, one)}) {
    at(which).peers.at(to).link_up(now_, effects_);
    carry_out(which, to);
  }
}

void retained_network::crash(int number, bool keeps_all) {
  node& which = at(number);
  has_lost_some_ |= !keeps_all;
  std::vector<message_block_ptr> kept;
  for (const auto& [topic, had] : state_of(number)) {
    const message_block_ptr found = router_of(which, topic).retained().find(topic);
    kept.push_back(found ? with_stamp(found, had.stamp) : make_cleared(topic, had.stamp));
  }
  for (int other = 0; other != size(); ++other) {
    if (other == number) continue;
    break_link(number, other);
    see_down(number, other);
  }
  const milliseconds ahead = wall_of(which.clock->last()) - (wall(which) - which.calendar);
  which.calendar = milliseconds(below(10'000) - 5'000);
  // Who knows nothing of its stamps would give them out again if its calendar was put back.
  if (!keeps_all) which.calendar = std::max(which.calendar, ahead + 1ms);
  begin(which, 1 + static_cast<std::size_t>(below(3)));
  if (!keeps_all) return;
  for (const message_block_ptr& each : kept) {
    router_of(which, each->topic((*each)[0])).restore_retained(*each);
    (void)which.clock->observe(each->stamp(0).time, wall(which));
  }
}

// -- links ------------------------------------------------------------------------------

bool retained_network::has_room(int from, int to) {
  return between(from, to).records[from > to ? 1 : 0].size() < link_room;
}

void retained_network::push(int from, int to, record_kind kind, std::string bytes) {
  link& over = between(from, to);
  const std::size_t side = from > to ? 1 : 0;
  if (!over.is_up) return;  // the sender does not know yet
  time_point& last = over.last[side];
  last = std::max(last, now_ + milliseconds(1 + below(20)));
  over.records[side].push_back({last, kind, std::move(bytes)});
}

void retained_network::carry_out(int which, int other) {
  retained_sync_effects due = std::exchange(effects_, {});
  node& here = at(which);
  const auto shards = static_cast<std::uint32_t>(here.shards.size());
  for (const auto& [ticket, what] : due.questions) {
    if (const auto bucket = bucket_of(what)) {
      ask(which, other, shard_of_bucket(*bucket, shards), ticket, what);
      continue;
    }
    for (std::size_t shard = 0; shard != shards; ++shard)
      ask(which, other, shard, ticket, what);
  }
  while (between(which, other).is_seen[which > other ? 1 : 0] && has_room(which, other)) {
    const auto next = here.peers.at(other).pop();
    if (!next) break;
    if (const auto* const word = std::get_if<retained_word>(&*next)) {
      ++words_sent;
      push(which, other, record_kind::retained_sync, encode(*word));
    } else {
      ++values_sent;
      const auto& value = std::get<retained_value>(*next);
      std::string bytes;
      encode_retained(value.message, value.stamp, now_, bytes);
      push(which, other, record_kind::retained, bytes);
    }
  }
}

void retained_network::ask(int which, int other, std::size_t shard, std::uint64_t ticket,
                           const retained_question& what) {
  time_point& busy = at(which).shards[shard].busy_until;
  busy = std::max(busy, now_ + milliseconds(below(3)));
  schedule(std::chrono::duration_cast<milliseconds>(busy - now_), [=, this, life = at(which).life] {
    node& here = at(which);
    if (here.life != life) return;
    retained_answer said =
        here.shards[shard].routing->answer(what, here.clock->greatest_acceptable(wall(here)));
    here.peers.at(other).answered(ticket, std::move(said), effects_);
    carry_out(which, other);
  });
}

void retained_network::deliver_due() {
  for (auto& [nodes, over] : links_) {
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const int from = side == 0 ? nodes.first : nodes.second;
      const int to = side == 0 ? nodes.second : nodes.first;
      auto& records = over.records[side];
      const int generation = over.generation;
      bool has_taken = false;
      while (!records.empty() && records.front().at <= now_ && over.generation == generation) {
        const record next = std::move(records.front());
        records.pop_front();
        if (over.is_seen[1 - side]) take(to, from, next);
        has_taken = true;
      }
      if (has_taken && over.is_seen[side]) carry_out(from, to);  // there is room again
    }
  }
}

void retained_network::take(int which, int from, const record& what) {
  if (what.kind == record_kind::retained_sync) {
    at(which).peers.at(from).take(*decode_retained_word(what.bytes), now_, effects_);
    return carry_out(which, from);
  }
  take_messages(which, what.bytes, what.kind == record_kind::retained);
}

void retained_network::take_messages(int number, std::string_view bytes, bool is_state) {
  node& which = at(number);
  publishes_reader in(bytes, now_);
  while (const auto found = in.next()) {
    message_block_builder builder;
    builder.add(found->entry, found->wire, found->version, found->stamp);
    const message_block_ptr block =
        builder.seal({.publisher = 2, .received_at = found->received_at});
    (void)which.clock->observe(found->stamp.time, wall(which));
    const hybrid_stamp greatest = which.clock->greatest_acceptable(wall(which));
    router& routing = router_of(which, block->topic((*block)[0]));
    if (is_state)
      routing.take_retained(block, greatest);
    else
      routing.route(block, greatest);
  }
}

void retained_network::run(milliseconds time) {
  const time_point end = now_ + time;
  while (now_ != end) {
    while (!agenda_.empty() && agenda_.begin()->first <= now_) {
      const auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
    }
    deliver_due();
    time_point next = std::min(end, now_ + milliseconds(500));  // as heartbeats
    if (!agenda_.empty()) next = std::min(next, agenda_.begin()->first);
    for (const auto& [nodes, over] : links_)
      for (const auto& records : over.records)
        if (!records.empty()) next = std::min(next, records.front().at);
    now_ = std::max(next, now_ + milliseconds(next <= now_ ? 1 : 0));
    for (int which = 0; which != size(); ++which) {
      for (auto& [other, sync] : at(which).peers) {
        sync.tick(now_, effects_);
        carry_out(which, other);
      }
    }
  }
}

retained_network::state retained_network::state_of(int number) const {
  const node& which = at(number);
  state all;
  for (const shard& each : which.shards) {
    for (std::uint32_t bucket = 0; bucket != retained_buckets; ++bucket) {
      std::string after;
      for (bool is_last = false; !is_last;) {
        const auto page =
            std::get<retained_page>(each.routing->answer(list_bucket{bucket, after}, any_stamp));
        is_last = page.is_last;
        for (const retained_page::entry& entry : page.topics) {
          const message_block_ptr found = each.routing->retained().find(entry.topic);
          const bool is_there = found && !found->expired((*found)[0], now_);
          all[entry.topic] = {entry.stamp, is_there
                                               ? std::string(as_text(found->payload((*found)[0])))
                                               : std::string()};
          after = entry.topic;
        }
      }
    }
  }
  return all;
}

}  // namespace troupe::test
