#include "libbroker/config/default_config.hpp"

#include "libbroker/config/option.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr std::size_t line_width = 90;

constexpr std::string_view preamble =
    "Configuration of troupe: every option with its default. Each one can be overridden with "
    "--set section.key=value, and in containers with a variable TROUPE_SECTION__KEY (`_` for `-`). "
    "Sections in two brackets have an index: --set listener.0.address=tcp://0.0.0.0:1883, "
    "TROUPE_LISTENER__0__ADDRESS. Texts in brackets are written there with commas: "
    "--set cluster.seeds=a:1884,b:1884. The command line goes before the environment, the "
    "environment before the file.";

/// Appends `text` as comment lines.
void append_comment(std::string& to, std::string_view text) {
  while (!text.empty()) {
    // No word in the comments is as long as a line.
    const auto end = text.size() > line_width ? text.rfind(' ', line_width) : text.size();
    to.append("# ").append(text.substr(0, end)).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// What stands before the lines of a section that are not comments: those of a
/// list that is empty by default would add an item to it.
std::string_view line_start(const section& section) {
  const bool is_empty = section.form == section_form::list && section.items.count(config{}) == 0;
  return is_empty ? "# " : "";
}

void append_heading(std::string& to, const section& section) {
  const bool is_list = section.form == section_form::list;
  to += '\n';
  append_comment(to, section.comment);
  to.append(line_start(section)).append(is_list ? "[[" : "[").append(section.name);
  to.append(is_list ? "]]\n" : "]\n");
}

void append_option(std::string& to, const section& section, const option& option,
                   const config& defaults) {
  const auto value = show(option, defaults);
  to += '\n';
  append_comment(to, option.comment);
  append_comment(to, "Takes: " + expected_value(option));
  append_comment(to, "Default: " + value);
  to.append(line_start(section)).append(option.key).append(" = ").append(value).append("\n");
}

}  // namespace

std::string print_default_config() {
  const config defaults = default_with_items();
  std::string text;
  append_comment(text, preamble);
  for (const auto& section : sections()) {
    append_heading(text, section);
    for (const auto& option : options()) {
      if (option.section == section.name) append_option(text, section, option, defaults);
    }
  }
  return text;
}

}  // namespace troupe
