#include "persistence/retained_table.hpp"

#include "libbroker/router/retained_versions.hpp"

#include "tests/libbroker/message/make_block.hpp"
#include "tests/persistence/faulty_disk.hpp"

#include <boost/test/unit_test.hpp>

#include <map>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

constexpr wall_time noon{1'000'000'000ms};

struct fixture {
  faulty_disk disk;
  std::unique_ptr<database> store = *database::open("data", {.env = &disk});
  retained_table table{*store};

  /// The clocks of a process that was started `since` noon, at a time of its own.
  static clock_reading clocks(std::chrono::milliseconds since, time_point started) {
    return {.monotonic = started, .wall = noon + since};
  }
  std::map<std::string, std::string> load(const clock_reading& now,
                                          retained_table::figures* figures = nullptr) {
    std::map<std::string, std::string> all;
    const auto found = table.load(now, [&](const message_block_ptr& block) {
      const message_entry& entry = (*block)[0];
      all[std::string(block->topic(entry))] = as_text(block->payload(entry));
      BOOST_TEST(entry.retain);
      BOOST_TEST(entry.log_offset == 0U);
    });
    if (figures != nullptr) *figures = found;
    return all;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(retained_table_, fixture)

BOOST_AUTO_TEST_CASE(last_message_of_each_topic_is_loaded) {
  const auto now = clocks(0ms, time_point(5s));
  const auto block = make_block({{.topic = "a", .payload = "1", .retain = true},
                                 {.topic = "a", .payload = "2", .retain = true},
                                 {.topic = "b", .payload = "3", .retain = true},
                                 {.topic = "c", .payload = "4", .retain = true}});
  for (std::uint32_t i = 0; i != block->size(); ++i)
    table.keep(*block, i, now);
  table.remove("c");
  BOOST_TEST(load(now).empty());
  BOOST_TEST(store->commit(true).has_value());
  BOOST_TEST((load(now) == std::map<std::string, std::string>{{"a", "2"}, {"b", "3"}}));
}

BOOST_AUTO_TEST_CASE(expiry_counts_in_calendar_time) {
  const auto block =
      make_block({{.topic = "a", .retain = true, .properties = {expiry_property(10)}}},
                 protocol_version::v5, {.received_at = time_point(100s)});
  table.keep(*block, 0, clocks(2s, time_point(102s)));  // received at noon
  BOOST_TEST(store->commit(true).has_value());

  retained_table::figures figures;
  BOOST_TEST(load(clocks(9s, time_point(1s)), &figures).size() == 1U);
  BOOST_TEST(figures.expired == 0U);
  BOOST_TEST(load(clocks(10s, time_point(1s)), &figures).empty());
  BOOST_TEST(figures.expired == 1U);
  BOOST_TEST(store->commit(true).has_value());
  BOOST_TEST(load(clocks(9s, time_point(1s))).empty());  // gone for good
}

BOOST_AUTO_TEST_CASE(damaged_one_is_left_out) {
  const auto now = clocks(0ms, time_point(5s));
  const auto block = make_block({{.topic = "a", .retain = true}, {.topic = "b", .retain = true}});
  table.keep(*block, 0, now);
  table.keep(*block, 1, now);
  store->put("Ma", "no record");
  BOOST_TEST(store->commit(true).has_value());
  retained_table::figures figures;
  BOOST_TEST(load(now, &figures).size() == 1U);
  BOOST_TEST(figures.damaged == 1U);
}

BOOST_AUTO_TEST_CASE(stamps_and_cleared_topics_are_kept) {
  const auto now = clocks(0ms, time_point(5s));
  const hybrid_stamp stamp = static_cast<hybrid_stamp>(noon.time_since_epoch().count()) << 16;
  const auto block =
      make_block({{.topic = "a", .payload = "1", .retain = true},
                  {.topic = "b", .payload = "", .retain = true},
                  {.topic = "c", .retain = true, .properties = {expiry_property(1)}}},
                 protocol_version::v5, {.received_at = now.monotonic});
  message_block::set_stamps(*block, stamp, 7);
  for (std::uint32_t i = 0; i != block->size(); ++i)
    table.keep(*block, i, now);
  BOOST_TEST(store->commit(true).has_value());
  retained_table::figures figures;
  std::map<std::string, retained_stamp> stamps;
  const auto later = clocks(1h, time_point(1s));
  figures = table.load(later, [&](const message_block_ptr& each) {
    stamps[std::string(each->topic((*each)[0]))] = each->stamp(0);
    BOOST_TEST(((*each)[0].payload_size() == 0) == (each->topic((*each)[0]) != "a"));
  });
  BOOST_TEST(figures.messages == 1U);
  BOOST_TEST(figures.cleared == 2U);  // one has expired
  BOOST_TEST(figures.expired == 1U);
  BOOST_TEST((stamps["a"] == retained_stamp{stamp, 7}));
  BOOST_TEST((stamps["b"] == retained_stamp{stamp + 1, 7}));
  BOOST_TEST((stamps["c"] == retained_stamp{stamp + 2, 7}));
  BOOST_TEST(store->commit(true).has_value());

  // After a week nobody remembers.
  const auto week = clocks(cleared_topics_kept + 1s, time_point(1s));
  BOOST_TEST((load(week, &figures) == std::map<std::string, std::string>{{"a", "1"}}));
  BOOST_TEST(figures.cleared == 0U);
  BOOST_TEST(figures.expired == 0U);
  BOOST_TEST(store->commit(true).has_value());
  BOOST_TEST(load(later, &figures).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
