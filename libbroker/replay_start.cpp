#include "libbroker/replay_start.hpp"

#include "libbroker/config/value_text.hpp"
#include "libbroker/rfc3339.hpp"

#include <optional>

namespace troupe {

namespace {

/// Before all that there is, and no more than clocks can count back.
constexpr std::chrono::duration<std::uint64_t> longest_ago = std::chrono::years(10'000);

std::optional<replay_start> parse_start(std::string_view text) {
  if (text == "earliest") return log_offset{0};
  if (text.starts_with('-')) {
    const auto ago = parse_duration(text.substr(1), std::chrono::seconds(1));
    if (!ago || *ago > longest_ago.count()) return std::nullopt;
    return std::chrono::seconds(*ago);
  }
  if (const auto offset = parse_count(text)) return *offset;
  if (const auto time = parse_rfc3339(text)) return *time;
  return std::nullopt;
}

error invalid(std::string_view what) noexcept {
  return {reason_code::topic_filter_invalid, "MQTT5 §3.9.3", what};
}

}  // namespace

result<replay_filter> parse_replay_filter(std::string_view text) {
  const std::string_view rest = text.substr(replay_prefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return invalid("replay without topic filter");
  const auto start = parse_start(rest.substr(0, slash));
  if (!start) return invalid("a replay starts at an offset, earliest, -1h or 2026-11-23T14:00:00Z");
  const auto filter = parse_topic_filter(rest.substr(slash + 1));
  if (!filter) return filter.error();
  if (filter->is_shared() || is_replay(filter->filter))
    return invalid("a replay takes a plain topic filter");
  return replay_filter{*start, filter->filter};
}

}  // namespace troupe
