#pragma once

#include "libbroker/log_offset.hpp"

#include <cstdint>
#include <string>
#include <vector>

/// Which messages are a session's own once it has moved between nodes, and which are its end's.
namespace troupe {

/// Of what one node has published for a session: what lies in its log up to `last` is an end's,
/// and what lies above it is the session's own. Copies of either may be on both nodes.
struct origin_cut {
  static constexpr log_offset unknown = 0xFFFF'FFFF'FFFF'FFFF;

  std::string node{};         ///< its name
  std::uint64_t home = 0;     ///< of its data directory
  log_offset last = unknown;  ///< as long as it is not known, all is the end's
  bool has_come = false;      ///< of an end: all that is its own is here
  bool is_late = false;       ///< of an end: that came behind what other nodes had for it

  friend bool operator==(const origin_cut&, const origin_cut&) = default;
};

/// Of the node whose data directory is `home`; null: it has none.
[[nodiscard]] origin_cut* find_cut(std::vector<origin_cut>& cuts, std::uint64_t home) noexcept;

/// Those that are not known yet become what `found` says. Returns whether there was one.
bool complete_cuts(std::vector<origin_cut>& cuts, const std::vector<origin_cut>& found);

}  // namespace troupe
