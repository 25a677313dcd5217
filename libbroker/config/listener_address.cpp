#include "libbroker/config/listener_address.hpp"

#include "libbroker/config/host_port.hpp"
#include "libbroker/config/value_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace troupe {

namespace {

constexpr std::uint16_t default_port = 1883;
constexpr std::string_view tcp_prefix = "tcp://";
constexpr std::string_view unix_prefix = "unix://";

// The name of a UNIX-domain socket has to fit into sockaddr_un with its final zero.
constexpr std::size_t max_path_length = 107;

std::variant<listener_address, std::string> parse_unix(std::string_view path) {
  if (!path.starts_with('/'))
    return "a UNIX-domain socket needs an absolute path: \"unix:///run/troupe.sock\"";
  if (path.size() > max_path_length)
    return "the path of a UNIX-domain socket holds at most 107 bytes";
  if (path.find('\0') != std::string_view::npos) return "the path holds a zero byte";
  return listener_address{listener_scheme::unix_socket, "", 0, std::string(path)};
}

std::variant<listener_address, std::string> parse_tcp(std::string_view authority) {
  const bool has_host = !authority.substr(0, authority.rfind(':')).empty();
  if (!has_host) return "the host is missing; \"0.0.0.0\" stands for every interface";
  auto parsed = parse_host_port(authority, default_port);
  if (auto* problem = std::get_if<std::string>(&parsed)) return std::move(*problem);
  auto& [host, port] = std::get<host_port>(parsed);
  return listener_address{listener_scheme::tcp, std::move(host), port, ""};
}

}  // namespace

bool listener_address::is_local() const noexcept {
  return scheme == listener_scheme::unix_socket || is_local_host(host);
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
  return std::string(tcp_prefix) + to_string(host_port{address.host, address.port});
}

}  // namespace troupe
