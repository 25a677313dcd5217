#pragma once

#include "libbroker/cluster/node_identity.hpp"
#include "persistence/storage_error.hpp"

#include <cstdint>
#include <string_view>

namespace troupe {

class database;

/// Who the node of this data directory is from now on: a new incarnation of who it was. `name`
/// replaces the name it had, unless it is empty; `home`: a random number, for a new directory.
/// Errors: those of the disk. REQUIRES: nothing is staged.
[[nodiscard]] storage_result<node_identity> begin_life(database& store, std::string_view name,
                                                       std::uint64_t home);

/// The node of this data directory begins its next life as if it had had many since: more than
/// another copy of it may have had, so that others do not take it for the earlier one. Errors:
/// those of the disk. REQUIRES: nothing is staged.
[[nodiscard]] storage_result<void> skip_lives(database& store);

}  // namespace troupe
