#pragma once

#include "libbroker/message/message_block.hpp"
#include "libbroker/statistics/sys_topics.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// What one node tells the others of itself. Bytes: docs/cluster_wire.md.
struct figures_record {
  std::chrono::milliseconds interval{0};                       ///< the next one follows in so long
  std::vector<std::pair<std::string, std::uint64_t>> figures;  ///< by topic, without the root
};

[[nodiscard]] std::string encode(const figures_record& record);
/// Nothing for what is malformed.
[[nodiscard]] std::optional<figures_record> decode_figures(std::string_view content);

/// Sums up the figures of the nodes of a cluster: `$SYS/broker/cluster/total/…`. What a node said
/// counts until it has missed three times to say it again.
class cluster_totals {
public:
  void heard(std::string_view node, figures_record&& record, time_point now);
  /// `own`: of this node, which says what there are topics for.
  [[nodiscard]] std::vector<sys_message> render(const figures_record& own, time_point now);

private:
  struct entry {
    figures_record record;
    time_point until{};
  };
  std::map<std::string, entry, std::less<>> nodes_;
};

}  // namespace troupe
