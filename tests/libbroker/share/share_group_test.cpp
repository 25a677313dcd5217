#include "libbroker/share/share_group.hpp"

#include "libbroker/topic.hpp"
#include "tests/libbroker/message/make_block.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr auto qos0 = qos::at_most_once;
constexpr auto qos1 = qos::at_least_once;
constexpr auto qos2 = qos::exactly_once;

using texts = std::vector<std::string>;

/// A group among shards, a log and sessions that the test plays.
struct scene {
  explicit scene(std::string share = "$share/g/t", std::uint32_t shards = 1, config with = {})
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
void make_durable(scene& s, std::uint32_t room = 10) {
  s.join(1, qos1, true, room);
  s.answer();
  BOOST_TEST(s.group.is_durable());
}

bool asks_to_be_live(const scene& s) {
  const auto* last = s.requests.empty() ? nullptr : std::get_if<shard_set_live>(&s.requests.back());
  return last != nullptr && last->live;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(share_group_)

// -- without the log ------------------------------------------------------------------

// [MQTT5-4.8.2-3]
BOOST_AUTO_TEST_CASE(each_message_goes_to_one_member_in_turn) {
  scene s;
  for (std::uint64_t session = 1; session != 4; ++session)
    s.join(session, session == 2 ? qos1 : qos0, false, 10, session == 2 ? 7 : 0);
  s.answer();
  for (int i = 0; i != 6; ++i)
    s.route(std::to_string(i), 0, qos2);
  BOOST_TEST(s.take(1) == (texts{"0 q0", "3 q0"}), boost::test_tools::per_element());
  BOOST_TEST(s.take(2) == (texts{"1 q1 id7", "4 q1 id7"}), boost::test_tools::per_element());
  BOOST_TEST(s.take(3) == (texts{"2 q0", "5 q0"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(member_has_joined_when_all_shards_concerned_know_the_group) {
  scene wide("$share/g/+", 3);
  wide.join(1);
  BOOST_TEST(wide.requests.size() == 3U);
  BOOST_TEST(wide.joined.empty());
  wide.answer();
  BOOST_TEST(wide.joined.contains(1));
  wide.join(2);
  BOOST_TEST(wide.joined.contains(2));
  BOOST_TEST(wide.requests.empty());

  scene exact("$share/g/t", 3);
  exact.join(1);
  BOOST_TEST(exact.requests.size() == 1U);
  const auto& asked = std::get<shard_subscribe>(exact.requests.front());
  BOOST_TEST(asked.filters.at(0).filter == "t");
  BOOST_TEST(!asked.lasting);
}

BOOST_AUTO_TEST_CASE(members_that_are_online_are_preferred) {
  scene s;
  for (std::uint64_t session = 1; session != 4; ++session)
    s.join(session);
  s.answer();
  s.set_room(2, 0);
  for (int i = 0; i != 4; ++i)
    s.route("m");
  BOOST_TEST(s.take(1).size() == 2U);
  BOOST_TEST(s.take(2).empty());
  BOOST_TEST(s.take(3).size() == 2U);
  s.set_room(1, 0);
  s.set_room(3, 0);
  for (int i = 0; i != 6; ++i)
    s.route("m");
  for (std::uint64_t session = 1; session != 4; ++session)
    BOOST_TEST(s.take(session).size() == 2U);
}

// [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(what_a_member_cannot_deliver_others_get) {
  scene s;
  s.join(1);
  s.join(2);
  s.answer();
  s.leave(1);
  s.group.redeliver(scene::message("again", 0, qos1));
  s.collect();
  BOOST_TEST(s.take(2) == texts{"again q1"}, boost::test_tools::per_element());
  const std::uint32_t before = s.group.epoch();
  s.leave(2);
  BOOST_TEST(s.has_ended);
  BOOST_TEST(s.group.epoch() != before);
  BOOST_TEST(std::holds_alternative<shard_unsubscribe>(s.requests.back()));
  s.group.redeliver(scene::message("gone", 0, qos1));
  BOOST_TEST(!s.group.pending());
}

BOOST_AUTO_TEST_CASE(member_that_leaves_before_it_is_answered_is_answered_all_the_same) {
  scene s;
  s.join(1);
  s.leave(1);
  BOOST_TEST(s.joined.contains(1));
  BOOST_TEST(s.has_ended);
  s.join(2);  // a late answer of the shard does not count for it
  const auto stale = std::get<shard_subscribe>(s.requests.front());
  s.requests.erase(s.requests.begin(), s.requests.begin() + 2);
  s.group.subscribed(0, stale.number, 0, s.effects);
  s.collect();
  BOOST_TEST(!s.joined.contains(2));
  s.answer();
  BOOST_TEST(s.joined.contains(2));
}

BOOST_AUTO_TEST_CASE(what_a_node_lends_behind_the_last_member_goes_to_another_node) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  scene s;
  s.join(bob, qos2);
  s.join(1);
  s.answer();
  s.group.set_room(bob, {.room = 1, .members = 1}, s.effects);
  s.leave(1);
  s.group.lend(ann,
               {.block = s.message("a", 0, qos1), .lender = 7, .lender_name = "ann", .offsets = {}},
               s.effects);
  s.collect();
  BOOST_TEST(s.take(bob) == texts{"a q1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_member_that_subscribes_again_keeps_what_was_collected_before) {
  scene s;
  s.join(1, qos1);
  s.answer();
  auto messages = intrusive_ptr<delivery>::adopt(new delivery());
  messages->add(scene::message("m", 0, qos1), 0);
  s.group.deliver(*messages, 0, s.effects);
  BOOST_TEST(s.group.pending());
  s.join(1, qos0);
  BOOST_TEST(s.take(1) == texts{"m q1"}, boost::test_tools::per_element());
}

// -- with the log ---------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(durable_member_has_joined_when_that_is_on_the_disk) {
  scene s;
  s.join(1, qos1, true);
  BOOST_TEST(std::get<shard_subscribe>(s.requests.at(0)).lasting);
  s.head = 4;
  for (const auto& each : std::exchange(s.requests, {}))
    s.group.subscribed(0, std::get<shard_subscribe>(each).number, 4, s.effects);
  s.collect();
  BOOST_TEST(s.joined.empty());
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST(s.kept->positions == std::vector<log_offset>{4});
  s.write();
  BOOST_TEST(s.joined.contains(1));
}

BOOST_AUTO_TEST_CASE(group_becomes_durable_without_losing_or_repeating_a_message) {
  scene s("$share/g/+", 2);
  s.join(1, qos1);
  s.answer();
  s.head = 10;
  s.join(2, qos1, true);
  const auto asked = std::get<shard_subscribe>(s.requests.at(0)).number;
  s.requests.clear();
  s.group.subscribed(0, asked, 10, s.effects);
  // Routed by the second shard before it knew, though it lies in the log.
  s.route("9", 9, qos1, 1);
  s.route("11", 11, qos1, 0);  // nobody was promised anything yet
  BOOST_TEST(s.take(1).size() + s.take(2).size() == 2U);
  s.group.subscribed(1, asked, 9, s.effects);
  s.collect();
  s.write();
  BOOST_TEST(s.joined.contains(2));
  s.route("10", 10, qos1, 1);
  s.route("11", 11, qos1, 0);  // had it
  s.route("12", 12, qos1, 0);
  const texts first = s.take(1);
  const texts second = s.take(2);
  BOOST_TEST(first.size() == 1U);
  BOOST_TEST(second.size() == 1U);
  BOOST_TEST(first[0].ends_with("tracked"));
}

BOOST_AUTO_TEST_CASE(member_gets_no_more_than_it_has_room_for_and_the_rest_waits_in_the_log) {
  scene s;
  make_durable(s, 2);
  s.route_all(1, 6);
  BOOST_TEST(s.take(1) == (texts{"1 q1 tracked", "2 q1 tracked"}),
             boost::test_tools::per_element());
  s.answer();  // shards send no more
  BOOST_TEST(s.asked() == "");
  s.done(1, {1});
  BOOST_TEST(s.asked() == "after 2");
  s.page({3, 4, 5});
  BOOST_TEST(s.take(1) == texts{"3 q1 tracked"}, boost::test_tools::per_element());
  s.done(1, {2, 3});
  BOOST_TEST(s.take(1).size() == 2U);
  BOOST_TEST(!asks_to_be_live(s));
  s.done(1, {4, 5});
  BOOST_TEST(asks_to_be_live(s));
  s.answer();
  s.route("6", 6);
  BOOST_TEST(s.take(1) == texts{"6 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(room_is_counted_in_bytes_too) {
  config settings;
  settings.limits.delivery_credit = 1000;
  scene s("$share/g/t", 1, settings);
  make_durable(s, 100);
  for (log_offset i = 1; i != 6; ++i)
    s.route(std::string(600, 'x'), i);
  BOOST_TEST(s.take(1).size() == 2U);
}

// [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(what_a_member_that_is_away_gives_back_comes_first) {
  scene s;
  make_durable(s, 3);
  s.route_all(1, 4);
  (void)s.take(1);
  s.done(1, {2});
  s.gives_back(1, {1, 3});
  s.set_room(1, 0);
  s.answer();
  s.route("4", 4);
  BOOST_TEST(s.asked() == "");
  s.set_room(1, 3);
  BOOST_TEST(s.asked() == "get 1 3");
  s.page({1, 3});
  BOOST_TEST(s.take(1) == (texts{"1 q1 tracked", "3 q1 tracked"}),
             boost::test_tools::per_element());
  BOOST_TEST(s.asked() == "after 3");
  s.page({4});
  BOOST_TEST(s.take(1) == texts{"4 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_member_that_gives_back_is_away_whatever_else_is_under_way) {
  scene s;
  make_durable(s, 3);
  s.route("1", 1);
  s.gives_back(1, {1});
  s.answer();
  BOOST_TEST(s.asked() == "");
  s.join(2, qos1);
  s.answer();
  BOOST_TEST(s.asked() == "get 1");
  s.page({1});
  BOOST_TEST(s.take(2) == texts{"1 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_returned_message_of_which_nothing_is_left_is_done) {
  scene s;
  make_durable(s, 3);
  s.route("1", 1);
  s.route("2", 2);
  s.gives_back(1, {1, 2});
  s.answer();
  s.set_room(1, 3);
  s.page({}, true);
  BOOST_TEST(s.asked() == "get 1 2");  // the disk failed: again
  s.page({2});
  BOOST_TEST(s.take(1).back() == "2 q1 tracked");
  s.done(1, {2});
  s.answer();
  BOOST_TEST(!s.group.interest(2).has_value());
}

BOOST_AUTO_TEST_CASE(member_at_qos_0_gets_nothing_of_what_is_kept_for_others) {
  scene s;
  make_durable(s, 1);
  s.join(2, qos0, false, 1);
  s.route_all(1, 4);
  s.route("4", 0, qos0);
  s.route("5", 0, qos0);
  BOOST_TEST(s.take(1) == (texts{"1 q1 tracked", "4 q0"}), boost::test_tools::per_element());
  BOOST_TEST(s.take(2) == texts{"5 q0"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(group_whose_members_are_all_at_qos_0_leaves_the_log) {
  scene s;
  make_durable(s);
  s.join(2, qos0);
  s.leave(1);
  BOOST_TEST(!s.group.is_durable());
  BOOST_TEST(!s.kept.has_value());
  const auto& asked = std::get<shard_subscribe>(s.requests.back());
  BOOST_TEST(!asked.lasting);
  BOOST_TEST(asked.epoch == s.group.epoch());
  s.answer();
  s.route("1", 1);
  BOOST_TEST(s.take(2) == texts{"1 q0"}, boost::test_tools::per_element());
  BOOST_TEST(!s.has_ended);
}

BOOST_AUTO_TEST_CASE(returned_messages_are_handed_out_again_however_many_they_are) {
  constexpr log_offset all = 16384;  // no more is handed out at a time
  scene s;
  make_durable(s, 50'000);
  std::vector<log_offset> offsets;
  for (log_offset i = 1; i != all + 10; ++i)
    s.route("m", i);
  BOOST_TEST(s.take(1).size() == all);
  for (log_offset i = 1; i != all + 1; ++i)
    offsets.push_back(i);
  s.gives_back(1, offsets);
  s.answer();
  s.set_room(1, 0);
  s.set_room(1, 50'000);
  BOOST_TEST(s.asked().starts_with("get 1 2 3 "));
  s.page({1, 2, 3});
  BOOST_TEST(s.take(1).size() == 3U);
}

BOOST_AUTO_TEST_CASE(no_more_is_read_again_than_there_is_room_for) {
  scene s;
  make_durable(s, 5);
  s.route_all(1, 6);
  s.gives_back(1, {1, 2, 3, 4, 5});
  s.answer();
  s.join(2, qos1, false, 2);
  BOOST_TEST(s.asked() == "get 1 2");
}

BOOST_AUTO_TEST_CASE(member_that_leaves_while_others_wait_is_answered) {
  scene s;
  s.join(1);
  s.join(2);
  s.leave(1);
  BOOST_TEST(s.joined.contains(1));
  BOOST_TEST(!s.joined.contains(2));
  s.answer();
  BOOST_TEST(s.joined.contains(2));
}

BOOST_AUTO_TEST_CASE(what_a_shard_did_not_send_while_the_group_became_durable_is_read) {
  scene s("$share/g/+", 2);
  s.join(1, qos1, true);
  const auto asked = std::get<shard_subscribe>(s.requests.at(0)).number;
  s.requests.clear();
  const shard_index first = shard_of("t", 2);
  s.group.subscribed(first, asked, 0, s.effects);
  s.head = 3;
  s.group.deliveries_missed(first, s.effects);
  s.group.subscribed(1 - first, asked, 0, s.effects);
  s.collect();
  s.answer();
  BOOST_TEST(s.asked() == "after 0");
  s.page({2, 3});
  BOOST_TEST(s.take(1).size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_outstanding_or_not_reached_is_needed) {
  scene s;
  make_durable(s, 2);
  s.route_all(1, 4);
  auto needed = s.group.interest(3);
  BOOST_TEST_REQUIRE(needed.has_value());
  BOOST_TEST(needed->after == 2U);
  BOOST_TEST(needed->filters == std::vector<std::string>{"t"});
  BOOST_TEST(needed->pinned == (std::vector<log_offset>{1, 2}), boost::test_tools::per_element());
  s.answer();
  s.done(1, {1, 2});
  s.page({3});
  s.done(1, {3});
  s.answer();
  s.head = 50;
  BOOST_TEST(!s.group.interest(50).has_value());
}

// -- what is kept -----------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(progress_is_written_some_time_and_soon_for_who_waits) {
  scene s;
  make_durable(s);
  s.kept.reset();
  s.route("1", 1);
  BOOST_TEST(!s.kept.has_value());
  BOOST_TEST((s.group.deadline() == s.now + 1s));
  s.report(1, {.number = 5, .done = {1}, .returned = {}, .held = {}});
  BOOST_TEST(!s.kept.has_value());
  s.now += 10ms;
  s.collect();
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST(s.kept->positions == std::vector<log_offset>{1});
  BOOST_TEST(s.kept->outstanding.empty());
  s.route("2", 2);
  s.write();
  s.kept.reset();
  s.now += 1s;
  s.collect();
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST(s.kept->outstanding == std::vector<log_offset>{2});
}

BOOST_AUTO_TEST_CASE(failed_write_is_tried_again) {
  scene s;
  make_durable(s);
  s.report(1, {.number = 5, .done = {1}, .returned = {}, .held = {}});
  s.now += 10ms;
  s.collect();
  s.write(false);
  s.kept.reset();
  s.collect();
  BOOST_TEST(!s.kept.has_value());
  s.now += 1s;
  s.collect();
  BOOST_TEST(s.kept.has_value());
}

BOOST_AUTO_TEST_CASE(nobody_has_joined_a_group_that_is_not_on_the_disk) {
  scene s;
  s.join(1, qos1, true);
  for (const auto& each : std::exchange(s.requests, {}))
    s.group.subscribed(0, std::get<shard_subscribe>(each).number, 0, s.effects);
  s.collect();
  s.write(false);
  BOOST_TEST(s.joined.empty());
  BOOST_TEST(s.writing == 0U);
  s.now += 1s;
  s.collect();
  s.write();
  BOOST_TEST(s.joined.contains(1));
}

BOOST_AUTO_TEST_CASE(earlier_life_goes_on_where_it_was) {
  scene s;
  s.head = 9;
  s.group.restore(
      {.share = "$share/g/t", .positions = {5}, .outstanding = {2, 3, 4}, .settled = {}});
  s.join(1, qos2, true, 0);
  const auto& asked = std::get<shard_subscribe>(s.requests.at(0));
  BOOST_TEST(asked.lasting);
  BOOST_TEST(!asked.live);
  s.answer();
  // The session has one, another one it finished, and one came after the last write.
  s.report(1, {.number = 1, .done = {3, 8}, .returned = {}, .held = {2, 7}});
  s.answer();
  s.group.go_on(s.effects);
  s.collect();
  BOOST_TEST(!s.has_ended);
  BOOST_TEST(s.inbox[1].empty());
  s.set_room(1, 10);
  BOOST_TEST(s.asked() == "get 4");
  s.page({4});
  BOOST_TEST(s.asked() == "after 5");
  s.page({6, 7, 8, 9});
  BOOST_TEST(s.take(1) == (texts{"4 q1 tracked", "6 q1 tracked", "9 q1 tracked"}),
             boost::test_tools::per_element());
  s.done(1, {2, 4, 6, 7, 9});
  s.answer();
  BOOST_TEST(!s.group.interest(9).has_value());
  s.route_all(10, 25);
  BOOST_TEST(s.take(1).size() == 10U);  // all its room
}

BOOST_AUTO_TEST_CASE(what_was_held_and_is_done_before_its_turn_is_not_handed_out) {
  scene s;
  s.head = 7;
  s.group.restore({.share = "$share/g/t", .positions = {5}, .outstanding = {}, .settled = {}});
  s.join(1, qos2, true, 0);
  s.report(1, {.done = {}, .returned = {}, .held = {6}});
  s.answer();
  s.group.go_on(s.effects);
  s.collect();
  s.done(1, {6});
  s.now += 1s;
  s.collect();
  BOOST_TEST(s.kept->settled == std::vector<log_offset>{6});  // nor by the next life
  s.set_room(1, 10);
  s.page({6, 7});
  BOOST_TEST(s.take(1) == texts{"7 q1 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(earlier_life_waits_for_members_that_count) {
  scene s;
  s.head = 6;
  s.group.restore({.share = "$share/g/t", .positions = {5}, .outstanding = {}, .settled = {}});
  s.join(1, qos0, true, 0);
  BOOST_TEST(s.group.is_durable());
  s.join(2, qos1, true, 0);
  s.answer();
  s.group.go_on(s.effects);
  s.collect();
  s.set_room(2, 1);
  BOOST_TEST(s.asked() == "after 5");
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_node_that_was_forgotten_before_the_crash_is_over) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  scene s;
  s.head = 5;
  s.group.restore({.share = "$share/g/t",
                   .positions = {5},
                   .outstanding = {1, 2, 3, 4},
                   .settled = {},
                   .with_nodes = {{ann, {1}, {2}}, {bob, {3}, {4}}},
                   .loans = {{{7, 1, 5}, loan_outcome::done}, {{8, 1, 5}, loan_outcome::done}}});
  s.join(1, qos2, true, 10);
  s.answer();
  s.group.go_on(s.effects);
  s.group.node_died(bob, true, s.effects);
  s.group.forget_lender(bob, 8, s.effects);
  s.collect();
  BOOST_TEST(s.asked() == "get 3");
  s.page({3});
  s.done(1, {3});
  s.now += 1s;
  s.collect();
  BOOST_TEST(s.kept->outstanding == (std::vector<log_offset>{1, 2}),
             boost::test_tools::per_element());
  BOOST_TEST(s.forgotten == (std::vector<share_loan>{{8, 1, 5}}));
}

BOOST_AUTO_TEST_CASE(earlier_life_without_members_ends_and_what_was_kept_goes) {
  scene s;
  s.group.restore({.share = "$share/g/t", .positions = {5}, .outstanding = {2}, .settled = {}});
  s.kept = kept_share{};
  s.group.go_on(s.effects);
  s.collect();
  BOOST_TEST(!s.kept.has_value());
  BOOST_TEST(!s.has_ended);
  s.write();
  BOOST_TEST(s.has_ended);
}

// -- what nodes lend -------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(loans_that_wait_do_not_keep_returned_messages_from_other_nodes) {
  const std::uint64_t ann = share_id_of_node("ann");
  scene s;
  s.join(1, qos1, true, 1);
  s.join(ann, qos2, true);
  s.answer();
  s.route("1", 1);  // takes all the room here
  std::vector<log_offset> offsets(100);
  std::iota(offsets.begin(), offsets.end(), 1);
  s.lend(ann, 7, offsets, 2);
  BOOST_TEST(s.inbox[1].size() == 1U);
  s.set_room(ann, 10);
  s.route("102", 102);  // what waits does not keep it back, either
  BOOST_TEST(s.take(ann) == texts{"102 q1 tracked"}, boost::test_tools::per_element());
  s.gives_back(ann, {102});
  s.answer();
  s.set_room(ann, 10);
  BOOST_TEST(s.asked() == "get 102");
  s.page({102});
  BOOST_TEST(s.take(ann) == texts{"102 q1 tracked"}, boost::test_tools::per_element());
}

// Else it would come again at once, and so on.
BOOST_AUTO_TEST_CASE(who_lends_more_than_there_is_room_for_is_told_to_wait) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  scene s;
  s.join(1, qos1, false, 4);
  s.answer();
  s.group.ask(ann, {.lender = 7, .number = 1}, s.effects);
  s.group.ask(bob, {.lender = 8, .number = 1}, s.effects);
  s.collect();
  BOOST_TEST(s.room_told(ann) == 4U);
  s.lend(ann, 7, {1, 2, 3, 4}, 1);
  BOOST_TEST(s.room_told(bob) == 4U);
  s.lend(bob, 8, {1, 2, 3, 4}, 5);
  BOOST_TEST(s.take(1).size() == 4U);
  BOOST_TEST(s.room_told(ann) == 0U);
  BOOST_TEST(s.room_told(bob) == 0U);
  s.done(1, {1, 2});
  BOOST_TEST(s.room_told(ann) == 2U);  // each its part
  BOOST_TEST(s.room_told(bob) == 2U);
  s.done(1, {3, 4});
  s.now += 1s;
  s.collect();
  // Whether they confirm that, or are away, does not matter.
  BOOST_TEST(s.room_told(ann) == 4U);
}

BOOST_AUTO_TEST_CASE(who_lends_more_bytes_than_there_is_room_for_is_told_to_wait) {
  const std::uint64_t ann = share_id_of_node("ann");
  const std::uint64_t bob = share_id_of_node("bob");
  config small;
  small.limits.delivery_credit = 1;
  scene s("$share/g/t", 1, small);
  s.join(1, qos1, false, 100);
  s.join(2, qos0);  // these two have room for nothing that is lent
  s.join(3, qos0);
  s.answer();
  s.group.ask(ann, {.lender = 7, .number = 1}, s.effects);
  s.group.ask(bob, {.lender = 8, .number = 1}, s.effects);
  s.lend(ann, 7, {1}, 1);
  BOOST_TEST(s.room_told(bob) == 100U);
  s.lend(bob, 8, {1}, 2);
  BOOST_TEST(s.room_told(ann) == 0U);
  BOOST_TEST(s.room_told(bob) == 0U);
}

BOOST_AUTO_TEST_CASE(loans_that_wait_and_new_messages_take_turns) {
  const std::uint64_t ann = share_id_of_node("ann");
  scene s;
  make_durable(s, 1);
  s.lend(ann, 7, {11, 12, 13}, 1);
  BOOST_TEST(s.take(1) == texts{"11 q1 tracked"}, boost::test_tools::per_element());
  s.route("4", 4);
  s.answer();
  s.done(1, {1});
  s.answer();
  BOOST_TEST(s.asked() == "get 2");
  s.page({2});
  s.done(1, {2});
  BOOST_TEST(s.asked().starts_with("after"));
  s.page({4});
  s.done(1, {4});
  BOOST_TEST(s.asked() == "get 3");
  s.page({3});
  BOOST_TEST(s.take(1) == (texts{"2 q1 tracked", "4 q1 tracked", "3 q1 tracked"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(new_messages_have_their_turn_at_the_end_of_the_log) {
  const std::uint64_t ann = share_id_of_node("ann");
  scene s;
  make_durable(s, 1);
  s.lend(ann, 7, {11, 12, 13, 14, 15}, 1);
  s.route("6", 6);
  s.answer();
  s.done(1, {1});
  s.answer();
  s.page({2});
  s.done(1, {2});
  s.page({6});
  s.route("7", 7);
  s.done(1, {6});
  BOOST_TEST(s.asked() == "get 3");
  s.page({3});
  s.done(1, {3});
  BOOST_TEST(s.asked() == "after 6");
  s.page({7});
  s.done(1, {7});
  BOOST_TEST(s.asked() == "get 4");
}

BOOST_AUTO_TEST_CASE(loans_do_not_wait_for_turns_of_nobody) {
  const std::uint64_t ann = share_id_of_node("ann");
  for (const bool fails : {false, true}) {
    scene s;
    make_durable(s, 1);
    std::vector<log_offset> offsets(130);
    std::iota(offsets.begin(), offsets.end(), 1);
    s.lend(ann, 7, offsets, 1);
    s.join(2, qos1, false, 200);
    BOOST_TEST_REQUIRE(s.read.has_value());
    const std::vector<log_offset> first = s.read->offsets;
    BOOST_TEST(first.size() == 64U);
    s.page(fails ? std::vector<log_offset>() : first, fails);
    BOOST_TEST_REQUIRE(s.read.has_value());
    BOOST_TEST(s.read->offsets.front() == (fails ? 2U : 66U));
  }
}

// It would ring for ever.
BOOST_AUTO_TEST_CASE(no_alarm_is_set_when_what_was_kept_could_not_be_dropped) {
  scene s;
  make_durable(s);
  s.join(2, qos0);
  s.leave(1);
  BOOST_TEST(!s.group.is_durable());
  s.write(false);
  s.now += 1s;
  s.collect();
  BOOST_TEST(!s.group.deadline().has_value());
}

BOOST_AUTO_TEST_CASE(disk_that_refuses_a_loan_is_lent_nothing_for_a_while) {
  const std::uint64_t ann = share_id_of_node("ann");
  scene s;
  make_durable(s);
  s.group.ask(ann, {.lender = 7, .number = 1}, s.effects);
  s.collect();
  BOOST_TEST(s.room_told(ann) == 10U);
  s.lend(ann, 7, {1, 2}, 0);
  const auto* refused = std::get_if<share_report>(&s.words.at(s.words.size() - 2).what);
  BOOST_TEST_REQUIRE(refused != nullptr);
  BOOST_TEST(refused->returned == (std::vector<log_offset>{1, 2}),
             boost::test_tools::per_element());
  BOOST_TEST(s.room_told(ann) == 0U);
  s.now += 999ms;
  s.collect();
  BOOST_TEST(s.room_told(ann) == 0U);
  s.now += 1ms;
  s.collect();
  BOOST_TEST(s.room_told(ann) == 10U);
  BOOST_TEST(s.take(1).empty());
}

// Leaving, it may be the last for whom there was a log. [MQTT5-4.8.2-5]
BOOST_AUTO_TEST_CASE(what_a_member_says_when_it_leaves_counts_before_loans_go_back) {
  const std::uint64_t ann = share_id_of_node("ann");
  scene s;
  make_durable(s);
  s.lend(ann, 7, {11, 12}, 1, qos2);
  BOOST_TEST(s.take(1).size() == 2U);
  s.leave(1, {.number = 3, .done = {1}, .returned = {2}, .held = {}});
  BOOST_TEST(!s.group.is_durable());
  BOOST_TEST((s.ended_loans == std::vector<kept_loan>{{{7, 11, 1}, loan_outcome::done},
                                                      {{7, 12, 2}, loan_outcome::returned}}));
  BOOST_TEST(!s.has_ended);
  s.write();
  BOOST_TEST(!s.has_ended);  // ann has not confirmed
}

BOOST_AUTO_TEST_CASE(what_is_lent_at_qos_2_is_written_down_soon_and_then_sent) {
  const std::uint64_t ann = share_id_of_node("ann");
  scene s;
  make_durable(s, 0);
  s.join(ann, qos2, true);
  s.answer();
  s.set_room(ann, 10);
  s.route("1", 1, qos2);
  BOOST_TEST(s.inbox[ann].empty());
  BOOST_TEST((s.group.deadline() == s.now + 10ms));
  s.now += 10ms;
  s.collect();
  BOOST_TEST_REQUIRE(s.kept.has_value());
  BOOST_TEST_REQUIRE(s.kept->with_nodes.size() == 1U);
  BOOST_TEST(s.kept->with_nodes.front().exactly_once == std::vector<log_offset>{1});
  BOOST_TEST(s.inbox[ann].empty());
  s.write();
  BOOST_TEST(s.take(ann) == texts{"1 q2 tracked"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(members_that_are_away_do_not_use_up_what_may_be_outstanding) {
  constexpr std::uint32_t most = 16384;
  scene s;
  s.join(1, qos2, true, most);
  s.join(2, qos2, true, 0);
  s.answer();
  for (log_offset i = 1; i <= most + 1; ++i)
    s.route(std::to_string(i), i, qos2);
  BOOST_TEST(s.take(1).size() == most);
  s.set_room(2, 5);
  BOOST_TEST(s.take(2).empty());
  s.report(1, {.is_away = true, .done = {}, .returned = {}, .held = {}});  // it keeps them
  s.answer();
  s.page({most + 1});
  BOOST_TEST(s.take(2) == texts{std::to_string(most + 1) + " q1 tracked"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_a_node_is_given_is_not_behind_the_question_what_it_has) {
  scene s;
  const std::uint64_t node = share_id_of_node("ann");
  make_durable(s, 0);
  s.join(node, qos2, true);
  s.answer();
  s.set_room(node, 10);
  auto messages = intrusive_ptr<delivery>::adopt(new delivery());
  messages->add(scene::message("m", 1, qos1), 0);
  s.group.deliver(*messages, 0, s.effects);
  BOOST_TEST(s.group.pending_messages() == 1U);
  s.group.ask_node(node, s.effects);
  BOOST_TEST(s.effects.deliveries.size() == 1U);
  BOOST_TEST(s.effects.words.size() == 1U);
  s.collect();
}

BOOST_AUTO_TEST_SUITE_END()
