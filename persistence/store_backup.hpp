#pragma once

#include "persistence/database.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace troupe {

struct backup_figures {
  std::uint64_t keys = 0;
  std::uint64_t bytes = 0;  ///< of keys and values
};

/// Makes a data directory at `target` with all that `store` keeps at this moment, synced. It
/// appears there as a whole or not at all. `is_wanted` is asked often; false: give up.
///
/// A log that goes on from the copy leaves out offsets that the original may have handed out
/// since: what a client remembers of one never names something else in the other.
///
/// Errors: damaged if something cannot be read; no_space; io, also if `target` is there and not
/// an empty directory.
[[nodiscard]] storage_result<backup_figures> back_up(const database& store, std::string target,
                                                     const std::function<bool()>& is_wanted);

}  // namespace troupe
