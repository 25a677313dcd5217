#include "libbroker/config/listener_address.hpp"

#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace troupe {

namespace {

constexpr std::uint16_t default_port = 1883;
constexpr std::string_view tcp_prefix = "tcp://";
constexpr std::string_view unix_prefix = "unix://";

// The name of a UNIX-domain socket has to fit into sockaddr_un with its final zero.
constexpr std::size_t max_path_length = 107;

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

std::variant<listener_address, std::string> parse_unix(std::string_view path) {
  if (!path.starts_with('/'))
    return "a UNIX-domain socket needs an absolute path: \"unix:///run/troupe.sock\"";
  if (path.size() > max_path_length)
    return "the path of a UNIX-domain socket holds at most 107 bytes";
  if (path.find('\0') != std::string_view::npos) return "the path holds a zero byte";
  return listener_address{listener_scheme::unix_socket, "", 0, std::string(path)};
}

std::variant<listener_address, std::string> parse_tcp(std::string_view authority) {
  std::string_view host;
  std::string_view rest;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return "the bracket of the IPv6 address is not closed";
    host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    if (!std::ranges::all_of(host, is_v6_character) || host.find(':') == std::string_view::npos)
      return quoted(host) + " is not an IPv6 address";
  } else {
    host = authority.substr(0, authority.find(':'));
    rest = authority.substr(host.size());
    if (std::ranges::count(rest, ':') > 1)
      return "an IPv6 address needs brackets: \"tcp://[::1]:1883\"";
    if (host.empty()) return "the host is missing; \"0.0.0.0\" stands for every interface";
    if (!std::ranges::all_of(host, is_host_character)) return quoted(host) + " is not a host name";
  }
  if (rest.empty())
    return listener_address{listener_scheme::tcp, std::string(host), default_port, ""};
  const auto port = rest.starts_with(':')
                        ? parse_up_to(rest.substr(1), std::numeric_limits<std::uint16_t>::max())
                        : std::nullopt;
  if (!port)
    return "expected \":\" and a port from 0 to 65535 behind the host, got " + quoted(rest);
  return listener_address{listener_scheme::tcp, std::string(host),
                          static_cast<std::uint16_t>(*port), ""};
}

}  // namespace

bool listener_address::is_local() const noexcept {
  return scheme == listener_scheme::unix_socket || host == "localhost" || host == "::1" ||
         is_loopback_v4(host);
}

std::variant<listener_address, std::string> parse_listener_address(std::string_view text) {
  constexpr std::array<std::string_view, 3> planned{"tls", "ws", "wss"};
  if (text.starts_with(tcp_prefix)) return parse_tcp(text.substr(tcp_prefix.size()));
  if (text.starts_with(unix_prefix)) return parse_unix(text.substr(unix_prefix.size()));
  const auto scheme = text.substr(0, text.find("://"));
  if (scheme.size() != text.size() && std::ranges::find(planned, scheme) != planned.end())
    return std::string(scheme) + ":// is not supported yet; use tcp:// or unix://";
  return "expected an address such as \"tcp://127.0.0.1:1883\" or \"unix:///run/troupe.sock\", "
         "got " +
         quoted(text);
}

std::string to_string(const listener_address& address) {
  if (address.scheme == listener_scheme::unix_socket)
    return std::string(unix_prefix) + address.path;
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return std::string(tcp_prefix) + (is_v6 ? "[" + address.host + "]" : address.host) + ":" +
         std::to_string(address.port);
}

}  // namespace troupe
