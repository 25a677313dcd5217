#pragma once

#include "libbroker/codec/frame.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/result.hpp"

/// Wire form → packet structs. Each function takes a frame of its own type (as
/// `scan_frame` found it), checks every rule that the packet alone can break,
/// and reads nothing outside `frame.body`. Views in the result point into it.
/// Errors carry the reason code that MQTT 5.0 wants for the violation and the
/// normative statement that was violated.
namespace troupe {

/// Which side of the connection decodes; some rules bind only one of them.
enum class role : std::uint8_t {
  server,
  client
};

[[nodiscard]] result<connect> decode_connect(const frame& packet);
/// The version in which to answer a CONNECT that `decode_connect` refused, as far
/// as the packet tells: that of the refused version's own kind, else 3.1.1.
[[nodiscard]] protocol_version answer_version(const frame& packet) noexcept;
[[nodiscard]] result<connack> decode_connack(const frame& packet, protocol_version version);
/// A client finds subscription identifiers in `publish::properties`; a server
/// refuses them.
[[nodiscard]] result<publish> decode_publish(const frame& packet, protocol_version version,
                                             role decode_as = role::server);
/// PUBACK, PUBREC, PUBREL or PUBCOMP.
[[nodiscard]] result<publish_response> decode_publish_response(const frame& packet,
                                                               protocol_version version);
/// Reuses the capacity of `into.entries`.
[[nodiscard]] result<void> decode_subscribe(const frame& packet, protocol_version version,
                                            subscribe& into);
[[nodiscard]] result<suback> decode_suback(const frame& packet, protocol_version version);
/// Reuses the capacity of `into.filters`.
[[nodiscard]] result<void> decode_unsubscribe(const frame& packet, protocol_version version,
                                              unsubscribe& into);
[[nodiscard]] result<unsuback> decode_unsuback(const frame& packet, protocol_version version);
[[nodiscard]] result<pingreq> decode_pingreq(const frame& packet);
[[nodiscard]] result<pingresp> decode_pingresp(const frame& packet);
[[nodiscard]] result<disconnect> decode_disconnect(const frame& packet, protocol_version version);
[[nodiscard]] result<auth> decode_auth(const frame& packet, protocol_version version);

}  // namespace troupe
