#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace troupe {

/// Who a node is. The data directory keeps name and `home`; without one both may be new with
/// every start.
struct node_identity {
  std::string name;               ///< unique in the cluster
  std::uint64_t home = 0;         ///< random, of the data directory; tells two of one name apart
  std::uint64_t incarnation = 0;  ///< rises with every start of this home

  friend bool operator==(const node_identity&, const node_identity&) = default;
};

/// Whether `name` is a node's name: 1 to 64 of the characters A-Z a-z 0-9 . _ -.
[[nodiscard]] bool is_node_name(std::string_view name) noexcept;

/// A name for a node that was given none.
[[nodiscard]] std::string make_node_name(std::uint64_t home);

}  // namespace troupe
