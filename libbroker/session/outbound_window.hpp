#pragma once

#include "libbroker/message/delivery.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace troupe {

/// The QoS 1 and 2 messages that were sent to a client and are not completed,
/// by packet identifier. Of the free identifiers the one that was freed first is
/// handed out first; new ones only when none is free. Source: MQTT5 §4.3, §4.4, §4.9.
class outbound_window {
public:
  enum class stage : std::uint8_t {
    free,
    /// PUBLISH sent; PUBACK or PUBREC is due [MQTT5-4.3.2-3], [MQTT5-4.3.3-3].
    published,
    released,  ///< PUBREL sent; PUBCOMP is due, and the message is gone
    /// The exchange is over; a share group has not written it down yet.
    finished
  };

  struct message {
    /// Null: the message is to be read from the log first.
    message_block_ptr block;
    log_offset offset = 0;      ///< in the log; 0: not there
    match_details_ptr details;  ///< as in `delivery_options`
    std::uint32_t index = 0;    ///< in `block`
    std::uint32_t order = 0;    ///< rises with each message; for resending
    outbound_window::stage stage = stage::free;
    troupe::qos qos = qos::at_least_once;
    packet_id next_free = 0;  ///< counts if `stage` is free
    bool retain : 1 = false;
    bool replayed : 1 = false;     ///< as in `delivery_options`
    bool tracked : 1 = false;      ///< as in `delivery_options`, and not reported yet
    bool unconfirmed : 1 = false;  ///< reported at QoS 2; the group has not written it down yet
    bool was_sent : 1 = false;     ///< perhaps: what is sent again has DUP 1
    bool charged : 1 = false;      ///< sent over this connection: takes part of the send quota
  };

  /// Number of messages not completed.
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

  struct place {
    packet_id id;
    message& sent;
  };
  /// Makes room for a message that is sent now: its identifier and an entry for the
  /// caller to fill in, which lives until the window is changed. REQUIRES: size() < 65535.
  [[nodiscard]] place add();

  /// The message with identifier `id`, or null when there is none in flight.
  /// Lives until the window is changed.
  [[nodiscard]] message* find(packet_id id) noexcept {
    if (id == 0 || id > messages_.size()) return nullptr;
    message& found = messages_[id - 1U];
    return found.stage == stage::free ? nullptr : &found;
  }

  /// Calls `visit` with each message in flight.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const message& each : messages_)
      if (each.stage != stage::free) visit(each);
  }

  /// Ends the exchange. REQUIRES: find(id) != nullptr.
  void complete(packet_id id) noexcept;

  /// The identifiers in flight in the order in which they were first sent
  /// [MQTT5-4.6.0-1].
  [[nodiscard]] std::vector<packet_id> in_order() const;

  /// Makes each message the only one that its block keeps alive.
  void detach_blocks();
  /// Lets go of the messages that can be read from the log.
  void leave_to_log() noexcept;

  /// Puts back what was in flight in an earlier life, in the order in which it was sent.
  /// REQUIRES: empty, identifiers differ and are not 0.
  void restore(const std::vector<std::pair<packet_id, message>>& earlier);

  void clear() noexcept;

private:
  std::vector<message> messages_;  // identifier i lies at i - 1
  packet_id first_free_ = 0;
  packet_id last_free_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t order_ = 0;
};

}  // namespace troupe
