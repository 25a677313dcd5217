#pragma once

#include "libbroker/cluster/kept_node.hpp"
#include "persistence/database.hpp"

#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>

namespace troupe {

/// What is kept of other nodes. Stages into a database whose owner commits; one thread.
class node_table {
public:
  explicit node_table(database& store) : store_(store) {}

  void apply(const node_write& change);
  void move_on(const origin_progress& progress);

  struct figures {
    std::size_t nodes = 0;
    std::size_t damaged = 0;  ///< parts that were left out
  };
  /// Hands out all nodes that were committed and stages the removal of damaged parts.
  [[nodiscard]] figures load(const std::function<void(kept_node&&)>& take);
  /// By home of the node.
  [[nodiscard]] std::unordered_map<std::uint64_t, origin_marks> load_marks() const;

private:
  database& store_;
};

/// Whether `value` under `key`, one of another node's, can be read.
[[nodiscard]] bool is_whole_node_part(std::string_view key, std::string_view value);

}  // namespace troupe
