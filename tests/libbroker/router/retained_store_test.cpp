#include "libbroker/router/retained_store.hpp"

#include "libbroker/topic.hpp"
#include "tests/libbroker/message/make_block.hpp"
#include "tests/libbroker/router/topic_words.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t unlimited = 1'000'000'000;

bool put(retained_store& store, const std::string& topic, const std::string& payload,
         std::uint64_t sequence) {
  // Not alone in its block: the store must take only what it was told to.
  const auto block = make_block({{.topic = "other"}, {.topic = topic, .payload = payload}});
  return store.store(*block, 1, sequence);
}

std::string topic_of(const message_block_ptr& block) {
  return std::string(block->topic((*block)[0]));
}
std::string payload_of(const message_block_ptr& block) {
  return std::string(as_text(block->payload((*block)[0])));
}

/// Everything for `filter`, read page by page, as "topic=payload".
std::vector<std::string> read_all(retained_store& store, std::string_view filter,
                                  std::uint64_t as_of, std::size_t messages = unlimited,
                                  std::size_t bytes = unlimited, time_point now = {}) {
  std::vector<std::string> all;
  retained_store::cursor at{.as_of = as_of};
  for (;;) {
    const auto page = store.read(filter, at, messages, bytes, now);
    BOOST_TEST(page.messages.size() <= messages);
    BOOST_TEST(page.next.as_of == as_of);
    std::size_t before_last = 0;
    for (std::size_t i = 0; i != page.messages.size(); ++i) {
      BOOST_TEST(page.messages[i]->size() == 1U);
      if (i + 1 != page.messages.size()) before_last += (*page.messages[i])[0].size;
      all.push_back(topic_of(page.messages[i]) + '=' + payload_of(page.messages[i]));
    }
    BOOST_TEST(before_last < bytes);
    if (page.done) return all;
    at = page.next;
  }
}

std::vector<std::string> levels_of(const std::string& topic) {
  std::vector<std::string> levels(1);
  for (const char c : topic)
    if (c == '/')
      levels.emplace_back();
    else
      levels.back() += c;
  return levels;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retained_store_)

BOOST_AUTO_TEST_CASE(topics_are_ordered_level_by_level) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  const auto random_text = [&] {
    static constexpr std::string_view alphabet = "/a\x01!0\x7F\xC3\xFF";
    std::string text(1 + engine() % 5, ' ');
    for (char& c : text)
      c = alphabet[engine() % alphabet.size()];
    return text;
  };
  const topic_order less;
  for (int i = 0; i != 20'000; ++i) {
    const std::string left = random_text();
    const std::string right = random_text();
    // An order by the lists of levels is strict and weak, and keeps subtrees together.
    BOOST_REQUIRE_EQUAL(less(left, right), levels_of(left) < levels_of(right));
  }
}

// [MQTT5-3.3.1-5] [MQTT5-3.3.1-6] [MQTT5-3.3.1-7] [MQTT5-3.3.2-5]
BOOST_AUTO_TEST_CASE(it_holds_what_a_map_holds_however_it_is_read) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("seed " << seed);
  std::mt19937_64 engine(seed);
  topic_words words(engine);
  struct value {
    std::string payload;
    std::uint64_t sequence;
    std::chrono::seconds expires_at;
  };
  for (int round = 0; round != 20; ++round) {
    retained_store store({});
    std::map<std::vector<std::string>, std::pair<std::string, value>> expected;
    std::uint64_t sequence = 0;
    auto now = 0s;
    for (int step = 0; step != 300; ++step) {
      const std::string topic = words.name();
      const bool clear = engine() % 5 == 0;
      const bool expires = engine() % 4 == 0;
      const auto interval = static_cast<std::uint32_t>(1 + engine() % 40);
      test_message message{.topic = topic, .payload = clear ? "" : std::to_string(step)};
      if (expires) message.properties = {expiry_property(interval)};
      const auto block = make_block({{.topic = "x"}, message}, protocol_version::v5,
                                    {.publisher = 3, .received_at = time_point(now)});
      BOOST_TEST(store.store(*block, 1, ++sequence));
      if (clear)
        expected.erase(levels_of(topic));
      else
        expected.insert_or_assign(
            levels_of(topic),
            std::pair(topic, value{message.payload, sequence,
                                   expires ? now + std::chrono::seconds(interval) : 1'000'000s}));
      if (engine() % 8 == 0) now += 5s;
      if (step % 3 != 0) continue;

      const std::string filter = words.filter();
      const std::uint64_t as_of = engine() % 2 == 0 ? sequence : engine() % (sequence + 1);
      BOOST_TEST_INFO_SCOPE("filter " << filter << " as of " << as_of << " of " << sequence);
      std::vector<std::string> wanted;
      for (const auto& [levels, kept] : expected) {
        const auto& [name, held] = kept;
        if (held.sequence <= as_of && held.expires_at > now && matches(filter, name))
          wanted.push_back(name + '=' + held.payload);
      }
      if (!wanted.empty()) BOOST_TEST(store.may_match(filter));
      const std::size_t messages = engine() % 2 == 0 ? unlimited : 1 + engine() % 4;
      const std::size_t bytes = engine() % 2 == 0 ? unlimited : 1 + engine() % 60;
      BOOST_REQUIRE(read_all(store, filter, as_of, messages, bytes, time_point(now)) == wanted);
    }
    // Reading everything removes all that expired.
    std::erase_if(expected, [&](const auto& kept) { return kept.second.second.expires_at <= now; });
    read_all(store, "#", sequence, unlimited, unlimited, time_point(now));
    read_all(store, "$s/#", sequence, unlimited, unlimited, time_point(now));
    BOOST_TEST(store.size() == expected.size());
    for (const auto& [levels, kept] : expected)
      BOOST_TEST(put(store, kept.first, "", ++sequence));
    BOOST_TEST(store.size() == 0U);
    BOOST_TEST(store.bytes() == 0U);
    BOOST_TEST(!store.may_match("#"));
  }
}

