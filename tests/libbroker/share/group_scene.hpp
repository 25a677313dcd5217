#pragma once

#include "libbroker/share/share_group.hpp"
#include "tests/libbroker/message/make_block.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace troupe::test {

using namespace std::chrono_literals;

constexpr auto qos0 = qos::at_most_once;
constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

using texts = std::vector<std::string>;

/// A group among shards, a log and sessions that the test plays.
struct group_scene {
  explicit group_scene(std::string share = "$share/g/t", std::uint32_t shards = 1, config with = {})
      : settings(std::move(with)), group(std::move(share), shards, settings, &head) {}

  void join(std::uint64_t session, qos level = qos1, bool lasting = false, std::uint32_t room = 10,
            std::uint32_t identifier = 0) {
    group.join(session,
               {.number = ++number,
                .options = {.qos = level},
                .identifier = identifier,
                .room = room,
                .lasting = lasting},
               effects);
    collect();
  }
  /// Shards and the disk answer until nobody is owed anything.
  void answer() {
    while (!requests.empty() || writing != 0) {
      for (const auto& each : std::exchange(requests, {})) {
        if (const auto* p = std::get_if<shard_subscribe>(&each))
          group.subscribed(p->shard, p->number, head, effects);
        if (const auto* p = std::get_if<shard_set_live>(&each))
          group.live_set(p->shard, p->number, head, effects);
        collect();
      }
      write();
    }
  }
  void write(bool done = true) {
    if (writing == 0) return;
    group.written(std::exchange(writing, 0), done, now, effects);
    collect();
  }
  void leave(std::uint64_t session, const share_report& last = {}) {
    group.leave(session, last, effects);
    collect();
  }
  void set_room(std::uint64_t session, std::uint32_t room) {
    group.set_room(session, {.room = room}, effects);
    collect();
  }
  /// A node lends messages, whose payloads are their offsets in its log, and they are written
  /// to the log here, from `first` on; 0: the disk refuses.
  void lend(std::uint64_t node, std::uint64_t home, const std::vector<log_offset>& offsets,
            log_offset first, qos level = qos1) {
    std::vector<test_message> all;
    for (const log_offset each : offsets)
      all.push_back({.topic = "t", .payload = std::to_string(each), .qos = level, .id = 1});
    group.lend(node, {.block = make_block(all), .lender = home, .offsets = offsets}, effects);
    BOOST_TEST_REQUIRE(effects.appends.size() == 1U);
    const share_effects::loan_append wanted = effects.appends.front();
    effects.appends.clear();
    if (first != 0) head = std::max(head.load(), first + offsets.size() - 1);
    group.loans_appended(wanted, first, effects);
    collect();
  }
  /// What the node was told last of how many messages it may have lent here.
  std::uint32_t room_told(std::uint64_t node) const {
    std::uint32_t room = 0;
    for (const share_effects::word& each : words)
      if (const auto* told = std::get_if<share_room>(&each.what); told && each.node == node)
        room = told->room;
    return room;
  }
  void report(std::uint64_t session, const share_report& what) {
    group.report(session, what, effects);
    collect();
  }
  void done(std::uint64_t session, std::vector<log_offset> offsets) {
    report(session, {.done = std::move(offsets), .returned = {}, .held = {}});
  }
  void gives_back(std::uint64_t session, std::vector<log_offset> offsets) {
    report(session, {.is_away = true, .done = {}, .returned = std::move(offsets), .held = {}});
  }

