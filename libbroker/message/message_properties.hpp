#pragma once

#include "libbroker/packet.hpp"

#include <cstddef>

/// The properties of a PUBLISH that travel on with the message: all but the
/// topic alias, which belongs to one connection [MQTT5-3.3.2-7]. They are passed
/// on in order [MQTT5-3.3.2-17]; a message expiry interval is moved to the
/// front, where a later delivery can count it down without searching.
namespace troupe {

/// Size of a message expiry interval property, identifier included, in bytes.
inline constexpr std::size_t message_expiry_property_size = 5;

[[nodiscard]] std::size_t forwarded_properties_size(const publish& packet) noexcept;

/// Writes the properties to `out`, which has room for them; returns their end.
std::byte* write_forwarded_properties(const publish& packet, std::byte* out) noexcept;

/// Writes a message expiry interval property of `seconds` to `out`.
std::byte* write_message_expiry(std::uint32_t seconds, std::byte* out) noexcept;

}  // namespace troupe