BOOST_AUTO_TEST_CASE(a_message_keeps_its_publisher_its_time_and_its_options) {
  retained_store store({});
  const auto block =
      make_block({{.topic = "a", .qos = qos::exactly_once, .retain = true, .id = 9}},
                 protocol_version::v3_1_1, {.publisher = 4, .received_at = time_point(55ms)});
  BOOST_TEST(store.store(*block, 0, 1));
  const auto page = store.read("a", {.as_of = 1}, 10, unlimited, time_point(60ms));
  BOOST_REQUIRE_EQUAL(page.messages.size(), 1U);
  const message_block& kept = *page.messages[0];
  BOOST_TEST(kept.publisher() == 4U);
  BOOST_TEST((kept.received_at() == time_point(55ms)));
  BOOST_TEST((kept[0].qos == qos::exactly_once));
  BOOST_TEST(kept[0].retain);
  BOOST_TEST(store.bytes() == kept.bytes());
}

BOOST_AUTO_TEST_CASE(a_limit_of_messages_keeps_new_topics_out) {
  retained_store store({.messages = 2});
  BOOST_TEST(put(store, "a", "1", 1));
  BOOST_TEST(put(store, "b", "1", 2));
  BOOST_TEST(!put(store, "c", "1", 3));
  BOOST_TEST(put(store, "a", "2", 4));  // replacing is no new topic
  BOOST_TEST(put(store, "d", "", 5));   // nor is clearing
  BOOST_TEST((read_all(store, "#", 9) == std::vector<std::string>{"a=2", "b=1"}));
  BOOST_TEST(put(store, "b", "", 6));
  BOOST_TEST(put(store, "c", "2", 7));
  BOOST_TEST((read_all(store, "#", 9) == std::vector<std::string>{"a=2", "c=2"}));
}

BOOST_AUTO_TEST_CASE(a_limit_of_bytes_is_never_exceeded) {
  retained_store store({.bytes = 4'000});
  const std::string large(1'500, 'x');
  BOOST_TEST(put(store, "a", large, 1));
  BOOST_TEST(put(store, "b", large, 2));
  BOOST_TEST(!put(store, "c", large, 3));
  BOOST_TEST(put(store, "a", large, 4));  // takes the place of the one before
  BOOST_TEST(!put(store, "a", large + large, 5));
  BOOST_TEST(store.bytes() <= 4'000U);
  // What a subscriber would get is the last message or none, never one before.
  BOOST_TEST(read_all(store, "a", 5).empty());
  BOOST_TEST(put(store, "a", "small", 6));
  BOOST_TEST(put(store, "c", large, 7));
  BOOST_TEST(store.bytes() <= 4'000U);
  BOOST_TEST(store.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_search_that_finds_little_takes_several_turns) {
  retained_store store({});
  std::uint64_t sequence = 0;
  for (int i = 0; i != 20'000; ++i)
    put(store, "t/" + std::to_string(i), "x", ++sequence);
  put(store, "t/zzz/wanted", "found", ++sequence);
  const auto first = store.read("+/+/wanted", {.as_of = sequence}, 10, unlimited, {});
  BOOST_TEST(first.messages.empty());
  BOOST_TEST(!first.done);
  BOOST_TEST(
      (read_all(store, "+/+/wanted", sequence) == std::vector<std::string>{"t/zzz/wanted=found"}));
}

BOOST_AUTO_TEST_CASE(a_reader_goes_on_after_a_topic_that_has_gone) {
  retained_store store({});
  for (const char* const topic : {"a", "b", "c"})
    put(store, topic, "x", 1);
  const auto first = store.read("#", {.as_of = 1}, 2, unlimited, {});
  BOOST_REQUIRE_EQUAL(first.messages.size(), 2U);
  put(store, "b", "", 2);
  put(store, "bb", "new", 3);
  const auto rest = store.read("#", first.next, 2, unlimited, {});
  BOOST_REQUIRE_EQUAL(rest.messages.size(), 1U);
  BOOST_TEST(topic_of(rest.messages[0]) == "c");
  BOOST_TEST(rest.done);
}

BOOST_AUTO_TEST_CASE(a_reader_that_wanted_nothing_yet_begins_at_the_first_topic) {
  retained_store store({});
  put(store, "a", "x", 1);
  put(store, "b/c", "x", 1);
  for (const std::string_view filter : {"b/+", "b/c"}) {
    const auto nothing = store.read(filter, {.as_of = 1}, 0, unlimited, {});
    BOOST_TEST(nothing.messages.empty());
    BOOST_TEST(!nothing.done);
    BOOST_TEST(store.read(filter, nothing.next, 5, unlimited, {}).messages.size() == 1U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
