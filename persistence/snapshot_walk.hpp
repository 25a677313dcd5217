#pragma once

#include "persistence/database.hpp"

#include <functional>
#include <optional>
#include <string_view>

namespace troupe {

/// What becomes of the keys on a way through a snapshot.
struct walk_steps {
  /// One key. Not to take long, and to keep no view. `scan` answers for others.
  std::function<void(std::string_view key, std::string_view value, const store_scan& scan)> take;
  /// After some keys, and after the last: nothing of the store is held, this may take long.
  /// `damage`: why some keys were left out. An error ends the way.
  std::function<storage_result<void>(const std::optional<storage_error>& damage)> rest;
};

/// Goes through all keys that begin with `prefix`, in order. Errors: those of `steps.rest`; io.
[[nodiscard]] storage_result<void> walk(const store_snapshot& through, std::string_view prefix,
                                        const walk_steps& steps);

}  // namespace troupe
