#pragma once

#include "libbroker/log_offset.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace troupe {

/// A message that another node has lent to the share group here, for one of its members.
struct share_loan {
  std::uint64_t lender = 0;  ///< home of the node that lent it
  log_offset offset = 0;     ///< of the message in that node's log
  log_offset own = 0;        ///< in the log here

  friend bool operator==(const share_loan&, const share_loan&) = default;
};

/// How a loan ended.
enum class loan_outcome : std::uint8_t {
  open = 0,     ///< it has not
  done = 1,     ///< a member has it, or nobody is to get it
  returned = 2  ///< nobody here has got it: the lender gives it to somebody else
};

/// What is kept of a loan, until the lender has written down how it ended.
struct kept_loan {
  share_loan loan;
  loan_outcome outcome = loan_outcome::open;

  friend bool operator==(const kept_loan&, const kept_loan&) = default;
};

/// What of a share group outlives the process.
struct kept_share {
  std::string share;                    ///< `$share/…`
  std::vector<log_offset> positions;    ///< see log_cursor.hpp; empty: only loans are kept
  std::vector<log_offset> outstanding;  ///< handed out here and not done; ascending
  /// Done though they lie above the positions, which went back to what an earlier life had
  /// written down; ascending.
  std::vector<log_offset> settled;
  /// What other nodes have of those that are outstanding.
  struct lent {
    std::uint64_t node = 0;                 ///< see `share_id_of_node`
    std::vector<log_offset> at_least_once;  ///< ascending
    std::vector<log_offset> exactly_once;   ///< ascending
  };
  std::vector<lent> with_nodes;
  /// What it has of other nodes; not written with the rest.
  std::vector<kept_loan> loans;
};

/// What became of loans, to be written: their outcome, or that nothing is kept of them any more.
struct loan_changes {
  std::vector<kept_loan> ended;
  std::vector<share_loan> forgotten;

  [[nodiscard]] bool empty() const noexcept { return ended.empty() && forgotten.empty(); }
};

}  // namespace troupe
