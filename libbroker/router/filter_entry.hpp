#pragma once

#include "libbroker/cluster/route.hpp"
#include "libbroker/packet.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace troupe {

/// Number of a subscriber in one router; reused after it left.
using subscriber_index = std::uint32_t;

/// One subscriber of one filter.
struct subscription {
  subscriber_index subscriber = 0;
  std::uint32_t identifier = 0;  ///< subscription identifier; 0 = none
  subscription_options options;
  /// The subscriber reads from the log what it misses: messages for it are to be in there.
  bool logged = false;
};

/// The subscriptions of one filter in no order; each subscriber at most once.
/// Adding, finding and removing take constant time, however many there are.
class subscription_list {
public:
  /// Adds or replaces. Returns whether the subscriber was there already.
  bool put(const subscription& member);
  /// Returns whether the subscriber was there.
  bool erase(subscriber_index subscriber);

  /// Null if the subscriber is not there.
  [[nodiscard]] const subscription* get(subscriber_index subscriber) const noexcept {
    const std::size_t at = find(subscriber);
    return at == npos ? nullptr : &members_[at];
  }

  [[nodiscard]] bool empty() const noexcept { return members_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] auto begin() const noexcept { return members_.begin(); }
  [[nodiscard]] auto end() const noexcept { return members_.end(); }
  [[nodiscard]] const subscription& operator[](std::size_t at) const noexcept {
    return members_[at];
  }

private:
  /// Up to so many members a linear search beats a hash table.
  static constexpr std::size_t indexed_above = 32;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  [[nodiscard]] std::size_t find(subscriber_index subscriber) const noexcept;

  std::vector<subscription> members_;
  std::unique_ptr<std::unordered_map<subscriber_index, std::size_t>> index_;
};

/// Everybody who subscribed to one filter.
struct filter_entry {
  subscription_list subscriptions;
  /// Messages collected for `subscriptions` since the last flush: position in
  /// the router's list of batches, plus one; 0 = none yet.
  std::uint32_t batch = 0;
  std::uint32_t logged = 0;        ///< of `subscriptions`
  std::uint32_t acknowledged = 0;  ///< of these, the ones at QoS 1 or 2
  bool is_stream = false;          ///< what matches is kept whoever subscribes

  /// What the most demanding of the subscriptions wants.
  [[nodiscard]] route_interest interest() const noexcept {
    if (logged != 0) return route_interest::lasting;
    if (acknowledged != 0) return route_interest::passing;
    return subscriptions.empty() ? route_interest::none : route_interest::at_most_once;
  }
  [[nodiscard]] bool unused() const noexcept { return subscriptions.empty() && !is_stream; }
};

}  // namespace troupe
