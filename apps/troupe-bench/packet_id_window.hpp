#pragma once

#include "libbroker/packet.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace troupe::bench {

/// The packet identifiers of one publisher: at most as many in use as its
/// window allows, handed out in turn so that a freed one rests longest.
class packet_id_window {
public:
  packet_id_window() = default;
  explicit packet_id_window(std::uint16_t size) : in_use_(std::size_t{size} + 1), free_(size) {
    for (std::uint16_t index = 0; index < size; ++index)
      free_[index] = static_cast<packet_id>(index + 1);
    available_ = size;
  }

  [[nodiscard]] std::size_t available() const noexcept { return available_; }

  /// REQUIRES: available() > 0.
  packet_id take() noexcept {
    const packet_id id = free_[first_];
    first_ = first_ + 1 == free_.size() ? 0 : first_ + 1;
    --available_;
    in_use_[id] = 1;
    return id;
  }

  [[nodiscard]] bool in_use(packet_id id) const noexcept {
    return id < in_use_.size() && in_use_[id] != 0;
  }

  /// Returns false if `id` is not in use.
  bool release(packet_id id) noexcept {
    if (!in_use(id)) return false;
    in_use_[id] = 0;
    std::size_t last = first_ + available_;
    if (last >= free_.size()) last -= free_.size();
    free_[last] = id;
    ++available_;
    return true;
  }

private:
  std::vector<std::uint8_t> in_use_;
  std::vector<packet_id> free_;  // a ring
  std::size_t first_ = 0;
  std::size_t available_ = 0;
};

}  // namespace troupe::bench
