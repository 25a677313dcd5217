#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/codec/violation.hpp"
#include "libbroker/packet.hpp"
#include "libbroker/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace troupe {

/// Takes MQTT's data types off the front of a byte range (MQTT5 §1.5, MQTT311
/// §1.5). The first failure sticks: from then on the reader is at its end and
/// every value is zero or empty, so that a decoder checks once, after its last
/// field.
class packet_reader {
public:
  /// `version` says which document an error cites.
  packet_reader(byte_view input, protocol_version version) noexcept
      : at_(input.data()), end_(input.data() + input.size()), version_(version) {}

  [[nodiscard]] protocol_version version() const noexcept { return version_; }
  void set_version(protocol_version version) noexcept { version_ = version; }

  [[nodiscard]] bool ok() const noexcept { return !failed_; }
  /// REQUIRES: !ok().
  [[nodiscard]] const error& failure() const noexcept { return failure_; }
  /// Records `reason` unless there is an earlier failure.
  void fail(const error& reason) noexcept;
  void fail(reason_code code, const clause_pair& clause, std::string_view what) noexcept {
    fail(violation(version_, code, clause, what));
  }

  [[nodiscard]] const std::byte* position() const noexcept { return at_; }
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }

  [[nodiscard]] std::uint8_t byte() noexcept { return static_cast<std::uint8_t>(integer<1>()); }
  [[nodiscard]] std::uint16_t two_byte_integer() noexcept {
    return static_cast<std::uint16_t>(integer<2>());
  }
  [[nodiscard]] std::uint32_t four_byte_integer() noexcept { return integer<4>(); }
  /// A variable byte integer in as few bytes as possible.
  [[nodiscard]] std::uint32_t variable_byte_integer() noexcept {
    if (!at_end() && *at_ < std::byte{128}) [[likely]]
      return byte();
    return long_variable_byte_integer();
  }
  /// A two byte length and so many bytes.
  [[nodiscard]] byte_view binary() noexcept { return take(two_byte_integer()); }
  /// A UTF-8 encoded string.
  [[nodiscard]] std::string_view string() noexcept { return checked_text(binary()); }
  /// A packet identifier, which is never 0.
  [[nodiscard]] packet_id identifier() noexcept;
  [[nodiscard]] byte_view take(std::size_t count) noexcept {
    if (left() < count) [[unlikely]] {
      fail_truncated();
      return {};
    }
    const byte_view taken{at_, count};
    at_ += count;
    return taken;
  }
  [[nodiscard]] byte_view rest() noexcept { return take(left()); }

  /// `bytes` as text; fails if they may not stand in a UTF-8 encoded string.
  [[nodiscard]] std::string_view checked_text(byte_view bytes) noexcept;

  /// Fails if there is anything left: a packet ends with its last field.
  void expect_end() noexcept;

private:
  template <std::size_t Size>
  [[nodiscard]] std::uint32_t integer() noexcept {
    if (left() < Size) [[unlikely]] {
      fail_truncated();
      return 0;
    }
    std::uint32_t value = 0;
    for (std::size_t i = 0; i != Size; ++i)
      value = value << 8 | std::to_integer<std::uint32_t>(at_[i]);
    at_ += Size;
    return value;
  }

  [[nodiscard]] std::uint32_t long_variable_byte_integer() noexcept;
  void fail_truncated() noexcept;

  const std::byte* at_;
  const std::byte* end_;
  protocol_version version_;
  bool failed_ = false;
  error failure_;
};

}  // namespace troupe
