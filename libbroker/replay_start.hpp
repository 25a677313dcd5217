#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/result.hpp"
#include "libbroker/topic.hpp"

#include <chrono>
#include <string_view>
#include <variant>

namespace troupe {

/// Where a replay begins: at an offset (0: the earliest), so long ago, or at a time.
using replay_start = std::variant<log_offset, std::chrono::seconds, wall_time>;

inline constexpr std::string_view replay_prefix = "$replay/";

/// `$replay/<start>/<filter>` taken apart.
struct replay_filter {
  replay_start start;
  std::string_view filter;  ///< what topics are matched against
};

/// Whether a filter of a SUBSCRIBE asks for a replay.
[[nodiscard]] inline bool is_replay(std::string_view text) noexcept {
  return text.starts_with(replay_prefix);
}

/// `<start>` is an offset, `earliest`, a time ago such as `-1h` or `-90s`, or a time such as
/// `2026-11-23T14:00:00Z`. Views point into `text`. Errors: topic_filter_invalid.
/// REQUIRES: is_replay(text).
[[nodiscard]] result<replay_filter> parse_replay_filter(std::string_view text);

}  // namespace troupe
