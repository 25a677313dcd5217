#pragma once

#include "libbroker/config/validate.hpp"

namespace troupe {

/// The part of `validate` that is about this node's place in a cluster: its name, [cluster] and
/// [cluster.tls].
void check_cluster(const config& values, const option_origins& origins, config_findings& findings);

}  // namespace troupe
