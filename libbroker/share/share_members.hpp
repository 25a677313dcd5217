#pragma once

#include "libbroker/message/delivery.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/share/share_ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace troupe {

/// One session that subscribed to a shared subscription.
struct share_member {
  std::uint64_t session = 0;
  subscription_options options;
  match_details_ptr details;  ///< with its subscription identifier
  std::uint32_t room = 0;     ///< messages of the log that it takes at a time; 0: away
  bool lasting = false;       ///< its session outlives the process
  share_ledger::holding held;
  // Collected for it since the last flush; null: nothing. Of the log, and others.
  intrusive_ptr<delivery> logged;
  intrusive_ptr<delivery> passing;
  bool is_pending = false;  ///< something is collected

  [[nodiscard]] bool is_online() const noexcept { return room != 0; }
  /// Whether it takes another message of the log. `most_bytes`: that it may have.
  [[nodiscard]] bool takes_more(std::size_t most_bytes) const noexcept {
    return held.messages < room && held.bytes < most_bytes;
  }
};

/// The members of a share group, and whose turn it is. References to members live until one
/// joins or leaves.
class share_members {
public:
  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
  [[nodiscard]] bool has_lasting() const noexcept;

  /// The member, made if there is none of that session.
  share_member& put(std::uint64_t session);
  /// Returns whether there was one.
  bool erase(std::uint64_t session);
  [[nodiscard]] share_member* find(std::uint64_t session) noexcept;

  /// Whose turn it is; one that is online, if any is. REQUIRES: !empty().
  [[nodiscard]] share_member& next() noexcept;
  /// Whose turn it is of those that take another message of the log; null: nobody does.
  /// `most_bytes`: as in `takes_more`.
  [[nodiscard]] share_member* next_with_room(std::size_t most_bytes) noexcept;

  [[nodiscard]] auto begin() noexcept { return members_.begin(); }
  [[nodiscard]] auto end() noexcept { return members_.end(); }

private:
  std::vector<share_member> members_;
  std::unordered_map<std::uint64_t, std::size_t> index_;  ///< by session
  std::size_t next_ = 0;
};

}  // namespace troupe
