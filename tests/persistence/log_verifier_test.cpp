#include "persistence/log_verifier.hpp"

#include "persistence/big_endian.hpp"
#include "persistence/keys.hpp"
#include "persistence/member_list.hpp"
#include "persistence/retained_table.hpp"
#include "persistence/session_table.hpp"
#include "tests/persistence/filled_store.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;

namespace {

std::string big_endian(std::uint64_t number) {
  std::string text;
  append_big_endian(number, text);
  return text;
}

struct fixture {
  faulty_disk disk;
  filled_store kept{disk};

  fixture() {
    kept.append({{.topic = "a"}, {.topic = "b"}});
    kept.append({{.topic = "s/1"}});
    kept.append({{.topic = "a"}});
    const auto block = make_block({{.topic = "r", .retain = true}});
    retained_table(*kept.store).keep(*block, 0, {});
    session_table(*kept.store).apply("c", kept_login{}, {});
    kept.commit();
  }

  void put(const std::string& key, const std::string& value) {
    kept.store->put(key, value);
    BOOST_TEST_REQUIRE(kept.store->commit(true).has_value());
  }
  void remove(const std::string& key) {
    kept.store->remove(key);
    BOOST_TEST_REQUIRE(kept.store->commit(true).has_value());
  }
  [[nodiscard]] std::string value(const std::string& key) const { return **kept.store->get(key); }

