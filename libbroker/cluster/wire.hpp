#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

/// What nodes say to each other, in bytes: docs/cluster_wire.md. Numbers are LEB128, seven bits to
/// a byte, the lowest first; texts have their length in front; a section is a text that holds more.
namespace troupe {

/// Appends to a string that the caller owns.
class wire_writer {
public:
  explicit wire_writer(std::string& out) noexcept : out_(out) {}

  void number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void flag(bool value) { out_.push_back(value ? 1 : 0); }
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  /// A section that holds what `append` appends. Who does not know all of it skips the rest.
  template <class Append>
  void section(Append append) {
    std::string inside;
    wire_writer nested(inside);
    append(nested);
    text(inside);
  }

private:
  std::string& out_;
};

/// Takes values off the front of a text, which outlives it and the views that it returns. The
/// first failure sticks: from then on every value is zero or empty, so that a decoder checks
/// once, after its last field.
class wire_reader {
public:
  explicit wire_reader(std::string_view input) noexcept : rest_(input) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
  void fail() noexcept {
    ok_ = false;
    rest_ = {};
  }

  [[nodiscard]] std::uint64_t number() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  /// A number that fits into `T`.
  template <class T>
  [[nodiscard]] T number() noexcept {
    const std::uint64_t value = number();
    if (value <= std::numeric_limits<T>::max()) return static_cast<T>(value);
    fail();
    return 0;
  }
  [[nodiscard]] bool flag() noexcept { return take(1) == std::string_view("\1", 1); }
  [[nodiscard]] std::string_view take(std::size_t count) noexcept {
    if (count > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  [[nodiscard]] std::string_view text() noexcept {
    const std::uint64_t size = number();
    if (size <= rest_.size()) return take(static_cast<std::size_t>(size));
    fail();
    return {};
  }
  [[nodiscard]] wire_reader section() noexcept { return wire_reader(text()); }

private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace troupe
