#pragma once

#include "libbroker/bytes.hpp"

#include <string_view>

namespace troupe {

/// Whether `text` is well-formed UTF-8 (no overlong forms, no surrogates
/// [MQTT5-1.5.4-1], at most U+10FFFF). U+0000 is well-formed here.
[[nodiscard]] bool is_utf8(byte_view text) noexcept;

/// Whether `text` may stand in a packet as a UTF-8 encoded string: well-formed
/// and without U+0000 [MQTT5-1.5.4-2]. Source: MQTT5 §1.5.4.
[[nodiscard]] bool is_mqtt_string(std::string_view text) noexcept;

}  // namespace troupe
