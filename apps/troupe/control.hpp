#pragma once

#include "apps/troupe/cluster_inspector.hpp"
#include "net/control_server.hpp"
#include "persistence/log_inspector.hpp"

#include <memory>

namespace troupe {

/// Lets `troupectl` in, at a socket in the data directory. `store`, `streams` and what `cluster`
/// uses outlive what it returns. Where there can be no socket a broker does without, and says so
/// in its log: null.
[[nodiscard]] std::unique_ptr<control_server>
open_control(const database& store, const log_streams& streams, cluster_inspector cluster);

}  // namespace troupe
