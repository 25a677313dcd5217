#include "persistence/damage_counter.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace troupe {

void damage_counter::Logv(const char* format, std::va_list arguments) {
  constexpr std::string_view mark = "dropping ";  // "… dropping 123 bytes; …"
  if (std::string_view(format).find(mark) == std::string_view::npos) return;
  std::array<char, 1024> line{};
  std::vsnprintf(line.data(), line.size(), format, arguments);
  const std::string_view text(line.data());
  const std::size_t at = text.find(mark);
  if (at != std::string_view::npos)
    dropped_bytes_ += std::strtoull(line.data() + at + mark.size(), nullptr, 10);
}

}  // namespace troupe
