#include "libbroker/config/option.hpp"

#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <type_traits>
#include <utility>

namespace troupe {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view never = "never";
constexpr std::string_view automatic = "auto";
constexpr std::string_view hidden = "***";

using texts = std::vector<std::string>;

/// The words of an enumeration, in the order of its values.
template <class T>
constexpr std::array<std::string_view, 0> words_of{};
template <>
constexpr std::array<std::string_view, 6> words_of<log_level>{"trace", "debug", "info",
                                                              "warn",  "error", "off"};
template <>
constexpr std::array<std::string_view, 2> words_of<log_format>{"text", "json"};
template <>
constexpr std::array<std::string_view, 3> words_of<durability>{"sync", "interval", "os"};

template <class T>
constexpr bool is_word = !words_of<T>.empty();
template <class T>
constexpr bool is_duration = std::is_same_v<T, seconds> || std::is_same_v<T, milliseconds>;
template <class T>
constexpr bool is_number = is_duration<T> || std::is_same_v<T, std::uint16_t> ||
                           std::is_same_v<T, std::size_t> || std::is_same_v<T, qos>;

bool is_size(const option& option) noexcept { return option.unit == "bytes"; }

template <class T>
bool takes_never(const option& option) noexcept {
  return std::is_same_v<T, seconds> && option.most == never_expires.count();
}

template <class T>
std::optional<std::uint64_t> parse_number(const option& option, std::string_view text) {
  if constexpr (is_duration<T>) {
    if (takes_never<T>(option) && text == never) return option.most;
    return parse_duration(text, T{1});
  } else {
    return is_size(option) ? parse_size(text) : parse_count(text);
  }
}

template <class T>
std::optional<T> parse(const option& option, std::string_view text) {
  if constexpr (is_number<T>) {
    const auto number = parse_number<T>(option, text);
    if (!number || *number < option.least || *number > option.most) return std::nullopt;
    return static_cast<T>(*number);
  } else if constexpr (is_word<T>) {
    const auto word = std::ranges::find(words_of<T>, text);
    if (word == words_of<T>.end()) return std::nullopt;
    return static_cast<T>(word - words_of<T>.begin());
  } else if constexpr (std::is_same_v<T, std::string>) {
    return std::string(text);
  } else if constexpr (std::is_same_v<T, texts>) {
    return parse_list(text);
  } else {
    return parse_boolean(text);
  }
}

template <class T>
std::uint64_t to_number(T value) {
  if constexpr (is_duration<T>) {
    return static_cast<std::uint64_t>(value.count());
  } else {
    return static_cast<std::uint64_t>(value);
  }
}

template <class T>
std::string show_number(const option& option, T value) {
  if constexpr (is_duration<T>) {
    return quoted(takes_never<T>(option) && to_number(value) == option.most ? never
                                                                            : show_duration(value));
  } else {
    const auto plain = std::to_string(to_number(value));
    const auto shown = is_size(option) ? show_size(to_number(value)) : plain;
    return shown == plain ? plain : quoted(shown);
  }
}

template <class T>
std::string show_value(const option& option, const T& value) {
  if constexpr (is_number<T>) {
    return show_number(option, value);
  } else if constexpr (is_word<T>) {
    return quoted(words_of<T>[static_cast<std::size_t>(value)]);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return quoted(option.is_secret && !value.empty() ? hidden : value);
  } else if constexpr (std::is_same_v<T, texts>) {
    return show_list(value);
  } else if constexpr (std::is_same_v<T, listener_address>) {
    return quoted(to_string(value));
  } else if constexpr (std::is_same_v<T, std::optional<bool>>) {
    return value ? show_value(option, *value) : quoted(automatic);
  } else {
    return value ? "true" : "false";
  }
}

template <class T>
std::string expected_number(const option& option) {
  std::string text = option.unit.empty() ? "a whole number" : std::string(option.unit);
  text += " from " + std::to_string(option.least) + " to " +
          std::to_string(option.most - (takes_never<T>(option) ? 1 : 0));
  if (takes_never<T>(option)) text += " or " + quoted(never);
  if (std::is_same_v<T, milliseconds>) return text + ", or with a unit as in \"500ms\", \"10s\"";
  if (std::is_same_v<T, seconds>) return text + ", or with a unit as in \"10s\", \"1h30m\", \"7d\"";
  return is_size(option) ? text + R"(, or with a unit as in "64 KiB", "10 MB")" : text;
}

template <class T>
std::string expected_of(const option& option) {
  if constexpr (is_number<T>) {
    return expected_number<T>(option);
  } else if constexpr (is_word<T>) {
    std::string text = "one of";
    for (const auto word : words_of<T>)
      text.append(word == words_of<T>.front() ? " " : ", ").append(quoted(word));
    return text;
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "text in quotes";
  } else if constexpr (std::is_same_v<T, texts>) {
    return R"(texts in brackets, as in ["a", "b"])";
  } else if constexpr (std::is_same_v<T, listener_address>) {
    return R"("tcp://<host>:<port>" or "unix://<absolute path>")";
  } else if constexpr (std::is_same_v<T, std::optional<bool>>) {
    return "true, false or " + quoted(automatic);
  } else {
    return "true or false";
  }
}

template <class T>
std::optional<std::string> assign_to(T& field, const option& option, std::string_view text) {
  auto value = parse<T>(option, text);
  if (!value) return "expected " + expected_value(option) + ", got " + quoted(text);
  field = std::move(*value);
  return std::nullopt;
}

std::optional<std::string> assign_to(listener_address& field, const option&,
                                     std::string_view text) {
  auto address = parse_listener_address(text);
  if (auto* problem = std::get_if<std::string>(&address)) return std::move(*problem);
  field = std::move(std::get<listener_address>(address));
  return std::nullopt;
}

std::optional<std::string> assign_to(std::optional<bool>& field, const option& option,
                                     std::string_view text) {
  if (text == automatic) {
    field.reset();
    return std::nullopt;
  }
  bool value = false;
  auto problem = assign_to(value, option, text);
  if (!problem) field = value;
  return problem;
}

/// Calls `use` with the option's field, which `use` must not change.
template <class Use>
auto with_field(const option& option, const config& from, std::size_t item, Use use) {
  // The accessors in the table serve reading and writing alike.
  auto& access = const_cast<config&>(from);
  return std::visit([&](auto field) { return use(std::as_const(field(access, item))); },
                    option.field);
}

}  // namespace

