#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace troupe {

/// The transports a listener can speak; more words are reserved, see
/// `parse_listener_address`.
enum class listener_scheme : std::uint8_t {
  tcp,
  unix_socket
};

/// Where a listener accepts connections: `tcp://host:port` or `unix:///path`.
struct listener_address {
  listener_scheme scheme = listener_scheme::tcp;
  std::string host = "127.0.0.1";  ///< name or number, IPv6 without brackets; empty for unix
  std::uint16_t port = 1883;       ///< 0 = any free one; 0 for unix
  std::string path;                ///< absolute path of the socket; empty but for unix

  /// Whether only this machine can reach the address. Names but for
  /// "localhost" are not looked up and count as reachable from outside.
  [[nodiscard]] bool is_local() const noexcept;

  friend bool operator==(const listener_address&, const listener_address&) = default;
};

/// Reads an address, or returns a sentence about what is wrong with it. A port
/// that is left out is 1883.
[[nodiscard]] std::variant<listener_address, std::string>
parse_listener_address(std::string_view text);

/// The address as `parse_listener_address` reads it.
[[nodiscard]] std::string to_string(const listener_address& address);

}  // namespace troupe
