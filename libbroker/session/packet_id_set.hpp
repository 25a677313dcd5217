#pragma once

#include "libbroker/packet.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace troupe {

/// A set of packet identifiers with constant-time operations. Owns no memory
/// until the first insert.
class packet_id_set {
public:
  [[nodiscard]] bool contains(packet_id id) const noexcept {
    return members_ != nullptr && (members_->bits[id / 64] >> (id % 64) & 1) != 0;
  }

  /// REQUIRES: !contains(id).
  void insert(packet_id id) {
    if (members_ == nullptr) members_ = std::make_unique<members>();
    members_->bits[id / 64] |= std::uint64_t{1} << (id % 64);
    ++members_->count;
  }

  /// Returns whether `id` was in the set.
  bool erase(packet_id id) noexcept {
    if (!contains(id)) return false;
    members_->bits[id / 64] &= ~(std::uint64_t{1} << (id % 64));
    --members_->count;
    return true;
  }

  /// In ascending order.
  [[nodiscard]] std::vector<packet_id> all() const {
    std::vector<packet_id> ids;
    for (std::uint32_t id = 1; ids.size() != size(); ++id)
      if (contains(static_cast<packet_id>(id))) ids.push_back(static_cast<packet_id>(id));
    return ids;
  }

  [[nodiscard]] std::uint32_t size() const noexcept {
    return members_ == nullptr ? 0 : members_->count;
  }

  void clear() noexcept { members_.reset(); }

  /// Gives back the memory of an empty set.
  void trim() noexcept {
    if (size() == 0) members_.reset();
  }

private:
  struct members {
    std::array<std::uint64_t, 65536 / 64> bits{};
    std::uint32_t count = 0;
  };
  std::unique_ptr<members> members_;
};

}  // namespace troupe
