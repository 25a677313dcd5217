#pragma once

#include "libbroker/packet.hpp"
#include "libbroker/result.hpp"

#include <string_view>

namespace troupe {

/// One rule by its two names: a normative statement, or a section where the
/// document states the rule without a number. 3.1 has no numbers of its own; the
/// 3.1.1 text stands for it.
struct clause_pair {
  std::string_view mqtt5;
  std::string_view mqtt311;
};

/// What a packet that cannot be parsed violates when no statement names the case.
inline constexpr clause_pair any_malformed_packet{"MQTT5 §1.2", "MQTT311-4.8.0-1"};

[[nodiscard]] constexpr error violation(protocol_version version, reason_code code,
                                        const clause_pair& clause, std::string_view what) noexcept {
  return {code, version == protocol_version::v5 ? clause.mqtt5 : clause.mqtt311, what};
}

}  // namespace troupe