  /// A shard routes a message; `offset` 0: it is not in the log.
  void route(std::string payload, log_offset offset = 0, qos level = qos1, shard_index shard = 0) {
    auto messages = intrusive_ptr<delivery>::adopt(new delivery());
    messages->add(message(std::move(payload), offset, level), 0);
    if (offset != 0) head = std::max(head.load(), offset);
    group.deliver(*messages, shard, effects);
    collect();
  }
  /// Those from `from` on and before `to`, each with its offset as payload.
  void route_all(log_offset from, log_offset to) {
    for (log_offset i = from; i != to; ++i)
      route(std::to_string(i), i);
  }
  /// The log answers the group's question with messages whose payloads are their offsets.
  void page(const std::vector<log_offset>& offsets, bool failed = false) {
    BOOST_TEST_REQUIRE(read.has_value());
    const log_request asked = *std::exchange(read, std::nullopt);
    log_page found;
    found.reached = asked.page.up_to;
    for (const log_offset each : offsets)
      found.runs.push_back({.publisher = {}, .block = message(std::to_string(each), each, qos1)});
    group.log_read(asked.number, std::move(found), failed, effects);
    collect();
  }
  std::string asked() const {
    if (!read) return "";
    std::string text = read->offsets.empty() ? "after " + std::to_string(read->page.after) : "get";
    for (const log_offset each : read->offsets)
      text += ' ' + std::to_string(each);
    return text;
  }

  texts take(std::uint64_t session) { return std::exchange(inbox[session], {}); }

  static message_block_ptr message(std::string payload, log_offset offset, qos level) {
    auto block = make_block({{.topic = "t", .payload = std::move(payload), .qos = level, .id = 1}});
    const std::uint32_t only = 0;
    if (offset != 0) message_block::place_in_log(*block, {&only, 1}, offset);
    return block;
  }

  void collect() {
    group.flush(effects);
    group.keep_progress(now, false, effects);
    for (auto& each : effects.requests)
      requests.push_back(std::move(each));
    for (const share_effects::outgoing& each : effects.deliveries)
      for (const message_run& run : each.messages->runs)
        for (std::uint32_t i = run.first; i != run.first + run.count; ++i) {
          std::string text(as_text(run.block->payload((*run.block)[i])));
          text += " q" + std::to_string(static_cast<int>(
                             std::min((*run.block)[i].qos, each.options.maximum_qos)));
          for (const std::uint32_t one : identifiers_of(each.options.details))
            text += " id" + std::to_string(one);
          BOOST_TEST(each.options.details->share == group.share());
          inbox[each.session].push_back(text + (each.options.tracked ? " tracked" : ""));
        }
    for (const share_effects::answer& each : effects.joined)
      joined.insert(each.session);
    if (effects.read_log) {
      BOOST_TEST(!read.has_value());
      read = effects.read_log;
    }
    if (effects.write.number != 0) {
      writing = effects.write.number;
      kept = effects.write.kept;
      std::ranges::move(effects.write.loans.ended, std::back_inserter(ended_loans));
      std::ranges::move(effects.write.loans.forgotten, std::back_inserter(forgotten));
    }
    std::ranges::move(effects.words, std::back_inserter(words));
    has_ended |= effects.ended;
    effects.clear();
  }

  const config settings;
  std::atomic<log_offset> head{0};
  share_group group;
  share_effects effects;
  request_number number = 0;
  std::vector<std::variant<shard_subscribe, shard_unsubscribe, shard_set_live>> requests;
  std::map<std::uint64_t, texts> inbox;
  std::set<std::uint64_t> joined;
  std::optional<log_request> read;
  std::optional<kept_share> kept;
  std::vector<kept_loan> ended_loans;
  std::vector<share_loan> forgotten;
  std::vector<share_effects::word> words;
  write_number writing = 0;
  bool has_ended = false;
  time_point now{1h};
};

/// One durable member with `room`, and everything answered.
inline void make_durable(group_scene& s, std::uint32_t room = 10) {
  s.join(1, qos1, true, room);
  s.answer();
  BOOST_TEST(s.group.is_durable());
}

inline bool asks_to_be_live(const group_scene& s) {
  const auto* last = s.requests.empty() ? nullptr : std::get_if<shard_set_live>(&s.requests.back());
  return last != nullptr && last->live;
}

/// Its member at QoS 1 leaves a durable group, and one at QoS 0 is left.
inline void give_up_log(group_scene& s) {
  make_durable(s);
  s.join(2, qos0);
  s.leave(1);
  BOOST_TEST(!s.group.is_durable());
}

}  // namespace troupe::test
