#pragma once

#include "libbroker/intrusive_ptr.hpp"

#include <cstdint>
#include <string_view>

namespace troupe {

/// A text that never changes and may have several owners, each of which needs one pointer. Empty,
/// it owns no memory. For any thread.
class shared_text {
public:
  shared_text() noexcept = default;
  /// A copy of `text`, which is less than 4 GiB.
  explicit shared_text(std::string_view text);

  [[nodiscard]] std::string_view view() const noexcept {
    return body_ ? std::string_view(body_->text(), body_->size) : std::string_view();
  }
  operator std::string_view() const noexcept { return view(); }

  friend bool operator==(const shared_text& left, const shared_text& right) noexcept {
    return left.body_ == right.body_ || left.view() == right.view();
  }
  friend bool operator==(const shared_text& left, std::string_view right) noexcept {
    return left.view() == right;
  }

private:
  /// The text lies behind it.
  struct body : ref_counted {
    explicit body(std::uint32_t length) noexcept : size(length) {}
    [[nodiscard]] const char* text() const noexcept {
      return reinterpret_cast<const char*>(this + 1);
    }
    static void destroy(const body* self) noexcept;

    const std::uint32_t size;
  };

  intrusive_ptr<const body> body_;
};

}  // namespace troupe
