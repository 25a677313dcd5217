#pragma once

#include "libbroker/config/config.hpp"
#include "persistence/database.hpp"
#include "persistence/keys.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

/// What is kept of one part of the log.
struct stream_state {
  log_offset trimmed = 0;      ///< nothing at or below it is left
  log_offset since = 0;        ///< see log_streams
  std::uint64_t messages = 0;  ///< that lie in it
  std::uint64_t bytes = 0;     ///< of records
  std::string_view filter;     ///< a view into what was parsed; empty for the common part
};

/// Nothing if `value` is of no known format.
[[nodiscard]] std::optional<stream_state> parse_stream_state(std::string_view value) noexcept;

/// Leads `scan` to the last record of a part of the log and returns its last offset; 0: there is
/// none.
log_offset seek_to_last_record(const store_scan& scan, stream_number part);

/// The parts of the log. The messages of a declared stream lie together and are kept as the
/// stream wants; all others lie in the common part, number 0, as long as sessions need them.
/// What a stream held that is not declared any more is kept as the common part is. What other
/// nodes have lent to share groups lies apart, as long as a group has it.
///
/// One thread makes changes, in step with the commits of the store; any may read.
class log_streams {
public:
  struct figures {
    log_offset trimmed = 0;  ///< nothing at or below it is left
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;  ///< of records
  };

  /// Those of an earlier life, declared as they were then. After damage figures are counted
  /// anew, which takes a pass over the log.
  [[nodiscard]] storage_result<void> load(const database& store);
  /// From now on, above `head`, these are declared. REQUIRES: loaded.
  void declare(std::vector<stream_config> streams, log_offset head);

  /// The part for messages on `topic`: that of the first declared filter that matches.
  [[nodiscard]] stream_number of(std::string_view topic) const noexcept;
  /// The parts where messages above `after` may lie that one of `filters` matches; none
  /// stands for all that there is, loans included, which no filter finds.
  [[nodiscard]] std::vector<stream_number> holding(std::span<const std::string> filters,
                                                   log_offset after) const;
  /// All that there are.
  [[nodiscard]] std::vector<stream_number> all() const { return holding({}, 0); }

  /// Empty for the common part.
  [[nodiscard]] const std::string& filter(stream_number of) const { return find(of).filter; }
  /// Null if its messages are kept only as long as sessions need them.
  [[nodiscard]] const stream_config* declaration(stream_number of) const;
  /// As far as they are on the disk.
  [[nodiscard]] figures kept(stream_number of) const;
  /// With what is staged; the thread that makes changes only.
  [[nodiscard]] const figures& staged(stream_number of) const { return find(of).staged; }

  // -- changes

  void added(stream_number to, std::uint64_t messages, std::uint64_t bytes);
  void removed(stream_number from, log_offset trimmed, std::uint64_t messages, std::uint64_t bytes);
  /// Nothing is left in it, whatever the figures say.
  void emptied(stream_number which);
  /// Stages what changed since the last commit.
  void stage(database& store) const;
  void committed() noexcept;
  void failed() noexcept;
  /// A commit that had failed may be on the disk all the same: goes on from what is there.
  [[nodiscard]] storage_result<void> reload(const database& store);

private:
  struct part {
    stream_number number = 0;
    std::string filter;
    bool is_declared = false;
    /// What belongs to it, as declared now, and was appended above it lies nowhere else.
    log_offset since = 0;
    figures staged;
    bool is_changed = false;
    // What is on the disk.
    std::atomic<log_offset> trimmed{0};
    std::atomic<std::uint64_t> messages{0};
    std::atomic<std::uint64_t> bytes{0};
  };

  [[nodiscard]] const part& find(stream_number number) const;
  [[nodiscard]] part& find(stream_number number) {
    return const_cast<part&>(std::as_const(*this).find(number));
  }
  part& make(stream_number number, std::string filter);
  [[nodiscard]] storage_result<void> load_figures(const database& store);
  [[nodiscard]] storage_result<void> count_anew(const database& store);
  void put_in_order(const std::vector<stream_number>& declared);

  std::vector<stream_config> declarations_;
  std::deque<part> parts_;
  /// Those that are not declared, the declared ones as declared, the common one, loans.
  std::vector<part*> order_;
  std::vector<stream_number> declared_;
  bool is_redeclared_ = false;
};

}  // namespace troupe
