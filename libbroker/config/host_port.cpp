#include "libbroker/config/host_port.hpp"

#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <limits>

namespace troupe {

namespace {

std::optional<std::uint64_t> parse_up_to(std::string_view text, std::uint64_t most) {
  const auto number = parse_count(text);
  return number && *number <= most ? number : std::nullopt;
}

/// Whether `host` is 127.0.0.0/8 in full: "127.example.com" must not pass for it.
bool is_loopback_v4(std::string_view host) noexcept {
  if (!host.starts_with("127.")) return false;
  std::size_t parts = 0;
  while (true) {
    const auto dot = std::min(host.find('.'), host.size());
    if (dot > 3 || !parse_up_to(host.substr(0, dot), 255)) return false;
    ++parts;
    if (dot == host.size()) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_';
}

bool is_v6_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' ||
         c == '.';
}

/// `rest` is what stands behind the host.
std::variant<host_port, std::string> with_port(std::string_view host, std::string_view rest,
                                               std::optional<std::uint16_t> default_port) {
  if (rest.empty()) {
    if (!default_port) return "the port is missing behind the host";
    return host_port{std::string(host), *default_port};
  }
  const auto port = rest.starts_with(':')
                        ? parse_up_to(rest.substr(1), std::numeric_limits<std::uint16_t>::max())
                        : std::nullopt;
  if (!port) return "expected \":\" and a port up to 65535 behind the host, got " + quoted(rest);
  return host_port{std::string(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace

std::variant<host_port, std::string> parse_host_port(std::string_view text,
                                                     std::optional<std::uint16_t> default_port) {
  if (const auto scheme = text.find("://"); scheme != std::string_view::npos)
    return "a host and a port stand alone, without " + quoted(text.substr(0, scheme + 3));
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return "the bracket of the IPv6 address is not closed";
    const auto host = text.substr(1, end - 1);
    if (!std::ranges::all_of(host, is_v6_character) || host.find(':') == std::string_view::npos)
      return quoted(host) + " is not an IPv6 address";
    return with_port(host, text.substr(end + 1), default_port);
  }
  const auto host = text.substr(0, text.find(':'));
  const auto rest = text.substr(host.size());
  if (std::ranges::count(rest, ':') > 1) return "an IPv6 address needs brackets, as in \"[::1]\"";
  if (host.empty()) return "the host is missing";
  if (!std::ranges::all_of(host, is_host_character)) return quoted(host) + " is not a host name";
  return with_port(host, rest, default_port);
}

std::string to_string(const host_port& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_local_host(std::string_view host) noexcept {
  return host == "localhost" || host == "::1" || is_loopback_v4(host);
}

bool is_wildcard_host(std::string_view host) noexcept {
  // Zeros can be written in many ways, and all of them are refused by the same rules.
  return !host.empty() && host.find_first_not_of("0:.") == std::string_view::npos;
}

}  // namespace troupe
