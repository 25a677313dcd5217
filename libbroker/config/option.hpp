#pragma once

#include "libbroker/config/config.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace troupe {

/// Finds the field of an option. `item` says which [[listener]], [[stream]] … is
/// meant and counts only for options of such lists. REQUIRES: that item exists.
template <class T>
using field_of = T& (*)(config&, std::size_t item);

/// One option: all that loading, overriding, printing and explaining it takes.
struct option {
  std::string_view section;
  std::string_view key;
  std::variant<field_of<bool>, field_of<std::optional<bool>>, field_of<std::string>,
               field_of<std::vector<std::string>>, field_of<std::uint16_t>, field_of<std::size_t>,
               field_of<qos>, field_of<std::chrono::seconds>, field_of<std::chrono::milliseconds>,
               field_of<log_level>, field_of<log_format>, field_of<durability>,
               field_of<listener_address>>
      field;
  std::string_view unit;     ///< of a number: "bytes", "seconds", "connections"; else empty
  std::uint64_t least = 0;   ///< of a number, in its unit
  std::uint64_t most = 0;    ///< of a number, in its unit
  std::string_view comment;  ///< for users
  bool is_secret = false;    ///< of a text: it is never printed
};

/// How a section stands in the file.
enum class section_form : std::uint8_t {
  table,  ///< [name], once; below another table if the name has a dot
  list,   ///< [[name]], any number of times
  open,   ///< [name] with keys that the broker does not know
};

/// The items of a list section.
struct item_list {
  std::size_t (*count)(const config&) = nullptr;
  /// Drops the last items or adds new ones, which have every option at its default.
  void (*resize)(config&, std::size_t count) = nullptr;
};

struct section {
  std::string_view name;
  section_form form;
  std::string_view comment;  ///< for users
  item_list items = {};      ///< null pointers unless `form` is `list`
};

/// Every option; those of one section stand together, in the order of `sections`.
[[nodiscard]] std::span<const option> options() noexcept;
[[nodiscard]] std::span<const section> sections() noexcept;

/// Null when there is no such option.
[[nodiscard]] const option* find_option(std::string_view section, std::string_view key) noexcept;
/// Null when there is no such section.
[[nodiscard]] const section* find_section(std::string_view name) noexcept;

/// The default with one item at least in each list, so that every option has a
/// field, at its default, in item 0.
[[nodiscard]] config default_with_items();

/// "limits.max-packet-size", "cluster.tls.key"
[[nodiscard]] std::string dotted_name(const option& option);

/// Sets the option's field from text as it stands behind `--set key=`. Returns
/// what is wrong with `text`, and then leaves the field alone. REQUIRES, like all
/// that reads or writes a field: the item exists.
[[nodiscard]] std::optional<std::string> assign(const option& option, std::string_view text,
                                                config& into, std::size_t item = 0);

/// Sets the field of a list of texts, of which a file gives each by itself. REQUIRES:
/// `is_text_list(option)`.
void assign_list(const option& option, std::vector<std::string> texts, config& into,
                 std::size_t item = 0);

/// The value as it stands in the file: `"64 KiB"`, `true`, `1024`, `["a", "b"]`. A secret
/// that is set is shown as `"***"`.
[[nodiscard]] std::string show(const option& option, const config& from, std::size_t item = 0);

/// A number's value in the option's unit. REQUIRES: the option is a number.
[[nodiscard]] std::uint64_t number_of(const option& option, const config& from);

/// The values that the option takes: "bytes from 128 to 268435460, as …".
[[nodiscard]] std::string expected_value(const option& option);

/// Whether the option is free text, which TOML has to give in quotes.
[[nodiscard]] bool is_free_text(const option& option) noexcept;

/// Whether the option is a list of texts: an array in TOML, elsewhere with commas.
[[nodiscard]] bool is_text_list(const option& option) noexcept;

}  // namespace troupe
