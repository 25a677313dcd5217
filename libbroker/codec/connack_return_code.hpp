#pragma once

#include "libbroker/reason_code.hpp"

#include <array>

namespace troupe {

/// What each of the return codes 0 to 5 of a 3.x CONNACK means.
/// Source: MQTT311 §3.2.2.3.
inline constexpr std::array connack_return_codes{
    reason_code::success,
    reason_code::unsupported_protocol_version,
    reason_code::client_identifier_not_valid,
    reason_code::server_unavailable,
    reason_code::bad_user_name_or_password,
    reason_code::not_authorized,
};

}  // namespace troupe
