#include "libbroker/topic.hpp"

#include "libbroker/byte_words.hpp"
#include "libbroker/utf8.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace troupe {

namespace {

constexpr std::size_t maximum_topic_size = 65'535;

/// Whether `name` has none of U+0000, '+', '#' and non-ASCII characters.
bool is_plain_name(std::string_view name) noexcept {
  // The two wildcards differ in one bit, so that one comparison finds both.
  constexpr unsigned char difference = '+' ^ '#';
  static_assert(difference == 0x08 && ('#' & difference) == 0);
  constexpr std::uint64_t without = ~byte_words::repeat(difference);
  return !byte_words::any_of(name.data(), name.size(), [](std::uint64_t word) {
    return word | byte_words::zero_bytes(word) |
           byte_words::zero_bytes((word & without) ^ byte_words::repeat('#'));
  });
}

/// Judges a name that is not plain.
[[gnu::noinline]] result<void> check_unusual_name(std::string_view name) {
  if (name.empty())  // [MQTT5-4.7.3-1] [MQTT311-4.7.3-1]
    return error{reason_code::topic_name_invalid, "MQTT5-4.7.3-1", "empty topic name"};
  if (name.size() > maximum_topic_size)  // [MQTT5-4.7.3-3] [MQTT311-4.7.3-3]
    return error{reason_code::topic_name_invalid, "MQTT5-4.7.3-3", "topic name over 65535 bytes"};
  if (name.find('\0') != std::string_view::npos)  // [MQTT5-4.7.3-2] [MQTT311-4.7.3-2]
    return error{reason_code::malformed_packet, "MQTT5-4.7.3-2", "U+0000 in topic name"};
  if (name.find_first_of("+#") != std::string_view::npos)  // [MQTT5-4.7.0-1] [MQTT311-4.7.1-1]
    return error{reason_code::topic_name_invalid, "MQTT5-4.7.0-1", "wildcard in topic name"};
  if (!is_utf8(as_bytes(name)))  // [MQTT5-1.5.4-1] [MQTT311-1.5.3-1]
    return error{reason_code::malformed_packet, "MQTT5-1.5.4-1", "topic name is not UTF-8"};
  return {};
}

error invalid_filter(std::string_view clause, std::string_view what) noexcept {
  return {reason_code::topic_filter_invalid, clause, what};
}

/// Checks where the wildcards of `filter` stand and says whether there are any.
result<bool> find_wildcards(std::string_view filter) {
  bool found = false;
  for (std::size_t i = 0; i != filter.size(); ++i) {
    if (filter[i] != '#' && filter[i] != '+') continue;
    found = true;
    const bool begins_level = i == 0 || filter[i - 1] == '/';
    const bool ends_filter = i + 1 == filter.size();
    if (filter[i] == '#') {
      // [MQTT5-4.7.1-1] [MQTT311-4.7.1-2]
      if (!begins_level || !ends_filter)
        return invalid_filter("MQTT5-4.7.1-1", "'#' is not the whole last level");
    } else if (!begins_level || !(ends_filter || filter[i + 1] == '/')) {
      // [MQTT5-4.7.1-2] [MQTT311-4.7.1-3]
      return invalid_filter("MQTT5-4.7.1-2", "'+' is not a whole level");
    }
  }
  return found;
}

/// Takes the first level off `rest`; `has_more` says whether another follows.
std::string_view take_level(std::string_view& rest, bool& has_more) noexcept {
  const std::size_t slash = rest.find('/');
  has_more = slash != std::string_view::npos;
  const std::string_view level = rest.substr(0, slash);
  rest = has_more ? rest.substr(slash + 1) : std::string_view();
  return level;
}

}  // namespace

result<void> check_topic_name(std::string_view name) {
  const bool has_usual_size = !name.empty() && name.size() <= maximum_topic_size;
  if (has_usual_size && is_plain_name(name)) [[likely]]
    return {};
  return check_unusual_name(name);
}

