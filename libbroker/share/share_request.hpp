#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/message/message_block.hpp"
#include "libbroker/shard_requests.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// What sessions tell the group of a shared subscription. Source: MQTT5 §4.8.2.
namespace troupe {

/// A member subscribes, or does so again with other options.
struct share_join {
  request_number number = 0;  ///< 0: nobody waits for it
  std::uint32_t epoch = 0;    ///< of the session, when the client asked
  subscription_options options;
  std::uint32_t identifier = 0;  ///< subscription identifier; 0 = none
  std::uint32_t room = 0;        ///< as in `share_room`
  bool lasting = false;          ///< its session outlives the process
};

struct share_leave {
  request_number number = 0;  ///< 0: nobody waits for it
};

/// How many messages of the log a member takes at a time; 0: its client is away.
struct share_room {
  std::uint32_t room = 0;
};

/// What became of messages of the log that were handed to a session.
struct share_report {
  request_number number = 0;         ///< wants to be told when `done` is on the disk; 0: does not
  bool is_away = false;              ///< the session's client is; word of that may come later
  std::vector<log_offset> done;      ///< no other member may get them
  std::vector<log_offset> returned;  ///< others are to get them, for the client is away
  std::vector<log_offset> held;      ///< of an earlier life: they are still on their way
};

/// Messages that are not in the log and that the session cannot deliver any more.
struct share_return {
  message_block_ptr block;
};

using share_request = std::variant<share_join, share_leave, share_room, share_report, share_return>;

struct share_call {
  std::string share;  ///< `$share/…`
  share_request what;
};

}  // namespace troupe
