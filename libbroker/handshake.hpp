#pragma once

#include "libbroker/codec/frame.hpp"
#include "libbroker/config/config.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/result.hpp"

#include <optional>

namespace troupe {

/// Looks for the CONNECT that a connection must begin with [MQTT5-3.1.0-1],
/// [MQTT311-3.1.0-1]. Returns the size of the packet, or nothing while it is incomplete.
/// Errors: what scan_frame says, or protocol_error for another packet.
[[nodiscard]] result<std::optional<std::size_t>> find_connect(byte_view input,
                                                              std::size_t maximum_size);

/// Whether the broker serves what `request` asks for: features, client
/// identifier, authentication method. Credentials are not looked at.
[[nodiscard]] result<void> check_connect(const connect& request, const config& settings);

/// In which version a refusal of the (perhaps broken) CONNECT at the start of
/// `input` is told to the client by CONNACK; nothing if the connection is to be
/// closed without a word, as 3.x wants it for malformed packets [MQTT311-4.8.0-1].
[[nodiscard]] std::optional<protocol_version> version_of_refusal(const error& reason,
                                                                 byte_view input) noexcept;

}  // namespace troupe
