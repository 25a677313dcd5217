#pragma once

#include "libbroker/message/message_block.hpp"
#include "libbroker/wall_clock.hpp"
#include "persistence/database.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace troupe {

/// The retained message of each topic, whole, and which topics were cleared. Stages into a database
/// whose owner commits; one thread.
class retained_table {
public:
  explicit retained_table(database& store) : store_(store) {}

  /// Stages message `index` of `block` as the retained one of its topic. Without payload: what
  /// says that the topic was cleared.
  void keep(const message_block& block, std::uint32_t index, const clock_reading& now);
  /// Stages that the topic has none.
  void remove(std::string_view topic);

  struct figures {
    std::size_t messages = 0;
    std::size_t cleared = 0;  ///< topics that are known to have none
    std::size_t expired = 0;  ///< staged to go, or to count as cleared
    std::size_t damaged = 0;  ///< left out
  };
  /// Hands out all that were committed, each alone in its block; those that say that a topic was
  /// cleared, too, unless that is long ago.
  [[nodiscard]] figures load(const clock_reading& now,
                             const std::function<void(message_block_ptr)>& take);

private:
  database& store_;
  std::string record_;  // scratch
};

}  // namespace troupe
