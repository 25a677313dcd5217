#include "libbroker/config/default_config.hpp"
#include "libbroker/config/load.hpp"
#include "libbroker/config/option.hpp"
#include "libbroker/config/suggestion.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <sstream>

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
  BOOST_TEST(option_count("store") == field_count<store_config>());
  BOOST_TEST(option_count("stream") == field_count<stream_config>());
  BOOST_TEST(option_count("durability") == field_count<durability_rule>());
  // `tls` is a section of its own.
  BOOST_TEST(option_count("cluster") + 1 == field_count<cluster_config>());
  BOOST_TEST(option_count("cluster.tls") == field_count<cluster_tls_config>());
  BOOST_TEST(option_count("sys") == field_count<sys_config>());
  BOOST_TEST(option_count("log") == field_count<log_config>());
  BOOST_TEST(option_count("shutdown") == field_count<shutdown_config>());
}

BOOST_AUTO_TEST_CASE(option_names_are_unique_and_match_their_fields_one_to_one) {
  std::set<std::string> names;
  std::set<const void*> fields;
  auto values = default_with_items();
  for (const auto& each : options()) {
    BOOST_TEST((find_section(each.section) != nullptr), each.section);
    BOOST_TEST(find_option(each.section, each.key) == &each);
    BOOST_TEST(names.insert(dotted_name(each)).second, dotted_name(each));
    std::visit([&](auto field) { fields.insert(&field(values, 0)); }, each.field);
  }
  BOOST_TEST(fields.size() == options().size());
}

BOOST_AUTO_TEST_CASE(every_default_is_taken_as_it_is_shown) {
  const auto defaults = default_with_items();
  for (const auto& each : options()) {
    auto values = defaults;
    auto text = show(each, values);
    const bool is_enclosed = text.starts_with('"') || text.starts_with('[');
    if (is_enclosed) text = text.substr(1, text.size() - 2);
    const auto problem = assign(each, text, values);
    BOOST_TEST(!problem, dotted_name(each) << ": " << problem.value_or(""));
    BOOST_TEST((values == defaults), dotted_name(each));
  }
}

