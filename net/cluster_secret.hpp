#pragma once

#include "libbroker/cluster/link_crypto.hpp"
#include "libbroker/config/config.hpp"

namespace troupe {

/// Of what all nodes of the cluster know; that of an empty secret if there is nothing of the kind.
/// Throws `std::runtime_error` with a sentence for the user.
[[nodiscard]] cluster_key read_cluster_key(const cluster_config& settings);

}  // namespace troupe
