#pragma once

#include <cstdint>
#include <string>

namespace troupe {

/// What a node wants of the messages that match a filter, as the most demanding of its
/// subscriptions does. The values go over the wire. Source: docs/cluster_wire.md.
enum class route_interest : std::uint8_t {
  none = 0,
  at_most_once = 1,  ///< they may get lost
  passing = 2,       ///< QoS 1 and 2 for sessions that end with their process
  lasting = 3        ///< … that outlive it: nothing may be missing
};

struct route_change {
  std::string filter;  ///< `$share/…`: of a shared subscription, else of all others
  route_interest interest = route_interest::none;

  friend bool operator==(const route_change&, const route_change&) = default;
};

}  // namespace troupe
