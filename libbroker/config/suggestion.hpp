#pragma once

#include <cstddef>
#include <string_view>

namespace troupe {

struct option;

/// How many single-character insertions, removals, replacements and swaps of
/// neighbours turn one word into the other (optimal string alignment).
[[nodiscard]] std::size_t edit_distance(std::string_view from, std::string_view to);

/// The option whose name is nearest to `section.key`, in whatever section it is;
/// null when none is near.
[[nodiscard]] const option* nearest_option(std::string_view section, std::string_view key);

/// The section whose name is nearest to `name`; empty when none is near.
[[nodiscard]] std::string_view nearest_section(std::string_view name);

}  // namespace troupe
