#pragma once

#include <nlohmann/json.hpp>

#include <string>

namespace troupe {

/// Keeps its members in the order in which they were added.
using json_object = nlohmann::ordered_json;

/// `value` in one line. What is not UTF-8 is replaced, and control characters beyond ASCII,
/// which JSON lets through, are escaped: a terminal would obey them.
[[nodiscard]] std::string to_text(const json_object& value);

}  // namespace troupe
