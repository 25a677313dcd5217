#pragma once

#include "libbroker/message/message_block.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace troupe {

/// Messages that matched, in the order in which they are to be delivered;
/// immutable once handed out and shared by every subscriber with the same matches.
struct delivery final : ref_counted {

  std::vector<message_run> runs;
  std::uint32_t messages = 0;
  std::uint64_t bytes = 0;  ///< of wire forms
  std::uint64_t payload_bytes = 0;
  std::uint32_t largest = 0;          ///< wire form of a single message, in bytes
  bool has_acknowledged_qos = false;  ///< one of them was published with QoS 1 or 2
  bool has_retain = false;            ///< one of them was published with RETAIN 1
  bool expires = false;               ///< one of them has a message expiry interval
  bool mixed_versions = false;        ///< the blocks differ in protocol version

  /// Appends a message, to the last run where it is its next neighbour.
  void add(const message_block_ptr& block, std::uint32_t index);

  /// What it counts for where memory is bounded: wire forms, and something for each message.
  [[nodiscard]] std::size_t footprint() const noexcept { return bytes + messages * 64UL; }

  static void destroy(const delivery* object) noexcept { delete object; }
};
using delivery_ptr = intrusive_ptr<const delivery>;

/// How a subscription, or all subscriptions of one session that a message
/// matched, want it. Source: MQTT5 §3.3.4, §3.8.3.1.
struct delivery_options {
  troupe::qos maximum_qos = qos::at_most_once;  ///< highest granted
  bool retain_as_published = false;
  bool no_local = false;  ///< skip what this session published itself
  bool retained = false;  ///< comes from the retained store: goes out with RETAIN 1
  /// Subscription identifiers in ascending order; null for none.
  std::shared_ptr<const std::vector<std::uint32_t>> identifiers;
  /// The shared subscription, `$share/…`, that matched; null for another.
  std::shared_ptr<const std::string> share;
};

}  // namespace troupe
