#pragma once

#include <string_view>

namespace troupe {

/// Of the whole system, as in CHANGELOG.md.
inline constexpr std::string_view version = "0.1.0";

}  // namespace troupe
