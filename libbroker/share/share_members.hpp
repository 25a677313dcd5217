#pragma once

#include "libbroker/message/delivery.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/share/share_ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace troupe {

/// One session that subscribed to a shared subscription, or another node, which stands for all
/// that are there.
struct share_member {
  std::uint64_t session = 0;  ///< of a node: see `share_id_of_node`
  subscription_options options;
  match_details_ptr details;  ///< with its subscription identifier
  std::uint32_t room = 0;     ///< messages of the log that it takes at a time; 0: away
  bool lasting = false;       ///< see `share_join`
  std::uint32_t weight = 1;   ///< members that it stands for and that are online
  std::int64_t turn = 0;      ///< of a node: see `share_group::whose_turn`
  share_ledger::holding held;
  // Collected for it since the last flush; null: nothing. Of the log, and others.
  intrusive_ptr<delivery> logged;
  intrusive_ptr<delivery> passing;
  bool is_pending = false;  ///< something is collected
  // Of the rings of those whose turn comes.
  bool is_in_online = false;
  bool is_in_with_room = false;

  [[nodiscard]] bool is_online() const noexcept { return room != 0; }
  /// Whether it may get messages of the log.
  [[nodiscard]] bool counts() const noexcept { return options.qos != qos::at_most_once; }
};

/// The members of a share group, and whose turn it is: in constant time, however many are away
/// or have no room. References to members live until one joins or leaves.
class share_members {
public:
  /// `most_bytes`: of the log that a member has at a time.
  explicit share_members(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
  [[nodiscard]] bool has_lasting() const noexcept;
  /// Whether there is one at QoS 1 or 2.
  [[nodiscard]] bool has_counting() const noexcept;

  /// The member, made if there is none of that session.
  share_member& put(std::uint64_t session);
  /// Returns whether there was one.
  bool erase(std::uint64_t session);
  [[nodiscard]] share_member* find(std::uint64_t session) noexcept;

  // What a member has or takes changes; nothing happens if there is none of that session.
  void set_room(std::uint64_t session, std::uint32_t room);
  void set_held(std::uint64_t session, share_ledger::holding held);
  void release(std::uint64_t session, std::uint32_t bytes);
  void hold(share_member& by, std::uint32_t bytes) noexcept;

  /// Whose turn it is; one that is online, if any is. REQUIRES: !empty().
  [[nodiscard]] share_member& next() noexcept;
  /// Whose turn it is of those that take another message of the log; null: nobody does.
  [[nodiscard]] share_member* next_with_room() noexcept;
  /// The same two without taking the turn.
  [[nodiscard]] share_member* peek_online() noexcept;
  [[nodiscard]] share_member* peek_with_room() noexcept;
  /// How many messages of the log they take, up to `most`.
  [[nodiscard]] std::size_t room(std::size_t most) noexcept;
  /// How many are online, and how many messages of the log these take in all at a time. A member's
  /// options change only while its room is 0.
  [[nodiscard]] std::uint32_t online() const noexcept { return online_count_; }
  [[nodiscard]] std::uint64_t total_room() const noexcept { return total_room_; }
  /// Nobody has anything any more.
  void forget_held();
  /// How many messages of the log those have that are away.
  [[nodiscard]] std::uint64_t held_away() const noexcept { return held_away_.messages; }
  /// Whether those that are online have more than half of what they take.
  [[nodiscard]] bool are_half_full() const noexcept;
  [[nodiscard]] std::span<share_member> all() noexcept { return members_; }
  /// Whether the member may get another message of the log now.
  [[nodiscard]] bool takes_more(const share_member& member) const noexcept {
    return member.counts() && member.held.messages < member.room && member.held.bytes < most_bytes_;
  }

private:
  /// Sessions in turn. Who does not qualify any more is dropped when its turn comes.
  struct ring {
    bool share_member::*is_in;
    std::vector<std::uint64_t> sessions{};
    std::size_t at = 0;

    void enter(share_member& member);
    void leave(share_member& member);
  };
  template <class Qualifies>
  [[nodiscard]] share_member* first_of(ring& turns, Qualifies qualifies) noexcept;
  void enter_rings(share_member& member);
  void change_room(share_member& member, std::uint32_t room) noexcept;
  void change_held(share_member& member, share_ledger::holding held) noexcept;
  void count_held(const share_member& member, bool in) noexcept;

  const std::size_t most_bytes_;
  std::vector<share_member> members_;
  std::unordered_map<std::uint64_t, std::size_t> index_;  ///< by session
  std::size_t next_ = 0;                                  ///< if nobody is online
  std::uint32_t online_count_ = 0;
  std::uint32_t counting_online_ = 0;  ///< of these, at QoS 1 or 2
  std::uint64_t total_room_ = 0;
  share_ledger::holding held_online_;
  share_ledger::holding held_away_;
  ring online_{&share_member::is_in_online};
  ring with_room_{&share_member::is_in_with_room};
};

}  // namespace troupe
