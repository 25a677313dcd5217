#pragma once

#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// What is known of one member. Only the member itself changes it, but for `left` when it is dead.
struct member_record {
  node_identity node;
  std::string address;        ///< "host:port" where others reach its cluster port; empty: unknown
  std::uint64_t version = 0;  ///< of what is known under this name, whoever had it
  bool left = false;          ///< it went for good; nobody is to connect to it
  std::string client_address{};  ///< "host:port" where clients reach it; empty: unknown
  bool is_draining = false;      ///< it sends its clients away, and takes no new ones

  friend bool operator==(const member_record&, const member_record&) = default;
};

/// A member as a node tells others of it.
struct gossiped_member {
  member_record record;
  bool linked = false;  ///< the node that tells has a link with exactly this `record.node`
};

inline constexpr std::size_t max_members = 1024;
inline constexpr std::size_t max_address_size = 255;
inline constexpr std::uint64_t max_member_version = std::uint64_t{1} << 62;

/// Appends the wire form: the number of members, and for each a section
///
///     name (text), home, incarnation, address (text), version, left (flag), linked (flag),
///     client address (text), draining (flag)
///
/// of which the last two may be missing.
///
/// What a later version appends to a section, or behind the last one, is skipped.
/// REQUIRES: at most max_members, names strictly ascending.
void append_gossip(std::span<const gossiped_member> members, std::string& out);

/// Takes any bytes. What is returned keeps the limits and the order of `append_gossip`.
[[nodiscard]] result<std::vector<gossiped_member>> read_gossip(std::string_view bytes);

}  // namespace troupe
