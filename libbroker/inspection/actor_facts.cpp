#include "libbroker/inspection/actor_facts.hpp"

namespace troupe {

std::string shortened(std::string_view text, std::size_t longest) {
  if (text.size() <= longest) return std::string(text);
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  std::size_t end = longest;
  while (end != 0 && continues(end))
    --end;
  return std::string(text.substr(0, end)) + "…";
}

}  // namespace troupe
