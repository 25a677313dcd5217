#include "libbroker/router/router.hpp"

#include "tests/libbroker/message/make_block.hpp"
#include "tests/libbroker/router/topic_words.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

/// A message as one session gets it: payload, QoS, RETAIN as published, identifiers.
std::string describe(std::string_view payload, qos quality, bool retain,
                     const std::vector<std::uint32_t>& identifiers) {
  std::ostringstream text;
  text << payload << " qos" << static_cast<int>(quality) << (retain ? " retain" : "");
  for (const std::uint32_t identifier : identifiers)
    text << ' ' << identifier;
  return text.str();
}

/// A router with sessions by number, and what each of them was handed.
struct house {
  router routes{retained_store::limits{}};
  std::map<std::uint64_t, std::vector<std::string>> inbox;
  std::vector<routed> last;  ///< flush
  std::map<std::uint64_t, subscriber_index> index;

  bool subscribe(std::uint64_t session, std::string_view filter, subscription_options options = {},
                 std::uint32_t identifier = 0) {
    index[session] = routes.join(session);
    return routes.subscribe(index[session], *parse_topic_filter(filter), options, identifier);
  }
  bool unsubscribe(std::uint64_t session, std::string_view filter) {
    return routes.unsubscribe(routes.join(session), *parse_topic_filter(filter));
  }

  void flush() {
    last.clear();
    routes.flush(last);
    for (const routed& one : last) {
      std::uint64_t session = 0;
      for (const auto& [number, at] : index)
        if (at == one.to && routes.find(number) == at) session = number;
      const delivery_options& options = one.options;
      const auto list = identifiers_of(options.details);
      const std::vector<std::uint32_t> identifiers(list.begin(), list.end());
      std::vector<std::string>& into = inbox[session];
      std::uint32_t messages = 0;
      for (const message_run& run : one.messages->runs)
        for (std::uint32_t i = run.first; i != run.first + run.count; ++i, ++messages) {
          const message_entry& entry = (*run.block)[i];
          if (options.no_local && run.block->publisher() == session) continue;
          into.push_back(describe(as_text(run.block->payload(entry)),
                                  std::min(entry.qos, options.maximum_qos),
                                  options.retain_as_published && entry.retain, identifiers));
        }
      BOOST_TEST(messages == one.messages->messages);
      BOOST_TEST(!options.retained);
    }
  }

  void publish(const std::vector<test_message>& messages, std::uint64_t publisher = 999) {
    routes.route(make_block(messages, protocol_version::v3_1_1, {.publisher = publisher}));
    flush();
  }
};

using texts = std::vector<std::string>;

constexpr subscription_options qos1{.qos = qos::at_least_once};
constexpr subscription_options qos2{.qos = qos::exactly_once};
constexpr subscription_options no_local{.no_local = true};

