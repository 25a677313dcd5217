#include "libbroker/config/default_config.hpp"
#include "libbroker/config/load.hpp"
#include "libbroker/config/option.hpp"
#include "libbroker/config/suggestion.hpp"

#include <boost/test/unit_test.hpp>

#include <set>

using namespace troupe;
using namespace std::chrono_literals;

namespace config_option_test {

/// Stands for a value of any type in an aggregate's initializer. It is never
/// evaluated, so nothing defines the conversions.
struct anything {
  template <class T>
  operator T&() const&;
  template <class T>
  operator T&&() const&&;
};

}  // namespace config_option_test

namespace {

using config_option_test::anything;

/// How many fields an aggregate has.
template <class T, class... Fields>
constexpr std::size_t field_count() {
  if constexpr (requires { T{Fields{}..., anything{}}; }) {
    return field_count<T, Fields..., anything>();
  } else {
    return sizeof...(Fields);
  }
}

std::size_t option_count(std::string_view section) {
  return static_cast<std::size_t>(
      std::ranges::count(options(), section, [](const option& each) { return each.section; }));
}

std::string nearest(std::string_view section, std::string_view key) {
  const auto* found = nearest_option(section, key);
  return found == nullptr ? "" : dotted_name(*found);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config_option)

BOOST_AUTO_TEST_CASE(every_field_has_an_option) {
  BOOST_TEST(option_count("node") == field_count<node_config>());
  BOOST_TEST(option_count("listener") == field_count<listener_config>());
  BOOST_TEST(option_count("limits") == field_count<limits_config>());
  BOOST_TEST(option_count("session") == field_count<session_config>());
  BOOST_TEST(option_count("features") == field_count<features_config>());
  BOOST_TEST(option_count("scheduler") == field_count<scheduler_config>());
  BOOST_TEST(option_count("sys") == field_count<sys_config>());
  BOOST_TEST(option_count("log") == field_count<log_config>());
  BOOST_TEST(option_count("shutdown") == field_count<shutdown_config>());
}

BOOST_AUTO_TEST_CASE(option_names_are_unique_and_match_their_fields_one_to_one) {
  std::set<std::string> names;
  std::set<const void*> fields;
  config values;
  for (const auto& each : options()) {
    BOOST_TEST((find_section(each.section) != nullptr), each.section);
    BOOST_TEST(find_option(each.section, each.key) == &each);
    BOOST_TEST(names.insert(dotted_name(each)).second, dotted_name(each));
    std::visit([&](auto field) { fields.insert(&field(values, 0)); }, each.field);
  }
  BOOST_TEST(fields.size() == options().size());
}

BOOST_AUTO_TEST_CASE(every_default_is_taken_as_it_is_shown) {
  for (const auto& each : options()) {
    config values;
    auto text = show(each, values);
    if (text.starts_with('"')) text = text.substr(1, text.size() - 2);
    const auto problem = assign(each, text, values);
    BOOST_TEST(!problem, dotted_name(each) << ": " << problem.value_or(""));
    BOOST_TEST((values == config{}), dotted_name(each));
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_taken_up_to_both_ends_of_their_range_and_not_beyond) {
  std::size_t numbers = 0;
  for (const auto& each : options()) {
    if (each.most == 0) continue;
    ++numbers;
    config values;
    BOOST_TEST(!assign(each, std::to_string(each.least), values), dotted_name(each));
    BOOST_TEST(number_of(each, values) == each.least, dotted_name(each));
    BOOST_TEST(!assign(each, std::to_string(each.most), values), dotted_name(each));
    BOOST_TEST(number_of(each, values) == each.most, dotted_name(each));
    const auto before = values;
    BOOST_TEST(assign(each, std::to_string(each.most + 1), values).has_value(), dotted_name(each));
    if (each.least > 0)
      BOOST_TEST(assign(each, std::to_string(each.least - 1), values).has_value(),
                 dotted_name(each));
    BOOST_TEST((values == before), dotted_name(each));
  }
  BOOST_TEST(numbers > 30U);
}

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_loads_to_the_default) {
  config values;
  values.listeners.clear();
  values.limits.max_packet_size = 1;
  const auto errors = load_toml(print_default_config(), "default.toml", values);
  BOOST_TEST(errors.empty());
  for (const auto& error : errors)
    BOOST_TEST_MESSAGE(to_string(error));
  // What was different before shows that the text has an effect.
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_explains_every_option) {
  const auto text = print_default_config();
  std::size_t position = 0;
  for (const auto& each : options()) {
    const auto line = "\n" + std::string(each.key) + " = " + show(each, config{}) + "\n";
    const auto found = text.find(line, position);
    BOOST_TEST_REQUIRE(found != std::string::npos, dotted_name(each));
    const auto comment = text.substr(position, found - position);
    BOOST_TEST(comment.find("# Takes: ") != std::string::npos, dotted_name(each));
    BOOST_TEST(comment.find("Default: ") != std::string::npos, dotted_name(each));
    BOOST_TEST(comment.find(each.unit) != std::string::npos, dotted_name(each));
    BOOST_TEST(!each.comment.empty(), dotted_name(each));
    position = found + line.size() - 1;
  }
}

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_has_no_long_lines) {
  const auto text = print_default_config();
  for (std::size_t begin = 0; begin < text.size();) {
    const auto end = text.find('\n', begin);
    BOOST_TEST(end - begin <= 92U, text.substr(begin, end - begin));
    begin = end + 1;
  }
}

