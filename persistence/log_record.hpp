#pragma once

#include "libbroker/log_offset.hpp"
#include "libbroker/message/message_block.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// Records of the offset log: what one publisher's block contributes, in one piece.
/// Byte by byte in docs/offset_log.md.
namespace troupe {

/// Where a record comes from and when.
struct record_origin {
  std::string_view publisher;  ///< client identifier; empty = the broker
  wall_time received_at{};
};

/// Appends to `out` the record of the messages `which` (indexes, ascending, at least
/// one) of `block`, which get the offsets from `first` on.
void encode_record(const message_block& block, std::span<const std::uint32_t> which,
                   log_offset first, const record_origin& origin, std::string& out);

/// The first offset of records that are no part of the log.
inline constexpr log_offset no_place = 1;

/// A record as it lies in memory; views live as long as that.
class record_view {
public:
  /// Nothing if `bytes` is not a whole record of a known format: the checksum covers
  /// all of it.
  [[nodiscard]] static std::optional<record_view> parse(std::string_view bytes);

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] log_offset first() const noexcept { return first_; }
  [[nodiscard]] log_offset last() const noexcept { return first_ + size_ - 1; }
  [[nodiscard]] const record_origin& origin() const noexcept { return origin_; }
  [[nodiscard]] protocol_version version() const noexcept { return version_; }

  /// As in a block, but `offset` counts in the record. REQUIRES: index < size().
  [[nodiscard]] message_entry operator[](std::uint32_t index) const noexcept;
  [[nodiscard]] byte_view wire(const message_entry& entry) const noexcept {
    return as_bytes(wires_.substr(entry.offset, entry.size));
  }
  [[nodiscard]] std::string_view topic(const message_entry& entry) const noexcept {
    return wires_.substr(entry.offset + entry.header_size + 2, entry.topic_size);
  }
  /// As in a block. REQUIRES: index < size().
  [[nodiscard]] retained_stamp stamp(std::uint32_t index) const noexcept;
  [[nodiscard]] message_identity identity(std::uint32_t index) const noexcept;

private:
  [[nodiscard]] std::uint8_t flags(std::uint32_t index) const noexcept;

  std::string_view entries_;
  std::string_view wires_;
  record_origin origin_;
  log_offset first_ = 0;
  std::uint32_t size_ = 0;
  protocol_version version_ = protocol_version::v3_1_1;
};

/// The only message of a record that is no part of the log, in a block of its own.
[[nodiscard]] message_block_ptr single_message(const record_view& record, time_point received_at);

}  // namespace troupe
