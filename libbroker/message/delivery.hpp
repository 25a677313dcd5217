#pragma once

#include "libbroker/message/message_block.hpp"

#include <cstdint>
#include <span>
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
  bool all_logged = true;             ///< each of them has QoS 1 or 2 and is in the log
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

/// What is to be remembered of the subscriptions that a message matched; few have any.
struct match_details final : ref_counted {
  std::vector<std::uint32_t> identifiers;  ///< of the subscriptions, ascending
  std::string share;      ///< the shared subscription, `$share/…`; empty for another
  std::string timestamp;  ///< of a replay: when the broker received the message; else empty

  static void destroy(const match_details* object) noexcept { delete object; }
};
using match_details_ptr = intrusive_ptr<const match_details>;

[[nodiscard]] match_details_ptr make_match_details(std::vector<std::uint32_t> identifiers,
                                                   std::string share = {},
                                                   std::string timestamp = {});

/// A view of the details' identifiers; `details` may be null.
[[nodiscard]] inline std::span<const std::uint32_t>
identifiers_of(const match_details_ptr& details) noexcept {
  return details ? std::span<const std::uint32_t>(details->identifiers)
                 : std::span<const std::uint32_t>();
}

/// A view of the details' timestamp; `details` may be null.
[[nodiscard]] inline std::string_view timestamp_of(const match_details_ptr& details) noexcept {
  return details ? std::string_view(details->timestamp) : std::string_view();
}

/// Whether the messages are a share group's, which others may get when this session ends.
[[nodiscard]] inline bool is_shared(const match_details_ptr& details) noexcept {
  return details && !details->share.empty();
}

/// How a subscription, or all subscriptions of one session that a message
/// matched, want it. Source: MQTT5 §3.3.4, §3.8.3.1.
struct delivery_options {
  troupe::qos maximum_qos = qos::at_most_once;  ///< highest granted
  bool retain_as_published = false;
  bool no_local = false;      ///< skip what this session published itself
  bool retained = false;      ///< comes from the retained store: goes out with RETAIN 1
  bool replayed = false;      ///< read from the log for a `$replay/` subscription
  bool tracked = false;       ///< a share group wants to know what becomes of each message
  match_details_ptr details;  ///< null: neither identifiers nor a share group
};

/// How a session wants a message that several of its subscriptions matched: once, at the
/// highest granted QoS [MQTT5-3.3.4-2], [MQTT311-3.3.5-1], with all identifiers
/// [MQTT5-3.3.4-3], [MQTT5-3.3.4-4].
class combined_options {
public:
  /// `identifier`: 0 = none.
  void add(const subscription_options& one, std::uint32_t identifier);
  [[nodiscard]] bool empty() const noexcept { return is_empty_; }
  [[nodiscard]] delivery_options take();

private:
  delivery_options combined_;
  std::vector<std::uint32_t> identifiers_;
  bool is_empty_ = true;
};

}  // namespace troupe
