#include "libbroker/cluster/retained_stamp.hpp"

#include "libbroker/text_hash.hpp"

namespace troupe {

std::uint64_t node_number(std::string_view name) noexcept { return stable_hash(name); }

}  // namespace troupe
