#include "libbroker/config/assigner.hpp"
#include "libbroker/config/suggestion.hpp"
#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace troupe {

namespace {

constexpr std::string_view prefix = "TROUPE_";
constexpr std::string_view separator = "__";

/// One assignment from outside the file, whichever way it was spelled.
struct assignment {
  std::string path;  ///< "listener.0.address"
  std::string value;
  std::string source;  ///< as errors name it
  /// Spells a dotted name the way the operator did.
  std::string (*spell)(std::string_view dotted);
};

/// Splits "a.b.c" at its first dot into "a" and "b.c".
std::pair<std::string_view, std::string_view> split(std::string_view path) {
  const auto dot = std::min(path.find('.'), path.size());
  return {path.substr(0, dot), path.substr(std::min(dot + 1, path.size()))};
}

/// Splits "cluster.tls.key" behind the longest name of a section that it begins with, and at
/// its first dot when it begins with none.
std::pair<std::string_view, std::string_view> split_section(std::string_view path) {
  std::string_view longest = split(path).first;
  for (const auto& each : sections()) {
    const bool begins_with_it = path == each.name || path.starts_with(std::string(each.name) + ".");
    if (begins_with_it && each.name.size() > longest.size()) longest = each.name;
  }
  return {longest, path.substr(std::min(longest.size() + 1, path.size()))};
}

/// The index in "listener.<index>.<key>", 0 for other paths.
std::uint64_t item_of(const assignment& each) {
  return parse_count(split(split(each.path).second).first).value_or(0);
}

class override_loader {
public:
  override_loader(config& into, option_origins* origins) : into_(into), assigner_(into, origins) {}

  std::vector<config_error> load(std::vector<assignment> assignments) {
    // Items are added one by one, so the first index has to come first; an environment has
    // no order of its own.
    std::ranges::stable_sort(assignments, {}, item_of);
    for (const auto& each : assignments)
      apply(each);
    return assigner_.take_errors();
  }

  void fail(std::string_view source, std::string message) {
    assigner_.fail(source, std::move(message));
  }

private:
  void apply(const assignment& each) {
    const auto [section_name, rest] = split_section(each.path);
    const auto* known = find_section(section_name);
    if (known != nullptr && known->form == section_form::list) {
      apply_to_list(*known, rest, each);
    } else if (known != nullptr && known->form == section_form::open && !rest.empty()) {
      assigner_.set_caf(rest, each.value, each.source);
    } else {
      apply_to_option(section_name, rest, 0, each);
    }
  }

  void apply_to_list(const section& list, std::string_view path, const assignment& each) {
    const auto [index, key] = split(path);
    const auto item = parse_count(index);
    const auto count = list.items.count(into_);
    if (!item) {
      const auto name = std::string(list.name);
      const auto first_key = std::ranges::find(options(), list.name, &option::section)->key;
      const auto meant = !key.empty() ? key : !index.empty() ? index : first_key;
      assigner_.fail(each.source, "say which " + name + " is meant, as in " +
                                      quoted(each.spell(name + ".0." + std::string(meant))));
    } else if (*item > count) {
      assigner_.fail(each.source, "there is no such " + std::string(list.name) +
                                      "; the next one to add has the index " +
                                      std::to_string(count));
    } else {
      if (*item == count) list.items.resize(into_, count + 1);
      apply_to_option(list.name, key, *item, each);
    }
  }

  void apply_to_option(std::string_view section, std::string_view key, std::size_t item,
                       const assignment& each) {
    if (const auto* known = find_option(section, key)) {
      assigner_.set(*known, item, each.value, each.source);
      return;
    }
    assigner_.fail(each.source,
                   unknown("key", each.spell(each.path), suggestion(section, key, item, each)));
  }

  /// The nearest option as the operator spells it, empty when none is near.
  static std::string suggestion(std::string_view section, std::string_view key, std::size_t item,
                                const assignment& each) {
    // What stands before the last dot is a section that is misspelled, or one too many.
    const auto last_part = key.substr(key.rfind('.') + 1);
    const auto* nearest = nearest_option(section, key.empty() ? section : last_part);
    if (nearest == nullptr) return {};
    // An index of one list says nothing about another.
    return each.spell(place_of(*nearest, nearest->section == section ? item : 0));
  }

  config& into_;
  assigner assigner_;
};

std::string spell_dotted(std::string_view dotted) { return std::string(dotted); }

std::string spell_variable(std::string_view dotted) {
  std::string name(prefix);
  for (const char c : dotted) {
    if (c == '.') {
      name += separator;
    } else {
      name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  return name;
}

/// The dotted name that `spell_variable` would have made `name` from.
std::string read_variable(std::string_view name) {
  std::string dotted;
  name.remove_prefix(prefix.size());
  while (!name.empty()) {
    if (name.starts_with(separator)) {
      dotted += '.';
      name.remove_prefix(separator.size());
      continue;
    }
    const char c = name.front();
    dotted += c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    name.remove_prefix(1);
  }
  return dotted;
}

/// A variable's name with nothing left that tells one underscore from two, or
/// one item of a list from another.
std::string blurred(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const bool kept = c != '_' && std::isdigit(static_cast<unsigned char>(c)) == 0;
    if (kept) result += c;
  }
  return result;
}

/// The option that somebody meant who wrote one underscore in place of two.
const option* misspelled_option(std::string_view name) {
  const auto found = std::ranges::find_if(options(), [&name](const option& candidate) {
    return blurred(spell_variable(dotted_name(candidate))) == blurred(name);
  });
  return found == options().end() ? nullptr : &*found;
}

}  // namespace

std::vector<config_error> load_environment(std::span<const std::string> variables, config& into,
                                           option_origins* origins) {
  override_loader loader(into, origins);
  std::vector<assignment> assignments;
  for (const std::string_view variable : variables) {
    const auto equals = std::min(variable.find('='), variable.size());
    const auto name = variable.substr(0, equals);
    if (!name.starts_with(prefix)) continue;
    if (name.find(separator) != std::string_view::npos) {
      const auto value = variable.substr(std::min(equals + 1, variable.size()));
      assignments.push_back(
          {read_variable(name), std::string(value), std::string(name), spell_variable});
    } else if (const auto* meant = misspelled_option(name)) {
      loader.fail(name, unknown("variable", name, spell_variable(place_of(*meant, 0))));
    }
  }
  return loader.load(std::move(assignments));
}

std::vector<config_error> load_overrides(std::span<const std::string> assignments, config& into,
                                         option_origins* origins) {
  override_loader loader(into, origins);
  std::vector<assignment> parsed;
  for (const std::string_view text : assignments) {
    const auto equals = text.find('=');
    const auto path = text.substr(0, equals);
    auto source = "--set " + std::string(path);
    if (equals == std::string_view::npos) {
      loader.fail(source, "expected key=value, as in \"limits.max-packet-size=1MiB\"");
    } else {
      parsed.push_back({std::string(path), std::string(text.substr(equals + 1)), std::move(source),
                        spell_dotted});
    }
  }
  return loader.load(std::move(parsed));
}

}  // namespace troupe
