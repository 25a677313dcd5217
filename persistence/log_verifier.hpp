#pragma once

#include "persistence/database.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace troupe {

/// What a verification looked at.
struct verify_figures {
  std::uint64_t records = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< of records
  std::uint64_t topics = 0;
  std::uint64_t index_entries = 0;
  std::uint64_t retained = 0;
  std::uint64_t cleared = 0;  ///< topics that are known to have no retained message
  std::uint64_t sessions = 0;
  std::uint64_t problems = 0;
};

struct verify_steps {
  /// Says in one line what is wrong; the first hundred times.
  std::function<void(const std::string& problem)> report;
  /// Asked often; false: give up.
  std::function<bool()> is_wanted;
};

/// Looks at all that is kept, as it is at this moment: whether it can be read, and whether its
/// parts agree. Takes as long as it takes to read everything once. Nothing waits for it, and
/// memory is bounded. Errors: io.
[[nodiscard]] storage_result<verify_figures> verify(const database& store,
                                                    const verify_steps& steps);

}  // namespace troupe
