#include "libbroker/share/share_id.hpp"

#include "libbroker/cluster/retained_stamp.hpp"

namespace troupe {

std::uint64_t share_id_of_node(std::string_view name) noexcept {
  return node_number(name) | std::uint64_t{1} << 63;
}

}  // namespace troupe
