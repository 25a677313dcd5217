#pragma once

#include "actors/protocol.hpp"
#include "libbroker/line_sink.hpp"
#include "libbroker/wall_clock.hpp"
#include "persistence/json_text.hpp"

#include <caf/actor_system.hpp>

namespace troupe {

/// Answers `troupectl cluster`, from any thread, by asking the cluster actor: the caller waits.
/// Requests and answers: docs/troupectl.md.
class cluster_inspector {
public:
  /// `cluster`: null if the node takes part in none. `system` outlives the inspector.
  cluster_inspector(caf::actor_system& system, cluster_handle cluster)
      : system_(system), cluster_(std::move(cluster)) {}

  /// Whether `request` is one for it.
  [[nodiscard]] static bool is_meant(const nlohmann::json& request);
  /// Answers; the last line says whether it could. REQUIRES: is_meant(request).
  void answer(const nlohmann::json& request, line_sink& to) const;

private:
  caf::actor_system& system_;
  const cluster_handle cluster_;
};

/// `status` as `troupectl cluster status --json` prints it.
[[nodiscard]] json_object to_json(const cluster_status& status, const clock_reading& now);

}  // namespace troupe
