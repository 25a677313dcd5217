#pragma once

#include "libbroker/session/moved_session.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// What nodes say to each other about one client's session: how it moves, and the relay to what
/// it left behind. Bytes: docs/cluster_wire.md.
struct session_message {
  enum class verb : std::uint8_t {
    take = 1,          ///< the client is here: what is its session? `number`: of the move
    state = 2,         ///< the answer; without `state`: there is none
    hand_over = 3,     ///< we go on with it; what is left there becomes the end `number`
    open = 4,          ///< a relay to the end `number`, on `terms`
    output = 5,        ///< `bytes` for the client, from the end
    input = 6,         ///< `bytes` of the client, acknowledgements, to the end
    took = 7,          ///< `count` more bytes of output are on their way to the client
    close = 8,         ///< the relay is over
    nothing_left = 9,  ///< the end is consumed, or there is none
    discard = 10,      ///< the end, or for number 0 the session, is not wanted any more
    offer = 11,        ///< we have a session of this client, from before it came to you
    keep = 12,         ///< the end is still wanted, as long as the link is up
    unwanted = 13,     ///< answers an offer: there is no session of the client here
    more = 14          ///< nothing was left of the end for now: there is something again
  };
  verb what = verb::take;
  std::string client_id;
  /// Of the move, and of the end that it leaves: the stamp of a claim, or a later one.
  std::uint64_t number = 0;
  std::uint64_t relay = 0;  ///< of `open` to `close`
  std::optional<moved_session> state{};
  relay_terms terms{};
  std::string bytes{};
  std::uint64_t count = 0;  ///< of `took`; of `discard` the claim of whoever does not want it
  /// Of `hand_over` and `keep`: up to where of each node it is the end's.
  std::vector<origin_cut> cuts{};
  bool is_late = false;  ///< of `nothing_left`: nodes are away that may have more
};

/// Whether it is about an end, not the session itself.
[[nodiscard]] bool is_for_end(const session_message& message) noexcept;

[[nodiscard]] std::string encode(const session_message& message);
/// Nothing for what is malformed, or of a later version.
[[nodiscard]] std::optional<session_message> decode_session_message(std::string_view content);

}  // namespace troupe
