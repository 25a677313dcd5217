#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// Rendezvous hashing: for each key an order of the nodes that everybody finds who has the same
/// names. A node that comes or goes moves only the keys whose best it is or was.
///
/// The weight of a node for a key is XXH3-64 of the key, seeded with XXH3-64 of the node's name
/// (unseeded); the greatest weight is the best, and of equal ones the lesser name. Nodes of
/// different versions have to agree, so this never changes.
class rendezvous {
public:
  rendezvous() = default;
  /// Names that are there twice count once.
  explicit rendezvous(std::vector<std::string> names);

  /// Sorted.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  /// The index of the key's best node. REQUIRES: !names().empty().
  [[nodiscard]] std::size_t best(std::string_view key) const noexcept;
  /// The indexes of the `count` best, or of all if there are fewer, the best first.
  [[nodiscard]] std::vector<std::size_t> first(std::string_view key, std::size_t count) const;

  [[nodiscard]] static std::uint64_t weight(std::string_view name, std::string_view key) noexcept;

private:
  std::vector<std::string> names_;
  std::vector<std::uint64_t> seeds_;  ///< by index of the name
};

}  // namespace troupe
