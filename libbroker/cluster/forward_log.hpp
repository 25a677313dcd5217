#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/log_cursor.hpp"
#include "libbroker/log_interests.hpp"
#include "libbroker/message/delivery.hpp"
#include "libbroker/router/router.hpp"
#include "libbroker/shard_requests.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe {

/// What a `forward_log` wants done after it handled an input; the caller owns and reuses it,
/// carries everything out and calls `clear`.
struct forward_effects {
  intrusive_ptr<delivery> messages;  ///< for the node, in order; null: none
  bool has_caught_up = false;        ///< it is live, which shards are to hear before `requests`
  std::vector<shard_set_live> requests;
  std::optional<log_request> read_log;

  void clear() noexcept {
    messages = nullptr;
    has_caught_up = false;
    requests.clear();
    read_log.reset();
  }
};

/// How far a `forward_log` can go.
struct forward_bounds {
  log_offset head = 0;    ///< of the log
  bool has_room = false;  ///< the link takes messages
};

/// What another node gets of this node's log, as a state machine without I/O. While its link is
/// up and has room it is *live* like a session; what it missed is read from the log, so that a
/// partition of hours costs nothing but disk. Behind the cursor comes a second one: up to where
/// the node has handled it. From there it goes on when either side has crashed, and the node
/// leaves out what it has. Messages of QoS 0 pass through; others that are not in the log do as
/// soon as what came before them from their shard has, and wait here until then: shards put all
/// of QoS 1 and 2 into the log while the node is not live, so these are few. The caller serialises
/// the calls.
class forward_log {
public:
  /// For a node that was not known: `head` of the log is where it begins.
  forward_log(std::uint32_t shards, log_offset head);
  /// Of an earlier life; `handled`: as returned by that.
  forward_log(std::uint32_t shards, std::vector<log_offset> handled);

  /// What the node wants has changed. Of a filter that is new to it, it gets what lies above
  /// `head` of the log, which was read before shards forward for it.
  void change_route(const route_change& change, log_offset head);

  // -- the link

  /// `begins_anew`: the node has nothing but what it has handled.
  void link_up(bool begins_anew, const forward_bounds& now, forward_effects& effects);
  void link_down(forward_effects& effects);
  /// All messages so far are in frames up to `sequence`.
  void sent(std::uint64_t sequence);
  /// What was sent and not handled will not arrive, nor what waits here, and the next link begins
  /// anew. Returns how many messages waited.
  std::uint64_t stream_forgotten() noexcept;
  /// The node has handled the frames up to it.
  void handled(std::uint64_t sequence);

  // -- shards and the log

  /// Without room messages of QoS 0 are for the caller to drop. `after`: the last message of the
  /// log before these that the shard did not send.
  void deliver(const delivery& batch, shard_index from, log_offset after, const forward_bounds& now,
               forward_effects& effects);
  void deliveries_missed(shard_index from, const forward_bounds& now, forward_effects& effects);
  void live_set(shard_index from, request_number number, log_offset through,
                const forward_bounds& now, forward_effects& effects);
  void log_read(request_number number, log_page&& page, bool failed, const forward_bounds& now,
                forward_effects& effects);
  /// Goes on, if there is something to be sent or read and room for it.
  void follow(const forward_bounds& now, forward_effects& effects);
  /// Footprints of messages that are not in the log and wait.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }

  // -- what is kept

  /// Up to where the node has handled everything, by shard or partition.
  [[nodiscard]] const std::vector<log_offset>& handled_positions() const noexcept {
    return handled_;
  }
  /// What the node needs of the log at or below `head`, all of which has been handed out.
  [[nodiscard]] std::optional<log_interest> interest(log_offset head);
  [[nodiscard]] bool is_live() const noexcept { return cursor_.now() == log_cursor::phase::live; }

private:
  void add(const message_block_ptr& block, std::uint32_t index, forward_effects& effects);
  void deliver_logged(const message_block_ptr& block, std::uint32_t index, shard_index from,
                      bool has_room, forward_effects& effects);
  void wait(const message_block_ptr& block, std::uint32_t index, shard_index from);
  void pass_waiting(forward_effects& effects, log_offset reached = 0);
  void fall_behind(log_cursor::phase to, std::optional<shard_index> missed,
                   forward_effects& effects);
  void set_live(request_number number, bool live, forward_effects& effects);
  void become_live(forward_effects& effects);
  [[nodiscard]] bool is_wanted(const page_reader::message& message);
  [[nodiscard]] std::vector<std::string> filters() const;

  const std::uint32_t shards_;
  log_cursor cursor_;
  std::vector<log_offset> handled_;
  struct checkpoint {
    std::uint64_t sequence = 0;
    std::vector<log_offset> positions;
  };
  std::deque<checkpoint> checkpoints_;
  bool moved_ = false;    ///< since the last checkpoint
  bool skipped_ = false;  ///< likewise, what nobody has to handle
  /// What the node wants at QoS 1 and 2; subscription identifiers are places in `begins_`.
  router wanted_;
  subscriber_index node_ = 0;
  std::unordered_map<std::string, std::uint32_t> identifiers_;  ///< by filter
  std::vector<log_offset> begins_;  ///< messages above it are wanted of the filter
  std::vector<std::uint32_t> free_identifiers_;
  /// Messages of a shard that are not in the log, behind the last one before them that is.
  struct unlogged {
    log_offset after = 0;
    intrusive_ptr<delivery> messages;
  };
  std::vector<std::deque<unlogged>> waiting_;  ///< by shard
  std::size_t waiting_bytes_ = 0;
  /// By shard: what it sends now lies behind this one, which may be another shard's.
  std::vector<log_offset> last_seen_;
  request_number last_request_ = 0;
  // The block of the page that was looked at last, and which of its messages are wanted.
  message_block_ptr looked_at_;
  std::vector<std::uint32_t> wanted_in_it_;
};

}  // namespace troupe
