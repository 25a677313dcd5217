#pragma once

#include "libbroker/share/kept_share.hpp"
#include "persistence/database.hpp"

#include <functional>
#include <string_view>

namespace troupe {

/// What is kept of share groups. Stages into a database whose owner commits; one thread.
class share_table {
public:
  explicit share_table(database& store) : store_(store) {}

  void keep(const kept_share& group);
  void remove(std::string_view share);

  struct figures {
    std::size_t groups = 0;
    std::size_t damaged = 0;  ///< that were left out
  };
  /// Hands out all that were committed and stages the removal of damaged ones.
  [[nodiscard]] figures load(const std::function<void(kept_share&&)>& take);

private:
  database& store_;
};

/// Whether `value` under `key`, one of a share group's, can be read.
[[nodiscard]] bool is_whole_share(std::string_view key, std::string_view value);

}  // namespace troupe
