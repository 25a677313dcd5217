#include "libbroker/session/moved_session.hpp"

#include <charconv>

namespace troupe {

namespace {

constexpr char separator = '\xFF';

}  // namespace

std::string name_of_end(std::string_view client_id, std::uint64_t number) {
  return std::string(client_id) + separator + std::to_string(number);
}

session_name parse_session_name(std::string_view name) noexcept {
  const std::size_t at = name.find(separator);
  if (at == std::string_view::npos) return {.client_id = name};
  session_name found{.client_id = name.substr(0, at)};
  std::from_chars(name.data() + at + 1, name.data() + name.size(), found.end);
  return found;
}

}  // namespace troupe
