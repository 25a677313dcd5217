#include "actors/log_text.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr bool needs_no_quotes(char c) noexcept {
  return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '=';
}

constexpr bool is_control(unsigned char c) noexcept { return c < 0x20 || c == 0x7f; }

/// Whether `text` begins with one of U+0080 to U+009F, which terminals obey, too.
bool begins_with_c1_control(std::string_view text) noexcept {
  return text.size() >= 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0;
}

}  // namespace

void write(log_text value, fmt::memory_buffer& out) {
  std::string_view left = value.text;
  if (!left.empty() && std::all_of(left.begin(), left.end(), needs_no_quotes)) {
    out.append(left);
    return;
  }
  const auto escape = [&](char code) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(code));
  };
  out.push_back('"');
  for (; !left.empty(); left.remove_prefix(1)) {
    const char c = left.front();
    if (begins_with_c1_control(left)) {
      escape(left[1]);
      left.remove_prefix(1);
    } else if (is_control(static_cast<unsigned char>(c))) {
      escape(c);
    } else {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace troupe
