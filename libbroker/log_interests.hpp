#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/text_hash.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace troupe {

/// What one session still needs of the log.
struct log_interest {
  std::vector<std::string> filters;  ///< messages that one of them matches, …
  log_offset after = 0;              ///< … above it
  std::vector<log_offset> pinned;    ///< and these, which are in flight
};

/// What all sessions still need of it.
class log_interests {
public:
  void add(const log_interest& one);
  void add(const log_interests& others);

  /// Nothing at or below it is needed; at most `head`.
  [[nodiscard]] log_offset passed(log_offset head) const noexcept;
  [[nodiscard]] bool is_pinned(log_offset offset) const { return pinned_.contains(offset); }
  /// Nothing at or below it is pinned; at most `head`.
  [[nodiscard]] log_offset unpinned(log_offset head) const noexcept;

private:
  friend class needed_topics;

  std::unordered_map<std::string, log_offset> after_;  ///< by filter
  std::unordered_set<log_offset> pinned_;
};

/// Says message by message what is needed.
class needed_topics {
public:
  explicit needed_topics(std::shared_ptr<const log_interests> all);

  [[nodiscard]] const std::shared_ptr<const log_interests>& all() const noexcept { return all_; }

  [[nodiscard]] bool needs(std::string_view topic, log_offset offset);
  [[nodiscard]] bool is_pinned(log_offset offset) const { return all_->is_pinned(offset); }

private:
  [[nodiscard]] log_offset lowest_after(std::string_view topic) const;

  std::shared_ptr<const log_interests> all_;
  /// Filters with wildcards, by the levels before the first one.
  std::unordered_map<std::string_view, std::vector<std::pair<std::string_view, log_offset>>>
      wildcards_;
  /// Above which offset a topic is needed, as far as there is room.
  std::unordered_map<std::string, log_offset, text_hash, std::equal_to<>> known_;
};

}  // namespace troupe
