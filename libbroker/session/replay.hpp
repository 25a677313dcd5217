#pragma once

#include "libbroker/message/delivery.hpp"
#include "libbroker/message/page_reader.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/replay_start.hpp"
#include "libbroker/session/session_effects.hpp"

#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// A `$replay/…` subscription: what the log has and what comes into it, read page by page as
/// the client takes it. It follows the log instead of being sent anything by shards, so
/// that between history and present nothing is missing or double.
struct replay {
  std::string text;    ///< as the client wrote it
  std::string filter;  ///< what topics are matched against
  replay_start start;
  subscription_options options;
  std::uint32_t identifier = 0;  ///< subscription identifier; 0 = none
  /// Everything at or below it was sent; nothing: not known yet where it begins.
  std::optional<log_offset> position;
  std::optional<log_offset> written;    ///< as `position`, what was last written down
  std::optional<request_number> asked;  ///< of the log
  request_number subscribing = 0;       ///< the SUBSCRIBE that waits for `position`
  std::vector<std::uint32_t> entries;   ///< which filters of that it is
  page_reader page;
  match_details_ptr details;            ///< of the messages of one run …
  const log_run* details_of = nullptr;  ///< … this one
};

}  // namespace troupe
