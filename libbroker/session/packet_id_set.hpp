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
    return bits_ != nullptr && ((*bits_)[id / 64] >> (id % 64) & 1) != 0;
  }

  /// REQUIRES: !contains(id).
  void insert(packet_id id) {
    if (bits_ == nullptr) bits_ = std::make_unique<words>();
    (*bits_)[id / 64] |= std::uint64_t{1} << (id % 64);
    ++size_;
  }

  /// Returns whether `id` was in the set.
  bool erase(packet_id id) noexcept {
    if (!contains(id)) return false;
    (*bits_)[id / 64] &= ~(std::uint64_t{1} << (id % 64));
    --size_;
    return true;
  }

  /// In ascending order.
  [[nodiscard]] std::vector<packet_id> all() const {
    std::vector<packet_id> ids;
    for (std::uint32_t id = 1; ids.size() != size_; ++id)
      if (contains(static_cast<packet_id>(id))) ids.push_back(static_cast<packet_id>(id));
    return ids;
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }

  void clear() noexcept {
    bits_.reset();
    size_ = 0;
  }

  /// Gives back the memory of an empty set.
  void trim() noexcept {
    if (size_ == 0) bits_.reset();
  }

private:
  using words = std::array<std::uint64_t, 65536 / 64>;
  std::unique_ptr<words> bits_;
  std::uint32_t size_ = 0;
};

}  // namespace troupe
