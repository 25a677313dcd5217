#include "persistence/offset_log.hpp"

#include "libbroker/topic.hpp"
#include "tests/libbroker/router/topic_words.hpp"
#include "tests/persistence/opened_log.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(offset_log_)

BOOST_AUTO_TEST_CASE(offsets_rise_and_go_on_after_a_restart) {
  faulty_disk disk;
  opened_log opened(disk);
  BOOST_TEST(opened.append({{.topic = "a"}, {.topic = "b"}}) == 1U);
  BOOST_TEST(opened.append({{.topic = "c"}}) == 3U);
  BOOST_TEST(opened.log->head() == 0U);
  BOOST_TEST(opened.log->needs_sync());
  BOOST_TEST(opened.commit());
  BOOST_TEST(!opened.log->needs_sync());
  BOOST_TEST(opened.log->head() == 3U);
  opened.close();
  opened.open();
  BOOST_TEST(opened.log->head() >= 3U);
  const log_offset head = opened.log->head();
  BOOST_TEST(opened.append({{.topic = "d"}}) > head);
  BOOST_TEST(opened.commit());
  BOOST_TEST((contents_of(*opened.reader().read({.up_to = head + 100})).size() == 4U));
}

BOOST_AUTO_TEST_CASE(message_is_found_by_its_offset_until_it_is_trimmed) {
  faulty_disk disk;
  opened_log opened(disk);
  opened.append({{.topic = "a", .payload = "1"}, {.topic = "b", .payload = "2"}}, "bob");
  opened.append({{.topic = "a", .payload = "3"}});
  BOOST_TEST(opened.commit());
  const auto found = opened.reader().get(2);
  BOOST_TEST_REQUIRE((found.has_value() && found->has_value()));
  BOOST_TEST((*found)->publisher == "bob");
  BOOST_TEST((*found)->block->size() == 1U);
  BOOST_TEST(as_text((*found)->block->payload((*(*found)->block)[0])) == "2");
  for (const log_offset none : {0U, 4U, 99U})
    BOOST_TEST(!opened.reader().get(none)->has_value());

  BOOST_TEST(opened.log->trim(0, {.passed = 1})->records == 0U);  // the record goes on behind it
  BOOST_TEST(opened.log->trim(0, {.passed = 2})->records == 1U);
  BOOST_TEST(opened.trimmed() == 0U);
  BOOST_TEST(opened.commit());
  BOOST_TEST(opened.trimmed() == 2U);
  BOOST_TEST(!opened.reader().get(2)->has_value());
  BOOST_TEST(opened.reader().get(3)->has_value());
  for (const std::string filter : {"a", "+"})
    BOOST_TEST((contents_of(*opened.reader().read({.filters = {filter}, .up_to = 9})) ==
                contents{{3, "a=3"}}));
}

BOOST_AUTO_TEST_CASE(log_holds_what_a_map_holds_however_it_is_read) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round != 20; ++round) {
    topic_words words(random);
    faulty_disk disk;
    opened_log opened(disk);
    contents expected;
    for (int step = 0; step != 60; ++step) {
      switch (random() % 8) {
      case 0:
        opened.close();
        opened.open();
        break;
      case 1: {
        const log_offset passed = random() % (opened.log->head() + 1);
        BOOST_TEST(
            opened.log->trim(0, {.passed = passed, .records = 1 + random() % 5}).has_value());
        BOOST_TEST(opened.commit());
        expected.erase(expected.begin(), expected.upper_bound(opened.trimmed()));
        break;
      }
      case 2: {
        log_query what{.after = random() % (opened.log->head() + 2),
                       .up_to = opened.log->head(),
                       .most_messages = 1 + random() % 10,
                       .most_bytes = 1 + random() % 200,
                       .most_records = 1 + random() % 5};
        if (random() % 3 == 0) what.up_to = random() % (opened.log->head() + 2);
        for (std::uint64_t filters = random() % 4; filters != 0; --filters)
          what.filters.push_back(random() % 2 == 0 ? words.name() : words.filter());
        contents wanted;
        for (const auto& [offset, text] : expected) {
          const std::string topic = text.substr(0, text.rfind('='));
          if (offset > what.after && offset <= what.up_to &&
              (what.filters.empty() ||
               std::any_of(what.filters.begin(), what.filters.end(),
                           [&](const std::string& filter) { return matches(filter, topic); })))
            wanted[offset] = text;
        }
        if (what.after < what.up_to) BOOST_TEST((read_all(opened.reader(), what) == wanted));
        break;
      }
      default: {
        std::vector<test_message> messages(1 + random() % 6);
        for (test_message& each : messages)
          each = {.topic = words.name(), .payload = std::to_string(random() % 1000)};
        log_offset offset = opened.append(messages);
        BOOST_TEST(opened.commit(random() % 2 == 0));
        for (const test_message& each : messages)
          expected[offset++] = each.topic + '=' + each.payload;
      }
      }
    }
  }
}

