#pragma once

#include "libbroker/session/kept_session.hpp"
#include "libbroker/wall_clock.hpp"
#include "persistence/database.hpp"

#include <functional>
#include <string_view>

namespace troupe {

/// What is kept of sessions. Stages into a database whose owner commits; one thread.
class session_table {
public:
  explicit session_table(database& store) : store_(store) {}

  /// Stages `change` of the client's session.
  void apply(std::string_view client_id, const session_change& change, const clock_reading& now);

  struct figures {
    std::size_t sessions = 0;
    std::size_t damaged = 0;  ///< parts that were left out
  };
  /// Hands out all that were committed and stages the removal of what is left of others.
  [[nodiscard]] figures load(const clock_reading& now,
                             const std::function<void(kept_session&&)>& take);

private:
  database& store_;
};

/// Whether `value` under `key`, one of a session's, can be read.
[[nodiscard]] bool is_whole_session_part(std::string_view key, std::string_view value);

}  // namespace troupe
