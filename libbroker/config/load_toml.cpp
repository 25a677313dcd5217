#include "libbroker/config/assigner.hpp"
#include "libbroker/config/suggestion.hpp"
#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <sstream>
#include <toml++/toml.h>
#include <utility>

namespace troupe {

namespace {

// toml++ recurses once per part of a dotted key and bounds only brackets: a longer line could
// overflow the stack.
constexpr std::size_t longest_line = 4096;

struct entry {
  std::string_view key;
  const toml::node* value;
  toml::source_position where;
};

/// A table's entries as they stand in the file; toml++ sorts them by name.
std::vector<entry> in_file_order(const toml::table& table) {
  std::vector<entry> entries;
  entries.reserve(table.size());
  for (const auto& [key, value] : table)
    entries.push_back({key, &value, key.source().begin});
  std::ranges::stable_sort(
      entries, {}, [](const entry& each) { return std::pair(each.where.line, each.where.column); });
  return entries;
}

std::string type_name(const toml::node& value) {
  std::ostringstream text;
  text << value.type();
  return text.str();
}

/// The text that `--set` would have for this value; empty for what no option takes.
std::optional<std::string> scalar_text(const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  if (const auto* number = value.as_integer()) return std::to_string(number->get());
  if (const auto* boolean = value.as_boolean()) return boolean->get() ? "true" : "false";
  return std::nullopt;
}

/// A value inside a list of [caf], where CAF wants double quotes.
std::string caf_element(const toml::node& value);

/// A value of [caf] as CAF's command line takes it.
std::string caf_text(const toml::node& value) {
  if (const auto scalar = scalar_text(value)) return *scalar;
  std::string text;
  if (const auto* array = value.as_array()) {
    for (const auto& element : *array)
      text.append(text.empty() ? "" : ", ").append(caf_element(element));
    return "[" + text + "]";
  }
  std::ostringstream other;
  value.visit([&other](const auto& typed) { other << typed; });
  return other.str();
}

std::string caf_element(const toml::node& value) {
  return value.is_string() ? quoted(value.as_string()->get()) : caf_text(value);
}

/// The number of the first line that is too long, if there is one.
std::optional<std::size_t> overlong_line(std::string_view text) {
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > longest_line) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

std::string dotted_or_empty(const option* found) {
  return found == nullptr ? std::string{} : dotted_name(*found);
}

/// The name of what stands as `key` in a section.
std::string below(std::string_view section, std::string_view key) {
  return std::string(section).append(".").append(key);
}

class toml_loader {
public:
  toml_loader(std::string_view file_name, config& into, option_origins* origins)
      : file_name_(file_name), into_(into), assigner_(into, origins) {}

  std::vector<config_error> load(std::string_view text) {
    if (const auto line = overlong_line(text)) {
      assigner_.fail(at(*line),
                     "the line has more than " + std::to_string(longest_line) + " bytes");
    } else {
      parse(text);
    }
    return assigner_.take_errors();
  }

private:
  void parse(std::string_view text) {
    try {
      const auto root = toml::parse(text, file_name_);
      for (const auto& each : in_file_order(root))
        load_root(each);
    } catch (const toml::parse_error& error) {
      assigner_.fail(at(error.source().begin.line), std::string(error.description()));
    }
  }

  [[nodiscard]] std::string at(std::size_t line) const {
    return std::string(file_name_) + ":" + std::to_string(line);
  }

  void load_root(const entry& each) {
    if (const auto* known = find_section(each.key)) {
      load_section(*known, each);
    } else {
      fail_unknown("", each);
    }
  }

  void load_section(const section& known, const entry& each) {
    if (known.form == section_form::list) {
      load_list(known, each);
    } else if (const auto* table = each.value->as_table(); table == nullptr) {
      assigner_.fail(at(each.where.line), quoted(known.name) + " is a section; write [" +
                                              std::string(known.name) + "] and its keys below");
    } else if (known.form == section_form::open) {
      load_open("", *table);
    } else {
      load_table(known, 0, *table);
    }
  }

  /// `section` is where `each` stands; empty for the top of the file.
  void fail_unknown(std::string_view section, const entry& each) {
    const auto name = section.empty() ? std::string(each.key) : below(section, each.key);
    if (each.value->is_table() || each.value->is_array_of_tables()) {
      assigner_.fail(at(each.where.line), unknown("section", name, nearest_section(name)));
    } else {
      assigner_.fail(at(each.where.line),
                     unknown("key", name, dotted_or_empty(nearest_option(section, each.key))));
    }
  }

  void load_list(const section& list, const entry& each) {
    const auto* array = each.value->as_array();
    if (array == nullptr || !(array->empty() || array->is_array_of_tables())) {
      assigner_.fail(at(each.where.line),
                     "write [[" + std::string(each.key) +
                         "]] with two brackets, once for each, and its keys below");
      return;
    }
    list.items.resize(into_, 0);
    list.items.resize(into_, array->size());
    for (std::size_t item = 0; item < array->size(); ++item) {
      load_table(list, item, *array->get_as<toml::table>(item));
    }
  }

  void load_table(const section& section, std::size_t item, const toml::table& table) {
    for (const auto& each : in_file_order(table)) {
      if (const auto* known = find_option(section.name, each.key)) {
        load_value(*known, item, each);
      } else if (const auto* inner = find_section(below(section.name, each.key))) {
        load_section(*inner, each);
      } else {
        fail_unknown(section.name, each);
      }
    }
  }

  void load_value(const option& option, std::size_t item, const entry& each) {
    if (is_text_list(option)) {
      load_texts(option, item, each);
      return;
    }
    const auto text = scalar_text(*each.value);
    if (!text || (is_free_text(option) && !each.value->is_string())) {
      fail_type(option, item, *each.value, each.where.line);
    } else {
      assigner_.set(option, item, *text, at(each.where.line));
    }
  }

  void load_texts(const option& option, std::size_t item, const entry& each) {
    const auto* array = each.value->as_array();
    if (array == nullptr) {
      fail_type(option, item, *each.value, each.where.line);
      return;
    }
    std::vector<std::string> texts;
    for (const auto& element : *array) {
      const auto* text = element.as_string();
      if (text == nullptr) {
        fail_type(option, item, element, element.source().begin.line);
        return;
      }
      texts.push_back(text->get());
    }
    assigner_.set_list(option, item, std::move(texts), at(each.where.line));
  }

  void fail_type(const option& option, std::size_t item, const toml::node& value,
                 std::size_t line) {
    assigner_.fail(at(line), place_of(option, item) + ": expected " + expected_value(option) +
                                 ", got a value of type " + type_name(value));
  }

  void load_open(const std::string& prefix, const toml::table& table) {
    for (const auto& each : in_file_order(table)) {
      const auto key = prefix + std::string(each.key);
      if (const auto* inner = each.value->as_table()) {
        load_open(key + ".", *inner);
      } else {
        assigner_.set_caf(key, caf_text(*each.value), at(each.where.line));
      }
    }
  }

  std::string_view file_name_;
  config& into_;
  assigner assigner_;
};

}  // namespace

std::vector<config_error> load_toml(std::string_view text, std::string_view file_name, config& into,
                                    option_origins* origins) {
  return toml_loader(file_name, into, origins).load(text);
}

}  // namespace troupe
