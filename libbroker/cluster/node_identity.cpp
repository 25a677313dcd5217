#include "libbroker/cluster/node_identity.hpp"

#include <algorithm>

namespace troupe {

bool is_node_name(std::string_view name) noexcept {
  constexpr std::size_t longest = 64;
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= longest && std::ranges::all_of(name, is_allowed);
}

std::string make_node_name(std::uint64_t home) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = "node-";
  for (int shift = 60; shift >= 0; shift -= 4)
    name.push_back(digits[home >> shift & 0xF]);
  return name;
}

}  // namespace troupe
