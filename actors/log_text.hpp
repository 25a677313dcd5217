#pragma once

#include <spdlog/fmt/fmt.h>

#include <string_view>

namespace troupe {

/// Text of a client as the value of a log line's `key=value`: as it is when that is
/// unmistakable, otherwise in quotes with escapes, so that no client can write fields,
/// lines or a terminal's commands into the log. A view: the text outlives it.
struct log_text {
  std::string_view text;
};

/// Appends `value` to `out`.
void write(log_text value, fmt::memory_buffer& out);

}  // namespace troupe

template <>
struct fmt::formatter<troupe::log_text> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }

  template <class Context>
  auto format(troupe::log_text value, Context& context) const {
    fmt::memory_buffer written;
    troupe::write(value, written);
    return std::copy(written.begin(), written.end(), context.out());
  }
};