result<topic_filter> parse_topic_filter(std::string_view text) {
  if (text.size() > maximum_topic_size)  // [MQTT5-4.7.3-3] [MQTT311-4.7.3-3]
    return invalid_filter("MQTT5-4.7.3-3", "topic filter over 65535 bytes");
  if (!is_mqtt_string(text))  // [MQTT5-4.7.3-2] [MQTT5-3.8.3-1]
    return invalid_filter("MQTT5-3.8.3-1", "topic filter is not UTF-8 or has U+0000");
  topic_filter parsed;
  parsed.filter = text;
  if (text.starts_with(share_prefix)) {
    const std::string_view rest = text.substr(share_prefix.size());
    const std::size_t slash = rest.find('/');
    parsed.group = rest.substr(0, slash);
    if (parsed.group.empty())  // [MQTT5-4.8.2-1]
      return invalid_filter("MQTT5-4.8.2-1", "empty share name");
    // [MQTT5-4.8.2-2]
    if (parsed.group.find_first_of("+#") != std::string_view::npos)
      return invalid_filter("MQTT5-4.8.2-2", "wildcard in share name");
    if (slash == std::string_view::npos || slash + 1 == rest.size())
      return invalid_filter("MQTT5-4.8.2-2", "share name without topic filter");
    parsed.filter = rest.substr(slash + 1);
  }
  if (parsed.filter.empty())  // [MQTT5-4.7.3-1] [MQTT311-4.7.3-1]
    return invalid_filter("MQTT5-4.7.3-1", "empty topic filter");
  const result<bool> has_wildcard = find_wildcards(parsed.filter);
  if (!has_wildcard) return has_wildcard.error();
  parsed.has_wildcard = *has_wildcard;
  return parsed;
}

bool is_valid_share(std::string_view text) {
  const auto filter = parse_topic_filter(text);
  return filter && filter->is_shared();
}

bool matches(std::string_view filter, std::string_view name) noexcept {
  // [MQTT5-4.7.2-1] [MQTT311-4.7.2-1]
  if (name.starts_with('$') && (filter.starts_with('#') || filter.starts_with('+'))) return false;
  bool filter_goes_on = true;
  bool name_goes_on = true;
  while (filter_goes_on && name_goes_on) {
    const std::string_view wanted = take_level(filter, filter_goes_on);
    if (wanted == "#") return true;
    const std::string_view level = take_level(name, name_goes_on);
    if (wanted != "+" && wanted != level) return false;  // [MQTT5-4.7.3-4] [MQTT311-4.7.3-4]
  }
  // "sport/#" matches "sport" too: '#' stands for the parent and all below it.
  return !name_goes_on && (!filter_goes_on || filter == "#");
}

namespace {

bool begins_with_wildcard(std::string_view filter) noexcept {
  return filter.starts_with('#') || filter.starts_with('+');
}

}  // namespace

bool overlaps(std::string_view left, std::string_view right) noexcept {
  if (begins_with_wildcard(left) ? right.starts_with('$')
                                 : left.starts_with('$') && begins_with_wildcard(right))
    return false;
  bool left_goes_on = true;
  bool right_goes_on = true;
  while (left_goes_on && right_goes_on) {
    const std::string_view one = take_level(left, left_goes_on);
    const std::string_view other = take_level(right, right_goes_on);
    if (one == "#" || other == "#") return true;
    if (one != "+" && other != "+" && one != other) return false;
  }
  return (!left_goes_on || left == "#") && (!right_goes_on || right == "#");
}

bool covers(std::string_view greater, std::string_view lesser) noexcept {
  if (begins_with_wildcard(greater) && lesser.starts_with('$')) return false;
  if (greater == "+/#" && lesser == "#") return true;  // every topic has a first level
  bool greater_goes_on = true;
  bool lesser_goes_on = true;
  while (greater_goes_on && lesser_goes_on) {
    const std::string_view wide = take_level(greater, greater_goes_on);
    if (wide == "#") return true;
    const std::string_view narrow = take_level(lesser, lesser_goes_on);
    if (narrow == "#" || (wide != "+" && wide != narrow)) return false;
  }
  return !lesser_goes_on && (!greater_goes_on || greater == "#");
}

// What one topic goes through is in order [MQTT5-4.6.0-5] [MQTT5-4.6.0-6] [MQTT311-4.6.0-5]
// [MQTT311-4.6.0-6].
std::uint32_t partition_of(std::string_view topic) noexcept {
  return static_cast<std::uint32_t>(XXH3_64bits(topic.data(), topic.size()) % partition_count);
}

}  // namespace troupe
