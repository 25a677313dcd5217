#pragma once

#include "libbroker/message/delivery.hpp"
#include "libbroker/router/filter_entry.hpp"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Messages that one subscription of a session matched.
struct subscription_match {
  const delivery* messages = nullptr;
  const subscription* by = nullptr;
};

/// Which of the blocks that are routed together comes first, which second.
using block_positions = std::unordered_map<const message_block*, std::uint32_t>;

/// Messages that go to a session in the same way.
struct merged_delivery {
  delivery_ptr messages;
  delivery_options options;
};

/// Merges what several subscriptions of the session number `session` matched:
/// each message once, at the highest granted QoS and with all identifiers
/// [MQTT5-3.3.4-2], [MQTT5-3.3.4-3], in the order of `blocks`, which has all of them. A no-local
/// subscription does not match what the session published itself [MQTT5-3.8.3-3].
[[nodiscard]] std::vector<merged_delivery>
merge_matches(std::span<const subscription_match> matches, const block_positions& blocks,
              std::uint64_t session);

/// The options of a delivery that only `by` matched.
[[nodiscard]] delivery_options options_of(const subscription& by);

}  // namespace troupe
