#pragma once

#include "persistence/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace troupe {

/// A number or text, which stays escaped: it may be a publisher's. "-" for null.
[[nodiscard]] inline std::string cell(const json_object& value) {
  if (value.is_null()) return "-";
  const std::string text = to_text(value);
  return value.is_string() ? text.substr(1, text.size() - 2) : text;
}

template <std::size_t Columns>
using table_rows = std::vector<std::array<std::string, Columns>>;

/// The first row is the head. The first `left` columns begin at the left, the others end at the
/// right.
template <std::size_t Columns>
[[nodiscard]] std::string table(const table_rows<Columns>& rows, std::size_t left = 1) {
  std::array<std::size_t, Columns> widths{};
  for (const auto& row : rows)
    for (std::size_t i = 0; i != Columns; ++i)
      widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i != Columns; ++i) {
      if (i != 0) text += "  ";
      text += i < left ? fmt::format("{:<{}}", row[i], widths[i])
                       : fmt::format("{:>{}}", row[i], widths[i]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace troupe
