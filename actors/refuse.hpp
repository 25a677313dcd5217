#pragma once

#include "actors/protocol.hpp"

namespace troupe {

/// Answers a CONNECT with CONNACK `code` and closes the connection
/// [MQTT5-3.2.2-7], [MQTT311-3.2.2-5]. To be called in the turn of whoever owns `who`.
/// `servers`: where it may go, as in `session::dismiss`.
void refuse(client& who, protocol_version version, reason_code code, std::string_view why = {},
            std::string_view servers = {});

}  // namespace troupe
