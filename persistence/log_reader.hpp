#pragma once

#include "libbroker/message/message_block.hpp"
#include "persistence/offset_log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// What to read from the log.
struct log_query {
  std::vector<std::string> filters;  ///< without `$share/…`; empty = everything
  log_offset after = 0;              ///< reads what lies above
  log_offset up_to = 0;              ///< and at or below
  std::size_t most_messages = 1000;
  std::size_t most_bytes = 256UL << 10;
  /// Records that are looked at before the reader hands back what it has.
  std::size_t most_records = 4096;
};

/// Messages of one record that were asked for.
struct log_run {
  std::string publisher;
  wall_time received_at{};
  message_block_ptr block;  ///< each message with its offset
};

struct log_page {
  std::vector<log_run> runs;  ///< in the order of their offsets
  /// Everything up to it was looked at: where the next query goes on after. Reaches
  /// `up_to` when there is nothing more.
  log_offset reached = 0;
  std::size_t messages = 0;
  std::size_t records = 0;          ///< looked at
  std::size_t damaged_records = 0;  ///< looked at and left out
};

/// The node's messages in the order of their offsets: the reading side. Any number of
/// threads, beside one that writes.
class log_reader {
public:
  explicit log_reader(const database& store) : store_(&store) {}

  /// The message at `offset`; nothing if there is none (any more), or only a damaged one.
  [[nodiscard]] storage_result<std::optional<log_run>> get(log_offset offset) const;

  /// The messages that match, each once. A few filters without wildcards are looked up
  /// by topic; else the log is read in order.
  [[nodiscard]] storage_result<log_page> read(const log_query& what) const;

private:
  [[nodiscard]] storage_result<log_page> read_in_order(const log_query& what) const;
  [[nodiscard]] storage_result<log_page> read_by_topic(const log_query& what,
                                                       const std::vector<topic_id>& topics) const;
  [[nodiscard]] storage_result<std::vector<topic_id>>
  numbers_of(const std::vector<std::string>& topics) const;

  const database* store_;
};

}  // namespace troupe
