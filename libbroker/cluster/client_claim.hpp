#pragma once

#include "libbroker/cluster/hybrid_clock.hpp"

#include <compare>
#include <string_view>

namespace troupe {

/// A login of a client id, as the cluster orders them: of two, the greater one owns the id.
/// `node` is a view of a name that is kept elsewhere.
struct client_claim {
  hybrid_stamp stamp = 0;
  std::string_view node;

  friend auto operator<=>(const client_claim&, const client_claim&) = default;
};

}  // namespace troupe
