#pragma once

#include "libbroker/shard_requests.hpp"
#include "libbroker/share/kept_share.hpp"
#include "libbroker/share/share_request.hpp"

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {

/// Messages that a share group has from other nodes, for members here: which, and how they ended.
/// A loan is kept until the lender has confirmed that it knows, so that it is neither lost nor
/// given to anybody else, whichever of the two nodes crashes when. The caller serialises the calls.
class share_loans {
public:
  [[nodiscard]] bool empty() const noexcept { return loans_.empty(); }

  // -- from the lender to a member

  /// The lender lends a message. Returns whether it is to be written to the log here: not if it is
  /// here, is being written, or is done and not confirmed, of which the lender is told again. One
  /// that went back is: whoever lends it again has heard that.
  [[nodiscard]] bool arrives(std::uint64_t lender, log_offset offset);
  /// It is there, at `own`.
  void arrived(std::uint64_t lender, log_offset offset, log_offset own);
  /// It could not be written: there is no such loan.
  void refused(std::uint64_t lender, log_offset offset);
  /// Goes on with what was kept.
  void restore(const kept_loan& kept);

  /// Whether the message at `own` of the log here is a loan that has not ended.
  [[nodiscard]] bool has(log_offset own) const { return by_own_.contains(own); }
  /// Whether there is any that has not ended.
  [[nodiscard]] bool has_open() const noexcept { return !by_own_.empty(); }
  /// The loan has ended. REQUIRES: has(own).
  void end(log_offset own, loan_outcome outcome);
  /// Where all that have not ended lie in the log here, in no order.
  [[nodiscard]] std::vector<log_offset> open() const;
  /// Whether it is to say something of a loan of the lender's, or will be.
  [[nodiscard]] bool has_any_of(std::uint64_t lender) const {
    const auto first = loans_.lower_bound({lender, 0});
    return first != loans_.end() && first->first.lender == lender;
  }
  /// Of the lender, ascending, in that node's log: those that have not ended, or whose end is not
  /// on the disk, so that a crash would have them here again.
  [[nodiscard]] std::vector<log_offset> held_of(std::uint64_t lender) const;

  // -- what is written, and then told to lenders

  [[nodiscard]] bool has_changes() const noexcept { return !unwritten_.empty(); }
  /// What has changed since the last call, to be written.
  [[nodiscard]] loan_changes take_changes();
  /// Where those lie that have ended and are not written yet: after a crash they go on.
  void add_unwritten(std::vector<log_offset>& to) const;
  /// What was taken is on the disk.
  void written();
  /// … or is not: it is to be written with the next.
  void not_written();

  /// What the lender is to be told, and answers with `confirmed`; nothing if there is nothing new.
  [[nodiscard]] std::optional<share_report> take_report(std::uint64_t lender);
  /// Lenders for whom there is something new.
  [[nodiscard]] std::vector<std::uint64_t> to_be_told() const;
  /// The lender did not hear what it was told and has not confirmed: it is told again.
  void tell_again(std::uint64_t lender);
  /// The lender has written down what report `number`, and those before it, said.
  void confirmed(std::uint64_t lender, request_number number);
  /// The node will not come back: nothing is kept of its loans that have ended, nor of those that
  /// end from now on.
  void forget_lender(std::uint64_t lender);

private:
  struct key {
    std::uint64_t lender = 0;
    log_offset offset = 0;

    friend auto operator<=>(const key&, const key&) = default;
  };
  enum class stage : std::uint8_t {
    arriving,
    open,
    unwritten,  ///< it has ended
    writing,
    written,  ///< the lender is to be told
    told
  };
  struct entry {
    stage now = stage::arriving;
    log_offset own = 0;
    loan_outcome outcome = loan_outcome::open;
    request_number report = 0;  ///< that told of it
  };
  using entries = std::map<key, entry>;

  [[nodiscard]] static share_loan loan_of(const entries::value_type& each) {
    return {each.first.lender, each.first.offset, each.second.own};
  }
  void queue_report(entries::iterator which);
  [[nodiscard]] entries::iterator find_told(std::uint64_t lender, log_offset offset,
                                            request_number number);
  void forget(entries::iterator which);

  entries loans_;
  std::unordered_map<log_offset, entries::iterator> by_own_;  ///< of those that have not ended
  loan_changes unwritten_;
  loan_changes writing_;
  std::map<std::uint64_t, std::vector<log_offset>> news_;  ///< by lender: written and not told
  struct told {
    request_number number = 0;  ///< of the report
    std::vector<log_offset> offsets;
  };
  std::map<std::uint64_t, std::deque<told>> told_;  ///< by lender, not confirmed
  std::vector<std::uint64_t> gone_;                 ///< lenders that will not come back
  request_number last_report_ = 0;
};

}  // namespace troupe
