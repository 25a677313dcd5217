#pragma once

#include "libbroker/inspection/inspection_wire.hpp"

#include <cstdint>
#include <string_view>

namespace troupe {

/// Makes one page of a long list that is looked at once, in any order: keeps no more than the page
/// has.
class actor_ranking {
public:
  explicit actor_ranking(const list_actors& wanted);

  /// One of the list. `seen.kind` and `seen.name` are empty, and stand for themselves otherwise.
  void offer(const actor_row& seen, std::string_view kind, std::string_view name);
  /// To be called once, behind all of them.
  [[nodiscard]] actor_page take();

private:
  [[nodiscard]] bool is_first(const actor_row& left, const actor_row& right) const noexcept;

  const list_actors wanted_;
  const std::size_t limit_;
  actor_page page_;  ///< a heap, the last one on top
  std::uint64_t behind_ = 0;
};

}  // namespace troupe