BOOST_AUTO_TEST_CASE(the_default_serves_anonymous_clients_on_loopback) {
  const config values;
  BOOST_TEST_REQUIRE(values.listeners.size() == 1U);
  BOOST_TEST(to_string(values.listeners[0].address) == "tcp://127.0.0.1:1883");
  BOOST_TEST(values.listeners[0].anonymous_allowed());
}

BOOST_AUTO_TEST_CASE(anonymous_access_from_outside_has_to_be_allowed_in_so_many_words) {
  listener_config listener;
  listener.address.host = "0.0.0.0";
  BOOST_TEST(!listener.anonymous_allowed());
  listener.allow_anonymous = true;
  BOOST_TEST(listener.anonymous_allowed());
  listener = {};
  listener.allow_anonymous = false;
  BOOST_TEST(!listener.anonymous_allowed());
}

BOOST_AUTO_TEST_CASE(edit_distance_counts_insertions_removals_replacements_and_swaps) {
  BOOST_TEST(edit_distance("", "") == 0U);
  BOOST_TEST(edit_distance("abc", "") == 3U);
  BOOST_TEST(edit_distance("", "abc") == 3U);
  BOOST_TEST(edit_distance("level", "level") == 0U);
  BOOST_TEST(edit_distance("level", "levl") == 1U);
  BOOST_TEST(edit_distance("level", "leveel") == 1U);
  BOOST_TEST(edit_distance("level", "lewel") == 1U);
  BOOST_TEST(edit_distance("level", "elvel") == 1U);
  BOOST_TEST(edit_distance("kitten", "sitting") == 3U);
}

BOOST_AUTO_TEST_CASE(suggestions_name_the_nearest_option_in_any_section) {
  BOOST_TEST(nearest("limits", "max-paket-size") == "limits.max-packet-size");
  BOOST_TEST(nearest("limits", "max_packet_size") == "limits.max-packet-size");
  BOOST_TEST(nearest("session", "max-packet-size") == "limits.max-packet-size");
  BOOST_TEST(nearest("listener", "max-conections") == "listener.max-connections");
  BOOST_TEST(nearest("limits", "max-conections") == "limits.max-connections");
  BOOST_TEST(nearest("", "deadline") == "shutdown.deadline");
  BOOST_TEST(nearest("limits", "banana") == "");
  BOOST_TEST(nearest("limits", "") == "");
  BOOST_TEST(nearest("limits", std::string(100'000, 'x')) == "");
  BOOST_TEST(nearest_section("limit") == "limits");
  BOOST_TEST(nearest_section("listeners") == "listener");
  BOOST_TEST(nearest_section("banana") == "");
}

BOOST_AUTO_TEST_SUITE_END()