test_message at_qos2(std::string topic, std::string payload) {
  return {
      .topic = std::move(topic), .payload = std::move(payload), .qos = qos::exactly_once, .id = 1};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(router_)

// [MQTT5-3.3.4-2] [MQTT5-3.3.4-3] [MQTT5-3.3.4-4]
BOOST_AUTO_TEST_CASE(
    overlapping_subscriptions_deliver_once_at_the_highest_qos_with_all_identifiers) {
  house h;
  h.subscribe(1, "a/+", qos1, 30);
  h.subscribe(1, "a/#", qos2, 2);
  h.subscribe(1, "#", {}, 30);
  h.subscribe(1, "a/b", {.retain_as_published = true});
  h.publish({at_qos2("a/b", "all"), at_qos2("a/b/c", "two"), at_qos2("x", "one")});
  BOOST_TEST(h.inbox[1] == (texts{"all qos2 2 30 30", "two qos2 2 30", "one qos0 30"}),
             boost::test_tools::per_element());
  h.publish({{.topic = "a/b", .payload = "r", .retain = true},
             {.topic = "a/c", .payload = "s", .retain = true}});
  BOOST_TEST(h.inbox[1][3] == "r qos0 retain 2 30 30");
  BOOST_TEST(h.inbox[1][4] == "s qos0 2 30 30");
}

BOOST_AUTO_TEST_CASE(messages_of_one_subscriber_keep_their_order_over_filters_and_blocks) {
  house h;
  h.subscribe(1, "a");
  h.subscribe(1, "b");
  h.subscribe(1, "+", {}, 7);
  h.subscribe(1, "c/#");
  texts expected;
  for (int block = 0; block != 3; ++block) {
    std::vector<test_message> messages;
    for (const char* const topic : {"b", "c/d", "a", "e", "a", "c", "b"}) {
      const std::string payload = std::to_string(expected.size());
      messages.push_back({.topic = topic, .payload = payload});
      const bool single = !std::string_view(topic).starts_with("c/");
      expected.push_back(payload + (single ? " qos0 7" : " qos0"));
    }
    h.routes.route(make_block(messages));
  }
  h.flush();
  BOOST_TEST(h.inbox[1] == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(messages_that_go_out_alike_are_one_delivery_though_each_has_its_own_filter) {
  house h;
  std::vector<test_message> messages;
  texts expected;
  for (int number = 0; number != 1000; ++number) {
    const std::string name = std::to_string(number);
    h.subscribe(1, number % 2 == 0 ? name : name + "/+");
    messages.push_back({.topic = number % 2 == 0 ? name : name + "/x", .payload = name});
    expected.push_back(name + " qos0");
  }
  h.publish(messages);
  BOOST_TEST(h.last.size() == 1U);
  BOOST_TEST(h.inbox[1] == expected, boost::test_tools::per_element());
  h.subscribe(1, "500", qos1);
  h.subscribe(1, "600", {}, 1);
  h.subscribe(1, "700", {.retain_as_published = true});
  h.publish(messages);
  BOOST_TEST(h.last.size() == 7U);
}

// [MQTT5-3.8.3-3]
BOOST_AUTO_TEST_CASE(no_local_takes_the_subscription_out_of_the_match_of_own_messages) {
  house h;
  h.subscribe(1, "a", no_local, 1);
  h.subscribe(2, "a", no_local, 2);
  h.publish({{.topic = "a", .payload = "m"}}, 1);
  BOOST_TEST(h.inbox[1].empty());
  BOOST_TEST(h.inbox[2] == texts{"m qos0 2"}, boost::test_tools::per_element());

  h.subscribe(1, "+", qos1, 8);
  h.subscribe(1, "#", {.qos = qos::exactly_once, .no_local = true}, 9);
  h.publish({at_qos2("a", "own")}, 1);
  h.publish({at_qos2("a", "other")}, 2);
  BOOST_TEST(h.inbox[1] == (texts{"own qos1 8", "other qos2 1 8 9"}),
             boost::test_tools::per_element());

  h.unsubscribe(1, "+");  // two subscriptions left, both no-local
  h.inbox[1].clear();
  h.publish({{.topic = "a", .payload = "own"}}, 1);
  BOOST_TEST(h.inbox[1].empty());
}

BOOST_AUTO_TEST_CASE(subscribers_with_the_same_match_share_one_delivery_of_coalesced_runs) {
  house h;
  for (std::uint64_t session = 1; session != 5; ++session)
    h.subscribe(session, "a/+", session == 4 ? qos1 : subscription_options{}, 0);
  h.publish({{.topic = "a/1"}, {.topic = "a/2"}, {.topic = "b"}, {.topic = "a/3"}});
  BOOST_REQUIRE_EQUAL(h.last.size(), 4U);
  for (const routed& one : h.last)
    BOOST_TEST((one.messages == h.last[0].messages));
  const auto& runs = h.last[0].messages->runs;
  BOOST_REQUIRE_EQUAL(runs.size(), 2U);
  BOOST_TEST(runs[0].first == 0U);
  BOOST_TEST(runs[0].count == 2U);
  BOOST_TEST(runs[1].first == 3U);
  BOOST_TEST(runs[1].count == 1U);
}

BOOST_AUTO_TEST_CASE(pending_says_what_waits_for_the_flush) {
  house h;
  h.subscribe(1, "a");
  h.routes.route(make_block({{.topic = "nobody"}}));
  BOOST_TEST(!h.routes.pending());
  BOOST_TEST(h.routes.pending_messages() == 0U);
  const auto block = make_block({{.topic = "a"}, {.topic = "nobody"}});
  h.routes.route(block);
  h.routes.route(make_block({{.topic = "a"}}));
  BOOST_TEST(h.routes.pending());
  BOOST_TEST(h.routes.pending_messages() >= 2U);
  BOOST_TEST(h.routes.pending_bytes() >= block->bytes());
  h.flush();
  BOOST_TEST(!h.routes.pending());
  BOOST_TEST(h.routes.pending_messages() == 0U);
  BOOST_TEST(h.routes.pending_bytes() == 0U);
  h.flush();
  BOOST_TEST(h.last.empty());
}

// [MQTT5-3.8.4-3] [MQTT5-3.10.4-1] [MQTT5-3.10.4-2]
BOOST_AUTO_TEST_CASE(a_subscription_is_replaced_by_the_same_filter_and_ends_with_unsubscribe) {
  house h;
  BOOST_TEST(!h.subscribe(1, "a/+", {}, 1));
  BOOST_TEST(h.subscribe(1, "a/+", qos1, 2));
  BOOST_TEST(!h.subscribe(2, "a/+"));
  BOOST_TEST(h.routes.subscriptions() == 2U);
  BOOST_TEST(h.routes.filters() == 1U);
  h.publish({at_qos2("a/b", "m")});
  BOOST_TEST(h.inbox[1] == texts{"m qos1 2"}, boost::test_tools::per_element());

  BOOST_TEST(!h.unsubscribe(1, "a/b"));
  BOOST_TEST(h.unsubscribe(1, "a/+"));
  BOOST_TEST(!h.unsubscribe(1, "a/+"));
  BOOST_TEST(h.routes.filters() == 1U);
  BOOST_TEST(h.unsubscribe(2, "a/+"));
  BOOST_TEST(h.routes.filters() == 0U);
  BOOST_TEST(h.routes.subscriptions() == 0U);
  h.inbox.clear();
  h.publish({{.topic = "a/b"}});
  BOOST_TEST(h.inbox.empty());
}

BOOST_AUTO_TEST_CASE(an_index_is_free_for_the_next_session_once_its_subscriber_has_left) {
  house h;
  const subscriber_index one = h.routes.join(100);
  BOOST_TEST(h.routes.join(100) == one);
  BOOST_TEST((h.routes.find(100) == one));
  BOOST_TEST((h.routes.join(200) != one));
  h.subscribe(100, "a");
  BOOST_TEST(!h.routes.leave_if_unused(one));
  h.unsubscribe(100, "a");
  BOOST_TEST(h.routes.leave_if_unused(one));
  BOOST_TEST(!h.routes.find(100).has_value());
  h.index.erase(100);
  BOOST_TEST(h.routes.join(300) == one);
  h.publish({{.topic = "a"}});
  BOOST_TEST(h.inbox[300].empty());  // nothing of the one before
}

BOOST_AUTO_TEST_CASE(retained_publishes_are_numbered_and_kept) {
  house h;
  BOOST_TEST(h.routes.retained_sequence() == 0U);
  h.publish({{.topic = "a", .payload = "1", .retain = true},
             {.topic = "b", .payload = "2"},
             {.topic = "c", .payload = "3", .retain = true}});
  BOOST_TEST(h.routes.retained_sequence() == 2U);
  BOOST_TEST(h.routes.retained().size() == 2U);
  h.publish({{.topic = "a", .payload = "", .retain = true}});
  BOOST_TEST(h.routes.retained_sequence() == 3U);
  BOOST_TEST(h.routes.retained().size() == 1U);
  h.publish({{.topic = "a", .payload = "new", .retain = true}});
  BOOST_TEST(h.routes.retained().read("#", {.as_of = 3}, 9, 999, {}).messages.size() == 1U);
  BOOST_TEST(h.routes.retained().read("#", {.as_of = 4}, 9, 999, {}).messages.size() == 2U);

  router narrow({.messages = 1});
  narrow.route(make_block({{.topic = "a", .retain = true},
                           {.topic = "b", .retain = true},
                           {.topic = "c", .retain = true}}));
  BOOST_TEST(narrow.retained_refused() == 2U);
  BOOST_TEST(narrow.retained().size() == 1U);
}

BOOST_AUTO_TEST_CASE(it_delivers_what_a_linear_model_delivers_under_random_operations) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  topic_words words(engine);
  const auto below = [&](std::size_t bound) { return engine() % bound; };
  struct entry {
    subscription_options options;
    std::uint32_t identifier;
  };
  using session_model = std::map<std::string, entry>;
  for (int round = 0; round != 15; ++round) {
    house h;
    std::map<std::uint64_t, session_model> sessions;
    // Enough sessions that the list of a popular filter gets its index.
    const std::size_t most_sessions = round % 3 == 0 ? 80 : 6;
    std::size_t published = 0;
    for (int step = 0; step != 400; ++step) {
      const std::uint64_t number = 1 + below(most_sessions);
      if (const std::size_t action = below(10); action < 4) {
        const std::string filter = below(3) == 0 ? "#" : words.filter();
        const entry wanted{.options = {.qos = static_cast<qos>(below(3)),
                                       .no_local = below(3) == 0,
                                       .retain_as_published = below(2) == 0},
                           .identifier = static_cast<std::uint32_t>(below(4))};
        const bool existed = sessions[number].contains(filter);
        BOOST_REQUIRE_EQUAL(h.subscribe(number, filter, wanted.options, wanted.identifier),
                            existed);
        sessions[number].insert_or_assign(filter, wanted);
      } else if (action < 6) {
        if (!sessions.contains(number)) continue;
        session_model& own = sessions[number];
        BOOST_REQUIRE(!h.unsubscribe(number, "never/subscribed"));
        if (!own.empty()) {
          const auto at = std::next(own.begin(), static_cast<std::ptrdiff_t>(below(own.size())));
          BOOST_REQUIRE(h.unsubscribe(number, at->first));
          own.erase(at);
        }
        BOOST_REQUIRE_EQUAL(h.routes.leave_if_unused(h.index[number]), own.empty());
        if (own.empty()) {
          sessions.erase(number);
          h.index.erase(number);
        }
      } else {
        std::map<std::uint64_t, texts> expected;
        for (std::size_t blocks = 1 + below(3); blocks != 0; --blocks) {
          const std::uint64_t publisher = 1 + below(most_sessions);
          std::vector<test_message> messages(1 + below(6));
          for (test_message& message : messages) {
            message = {.topic = words.name(),
                       .payload = std::to_string(published++),
                       .qos = static_cast<qos>(below(3)),
                       .retain = below(4) == 0};
            if (message.qos != qos::at_most_once) message.id = 1;
            for (const auto& [session, model] : sessions) {
              bool matched = false;
              qos granted = qos::at_most_once;
              bool as_published = false;
              std::vector<std::uint32_t> identifiers;
              for (const auto& [text, own] : model) {
                if (!matches(text, message.topic)) continue;
                if (own.options.no_local && session == publisher) continue;
                matched = true;
                granted = std::max(granted, own.options.qos);
                as_published |= own.options.retain_as_published;
                if (own.identifier != 0) identifiers.push_back(own.identifier);
              }
              std::sort(identifiers.begin(), identifiers.end());
              if (matched)
                expected[session].push_back(describe(message.payload,
                                                     std::min(granted, message.qos),
                                                     as_published && message.retain, identifiers));
            }
          }
          h.routes.route(make_block(messages, protocol_version::v3_1_1, {.publisher = publisher}));
        }
        h.inbox.clear();
        h.flush();
        for (auto& [session, got] : h.inbox) {
          BOOST_REQUIRE(sessions.contains(session));
          BOOST_REQUIRE(got == expected[session]);
          expected.erase(session);
        }
        for (const auto& [session, missed] : expected)
          BOOST_REQUIRE_MESSAGE(missed.empty(), "session " << session << " got nothing");
      }
      std::size_t subscriptions = 0;
      std::set<std::string> filters;
      for (const auto& [session, model] : sessions)
        for (const auto& [text, own] : model) {
          ++subscriptions;
          filters.insert(text);
        }
      BOOST_REQUIRE_EQUAL(h.routes.subscriptions(), subscriptions);
      BOOST_REQUIRE_EQUAL(h.routes.filters(), filters.size());
    }
  }
}

namespace {

/// Routes of a node whose retained messages others have, too.
struct sharing {
  router routes{retained_store::limits{}};
  sharing() {
    routes.share_retained(100, own);
    routes.note_retained_changes();
  }

  static constexpr std::uint64_t own = 7;
  static message_block_ptr block_of(const std::string& payload, const retained_stamp& stamp) {
    const auto block = make_block({{.topic = "t", .payload = payload, .retain = true}},
                                  protocol_version::v5, {.publisher = 1});
    message_block::set_stamps(*block, stamp.time, stamp.node);
    return block;
  }
  [[nodiscard]] std::string retained() {
    const auto found = routes.retained().find("t");
    return found ? std::string(as_text(found->payload((*found)[0]))) : "none";
  }
  [[nodiscard]] retained_stamp stamp() {
    const auto page =
        routes.answer(list_bucket{.bucket = retained_bucket_of("t"), .after = {}}, any_stamp);
    return std::get<retained_page>(page).topics.at(0).stamp;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(of_two_retained_messages_the_one_with_the_greater_stamp_holds) {
  sharing node;
  constexpr hybrid_stamp limit = 1'000;
  node.routes.route(node.block_of("second", {20, 1}), limit);
  node.routes.route(node.block_of("first", {10, 9}), limit);
  BOOST_TEST(node.retained() == "second");
  node.routes.route(node.block_of("tie", {20, 2}), limit);
  BOOST_TEST(node.retained() == "tie");
  node.routes.route(node.block_of("same", {20, 2}), limit);
  BOOST_TEST(node.retained() == "tie");
  node.routes.route(node.block_of("", {30, 1}), limit);
  node.routes.take_retained(node.block_of("late", {25, 1}), limit);
  BOOST_TEST(node.retained() == "none");
  BOOST_TEST(node.routes.cleared_topics() == 1U);
  node.routes.take_retained(node.block_of("later", {31, 1}), limit);
  BOOST_TEST(node.retained() == "later");
  BOOST_TEST(node.routes.cleared_topics() == 0U);
  const auto changes = node.routes.take_retained_changes();
  BOOST_REQUIRE(changes.size() == 4U);
  BOOST_TEST(!changes[2].removed);  // that it was cleared is kept
}

BOOST_AUTO_TEST_CASE(a_stamp_too_far_ahead_is_refused_and_its_message_delivered) {
  house h;
  h.routes.share_retained(100, 7);
  h.subscribe(1, "t", {});
  h.routes.route(sharing::block_of("ahead", {1'001, 1}), 1'000);
  h.flush();
  BOOST_TEST(h.inbox[1].size() == 1U);
  BOOST_TEST(h.routes.retained().size() == 0U);
  BOOST_TEST(h.routes.stamps_refused() == 1U);
}

BOOST_AUTO_TEST_CASE(what_another_node_has_as_retained_is_not_for_subscribers) {
  house h;
  h.routes.share_retained(100, 7);
  h.subscribe(1, "t", {});
  const std::uint64_t before = h.routes.retained_sequence();
  h.routes.take_retained(sharing::block_of("state", {10, 1}), any_stamp - 1);
  h.flush();
  BOOST_TEST(h.inbox[1].empty());
  // Who reads what is retained at this moment gets it all the same.
  BOOST_TEST(h.routes.read_retained("#", {.as_of = before}, 9, 999, {}).messages.size() == 1U);
}

BOOST_AUTO_TEST_CASE(own_clients_win_over_stamps_that_an_earlier_life_left_far_ahead) {
  sharing node;
  const hybrid_stamp now = 1'000'000ULL << 16;
  const hybrid_stamp hour_ahead = now + (3'600'000ULL << 16);
  node.routes.restore_retained(*node.block_of("ahead", {hour_ahead, 1}));
  BOOST_TEST(node.retained() == "ahead");
  node.routes.route(node.block_of("own", {now, sharing::own}));
  BOOST_TEST(node.retained() == "own");
  BOOST_TEST((node.stamp() == retained_stamp{hour_ahead + 1, sharing::own}));
  node.routes.route(node.block_of("other's", {now + 1, 1}), now + 2);
  BOOST_TEST(node.retained() == "own");
}

BOOST_AUTO_TEST_CASE(a_message_of_before_stamps_counts_as_this_nodes_oldest) {
  sharing node;
  const auto block = make_block({{.topic = "t", .payload = "old", .retain = true}});
  node.routes.restore_retained(*block);
  BOOST_TEST((node.stamp() == retained_stamp{0, sharing::own}));
  node.routes.take_retained(node.block_of("any", {1, 1}), 100);
  BOOST_TEST(node.retained() == "any");
}

BOOST_AUTO_TEST_CASE(an_expired_message_counts_as_cleared_with_its_stamp) {
  sharing node;
  const auto block =
      make_block({{.topic = "t", .retain = true, .properties = {expiry_property(1)}}},
                 protocol_version::v5, {.publisher = 1});
  message_block::set_stamps(*block, 10, 1);
  node.routes.route(block, 100);
  (void)node.routes.read_retained("#", {.as_of = 9}, 9, 999, time_point(std::chrono::seconds(2)));
  BOOST_TEST(node.retained() == "none");
  BOOST_TEST(node.routes.cleared_topics() == 1U);
  BOOST_TEST((node.stamp() == retained_stamp{10, 1}));
  const auto sent = std::get<retained_values>(node.routes.answer(
      fetch_topics{.bucket = retained_bucket_of("t"), .topics = {"t", "unknown"}}, 100));
  BOOST_REQUIRE(sent.values.size() == 1U);
  BOOST_TEST((*sent.values[0].message)[0].payload_size() == 0U);
  BOOST_TEST((sent.values[0].stamp == retained_stamp{10, 1}));
}

BOOST_AUTO_TEST_CASE(what_a_limit_keeps_out_is_not_said_to_be_there) {
  router routes{{.messages = 1}};
  routes.share_retained(100, 7);
  const auto block = make_block({{.topic = "a", .retain = true}, {.topic = "t", .retain = true}},
                                protocol_version::v5, {.publisher = 1});
  message_block::set_stamps(*block, 10, 1);
  routes.route(block, 100);
  const auto page = std::get<retained_page>(
      routes.answer(list_bucket{.bucket = retained_bucket_of("t"), .after = {}}, 100));
  BOOST_TEST(page.topics.empty());
  BOOST_TEST(page.is_last);
}

BOOST_AUTO_TEST_SUITE_END()
