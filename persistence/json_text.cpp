#include "persistence/json_text.hpp"

namespace troupe {

std::string to_text(const json_object& value) {
  const std::string dumped = value.dump(-1, ' ', false, json_object::error_handler_t::replace);
  // Only strings can hold them, and there an escape means the same.
  const auto is_delete = [](char c) { return c == '\x7F'; };
  const auto is_control = [&](std::size_t at) {  // U+0080 to U+009F
    return dumped[at] == '\xC2' && at + 1 != dumped.size() &&
           static_cast<unsigned char>(dumped[at + 1]) < 0xA0;
  };
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  text.reserve(dumped.size());
  for (std::size_t at = 0; at != dumped.size(); ++at) {
    if (!is_delete(dumped[at]) && !is_control(at)) {
      text += dumped[at];
      continue;
    }
    const auto code = static_cast<unsigned char>(is_delete(dumped[at]) ? dumped[at] : dumped[++at]);
    text += "\\u00";
    text += hex[code >> 4];
    text += hex[code & 0x0FU];
  }
  return text;
}

}  // namespace troupe