// For every crash: each acknowledged message is there, in order, without gaps; the rest
// is absent or whole; no offset is used twice.
BOOST_AUTO_TEST_CASE(what_was_acknowledged_survives_every_crash) {
  const std::uint64_t seed = seed_for_test();
  for (std::uint64_t round = 0; round != 300; ++round) {
    BOOST_TEST_CONTEXT("TROUPE_TEST_SEED=" << seed << " round " << round) {
      std::mt19937_64 random(seed + round);
      faulty_disk disk;
      const std::vector<stream_config> streams{{.filter = "t/1"}, {.filter = "+/2"}};
      opened_log opened(disk, round % 2 == 0 ? std::vector<stream_config>() : streams);
      contents acknowledged;
      contents attempted;
      log_offset highest = 0;
      int number = 0;
      bool any_failed = false;
      for (int life = 0; life != 4; ++life) {
        if (random() % 4 == 0) disk.fail_writes_from(1 + random() % 40);
        if (random() % 4 == 0) disk.fail_syncs_from(1 + random() % 20);
        if (random() % 8 == 0) disk.set_size(random() % 20'000);
        for (std::uint64_t steps = random() % 30; steps != 0; --steps) {
          contents batch;
          for (std::uint64_t blocks = 1 + random() % 3; blocks != 0; --blocks) {
            std::vector<test_message> messages(1 + random() % 4);
            for (test_message& each : messages)
              each = {.topic = "t/" + std::to_string(random() % 3),
                      .payload = std::to_string(++number) + std::string(random() % 600, 'x')};
            log_offset offset = opened.append(messages);
            BOOST_TEST(offset > highest);  // of all that anybody has seen
            for (const test_message& each : messages)
              batch[offset++] = each.topic + '=' + each.payload;
          }
          for (const auto& [offset, text] : batch)
            attempted[offset] = text;
          if (random() % 16 == 0) break;  // the crash comes before the commit
          if (opened.commit()) {
            highest = batch.rbegin()->first;
            acknowledged.merge(batch);
          } else {
            any_failed = true;
          }
          if (random() % 16 == 0) disk.heal();
        }
        const bool crash = random() % 2 == 0;
        opened.close();
        if (crash) disk.cut_power(random);
        disk.heal();
        if (round % 4 == 3) std::reverse(opened.streams.begin(), opened.streams.end());
        opened.open();
        // What failed and turns out to be there later is not in the figures.
        if (!any_failed) check_figures(opened);
        const contents kept = read_all(opened.reader(), {.up_to = opened.log->head()});
        for (const auto& [offset, text] : acknowledged) {
          const auto found = kept.find(offset);
          BOOST_TEST_REQUIRE((found != kept.end()), "offset " << offset << " is lost");
          BOOST_TEST(found->second == text);
        }
        if (!kept.empty()) highest = std::max(highest, kept.rbegin()->first);
        for (const auto& [offset, text] : kept)
          BOOST_TEST((attempted.contains(offset) && attempted.at(offset) == text),
                     offset << " is " << text.substr(0, 20)
                            << (attempted.contains(offset)
                                    ? " not " + attempted.at(offset).substr(0, 20)
                                    : " never"));
      }
    }
  }
}

// What begins at the head used to miss what got the offsets below it again after a restart.
BOOST_AUTO_TEST_CASE(head_is_never_above_what_a_restart_knows_of) {
  faulty_disk disk;
  opened_log opened(disk);
  disk.fail_writes_from(1);
  opened.append({{.topic = "a"}, {.topic = "b"}});
  BOOST_TEST(!opened.commit());
  disk.heal();
  opened.store->open_again();
  BOOST_TEST(opened.commit());  // of something else
  const log_offset head = opened.log->head();
  opened.close();
  opened.open();
  BOOST_TEST(opened.append({{.topic = "a"}}) > head);
}

BOOST_AUTO_TEST_CASE(closed_store_is_not_an_empty_one) {
  faulty_disk disk;
  opened_log opened(disk);
  opened.append({{.topic = "a", .payload = "1"}});
  BOOST_TEST(opened.commit());
  disk.fail_writes_from(1);  // LevelDB cannot be opened again either
  opened.append({{.topic = "a", .payload = "2"}});
  BOOST_TEST(!opened.commit());
  for (const char* filter : {"a", "#"})
    BOOST_TEST(!opened.reader().read({.filters = {filter}, .up_to = 10}).has_value());
  BOOST_TEST(!opened.reader().get(1).has_value());
  // The topic has a number, which nobody can look up now.
  opened.append({{.topic = "a", .payload = "3"}});
  BOOST_TEST(opened.log->is_unsure());
  (void)opened.store->abandon();
  opened.log->failed();

  disk.heal();
  opened.store->open_again();
  opened.append({{.topic = "a", .payload = "4"}});
  BOOST_TEST(!opened.log->is_unsure());
  BOOST_TEST(opened.commit());
  const auto page = opened.reader().read({.filters = {"a"}, .up_to = opened.log->head()});
  BOOST_TEST_REQUIRE(page.has_value());
  BOOST_TEST(page->messages == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
