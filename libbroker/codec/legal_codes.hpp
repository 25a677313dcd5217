#pragma once

#include "libbroker/packet.hpp"

namespace troupe {

/// Whether the specification lists `code` for packets of `type` in MQTT 5.0.
/// PUBREC has PUBACK's codes and PUBCOMP has PUBREL's.
[[nodiscard]] bool is_legal_code(packet_type type, reason_code code) noexcept;

}  // namespace troupe
