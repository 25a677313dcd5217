#pragma once

#include <cstdint>
#include <string_view>

namespace troupe {

/// By what number groups know a node, as they know sessions by theirs: the same after each start.
/// `name`: of the node.
[[nodiscard]] std::uint64_t share_id_of_node(std::string_view name) noexcept;
[[nodiscard]] constexpr bool is_share_id_of_node(std::uint64_t session) noexcept {
  return (session >> 63) != 0;
}

}  // namespace troupe
