#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/packet.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace troupe {

/// Which member of a share group has which message of the log: those that were handed out, or
/// are to be handed out again. A message that is not here is done, or its turn has not come.
class share_ledger {
public:
  /// What one session has.
  struct holding {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };

  /// How many somebody has, or is to get again; loans are not counted.
  [[nodiscard]] std::size_t size() const noexcept {
    return count(state::held) + count(state::returned) - held_loans_;
  }
  [[nodiscard]] holding held_by(std::uint64_t session) const noexcept;

  /// The message, published with `level`, goes to `session`, for the first time or after it was
  /// returned.
  void assign(log_offset offset, std::uint32_t bytes, qos level, std::uint64_t session);
  /// `session` has done with the message. Returns its bytes; nothing if it was not the session's.
  std::optional<std::uint32_t> complete(log_offset offset, std::uint64_t session) noexcept;
  /// `session` does not deliver it. Returns as `complete`.
  std::optional<std::uint32_t> give_back(log_offset offset, std::uint64_t session) noexcept;

  /// Whether any was given back; loans do not count.
  [[nodiscard]] bool has_returned() const noexcept { return count(state::returned) != 0; }
  /// Whether there are loans that nobody has.
  [[nodiscard]] bool has_waiting() const noexcept { return count(state::waiting) != 0; }
  /// The first of those that were given back or wait, at most `most`.
  [[nodiscard]] std::vector<log_offset> first_free(std::size_t most, bool with_loans) const;
  [[nodiscard]] bool is_free(log_offset offset) const noexcept;
  /// Whether anybody has it.
  [[nodiscard]] bool is_held(log_offset offset) const noexcept;
  /// Nobody here is to get it any more.
  void forget(log_offset offset) noexcept;
  /// A message that another node has lent is to be handed out.
  void put_loan(log_offset offset, std::uint32_t bytes);
  /// What `session` has that was published with QoS 1 is returned.
  void give_back_acknowledged(std::uint64_t session);
  /// All that `session` has but what stands in `kept`, ascending, is returned.
  void give_back_others(std::uint64_t session, const std::vector<log_offset>& kept);
  /// All that `session` has is done.
  void complete_all(std::uint64_t session);

  // -- an earlier life

  // What was written down then may be older than what members have: they may hold a message, or
  // have done with it, whose turn comes again.

  /// What was not done then; nobody has it.
  void restore(const std::vector<log_offset>& offsets);
  /// `session` had it and goes on.
  void hold(log_offset offset, std::uint64_t session, qos level = qos::at_least_once);
  /// It was done.
  void settle(log_offset offset);
  /// Whether the message whose turn it is was handed out in the earlier life already.
  [[nodiscard]] bool is_known(log_offset offset) const noexcept;
  /// Its turn has come.
  void pass(log_offset offset) noexcept;
  /// The turn of all up to `offset` has come.
  void pass_all(log_offset offset) noexcept;

  // -- what is kept

  /// All that is not done, ascending.
  [[nodiscard]] std::vector<log_offset> outstanding() const;
  /// Of that, what `session` has and was published with `level`.
  [[nodiscard]] std::vector<log_offset> held_by(std::uint64_t session, qos level) const;
  /// Calls `action(offset, session, level)` for each that somebody has, ascending.
  template <class Action>
  void for_each_held(Action action) const {
    for (const entry& each : entries_)
      if (each.state == state::held)
        action(each.offset, each.session,
               each.is_exactly_once ? qos::exactly_once : qos::at_least_once);
  }
  /// What is done and whose turn comes again, ascending.
  [[nodiscard]] std::vector<log_offset> settled() const;

private:
  enum class state : std::uint8_t {
    held,
    returned,
    waiting,  ///< the same, of a loan
    settled,  ///< done before its turn has come
    gone
  };
  struct entry {
    log_offset offset = 0;
    std::uint64_t session = 0;
    std::uint32_t bytes = 0;
    share_ledger::state state = state::gone;
    bool is_early = false;         ///< its turn comes again, or may
    bool is_exactly_once = false;  ///< was published with QoS 2
    bool is_loan = false;

    [[nodiscard]] bool is_free() const noexcept {
      return state == state::returned || state == state::waiting;
    }
  };
  using entries = std::vector<entry>;

  [[nodiscard]] entry* find(log_offset offset) noexcept;
  [[nodiscard]] const entry* find(log_offset offset) const noexcept;
  /// The place of the message, made if there is none.
  entry& make(log_offset offset);
  [[nodiscard]] std::size_t& count(state which) noexcept {
    return counts_[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] std::size_t count(state which) const noexcept {
    return counts_[static_cast<std::size_t>(which)];
  }
  void become(entry& changed, state next) noexcept;
  void free(entry& changed) noexcept {
    become(changed, changed.is_loan ? state::waiting : state::returned);
  }
  void pass(entry& passed) noexcept;
  void finish(entry& done) noexcept { become(done, done.is_early ? state::settled : state::gone); }
  template <class Predicate>
  [[nodiscard]] std::vector<log_offset> list(Predicate is_wanted) const;
  /// Lets go of what is gone, when that is most.
  void compact() noexcept;

  entries entries_;  ///< by offset
  std::size_t held_loans_ = 0;
  std::array<std::size_t, 5> counts_{};  ///< of entries, by state
};

}  // namespace troupe
