#pragma once

#include "libbroker/message/log_page.hpp"

#include <optional>
#include <utility>

namespace troupe {

/// Of a page: it is read while the one before is on its way to the client.
inline constexpr std::size_t messages_per_page = 500;

/// Takes the messages of a page of the log one by one.
class page_reader {
public:
  void take(log_page&& page) noexcept {
    page_ = std::move(page);
    run_ = 0;
    index_ = 0;
    has_page_ = true;
  }
  /// Lets go of what is left.
  void drop() noexcept { *this = page_reader(); }
  [[nodiscard]] bool has_page() const noexcept { return has_page_; }
  /// REQUIRES: has_page().
  [[nodiscard]] log_offset reached() const noexcept { return page_.reached; }

  struct message {
    const log_run& run;
    std::uint32_t index = 0;

    [[nodiscard]] const message_block& block() const noexcept { return *run.block; }
    [[nodiscard]] const message_entry& entry() const noexcept { return block()[index]; }
    [[nodiscard]] std::string_view topic() const noexcept { return block().topic(entry()); }
  };
  /// The next message; nothing if there is none.
  [[nodiscard]] std::optional<message> next() noexcept {
    while (run_ != page_.runs.size() && index_ == page_.runs[run_].block->size()) {
      ++run_;
      index_ = 0;
    }
    if (run_ == page_.runs.size()) return std::nullopt;
    return message{page_.runs[run_], index_};
  }
  /// REQUIRES: next().
  void pop() noexcept { ++index_; }

private:
  log_page page_;
  std::size_t run_ = 0;      ///< in `page_`
  std::uint32_t index_ = 0;  ///< in the run
  bool has_page_ = false;
};

}  // namespace troupe
