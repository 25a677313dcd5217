#pragma once

#include <string>
#include <string_view>

/// How the log names who has published: a client by its identifier, and another node, which has
/// forwarded what its clients published, by its name behind a byte that no client identifier has
/// [MQTT5-3.1.3-4], [MQTT311-3.1.3-4].
namespace troupe {

inline constexpr std::string_view node_publisher_prefix = "\xFFnode:";

[[nodiscard]] inline std::string publisher_of_node(std::string_view name) {
  return std::string(node_publisher_prefix).append(name);
}
[[nodiscard]] inline bool is_node_publisher(std::string_view publisher) noexcept {
  return publisher.starts_with(node_publisher_prefix);
}
/// For people: "node:" in front of a node's name.
[[nodiscard]] inline std::string_view shown_publisher(std::string_view publisher) noexcept {
  return is_node_publisher(publisher) ? publisher.substr(1) : publisher;
}

}  // namespace troupe
