#pragma once

#include "libbroker/packet.hpp"
#include "libbroker/session/kept_session.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A session that follows its client to another node. The node that it comes to takes over
/// subscriptions and identifiers; messages that the client has not consumed stay where they are, as
/// the session's *end* there, which is read through a *relay* while the client takes them.
namespace troupe {

/// What the next node needs to know of a session.
struct moved_session {
  std::uint32_t expiry = 0;  ///< seconds, or `never_ends`
  bool began_clean = false;  ///< nothing that came before it counts
  /// `begin` does not count: it is a place in one node's log.
  std::vector<kept_subscription> subscriptions;
  std::vector<packet_id> inbound_qos2;  ///< received and not released
  std::vector<packet_id> in_flight;     ///< the client may know them, of what stays behind
  std::vector<session_end> ends;        ///< on other nodes, the oldest first
};

/// What a client takes, by its CONNECT: the end of its session sends accordingly.
struct relay_terms {
  protocol_version version = protocol_version::v3_1_1;
  std::uint32_t expiry = 0;  ///< seconds
  std::uint16_t receive_maximum = 65535;
  std::uint32_t maximum_packet_size = 0;  ///< bytes; 0 = no limit
  bool problem_information = true;
  std::vector<packet_id> taken{};  ///< identifiers that the client may know of others
};

/// Under which an end is known and kept on its node: the client identifier, and behind a byte
/// that no UTF-8 text has [MQTT5-3.1.3-4], [MQTT311-3.1.3-4] the end's number.
[[nodiscard]] std::string name_of_end(std::string_view client_id, std::uint64_t number);
struct session_name {
  std::string_view client_id;
  std::uint64_t end = 0;  ///< 0: it is the client's session
};
/// The other way round.
[[nodiscard]] session_name parse_session_name(std::string_view name) noexcept;
[[nodiscard]] inline bool is_name_of_end(std::string_view name) noexcept {
  return parse_session_name(name).end != 0;
}

}  // namespace troupe
