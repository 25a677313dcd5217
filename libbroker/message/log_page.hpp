#pragma once

#include "libbroker/message/message_block.hpp"
#include "libbroker/wall_clock.hpp"

#include <cstddef>
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
  clock_reading now;  ///< for the time at which messages were received
};

/// Messages of one record that were asked for.
struct log_run {
  std::string publisher;  ///< client identifier; empty = the broker
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

}  // namespace troupe
