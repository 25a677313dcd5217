#include "libbroker/topic.hpp"

#include "libbroker/bytes.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <bitset>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace troupe;
using namespace troupe::test;

namespace {

reason_code code_of_name(std::string_view name) {
  const exact_copy copy(as_bytes(name));
  const auto checked = check_topic_name(as_text(copy.view()));
  return checked ? reason_code::success : checked.error().code;
}

std::string_view clause_of_filter(std::string_view text) {
  const auto parsed = parse_topic_filter(text);
  if (parsed) return "";
  BOOST_TEST((parsed.error().code == reason_code::topic_filter_invalid));
  return parsed.error().clause;
}

std::vector<std::string> levels_of(std::string_view text) {
  std::vector<std::string> levels(1);
  for (const char c : text)
    if (c == '/')
      levels.emplace_back();
    else
      levels.back() += c;
  return levels;
}

/// MQTT5 §4.7 word by word, over levels.
bool matches_by_the_book(std::string_view filter, std::string_view name) {
  if (name.starts_with('$') && (filter[0] == '+' || filter[0] == '#')) return false;
  const auto wanted = levels_of(filter);
  const auto given = levels_of(name);
  for (std::size_t i = 0; i != wanted.size(); ++i) {
    if (wanted[i] == "#") return given.size() >= i;
    if (i == given.size()) return false;
    if (wanted[i] != "+" && wanted[i] != given[i]) return false;
  }
  return wanted.size() == given.size();
}

/// All texts of one to `depth` of these levels.
std::vector<std::string> all_of(const std::vector<std::string>& levels, std::size_t depth) {
  std::vector<std::string> all = levels;
  for (std::size_t begin = 0; depth > 1; --depth) {
    const std::size_t end = all.size();
    for (std::size_t i = begin; i != end; ++i)
      for (const std::string& level : levels)
        all.push_back(all[i] + '/' + level);
    begin = end;
  }
  std::erase(all, "");
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(topic)

BOOST_AUTO_TEST_CASE(ordinary_names_are_accepted) {
  for (const std::string_view name :
       {"a", "/", "//", "sport/tennis", "/finance", "Accounts payable", "$SYS/x", "a/b/", "größe",
        "0123456789abcdef0123456789abcdef/x", "\x01\x7F"})
    BOOST_TEST((code_of_name(name) == reason_code::success), name);
}

// [MQTT5-4.7.0-1] [MQTT5-4.7.3-2] [MQTT5-1.5.4-1] [MQTT311-4.7.1-1] [MQTT311-4.7.3-2]
BOOST_AUTO_TEST_CASE(one_bad_byte_in_a_name_is_found_wherever_it_stands) {
  for (std::size_t size = 1; size != 40; ++size)
    for (std::size_t bad = 0; bad != size; ++bad) {
      std::string name(size, 'a');
      name[bad] = '+';
      BOOST_TEST((code_of_name(name) == reason_code::topic_name_invalid), bad << " of " << size);
      name[bad] = '#';
      BOOST_TEST((code_of_name(name) == reason_code::topic_name_invalid), bad << " of " << size);
      name[bad] = '\0';
      BOOST_TEST((code_of_name(name) == reason_code::malformed_packet), bad << " of " << size);
      name[bad] = '\xFF';
      BOOST_TEST((code_of_name(name) == reason_code::malformed_packet), bad << " of " << size);
      for (const char neighbour : {'"', '$', '*', ',', '\x01', '\x7F'}) {
        name[bad] = neighbour;
        BOOST_TEST((code_of_name(name) == reason_code::success), bad << " of " << size);
      }
    }
}

BOOST_AUTO_TEST_CASE(wildcards_are_found_among_other_languages) {
  BOOST_TEST((code_of_name("größe/+") == reason_code::topic_name_invalid));
  BOOST_TEST((code_of_name("#/größe") == reason_code::topic_name_invalid));
  BOOST_TEST((code_of_name(std::string_view("größe\0", 8)) == reason_code::malformed_packet));
}

// [MQTT5-4.7.3-1] [MQTT311-4.7.3-1]
BOOST_AUTO_TEST_CASE(an_empty_name_is_refused) {
  const auto checked = check_topic_name("");
  BOOST_REQUIRE(!checked.has_value());
  BOOST_TEST((checked.error().code == reason_code::topic_name_invalid));
  BOOST_TEST(checked.error().clause == "MQTT5-4.7.3-1");
}

// [MQTT5-4.7.3-3] [MQTT311-4.7.3-3]
BOOST_AUTO_TEST_CASE(names_and_filters_have_at_most_65535_bytes) {
  const std::string longest(65'535, 'a');
  BOOST_TEST(check_topic_name(longest).has_value());
  BOOST_TEST(parse_topic_filter(longest).has_value());
  const std::string too_long(65'536, 'a');
  BOOST_TEST(check_topic_name(too_long).error().clause == "MQTT5-4.7.3-3");
  BOOST_TEST(clause_of_filter(too_long) == "MQTT5-4.7.3-3");
}

BOOST_AUTO_TEST_CASE(filters_know_whether_they_have_wildcards) {
  for (const std::string_view text :
       {"#", "+", "a/#", "a/+", "+/a", "/+", "+/", "+/#", "a/+/b", "$SYS/#", "+/+/+", "/#"}) {
    const auto parsed = parse_topic_filter(text);
    BOOST_REQUIRE_MESSAGE(parsed.has_value(), text);
    BOOST_TEST(parsed->has_wildcard, text);
    BOOST_TEST(parsed->filter == text);
    BOOST_TEST(!parsed->is_shared());
  }
  for (const std::string_view text : {"a", "/", "a/b", "$share", "$shared/a/b", "größe"}) {
    const auto parsed = parse_topic_filter(text);
    BOOST_REQUIRE_MESSAGE(parsed.has_value(), text);
    BOOST_TEST(!parsed->has_wildcard, text);
    BOOST_TEST(!parsed->is_shared(), text);
  }
}

// [MQTT5-4.7.1-1] [MQTT311-4.7.1-2]
BOOST_AUTO_TEST_CASE(a_multi_level_wildcard_is_the_whole_last_level) {
  for (const std::string_view text : {"a#", "#a", "#/", "#/a", "a/#/b", "a/b#", "##", "a/##", "+#"})
    BOOST_TEST(clause_of_filter(text) != "", text);
  BOOST_TEST(clause_of_filter("sport/tennis#") == "MQTT5-4.7.1-1");
  BOOST_TEST(clause_of_filter("sport/tennis/#/ranking") == "MQTT5-4.7.1-1");
}

// [MQTT5-4.7.1-2] [MQTT311-4.7.1-3]
BOOST_AUTO_TEST_CASE(a_single_level_wildcard_is_a_whole_level) {
  for (const std::string_view text : {"a+", "+a", "a/+b", "a/b+/c", "++", "+/++"})
    BOOST_TEST(clause_of_filter(text) == "MQTT5-4.7.1-2", text);
}

BOOST_AUTO_TEST_CASE(empty_and_ill_formed_filters_are_refused) {
  BOOST_TEST(clause_of_filter("") == "MQTT5-4.7.3-1");                           // [MQTT5-4.7.3-1]
  BOOST_TEST(clause_of_filter(std::string_view("a\0b", 3)) == "MQTT5-3.8.3-1");  // [MQTT5-4.7.3-2]
  BOOST_TEST(clause_of_filter("a/\xC0\xAF") == "MQTT5-3.8.3-1");                 // [MQTT5-3.8.3-1]
}

BOOST_AUTO_TEST_CASE(shared_filters_are_taken_apart) {
  struct expectation {
    std::string_view text, group, filter;
    bool has_wildcard;
  };
  for (const auto& [text, group, filter, has_wildcard] :
       {expectation{"$share/g/a/b", "g", "a/b", false},
        {"$share/g/#", "g", "#", true},
        {"$share/group name//x", "group name", "/x", false},
        {"$share/$g/$SYS/+", "$g", "$SYS/+", true},
        {"$share/g/$share/h/x", "g", "$share/h/x", false},
        {"$share/größe//", "größe", "/", false}}) {
    const auto parsed = parse_topic_filter(text);
    BOOST_REQUIRE_MESSAGE(parsed.has_value(), text);
    BOOST_TEST(parsed->is_shared());
    BOOST_TEST(parsed->group == group);
    BOOST_TEST(parsed->filter == filter);
    BOOST_TEST(parsed->has_wildcard == has_wildcard);
  }
}

BOOST_AUTO_TEST_CASE(shared_filters_need_a_share_name_and_a_filter) {
  for (const std::string_view text : {"$share/", "$share//", "$share//a"})
    BOOST_TEST(clause_of_filter(text) == "MQTT5-4.8.2-1", text);  // [MQTT5-4.8.2-1]
  for (const std::string_view text :
       {"$share/g", "$share/g/", "$share/+/a", "$share/#", "$share/g#/a", "$share/g+h/a"})
    BOOST_TEST(clause_of_filter(text) == "MQTT5-4.8.2-2", text);  // [MQTT5-4.8.2-2]
  BOOST_TEST(clause_of_filter("$share/g/a#") == "MQTT5-4.7.1-1");
}

BOOST_AUTO_TEST_CASE(the_examples_of_the_specification_match) {
  struct expectation {
    std::string_view filter, name;
    bool expected;
  };
  for (const auto& [filter, name, expected] : {
           expectation{"sport/tennis/player1/#", "sport/tennis/player1", true},
           {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
           {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
           {"sport/#", "sport", true},
           {"sport/#", "sports", false},
           {"#", "anything/at/all", true},
           {"sport/tennis/+", "sport/tennis/player1", true},
           {"sport/tennis/+", "sport/tennis/player1/ranking", false},
           {"sport/+", "sport", false},
           {"sport/+", "sport/", true},
           {"+/+", "/finance", true},
           {"/+", "/finance", true},
           {"+", "/finance", false},
           // [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]
           {"#", "$SYS", false},
           {"#", "$SYS/x", false},
           {"+/monitor/Clients", "$SYS/monitor/Clients", false},
           {"$SYS/#", "$SYS/", true},
           {"$SYS/#", "$SYS", true},
           {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
           {"a/#", "a/$b", true},
           // Level separators count, and case does.
           {"/finance", "finance", false},
           {"ACCOUNTS", "Accounts", false},
           {"a/b", "a/b/", false},
           {"a/b/#", "a", false},
           {"a/+/#", "a", false},
           {"a/+/#", "a/b", true},
       })
    BOOST_TEST(matches(filter, name) == expected, filter << " and " << name);
}

BOOST_AUTO_TEST_CASE(random_filters_match_by_the_book) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  const auto pick = [&random](std::initializer_list<std::string_view> levels) {
    std::string made;
    for (std::size_t n = 1 + random() % 4; n != 0; --n) {
      if (!made.empty() || random() % 8 == 0) made += '/';
      made += levels.begin()[random() % levels.size()];
    }
    return made.empty() ? std::string("/") : made;
  };
  int matched = 0;
  for (int i = 0; i != 20'000; ++i) {
    std::string filter = pick({"a", "b", "+", "", "$s", "+"});
    if (random() % 3 == 0) filter = random() % 4 == 0 ? "#" : filter + "/#";
    const std::string name = pick({"a", "b", "", "$s"});
    if (!parse_topic_filter(filter)) continue;
    const bool expected = matches_by_the_book(filter, name);
    matched += expected ? 1 : 0;
    BOOST_REQUIRE_MESSAGE(matches(filter, name) == expected,
                          "seed " << seed << ": " << filter << " and " << name);
  }
  BOOST_TEST(matched > 1000);
}

BOOST_AUTO_TEST_CASE(filters_overlap_and_cover_as_the_topics_that_they_match_do) {
  std::vector<std::string> filters = all_of({"a", "$s", "", "+"}, 3);
  for (const std::string& above : all_of({"a", "$s", "", "+"}, 2))
    filters.push_back(above + "/#");
  filters.push_back("/#");
  filters.push_back("#");
  // One level more than any filter has, and a level that none names.
  std::vector<std::string> names = all_of({"a", "$s", "", "z"}, 4);
  names.emplace_back();  // which is no topic, but what `/#` and `+` have in common
  using topics = std::bitset<400>;
  BOOST_TEST_REQUIRE(names.size() <= topics().size());
  std::vector<topics> matched(filters.size());
  for (std::size_t i = 0; i != filters.size(); ++i)
    for (std::size_t j = 0; j != names.size(); ++j)
      matched[i][j] = matches_by_the_book(filters[i], names[j]);
  for (std::size_t i = 0; i != filters.size(); ++i)
    for (std::size_t j = 0; j != filters.size(); ++j) {
      const auto [left, right] = std::pair(filters[i], filters[j]);
      BOOST_TEST(overlaps(left, right) == (matched[i] & matched[j]).any(),
                 left << " and " << right);
      BOOST_TEST(covers(left, right) == (matched[j] & ~matched[i]).none(),
                 left << " and " << right);
    }
}

BOOST_AUTO_TEST_CASE(partitions_are_those_that_are_on_disk) {
  // XXH3-64 with seed 0, as the compiled xxHash library returns it, modulo 64. A change here
  // makes every data directory unreadable.
  struct expectation {
    std::string_view topic;
    std::uint32_t partition;
  };
  const std::string longest(1000, 'x');
  for (const auto& [topic, partition] : {expectation{"", 2},
                                         {"a", 31},
                                         {"a/b", 4},
                                         {"abc", 16},
                                         {"sport/tennis/player1", 2},
                                         {"$SYS/broker/uptime", 44},
                                         {"größe", 44},
                                         {longest, 2}})
    BOOST_TEST(partition_of(topic) == partition, topic);
}

BOOST_AUTO_TEST_CASE(topics_spread_over_all_partitions) {
  std::vector<int> topics(partition_count);
  for (int i = 0; i != 64'000; ++i)
    ++topics[partition_of("device/" + std::to_string(i) + "/state")];
  for (const int count : topics) {
    BOOST_TEST(count > 800);
    BOOST_TEST(count < 1200);
  }
}

BOOST_AUTO_TEST_SUITE_END()
