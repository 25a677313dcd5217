#pragma once

#include "libbroker/message/message_queue.hpp"
#include "libbroker/message/page_reader.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/shard_requests.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

namespace troupe {

/// How far a session or share group that outlives the process has come in the log: cursors
/// instead of a queue. While it is *live*, shards send it what they route. When its client or
/// its members cannot take more, or are away, they send nothing; what it missed it reads from the
/// log, page by page as it is taken, and is live again without a gap and without a message twice:
///
///     away     nobody is there
///     reading  pages of the log, up to its head
///     joining  asks shards to send again, and learns up to where they have not
///     closing  reads that, too; what shards send meanwhile is held
///     live
class log_cursor {
public:
  enum class phase : std::uint8_t {
    away,
    reading,
    joining,
    closing,
    live
  };

  /// Of a new session: `head` of the log is where it begins.
  log_cursor(std::uint32_t shards, log_offset head);
  /// Of an earlier life. `positions`: as `positions` returned them.
  log_cursor(std::uint32_t shards, const std::vector<log_offset>& positions);

  [[nodiscard]] phase now() const noexcept { return phase_; }
  /// Whether shards are to send what is in the log.
  [[nodiscard]] bool wants_live() const noexcept { return phase_ >= phase::joining; }

  // -- what shards send

  enum class verdict : std::uint8_t {
    take,  ///< for the client; then say `taken`
    hold,  ///< not its turn yet: say `held`
    leave  ///< it was, or will be, read
  };
  [[nodiscard]] verdict arrives(shard_index from, log_offset offset) noexcept;
  /// Something of the shard's did not arrive.
  void missed(shard_index from) noexcept { places_[from].is_final = true; }
  void taken(shard_index from, log_offset offset) noexcept { places_[from].taken = offset; }
  /// Everything of the shard's that matched up to it was taken. `reached`: up to there the log was
  /// read, of whatever shard.
  [[nodiscard]] log_offset taken_of(shard_index from, log_offset reached = 0) const noexcept {
    const place& at = places_[from];
    return std::max(at.taken, phase_ == phase::closing ? std::min(reached, at.through) : reached);
  }
  /// What was taken of the topic's shard from `offset` on is to be taken again.
  /// REQUIRES: !wants_live().
  void set_back(std::string_view topic, log_offset offset) noexcept;
  /// Everything above `earlier`, as `positions` returned it, is to be taken again.
  /// REQUIRES: !wants_live().
  void go_back_to(const std::vector<log_offset>& earlier);
  /// What arrived while the cursor was closing; to be taken when it is live.
  [[nodiscard]] message_queue& held() noexcept { return held_; }

  // -- changes of phase, with the number of the request to all shards that it takes

  /// Shards are to send nothing (any more). `to`: away or reading. `missed`: the shard whose
  /// message could not be taken; nothing if all that arrived was. Nothing is returned if
  /// they know.
  [[nodiscard]] std::optional<request_number> leave(phase to, std::optional<shard_index> missed);
  /// The client is back. REQUIRES: now() == away.
  void read_on() noexcept { phase_ = phase::reading; }
  /// REQUIRES: now() == reading.
  [[nodiscard]] request_number join();
  /// A shard answers. Returns whether all have.
  bool answered(shard_index from, request_number number, log_offset through) noexcept;
  /// REQUIRES: now() == closing, everything up to `end` is read.
  void become_live() noexcept { phase_ = phase::live; }

  // -- reading

  /// Whether the next page may be asked for.
  [[nodiscard]] bool may_read() const noexcept {
    return waiting_ == 0 && !asked_ && (phase_ == phase::reading || phase_ == phase::closing);
  }
  /// Where reading goes on. REQUIRES: may_read().
  [[nodiscard]] log_offset position() noexcept;
  /// Where it ends; `head`: of the log, which counts before the cursor is closing.
  [[nodiscard]] log_offset end(log_offset head) const noexcept;
  enum class step : std::uint8_t {
    read,        ///< the next page, up to `end`; then say `asked`
    join,        ///< say `join`, and have the shards send again
    become_live  ///< say `become_live`, and take what is held
  };
  /// What to do when nothing is left of a page. REQUIRES: may_read(), `end`: as returned.
  [[nodiscard]] step next_step(log_offset end) noexcept;
  /// There is nothing to be read up to `offset`, or it was all sent.
  void skip_to(log_offset offset) noexcept;

  /// A page was asked for that ends at `up_to`.
  void asked(request_number number, log_offset up_to) noexcept {
    asked_ = number;
    asked_offsets_.clear();
    page_end_ = up_to;
  }
  /// Single messages were.
  void asked(request_number number, std::vector<log_offset>&& offsets) noexcept {
    asked_ = number;
    asked_offsets_ = std::move(offsets);
  }
  [[nodiscard]] const std::vector<log_offset>& asked_offsets() const noexcept {
    return asked_offsets_;
  }
  [[nodiscard]] bool is_asked() const noexcept { return asked_.has_value(); }
  /// Whether this is the answer that was waited for.
  [[nodiscard]] bool is_answer(request_number number) noexcept;
  void take_page(log_page&& page) noexcept { page_.take(std::move(page)); }

  /// The next message of the page that the client has not got; nothing if there is none.
  [[nodiscard]] std::optional<page_reader::message> next();
  /// It was taken, or the client is not to have it. REQUIRES: next().
  void pop() noexcept;

  // -- what is kept

  /// Up to where everything that matched was taken, by shard or partition.
  [[nodiscard]] std::vector<log_offset> positions() const;

private:
  struct place {
    log_offset taken = 0;    ///< everything that matched up to it went to the client
    log_offset through = 0;  ///< what the shard sends lies above it; counts if `live`
    bool live = false;
    /// The shard's answer does not move `taken` on: it has come, or something was missed.
    bool is_final = true;
  };

  [[nodiscard]] bool is_new(log_offset offset, std::string_view topic) const noexcept;

  phase phase_ = phase::live;
  std::vector<place> places_;  ///< by shard
  /// While the log is read again that was read in an earlier life with another number of
  /// shards: how far it was, by partition.
  std::vector<log_offset> earlier_;
  request_number request_ = 0;  ///< the last to all shards
  std::uint32_t waiting_ = 0;   ///< shards that have not answered it
  std::optional<request_number> asked_;
  std::vector<log_offset> asked_offsets_;
  log_offset page_end_ = 0;
  /// The last page reached the head that the log had when it was asked for: what came since is
  /// little.
  bool is_near_head_ = false;
  std::optional<log_offset> position_;
  page_reader page_;
  message_queue held_;
};

}  // namespace troupe
