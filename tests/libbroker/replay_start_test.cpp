#include "libbroker/replay_start.hpp"

#include "libbroker/rfc3339.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

replay_start start_of(std::string_view text) {
  const std::string whole = "$replay/" + std::string(text) + "/a";
  const auto parsed = parse_replay_filter(whole);
  BOOST_TEST_REQUIRE(parsed.has_value(), text);
  return parsed->start;
}

bool is_refused(const std::string& text) {
  const auto parsed = parse_replay_filter(text);
  if (parsed) return false;
  BOOST_TEST((parsed.error().code == reason_code::topic_filter_invalid));
  BOOST_TEST(!parsed.error().what.empty());
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(replay_start_)

BOOST_AUTO_TEST_CASE(only_the_prefix_asks_for_a_replay) {
  BOOST_TEST(is_replay("$replay/"));
  BOOST_TEST(is_replay("$replay/1/a"));
  for (const std::string_view other :
       {"", "$replay", "$replays/1/a", "replay/1/a", "a/$replay/1/a", "$Replay/1/a", "#", "+/1/a"})
    BOOST_TEST(!is_replay(other), other);
}

BOOST_AUTO_TEST_CASE(replay_begins_at_an_offset_a_time_or_so_long_ago) {
  BOOST_TEST((start_of("earliest") == replay_start(log_offset{0})));
  BOOST_TEST((start_of("0") == replay_start(log_offset{0})));
  BOOST_TEST((start_of("7") == replay_start(log_offset{7})));
  BOOST_TEST((start_of("007") == replay_start(log_offset{7})));
  BOOST_TEST(
      (start_of("18446744073709551615") == replay_start(std::numeric_limits<log_offset>::max())));
  BOOST_TEST((start_of("-0s") == replay_start(0s)));
  BOOST_TEST((start_of("-90") == replay_start(90s)));
  BOOST_TEST((start_of("-90s") == replay_start(90s)));
  BOOST_TEST((start_of("-3000ms") == replay_start(3s)));
  BOOST_TEST((start_of("-5m") == replay_start(std::chrono::seconds(5min))));
  BOOST_TEST((start_of("-1h") == replay_start(std::chrono::seconds(1h))));
  BOOST_TEST((start_of("-2d") == replay_start(std::chrono::seconds(48h))));
  BOOST_TEST((start_of("-1h 30m") == replay_start(std::chrono::seconds(90min))));
  for (const char* time : {"2026-11-23T14:00:00Z", "2026-11-23T14:00:00.5+01:00"})
    BOOST_TEST((start_of(time) == replay_start(*parse_rfc3339(time))), time);
}

BOOST_AUTO_TEST_CASE(filter_is_what_follows_the_start) {
  for (const std::string filter :
       {"a", "#", "+/a", "/", "/a", "a//b", "$SYS/#", "earliest/a", "$replays/a", "a/$replay/1"}) {
    const std::string text = "$replay/5/" + filter;
    const auto parsed = parse_replay_filter(text);
    BOOST_TEST_REQUIRE(parsed.has_value(), text);
    BOOST_TEST(parsed->filter == filter);
    BOOST_TEST(parsed->filter.data() == text.data() + text.size() - filter.size());  // a view
  }
}

BOOST_AUTO_TEST_CASE(what_begins_nowhere_is_refused) {
  for (const std::string bad : {"",
                                " ",
                                "Earliest",
                                "latest",
                                "now",
                                "yesterday",
                                "+1",
                                "+1h",
                                "1.5",
                                "1h",
                                "0x10",
                                "1 ",
                                "18446744073709551616",
                                "-",
                                "--1h",
                                "-+1",
                                "- 1h",
                                "-1x",
                                "-1.5h",
                                "-h",
                                "-1ms",
                                "-1500ms",
                                "-1h-",
                                "2026-11-23",
                                "2026-11-23T14:00:00",
                                "2026-02-30T00:00:00Z",
                                "#",
                                "+"}) {
    BOOST_TEST(is_refused("$replay/" + bad + "/a"), bad);
  }
}

BOOST_AUTO_TEST_CASE(time_ago_is_one_that_a_clock_can_count) {
  for (const std::string_view years :
       {"18446744073709551615", "9223372036854775808", "9223372036854775807", "9223372036854776",
        "106751991167301d"}) {
    const std::string text = "$replay/-" + std::string(years) + "/a";
    const auto parsed = parse_replay_filter(text);
    if (!parsed) continue;
    const auto ago = std::get<std::chrono::seconds>(parsed->start);
    BOOST_TEST(ago.count() >= 0, text);
    BOOST_TEST(ago.count() <= std::chrono::milliseconds::max().count() / 1000, text);
  }
}

BOOST_AUTO_TEST_CASE(replay_without_a_plain_filter_is_refused) {
  for (const std::string bad :
       {"$replay/", "$replay/1", "$replay/earliest", "$replay/1/", "$replay//a", "$replay/1/a#",
        "$replay/1/#/a", "$replay/1/a+", "$replay/1/$share/g/a", "$replay/1/$share/",
        "$replay/1/$replay/1/a", "$replay/1/$replay/", "$replay/2026-11-23/T14:00:00Z/a"})
    BOOST_TEST(is_refused(bad), bad);
  BOOST_TEST(is_refused(std::string("$replay/1/a\0b", 13)));
  BOOST_TEST(is_refused("$replay/1/\xff"));
  BOOST_TEST(is_refused("$replay/1/" + std::string(65'536, 'a')));
}

BOOST_AUTO_TEST_SUITE_END()
