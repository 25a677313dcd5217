#pragma once

#include "apps/troupe-bench/options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe::bench {

/// Someone who must get every message of some neighbouring streams: a
/// subscriber, or the members of a shared subscription together.
struct receiver_plan {
  std::uint32_t first_stream = 0;
  std::uint32_t stream_count = 1;
};

struct subscription_plan {
  std::string filter;
  std::uint32_t receiver = 0;  ///< index into `plan::receivers`
  bool deferred = false;       ///< subscribe not when connected but when told to
};

struct client_plan {
  std::string client_id;
  unsigned worker = 0;                   ///< the thread that serves it
  unsigned number = 0;                   ///< among those that subscribe, or those that do not
  std::vector<std::uint32_t> publishes;  ///< stream indices
  std::optional<subscription_plan> subscribes;
};

/// Who connects, who publishes and who must receive what.
struct plan {
  /// The topic of each stream. A stream is what one publisher numbers in one
  /// sequence, all on one topic.
  std::vector<std::string> topics;
  /// All clients of one receiver are served by the same thread.
  std::vector<receiver_plan> receivers;
  std::vector<client_plan> clients;
  bool retain = false;  ///< publish with the retain flag
  /// Nobody receives anything before everything is published.
  bool received_later = false;
};

/// What `wanted.scenario` stands for. REQUIRES: `complete(wanted)` was called.
[[nodiscard]] plan make_plan(const options& wanted);

}  // namespace troupe::bench