  /// What is said to be wrong, one problem a line.
  std::string problems() const {
    const answered to = ask(kept, {{"command", "log verify"}});
    std::string text;
    std::size_t count = 0;
    for (const json& line : to.lines)
      if (line.contains("problem")) {
        text += line["problem"].get<std::string>() + '\n';
        ++count;
      }
    BOOST_TEST(to.lines.back()["problems"] == count);
    BOOST_TEST(to.ok() == (count == 0));
    return text;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(log_verifier_, fixture)

BOOST_AUTO_TEST_CASE(sound_store_is_good_and_counted) {
  BOOST_TEST(problems() == "");
  const json summary = ask(kept, {{"command", "log verify"}}).lines.at(0);
  BOOST_TEST(summary["records"] == 3);
  BOOST_TEST(summary["messages"] == 4);
  BOOST_TEST(summary["topics"] == 3);
  BOOST_TEST(summary["index_entries"] == 4);
  BOOST_TEST(summary["retained"] == 1);
  BOOST_TEST(summary["sessions"] == 1);
}

BOOST_AUTO_TEST_CASE(random_store_is_good_with_streams_trims_and_restarts) {
  const std::uint64_t seed = seed_for_test();
  std::mt19937_64 random(seed);
  kept.fill(random, 200);
  BOOST_TEST(problems() == "", "seed " << seed);
}

BOOST_AUTO_TEST_CASE(flipped_byte_of_a_record_is_found) {
  const std::string key = keys::record(0, 2);
  const std::string whole = value(key);
  for (std::size_t at = 0; at != whole.size(); ++at) {
    // Two bytes are reserved and of no meaning.
    if (at == 2 || at == 3) continue;
    std::string flipped = whole;
    flipped[at] ^= 0x10;
    put(key, flipped);
    BOOST_TEST(problems().starts_with("the record at 2 "), "byte " << at << ": " << problems());
  }
  put(key, whole);
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(unreadable_block_is_found) {
  std::mt19937_64 random(seed_for_test());
  kept.fill(random, 100);
  kept.close();
  damage_tables(disk);
  const auto store = *database::open("data", {.env = &disk});
  log_streams streams;
  BOOST_TEST(streams.load(*store).has_value());
  const answered to = ask(*store, streams, R"({"command":"log verify"})");
  BOOST_TEST(!to.ok());
  BOOST_TEST(std::ranges::any_of(to.lines, [](const json& line) {
    return line.value("problem", "")
        .starts_with("a part of table R is left out, it cannot be read");
  }));
}

BOOST_AUTO_TEST_CASE(record_in_the_wrong_place_is_found) {
  put(keys::record(0, 9), value(keys::record(0, 2)));
  BOOST_TEST(problems().starts_with("the record at 9 belongs to 2\n"));
  remove(keys::record(0, 9));
  put(keys::record(0, 1), value(keys::record(0, 2)));
  BOOST_TEST(problems().starts_with("the record at 1 belongs to 2\n"));
}

BOOST_AUTO_TEST_CASE(record_that_should_be_gone_is_found) {
  std::string state = value(keys::stream(0));
  state.replace(1, 8, big_endian(2));
  put(keys::stream(0), state);
  BOOST_TEST(problems() == "the record at 2 of stream 0 should have been trimmed\n");
}

BOOST_AUTO_TEST_CASE(offset_that_will_be_used_again_is_found) {
  put(std::string(keys::ceiling), big_endian(4));
  BOOST_TEST(problems() == "the record at 4 lies above the ceiling 4\n");
  put(std::string(keys::ceiling), "x");
  BOOST_TEST(problems().starts_with("ceiling is no number\n"));
}

BOOST_AUTO_TEST_CASE(missing_index_entry_is_found) {
  remove(keys::index(1, 2));
  BOOST_TEST(problems() == "topic a does not lead to the record at 2\n");
}

BOOST_AUTO_TEST_CASE(index_entry_without_record_is_found) {
  put(keys::index(1, 77), std::string(2, '\0'));
  BOOST_TEST(problems() == "the index leads to 77 of stream 0, where no record is\n");
}

BOOST_AUTO_TEST_CASE(index_entry_that_leads_elsewhere_is_found) {
  put(keys::index(1, 3), {0, 1});  // a, to the record of s/1
  BOOST_TEST(problems() ==
             "the index leads from topic number 1 to the record at 3, which has none of it\n");
  remove(keys::index(1, 3));
  put(keys::index(1, 4), {0, 1});
  BOOST_TEST(problems() == "topic a looks for the record at 4 in another stream than 0\n");
}

BOOST_AUTO_TEST_CASE(missing_topic_number_is_found) {
  remove(keys::topic("b"));
  BOOST_TEST(problems().starts_with("topic b of the record at 2 has no number\n"));
}

BOOST_AUTO_TEST_CASE(topic_number_that_is_none_or_of_another_is_found) {
  put(keys::topic("b"), "x");
  BOOST_TEST(problems().starts_with("the number of topic b cannot be read\n"));
  put(keys::topic("b"), big_endian(50));
  BOOST_TEST(problems().starts_with("topic b has number 50, which will be given to another\n"));
  put(keys::topic("b"), big_endian(3));
  BOOST_TEST(problems().starts_with("topic b does not lead to the record at 2\n"));
}

BOOST_AUTO_TEST_CASE(wrong_figures_are_found) {
  const std::string whole = value(keys::stream(1));
  for (const std::size_t at : {17U, 25U}) {
    std::string state = whole;
    state.replace(at, 8, big_endian(5));
    put(keys::stream(1), state);
    BOOST_TEST(problems().starts_with("figures of stream 1: "));
  }
  put(keys::stream(1), "x");
  BOOST_TEST(problems() ==
             "figures of a stream cannot be read\nstream 1 has records, but no figures\n");
}

BOOST_AUTO_TEST_CASE(damaged_retained_message_is_found) {
  put(keys::retained("x"), "nonsense");
  BOOST_TEST(problems() == "the retained message of x is damaged\n");
  put(keys::retained("x"), value(keys::retained("r")));
  BOOST_TEST(problems() == "the retained message of x is one of r\n");
}

BOOST_AUTO_TEST_CASE(damaged_session_is_found) {
  put(keys::progress("c"), "nonsense");
  BOOST_TEST(problems() == "what is kept of the session of c is damaged\n");
}

BOOST_AUTO_TEST_CASE(problems_are_told_a_hundred_times_and_all_counted) {
  for (int i = 0; i != 500; ++i)
    kept.store->put(keys::retained(std::to_string(i)), "nonsense");
  kept.commit();
  const answered to = ask(kept, {{"command", "log verify"}});
  BOOST_TEST(to.lines.size() == 102U);
  BOOST_TEST(to.lines.back()["problems"] == 500);
  BOOST_TEST(to.error() == "500 problems");
}

BOOST_AUTO_TEST_CASE(what_is_written_meanwhile_does_not_disturb) {
  std::mt19937_64 random(seed_for_test());
  kept.fill(random, 20);
  const answered to = ask(kept, {{"command", "log verify"}}, [&] {
    kept.append({{.topic = "a"}, {.topic = "new"}});
    kept.commit();
    BOOST_TEST(kept.log->trim(0, {.passed = kept.log->head()}).has_value());
    kept.commit();
    return true;
  });
  BOOST_TEST(to.ok(), to.last);
}

BOOST_AUTO_TEST_CASE(it_ends_when_nobody_wants_it_or_the_store_was_opened_anew) {
  BOOST_TEST(ask(kept, {{"command", "log verify"}}, [] { return false; }).error() == "given up");
  bool is_first = true;
  const answered to = ask(kept, {{"command", "log verify"}}, [&] {
    if (std::exchange(is_first, false)) kept.fail();
    return true;
  });
  BOOST_TEST(to.error() == "a write failed meanwhile, and the store was opened anew; try again");
  BOOST_TEST(problems() == "");
}

BOOST_AUTO_TEST_CASE(cleared_topics_are_counted_and_have_a_stamp) {
  const auto block = make_block({{.topic = "cleared", .payload = "", .retain = true}});
  message_block::set_stamps(*block, 1'000, 7);
  retained_table(*kept.store).keep(*block, 0, {});
  BOOST_TEST_REQUIRE(kept.store->commit(true).has_value());
  BOOST_TEST(problems() == "");
  const json summary = ask(kept, {{"command", "log verify"}}).lines.at(0);
  BOOST_TEST(summary["retained"] == 1);
  BOOST_TEST(summary["cleared"] == 1);
  BOOST_TEST(ask(kept, {{"command", "log status"}}).lines.at(0)["retained"] == 1);

  const auto bare = make_block({{.topic = "cleared", .payload = "", .retain = true}});
  retained_table(*kept.store).keep(*bare, 0, {});
  BOOST_TEST_REQUIRE(kept.store->commit(true).has_value());
  BOOST_TEST(problems() == "nothing says when cleared was cleared\n");
}

BOOST_AUTO_TEST_CASE(list_of_members_that_cannot_be_read_is_told) {
  keep_members(*kept.store, std::vector<member_record>{{{"a", 1, 1}, "a:1", 1, false}});
  kept.commit();
  BOOST_TEST(problems() == "");
  put(std::string(keys::members), value(std::string(keys::members)).substr(1));
  BOOST_TEST(problems() == "the list of members is damaged\n");
}

BOOST_AUTO_TEST_SUITE_END()
