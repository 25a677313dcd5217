#include "libbroker/rfc3339.hpp"

#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstdio>
#include <random>
#include <regex>

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

wall_time at(std::int64_t milliseconds) {
  return wall_time(std::chrono::milliseconds(milliseconds));
}

bool is_leap(int year) { return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0); }

int days_in(int year, int month) {
  constexpr std::array days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

std::string text_of(int year, int month, int day, std::string_view rest) {
  std::array<char, 40> date;
  std::snprintf(date.data(), date.size(), "%04d-%02d-%02d", year, month, day);
  return date.data() + std::string(rest);
}

/// RFC 3339 §5.6 and §5.7, as far as they say what is a time at all.
bool is_time_by_the_book(const std::string& text) {
  static const std::regex grammar(
      "([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})"
      "(\\.[0-9]+)?([Zz]|[+-]([0-9]{2}):([0-9]{2}))");
  std::smatch parts;
  if (!std::regex_match(text, parts, grammar)) return false;
  const auto number = [&](std::size_t part) {
    return parts[part].matched ? std::stoi(parts[part].str()) : 0;
  };
  return number(2) >= 1 && number(2) <= 12 && number(3) >= 1 &&
         number(3) <= days_in(number(1), number(2)) && number(4) <= 23 && number(5) <= 59 &&
         number(6) <= 60 && number(9) <= 23 && number(10) <= 59;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rfc3339)

BOOST_AUTO_TEST_CASE(times_are_those_of_the_examples) {
  // RFC 3339 §5.8 among them.
  for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"1970-01-01T00:00:00Z", 0},
           {"1970-01-01T00:00:00.001Z", 1},
           {"1969-12-31T23:59:59.999Z", -1},
           {"1985-04-12T23:20:50.52Z", 482'196'050'520},
           {"1996-12-19T16:39:57-08:00", 851'042'397'000},
           {"1996-12-20T00:39:57Z", 851'042'397'000},
           {"1990-12-31T23:59:60Z", 662'688'000'000},
           {"1990-12-31T15:59:60-08:00", 662'688'000'000},
           {"1937-01-01T12:00:27.87+00:20", -1'041'337'172'130},
           {"2026-11-23t14:00:00z", 1'795'442'400'000},
           {"2000-02-29T00:00:00+23:59", 951'696'060'000},
           {"0000-01-01T00:00:00Z", -62'167'219'200'000},
           {"9999-12-31T23:59:59.999Z", 253'402'300'799'999},
       }) {
    const auto parsed = parse_rfc3339(text);
    BOOST_TEST_REQUIRE(parsed.has_value(), text);
    BOOST_TEST(parsed->time_since_epoch().count() == expected, text);
  }
}

BOOST_AUTO_TEST_CASE(digits_behind_the_milliseconds_do_not_count) {
  for (const auto& [fraction, expected] : std::initializer_list<std::pair<std::string, int>>{
           {"0", 0},
           {"9", 900},
           {"09", 90},
           {"009", 9},
           {"0009", 0},
           {"1239", 123},
           {"999999999999999999999999999999999999999999", 999}})
    BOOST_TEST((parse_rfc3339("1970-01-01T00:00:00." + fraction + "Z") == at(expected)), fraction);
}

BOOST_AUTO_TEST_CASE(times_come_back_as_they_were_written) {
  BOOST_TEST(to_rfc3339(at(0)) == "1970-01-01T00:00:00.000Z");
  BOOST_TEST(to_rfc3339(at(-1)) == "1969-12-31T23:59:59.999Z");
  BOOST_TEST(to_rfc3339(at(951'782'400'007)) == "2000-02-29T00:00:00.007Z");
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> any(-62'167'219'200'000, 253'402'300'799'999);
  for (int i = 0; i != 20'000; ++i) {
    const wall_time time = at(any(random));
    const std::string text = to_rfc3339(time);
    BOOST_TEST_REQUIRE(text.size() == 24U, text);
    BOOST_TEST_REQUIRE((parse_rfc3339(text) == time), text);
    // The same moment on another clock.
    const auto offset = std::chrono::minutes(static_cast<int>(random() % (24 * 60)));
    const bool is_behind = random() % 2 == 0;
    std::array<char, 40> zone;
    std::snprintf(zone.data(), zone.size(), "%c%02d:%02d", is_behind ? '-' : '+',
                  static_cast<int>(offset.count() / 60), static_cast<int>(offset.count() % 60));
    const std::string local = text.substr(0, 23) + zone.data();
    BOOST_TEST_REQUIRE((parse_rfc3339(local) == (is_behind ? time + offset : time - offset)),
                       local);
  }
}

BOOST_AUTO_TEST_CASE(every_day_of_four_centuries_has_its_place) {
  wall_time day = at(0);
  for (int year = 1970; year != 2370; ++year)
    for (int month = 1; month <= 12; ++month) {
      for (int d = 1; d <= days_in(year, month); ++d, day += 24h) {
        BOOST_TEST_REQUIRE((parse_rfc3339(text_of(year, month, d, "T00:00:00Z")) == day));
        BOOST_TEST_REQUIRE(to_rfc3339(day) == text_of(year, month, d, "T00:00:00.000Z"));
      }
      for (const int none : {0, days_in(year, month) + 1})
        BOOST_TEST_REQUIRE(!parse_rfc3339(text_of(year, month, none, "T00:00:00Z")).has_value());
    }
}

BOOST_AUTO_TEST_CASE(years_that_have_no_four_digits_are_cut) {
  const auto before = parse_rfc3339("0000-01-01T00:00:00+00:01");
  BOOST_TEST_REQUIRE(before.has_value());
  BOOST_TEST(to_rfc3339(*before) == "0000-01-01T00:00:00.000Z");
  const auto behind = parse_rfc3339("9999-12-31T23:59:60Z");
  BOOST_TEST_REQUIRE(behind.has_value());
  BOOST_TEST(to_rfc3339(*behind) == "9999-12-31T23:59:59.999Z");
  BOOST_TEST(to_rfc3339(wall_time::min()) == "0000-01-01T00:00:00.000Z");
  BOOST_TEST(to_rfc3339(wall_time::max()) == "9999-12-31T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_refused) {
  for (const std::string_view bad : {"",
                                     "Z",
                                     "2026",
                                     "2026-11-23",
                                     "2026-11-23T14:00Z",
                                     "2026-11-23T14:00:00",
                                     "2026-11-23 14:00:00Z",
                                     "2026-11-23T14:00:00.Z",
                                     "2026-11-23T14:00:00,5Z",
                                     "2026-11-23T14:00:00+0100",
                                     "2026-11-23T14:00:00+01",
                                     "2026-11-23T14:00:00+24:00",
                                     "2026-11-23T14:00:00+01:60",
                                     "2026-11-23T24:00:00Z",
                                     "2026-11-23T14:60:00Z",
                                     "2026-11-23T14:00:61Z",
                                     "2026-13-01T00:00:00Z",
                                     "2026-00-01T00:00:00Z",
                                     "2026-02-29T00:00:00Z",
                                     "1900-02-29T00:00:00Z",
                                     "2026-11-31T00:00:00Z",
                                     "2026-11-23T14:00:00ZZ",
                                     "2026-11-23T14:00:00Z ",
                                     " 2026-11-23T14:00:00Z",
                                     "+2026-11-23T14:00:00Z",
                                     "-026-11-23T14:00:00Z",
                                     "12026-11-23T14:00:00Z",
                                     "2026-1-23T14:00:00Z",
                                     "2026-11-23T1 :00:00Z",
                                     "2026-11-23T+1:00:00Z",
                                     "2026\xE2\x88\x92"
                                     "11-23T14:00:00Z"})
    BOOST_TEST(!parse_rfc3339(bad).has_value(), bad);
  BOOST_TEST(!parse_rfc3339({"2026-11-23T14:00:00Z\0", 21}).has_value());
  BOOST_TEST(!parse_rfc3339({"2026-11-23T14:00:00\0", 20}).has_value());
}

BOOST_AUTO_TEST_CASE(texts_are_taken_and_refused_by_the_book) {
  const std::uint64_t seed = seed_for_test();
  BOOST_TEST_INFO_SCOPE("TROUPE_TEST_SEED=" << seed);
  std::mt19937_64 random(seed);
  constexpr std::string_view pieces = "0123456789012345678901239-+:.TtZz /\xff";
  int taken = 0;
  for (int i = 0; i != 30'000; ++i) {
    std::string text = random() % 2 == 0 ? "2024-02-29T23:59:00.123-05:30" : "1996-12-20T00:39:57Z";
    for (auto changes = 1 + random() % 2; changes != 0; --changes) {
      const std::size_t place = random() % text.size();
      const char piece = pieces[random() % pieces.size()];
      switch (random() % 4) {
      case 0: text.erase(place, 1); break;
      case 1: text.insert(place, 1, piece); break;
      default: text[place] = piece;
      }
    }
    const bool expected = is_time_by_the_book(text);
    taken += expected ? 1 : 0;
    BOOST_TEST_REQUIRE(parse_rfc3339(text).has_value() == expected, text);
  }
  BOOST_TEST(taken > 1000);
}

BOOST_AUTO_TEST_SUITE_END()
