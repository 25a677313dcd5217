#pragma once

#include "actors/protocol/local_message.hpp"
#include "libbroker/cluster/session_wire.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

/// Sessions that follow their clients to other nodes.
namespace troupe {

/// A node says something of a client's session.
struct session_said {
  std::string from;
  std::shared_ptr<const session_message> what;
};
/// There is, or there is no longer, a link with a node that the session asked about.
struct node_followed {
  std::string node;
  bool is_linked = false;
};
/// The client has logged in at another node: it is not this session's any more.
struct displace {
  std::string by;  ///< a node
};
/// What nodes had for the session is here.
struct session_fenced {
  std::uint64_t number = 0;         ///< as it was asked for
  std::vector<origin_cut> reached;  ///< `last`: of what they had
  std::vector<origin_cut> missing;  ///< nodes that are away, or have not answered
  bool is_slow = false;             ///< a node that is there has not
};
/// Another node has published the will, as it took this one for dead.
struct will_published {
  std::string client_id;
};
/// The client is to go to another node.
struct send_away {
  reason_code code = reason_code::use_another_server;
  std::string servers;  ///< as in `session::dismiss`; may be empty
};
/// To itself: a node has not said what it has of the session, or has not taken it.
struct move_timer {
  std::uint64_t number = 0;  ///< of the move, or of the offer
  bool is_of_offer = false;
  bool is_of_origins = false;  ///< or has not sent what it has for an end
};

}  // namespace troupe

TROUPE_LOCAL_MESSAGE(session_said)
TROUPE_LOCAL_MESSAGE(node_followed)
TROUPE_LOCAL_MESSAGE(displace)
TROUPE_LOCAL_MESSAGE(session_fenced)
TROUPE_LOCAL_MESSAGE(send_away)
TROUPE_LOCAL_MESSAGE(will_published)
TROUPE_LOCAL_MESSAGE(move_timer)
