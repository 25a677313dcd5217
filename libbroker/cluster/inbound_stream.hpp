#pragma once

#include "libbroker/cluster/kept_node.hpp"
#include "libbroker/shard_requests.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace troupe {

/// What another node sends, from its frames to the blocks that shards are given and back, as a
/// state machine without I/O: which messages are new, how far frames are handled, and what is to
/// come again because the disk refused it.
///
/// Shards answer for blocks in the order in which they got them, and behind one that they refuse
/// they refuse all of the same attempt. So what a shard has taken of a frame is the frame's first
/// messages for it; when the rest comes again, those are left out. The caller serialises the
/// calls.
class inbound_stream {
public:
  explicit inbound_stream(std::uint32_t shards) : seen_(shards), taken_(shards), moved_(shards) {}

  /// Frames come from the node of this data directory. `earlier`: its marks of an earlier life,
  /// null for none; they count the first time.
  void comes_from(std::uint64_t home, const origin_marks* earlier);
  /// Frames so far are of a stream that does not go on.
  void begins_anew() noexcept;

  // -- frames. REQUIRES of these: !is_refusing(), and of the second ones: begin_frame

  void begin_frame(std::uint64_t sequence);
  /// Whether the frame came before, and was refused in part: what it says beside messages is done.
  [[nodiscard]] bool is_repeated() const noexcept { return is_repeated_; }
  /// Whether the frame's next message, which is the shard's, is to be routed; it is of the shard's
  /// next block then. `offset`: where it lies in the sender's log, 0 if it does not.
  [[nodiscard]] bool takes(std::string_view topic, log_offset offset, shard_index shard);
  struct block {
    std::uint32_t number = 0;
    std::uint32_t attempt = 0;
    std::shared_ptr<const origin_progress> progress;  ///< null: nothing of it was in that log
  };
  /// What the shard is given: what was taken for it since its last block.
  [[nodiscard]] block end_block(shard_index shard);
  /// What the shard is given of retained messages that were compared, which are not asked about
  /// with `takes`: one that is refused comes again with the next comparison.
  [[nodiscard]] block end_state_block(shard_index shard);

  // -- blocks

  /// The shard has, or has not, taken the block.
  void answered(std::uint32_t number, bool kept);
  /// Up to where frames of the present stream are handled that were not before; 0: none.
  [[nodiscard]] std::uint64_t take_handled() noexcept;
  /// Something was refused, and shards have not answered for everything yet.
  [[nodiscard]] bool is_refusing() const noexcept { return is_refusing_; }
  /// Returns whether it was refusing, and now all is answered: frames behind the last that is
  /// handled are to come again. To be called behind `take_handled`.
  [[nodiscard]] bool end_refusal();

private:
  using counts = std::vector<std::uint32_t>;  ///< of messages, by shard

  struct frame {
    std::uint64_t sequence = 0;  ///< 0: of an earlier stream
    std::uint32_t blocks = 0;    ///< that are not answered
    bool is_refused = false;     ///< in part
    counts handled;              ///< so many of the first messages are
  };
  struct open_block {
    std::uint32_t frame = 0;
    shard_index shard = 0;
    std::uint32_t end = 0;  ///< the frame's messages for the shard up to its last one; 0: of state
    bool is_answered = false;
    std::shared_ptr<const origin_progress> progress;
  };

  [[nodiscard]] block add_block(open_block&& made);
  [[nodiscard]] bool move_mark_on(std::string_view topic, log_offset offset, shard_index shard);
  void roll_back(const origin_progress& progress) noexcept;

  std::unordered_map<std::uint64_t, origin_marks> marks_;  ///< by home
  std::uint64_t home_ = 0;
  origin_marks* marks_of_home_ = nullptr;

  std::deque<frame> frames_;
  std::uint32_t first_frame_ = 0;  ///< number of frames_.front()
  std::deque<open_block> blocks_;
  std::uint32_t first_block_ = 0;  ///< number of blocks_.front()
  std::uint32_t attempt_ = 1;
  bool is_refusing_ = false;
  std::map<std::uint64_t, counts> repeats_;  ///< what was taken of frames that will come again

  // Of the present frame, by shard.
  bool is_repeated_ = false;
  counts seen_;
  counts taken_;                                         ///< at an earlier time
  std::vector<std::shared_ptr<origin_progress>> moved_;  ///< with the next block
};

}  // namespace troupe
