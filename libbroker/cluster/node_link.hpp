#pragma once

#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/cluster/link_packet.hpp"
#include "libbroker/message/message_block.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace troupe {

/// The session that the packet of an open link belongs to; nothing for another packet.
[[nodiscard]] std::optional<std::uint64_t> session_of(const link_packet& packet) noexcept;

struct link_settings {
  std::chrono::milliseconds heartbeat{500};  ///< something is sent at least so often
  std::uint32_t missed_heartbeats = 5;       ///< so many in a row: the link is lost
  std::size_t credit = 16UL << 20;           ///< bytes of frames sent and not handled
};

/// What a link wants done after it handled an input; the caller owns and reuses it, carries
/// everything out and calls `clear`.
struct link_effects {
  struct arrival {
    std::uint64_t sequence = 0;
    frame_ptr frame;
  };

  std::vector<link_packet> packets;  ///< for the other side, in order
  /// Frames of the other side, in order, none twice; say `handled` when that is done.
  std::vector<arrival> frames;
  bool is_up = false;  ///< it just came up
  /// As it came up: the other side does not know this stream (any more). What was sent and not
  /// handled is forgotten, and what the other side has to know is to be sent from the start.
  bool begins_anew = false;
  /// As it came up: the other side's stream is a new one.
  bool other_begins_anew = false;
  std::optional<std::string_view> lost;  ///< it just went down, and why

  void clear() noexcept {
    packets.clear();
    frames.clear();
    is_up = begins_anew = other_begins_anew = false;
    lost.reset();
  }
};

/// One end of the link between two nodes, as a state machine without I/O: an ordered stream of
/// frames each way, none lost and none twice, whatever becomes of the connections underneath, as
/// long as both ends live. Heartbeats tell that the other side does; credit bounds what it has
/// not handled yet. The caller serialises the calls.
///
/// A connection is opened with the keys of a handshake. Each side then says how much of the
/// other's stream it has (*resume*), the initiator first, and gets the rest. A connection carries
/// packets in order or breaks; every packet has a seal and a counter.
class node_link {
public:
  enum class phase : std::uint8_t {
    down,
    opening,  ///< the other side has not said how much it has
    up
  };

  /// `stream`: not 0, and of no other link that the other side may remember.
  node_link(std::uint64_t stream, const link_settings& settings)
      : settings_(settings), stream_(stream) {}

  [[nodiscard]] phase now() const noexcept { return phase_; }
  /// The number of the connection; 0: there is none.
  [[nodiscard]] std::uint64_t session() const noexcept {
    return phase_ == phase::down ? 0 : session_.id;
  }

  // -- connections

  /// The last one. REQUIRES: now() != down.
  [[nodiscard]] const link_session& connection() const noexcept { return session_; }

  /// Uses a new connection instead of the one there is, if any.
  void open(const link_session& session, time_point now, link_effects& effects);
  /// The connection is gone. What was sent is kept, for the next one.
  void disconnected() noexcept { phase_ = phase::down; }
  /// Ends the connection, forgets what was sent and not handled, and goes on with a new stream.
  /// REQUIRES: `stream`: as for the constructor; the other side is told everything anew when the
  /// link comes up.
  void begin_anew(std::uint64_t stream) noexcept;

  // -- sending

  /// Sends it, or will when the link is up. REQUIRES: not empty.
  void send(frame_ptr frame, time_point now, link_effects& effects);
  /// Whether more may be sent that could wait elsewhere.
  [[nodiscard]] bool has_credit() const noexcept { return unhandled_bytes_ < settings_.credit; }
  [[nodiscard]] std::size_t unhandled_bytes() const noexcept { return unhandled_bytes_; }
  /// Of the last frame sent. The first one is 1; begins again at 0 with `begins_anew`.
  [[nodiscard]] std::uint64_t last_sent() const noexcept { return last_sent_; }
  /// The other side has handled all frames up to it.
  [[nodiscard]] std::uint64_t handled_by_other() const noexcept {
    return last_sent_ - unhandled_.size();
  }

  // -- receiving

  void receive(const link_packet& packet, time_point now, link_effects& effects);
  /// Ends the connection; the other side is to say everything anew, over the next one. What has
  /// arrived may be reported with `handled` until then, to no effect.
  /// REQUIRES: the caller forgets what the other side has said, or knows it for done.
  void refuse_stream() noexcept;
  /// What arrived behind the last frame that is handled was not taken, and is to come again over
  /// the next connection. REQUIRES: now() == down.
  void take_again() noexcept;
  /// Everything up to the frame is done: the other side may forget it. REQUIRES: the frame is of
  /// the other side's present stream.
  void handled(std::uint64_t sequence, time_point now, link_effects& effects);

  // -- time

  void tick(time_point now, link_effects& effects);
  /// When to call `tick` at the latest; nothing while the link is down.
  [[nodiscard]] std::optional<time_point> deadline() const noexcept;

private:
  enum class word : std::uint8_t {
    resume = 1,
    data = 2
  };

  void lose(std::string_view why, link_effects& effects) noexcept;
  template <class Append>
  void transmit(frame_ptr frame, time_point now, link_effects& effects, Append append);
  void transmit_resume(time_point now, link_effects& effects);
  void transmit_data(std::uint64_t sequence, frame_ptr frame, time_point now,
                     link_effects& effects);
  /// What a packet says behind its seal and counter; nothing if it is not a right one.
  [[nodiscard]] std::optional<std::string_view> unseal(const link_packet& packet) noexcept;
  void forget_unhandled() noexcept;
  void take_resume(std::string_view said, time_point now, link_effects& effects);
  void take_data(std::string_view said, frame_ptr frame, link_effects& effects);
  [[nodiscard]] bool forget_handled(std::uint64_t up_to) noexcept;

  link_settings settings_;
  std::uint64_t stream_;
  phase phase_ = phase::down;
  link_session session_;
  std::uint64_t packets_sent_ = 0;  ///< over the connection
  std::uint64_t packets_received_ = 0;
  time_point last_transmitted_{};
  time_point last_heard_{};

  std::deque<frame_ptr> unhandled_;  ///< sent, in order, the last with `last_sent_`
  std::size_t unhandled_bytes_ = 0;
  std::uint64_t last_sent_ = 0;
  bool was_up_ = false;  ///< with this stream

  std::uint64_t other_stream_ = 0;  ///< 0: none known
  std::uint64_t received_ = 0;      ///< of it
  std::uint64_t handled_ = 0;
  std::size_t untold_bytes_ = 0;  ///< arrived since the other side was told what is handled
  std::optional<time_point> tell_by_;
};

}  // namespace troupe