BOOST_AUTO_TEST_CASE(numbers_are_taken_up_to_both_ends_of_their_range_and_not_beyond) {
  std::size_t numbers = 0;
  for (const auto& each : options()) {
    if (each.most == 0) continue;
    ++numbers;
    auto values = default_with_items();
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

BOOST_AUTO_TEST_CASE(a_list_of_texts_is_set_from_one_text_or_from_many_and_shown_as_an_array) {
  const auto& seeds = *find_option("cluster", "seeds");
  config values;
  BOOST_TEST(!assign(seeds, "a:1, b:2", values));
  BOOST_TEST((values.cluster.seeds == std::vector<std::string>{"a:1", "b:2"}));
  BOOST_TEST(show(seeds, values) == R"(["a:1", "b:2"])");
  assign_list(seeds, {"a,b", " c"}, values);
  BOOST_TEST((values.cluster.seeds == std::vector<std::string>{"a,b", " c"}));
  BOOST_TEST(show(seeds, values) == R"(["a,b", " c"])");
  BOOST_TEST(number_of(seeds, values) == 0U);
  BOOST_TEST(!assign(seeds, "", values));
  BOOST_TEST((values == config{}));
  BOOST_TEST(show(seeds, values) == "[]");
  BOOST_TEST(expected_value(seeds) == R"(texts in brackets, as in ["a", "b"])");
}

BOOST_AUTO_TEST_CASE(texts_and_lists_of_texts_are_told_from_each_other_and_from_the_rest) {
  const auto named = [](std::string_view section, std::string_view key) {
    return *find_option(section, key);
  };
  BOOST_TEST(is_text_list(named("cluster", "seeds")));
  BOOST_TEST(!is_free_text(named("cluster", "seeds")));
  for (const auto& text : {named("cluster", "secret"), named("cluster.tls", "ca")}) {
    BOOST_TEST(is_free_text(text), dotted_name(text));
    BOOST_TEST(!is_text_list(text), dotted_name(text));
  }
  for (const auto& other : {named("cluster", "heartbeat"), named("listener", "address")}) {
    BOOST_TEST(!is_free_text(other), dotted_name(other));
    BOOST_TEST(!is_text_list(other), dotted_name(other));
  }
}

BOOST_AUTO_TEST_CASE(a_secret_is_taken_and_never_shown) {
  std::size_t secrets = 0;
  for (const auto& each : options()) {
    if (!each.is_secret) continue;
    ++secrets;
    BOOST_TEST_REQUIRE(is_free_text(each), dotted_name(each));
    config values;
    BOOST_TEST(show(each, values) == R"("")");
    BOOST_TEST(!assign(each, "correct horse battery", values));
    BOOST_TEST(show(each, values) == R"("***")");
  }
  BOOST_TEST(secrets == 1U);
  BOOST_TEST(find_option("cluster", "secret")->is_secret);
  BOOST_TEST(print_default_config().find("\nsecret = \"\"\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_list_can_be_counted_emptied_and_filled_and_nothing_else_can) {
  for (const auto& each : sections()) {
    const bool is_list = each.form == section_form::list;
    BOOST_TEST((each.items.count != nullptr) == is_list, each.name);
    BOOST_TEST((each.items.resize != nullptr) == is_list, each.name);
    if (!is_list) continue;
    config values;
    each.items.resize(values, 0);
    BOOST_TEST(each.items.count(values) == 0U, each.name);
    each.items.resize(values, 3);
    BOOST_TEST(each.items.count(values) == 3U, each.name);
  }
}

BOOST_AUTO_TEST_CASE(the_default_with_items_has_one_in_each_list_and_is_the_default_otherwise) {
  auto values = default_with_items();
  for (const auto& each : sections()) {
    if (each.form == section_form::list) BOOST_TEST(each.items.count(values) == 1U, each.name);
  }
  values.durability_rules.clear();
  values.streams.clear();
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_loads_to_the_default) {
  config values;
  values.listeners.clear();
  values.limits.max_packet_size = 1;
  values.store.max_bytes = 1;
  values.cluster.seeds = {"a:1"};
  values.cluster.tls.key = "k";
  const auto errors = load_toml(print_default_config(), "default.toml", values);
  BOOST_TEST(errors.empty());
  for (const auto& error : errors)
    BOOST_TEST_MESSAGE(to_string(error));
  // What was different before shows that the text has an effect.
  BOOST_TEST((values == config{}));
}

BOOST_AUTO_TEST_CASE(a_list_that_is_empty_by_default_is_printed_commented_out) {
  const auto text = print_default_config();
  const auto begin = text.find("\n# [[stream]]\n");
  BOOST_TEST_REQUIRE(begin != std::string::npos);
  BOOST_TEST(text.find("\n[[stream]]\n") == std::string::npos);
  auto item = text.substr(begin, text.find("\n[", begin) - begin);
  std::istringstream lines(item);
  for (std::string line; std::getline(lines, line);)
    BOOST_TEST((line.empty() || line.starts_with("# ")), line);

  // Without the comment signs before what is not prose, it is one stream.
  for (const std::string start : {"[[stream]]", "filter = ", "max-age = ", "max-bytes = "}) {
    const auto at = item.find("\n# " + start);
    BOOST_TEST_REQUIRE(at != std::string::npos, start);
    item.erase(at + 1, 2);
  }
  config values;
  BOOST_TEST(load_toml(item, "default.toml", values).empty());
  BOOST_TEST((values.streams == default_with_items().streams));
}

BOOST_AUTO_TEST_CASE(the_printed_default_configuration_explains_every_option) {
  const auto text = print_default_config();
  const auto defaults = default_with_items();
  std::size_t position = 0;
  for (const auto& each : options()) {
    const auto* section = find_section(each.section);
    const bool is_empty_list =
        section->form == section_form::list && section->items.count(config{}) == 0;
    const auto line = (is_empty_list ? "\n# " : "\n") + std::string(each.key) + " = " +
                      show(each, defaults) + "\n";
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
  BOOST_TEST(nearest_section("streams") == "stream");
  BOOST_TEST(nearest_section("cluster.tsl") == "cluster.tls");
  BOOST_TEST(nearest("cluster.tls", "secret-fil") == "cluster.secret-file");
  BOOST_TEST(nearest_section("banana") == "");
}

BOOST_AUTO_TEST_SUITE_END()
