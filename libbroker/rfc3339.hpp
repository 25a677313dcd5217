#pragma once

#include "libbroker/log_offset.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Calendar time as text. Source: RFC 3339 §5.6.
namespace troupe {

/// `2026-11-23T14:00:00Z`, also with a fraction, of which milliseconds count, and with an
/// offset such as `-05:00` in place of the `Z`. Nothing if `text` is no such time.
[[nodiscard]] std::optional<wall_time> parse_rfc3339(std::string_view text);

/// As `2026-11-23T14:00:00.000Z`. Years outside 0 to 9999 are cut to these.
[[nodiscard]] std::string to_rfc3339(wall_time time);

}  // namespace troupe