const option* find_option(std::string_view section, std::string_view key) noexcept {
  const auto found = std::ranges::find_if(options(), [section, key](const option& candidate) {
    return candidate.section == section && candidate.key == key;
  });
  return found == options().end() ? nullptr : &*found;
}

const section* find_section(std::string_view name) noexcept {
  const auto found = std::ranges::find(sections(), name, &section::name);
  return found == sections().end() ? nullptr : &*found;
}

config default_with_items() {
  config result;
  for (const auto& section : sections()) {
    const bool lacks_items = section.form == section_form::list && section.items.count(result) == 0;
    if (lacks_items) section.items.resize(result, 1);
  }
  return result;
}

std::string dotted_name(const option& option) {
  return std::string(option.section).append(".").append(option.key);
}

std::optional<std::string> assign(const option& option, std::string_view text, config& into,
                                  std::size_t item) {
  return std::visit([&](auto field) { return assign_to(field(into, item), option, text); },
                    option.field);
}

void assign_list(const option& option, std::vector<std::string> texts, config& into,
                 std::size_t item) {
  const auto* field = std::get_if<field_of<std::vector<std::string>>>(&option.field);
  assert(field != nullptr);
  (*field)(into, item) = std::move(texts);
}

std::string show(const option& option, const config& from, std::size_t item) {
  return with_field(option, from, item,
                    [&](const auto& value) { return show_value(option, value); });
}

std::uint64_t number_of(const option& option, const config& from) {
  return with_field(option, from, 0, [](const auto& value) -> std::uint64_t {
    if constexpr (is_number<std::remove_cvref_t<decltype(value)>>) {
      return to_number(value);
    } else {
      return 0;
    }
  });
}

std::string expected_value(const option& option) {
  return std::visit([&]<class T>(field_of<T>) { return expected_of<T>(option); }, option.field);
}

bool is_free_text(const option& option) noexcept {
  return std::holds_alternative<field_of<std::string>>(option.field);
}

bool is_text_list(const option& option) noexcept {
  return std::holds_alternative<field_of<std::vector<std::string>>>(option.field);
}

}  // namespace troupe
