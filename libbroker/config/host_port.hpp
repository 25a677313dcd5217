#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace troupe {

/// Where something is in the network: "host:port", IPv6 in brackets.
struct host_port {
  std::string host;        ///< name or number, IPv6 without brackets
  std::uint16_t port = 0;  ///< 0 has the meaning that the caller gives it

  friend bool operator==(const host_port&, const host_port&) = default;
};

/// Reads a host and a port, or returns a sentence about what is wrong with them. Without a
/// `default_port` the port must be there.
[[nodiscard]] std::variant<host_port, std::string>
parse_host_port(std::string_view text, std::optional<std::uint16_t> default_port = std::nullopt);

/// The text as `parse_host_port` reads it.
[[nodiscard]] std::string to_string(const host_port& address);

/// Whether only this machine can reach `host`. Names but for "localhost" are not looked up and
/// count as reachable from outside.
[[nodiscard]] bool is_local_host(std::string_view host) noexcept;

/// Whether `host` stands for every interface and thus names no machine: "0.0.0.0", "::".
[[nodiscard]] bool is_wildcard_host(std::string_view host) noexcept;

}  // namespace troupe
