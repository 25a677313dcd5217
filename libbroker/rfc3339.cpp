#include "libbroker/rfc3339.hpp"

#include <algorithm>

namespace troupe {

namespace {

using namespace std::chrono;

/// Takes text apart from the left; once something does not fit, everything fails.
class text_reader {
public:
  explicit text_reader(std::string_view text) : rest_(text) {}

  /// A number of exactly so many digits, from `least` to `most`.
  int number(std::size_t digits, int least, int most) {
    int value = 0;
    for (std::size_t i = 0; i != digits; ++i) {
      const char c = next();
      failed_ |= c < '0' || c > '9';
      value = value * 10 + (c - '0');
    }
    failed_ |= value < least || value > most;
    return value;
  }
  void expect(char lower, char upper) {
    const char c = next();
    failed_ |= c != lower && c != upper;
  }
  void expect(char only) { expect(only, only); }
  bool skip(char c) {
    const bool is_there = peek() == c;
    if (is_there) next();
    return is_there;
  }
  char next() {
    const char c = peek();
    if (!rest_.empty()) rest_.remove_prefix(1);
    return c;
  }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool is_done() const { return rest_.empty() && !failed_; }
  void fail() { failed_ = true; }

private:
  std::string_view rest_;
  bool failed_ = false;
};

/// What follows the dot: at least one digit, of which three count.
milliseconds fraction(text_reader& from) {
  int value = 0;
  int digits = 0;
  for (; from.peek() >= '0' && from.peek() <= '9'; ++digits) {
    const int digit = from.next() - '0';
    if (digits < 3) value = value * 10 + digit;
  }
  if (digits == 0) from.fail();
  for (; digits < 3; ++digits)
    value *= 10;
  return milliseconds(value);
}

minutes zone(text_reader& from) {
  if (from.skip('Z') || from.skip('z')) return minutes(0);
  const bool is_behind = from.peek() == '-';
  from.expect('+', '-');
  const hours whole(from.number(2, 0, 23));
  from.expect(':');
  const minutes offset = whole + minutes(from.number(2, 0, 59));
  return is_behind ? -offset : offset;
}

void append_digits(std::int64_t value, std::size_t digits, std::string& to) {
  const std::string text = std::to_string(value);
  to.append(digits - std::min(digits, text.size()), '0').append(text);
}

}  // namespace

std::optional<wall_time> parse_rfc3339(std::string_view text) {
  text_reader from(text);
  const year y(from.number(4, 0, 9999));
  from.expect('-');
  const month m(static_cast<unsigned>(from.number(2, 1, 12)));
  from.expect('-');
  const day d(static_cast<unsigned>(from.number(2, 1, 31)));
  from.expect('T', 't');
  milliseconds time = hours(from.number(2, 0, 23));
  from.expect(':');
  time += minutes(from.number(2, 0, 59));
  from.expect(':');
  time += seconds(from.number(2, 0, 60));  // 60: a leap second
  if (from.skip('.')) time += fraction(from);
  time -= zone(from);
  const year_month_day date(y, m, d);
  if (!from.is_done() || !date.ok()) return std::nullopt;
  return wall_time(sys_days(date).time_since_epoch()) + time;
}

std::string to_rfc3339(wall_time time) {
  const wall_time first = sys_days(year(0) / 1 / 1);
  const wall_time last = sys_days(year(10'000) / 1 / 1) - milliseconds(1);
  time = std::clamp(time, first, last);
  const sys_days date = floor<days>(time);
  const year_month_day ymd(date);
  const hh_mm_ss clock(time - date);
  std::string text;
  const auto append = [&text](std::int64_t value, std::size_t digits, char end) {
    append_digits(value, digits, text);
    text += end;
  };
  append(static_cast<int>(ymd.year()), 4, '-');
  append(static_cast<unsigned>(ymd.month()), 2, '-');
  append(static_cast<unsigned>(ymd.day()), 2, 'T');
  append(clock.hours().count(), 2, ':');
  append(clock.minutes().count(), 2, ':');
  append(clock.seconds().count(), 2, '.');
  append(clock.subseconds().count(), 3, 'Z');
  return text;
}

}  // namespace troupe
