#pragma once

#include "libbroker/message/log_page.hpp"
#include "persistence/offset_log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace troupe {

/// The node's messages in the order of their offsets: the reading side. Any number of
/// threads, beside one that writes.
class log_reader {
public:
  explicit log_reader(const database& store) : store_(&store) {}

  /// The message at `offset`; nothing if there is none (any more), or only a damaged one.
  [[nodiscard]] storage_result<std::optional<log_run>> get(log_offset offset,
                                                           const clock_reading& now = {}) const;

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
