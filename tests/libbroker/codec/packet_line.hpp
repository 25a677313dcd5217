#pragma once

#include "tests/libbroker/codec/any_packet.hpp"

#include <string>

namespace troupe::test {

/// One line for a packet of a server: its name and what differs from the ordinary.
[[nodiscard]] std::string packet_line(const any_packet& packet);

}  // namespace troupe::test
