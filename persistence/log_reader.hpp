#pragma once

#include "libbroker/log_interests.hpp"
#include "libbroker/message/log_page.hpp"
#include "libbroker/replay_start.hpp"
#include "persistence/log_streams.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace troupe {

/// The node's messages in the order of their offsets: the reading side. Any number of
/// threads, beside one that writes.
class log_reader {
public:
  /// `store` and `streams` outlive the reader.
  log_reader(const database& store, const log_streams& streams)
      : store_(&store), streams_(&streams) {}

  /// The message at `offset`; nothing if there is none (any more), or only a damaged one.
  [[nodiscard]] storage_result<std::optional<log_run>> get(log_offset offset,
                                                           const clock_reading& now = {}) const;

  /// The messages that match, each once. A few filters without wildcards are looked up
  /// by topic; else the log is read in order.
  [[nodiscard]] storage_result<log_page> read(const log_query& what) const;

  /// Where a replay of `filters` begins.
  struct beginning {
    log_offset after = 0;   ///< what is wanted lies above
    log_offset oldest = 0;  ///< nothing at or below it is left
  };
  [[nodiscard]] storage_result<beginning>
  find(const replay_start& start, std::span<const std::string> filters, wall_time now) const;

  /// Records of the common part above `after` and up to `up_to` of which nothing is needed.
  struct unneeded {
    std::vector<log_offset> records;  ///< the last offset of each
    log_offset reached = 0;           ///< everything up to it was looked at
  };
  [[nodiscard]] storage_result<unneeded> find_unneeded(log_offset after, log_offset up_to,
                                                       needed_topics& needed) const;

private:
  [[nodiscard]] storage_result<log_page> read_in_order(const log_query& what) const;
  [[nodiscard]] storage_result<log_page> read_by_topic(const log_query& what,
                                                       const std::vector<topic_id>& topics) const;
  [[nodiscard]] storage_result<std::vector<topic_id>>
  numbers_of(const std::vector<std::string>& topics) const;

  struct moment {
    std::optional<log_offset> first;  ///< received at or after it
    log_offset last = 0;              ///< of the part; 0: nothing is left
  };
  [[nodiscard]] storage_result<moment> find(wall_time time, stream_number part) const;

  const database* store_;
  const log_streams* streams_;
};

}  // namespace troupe
