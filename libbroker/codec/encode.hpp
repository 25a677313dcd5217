#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/packet.hpp"

/// Packet structs → wire form, appended to `out`. What `version` does not know
/// is left out. REQUIRES: strings are at most 65,535 bytes and the packet at
/// most 268,435,455 bytes behind its fixed header; `publish::properties` and
/// `will::message_properties` are in wire form already, and the fields that were
/// read from them are not looked at.
namespace troupe {

void encode(const connect& packet, byte_buffer& out);
/// 3.x: the return code that comes closest; appends nothing for a code without
/// one, where the connection is closed without CONNACK [MQTT311-3.2.2-6].
void encode(const connack& packet, protocol_version version, byte_buffer& out);
void encode(const publish& packet, protocol_version version, byte_buffer& out);
/// `type`: which of PUBACK, PUBREC, PUBREL and PUBCOMP is meant.
void encode(packet_type type, const publish_response& packet, protocol_version version,
            byte_buffer& out);
void encode(const subscribe& packet, protocol_version version, byte_buffer& out);
void encode(const suback& packet, protocol_version version, byte_buffer& out);
void encode(const unsubscribe& packet, protocol_version version, byte_buffer& out);
void encode(const unsuback& packet, protocol_version version, byte_buffer& out);
void encode(pingreq packet, byte_buffer& out);
void encode(pingresp packet, byte_buffer& out);
/// 3.x: appends nothing for an error, which that version has no packet for.
void encode(const disconnect& packet, protocol_version version, byte_buffer& out);
/// REQUIRES: MQTT 5.0.
void encode(const auth& packet, byte_buffer& out);

}  // namespace troupe
