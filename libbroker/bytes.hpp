#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace troupe {

/// A view of raw bytes; the owner is said where one is handed out.
using byte_view = std::span<const std::byte>;

[[nodiscard]] inline byte_view as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

[[nodiscard]] inline std::string_view as_text(byte_view bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A growing byte array that encoders append to. Unlike `std::vector` it does not zero the bytes
/// it is about to overwrite. Beyond 4 GiB it throws `std::bad_alloc`.
class byte_buffer {
public:
  byte_buffer() noexcept = default;
  explicit byte_buffer(std::size_t capacity) { reserve(capacity); }
  byte_buffer(byte_buffer&& other) noexcept { swap(other); }
  byte_buffer& operator=(byte_buffer&& other) noexcept {
    byte_buffer(std::move(other)).swap(*this);
    return *this;
  }
  byte_buffer(const byte_buffer&) = delete;
  byte_buffer& operator=(const byte_buffer&) = delete;
  ~byte_buffer() { std::free(data_); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] byte_view view() const noexcept { return {data_, size_}; }

  /// Returns room for at least `count` bytes behind `size()`; what is written
  /// there counts once `commit` is called. Invalidates earlier pointers.
  [[nodiscard]] std::byte* prepare(std::size_t count) {
    if (capacity_ - size_ < count) grow(size_ + count);
    return data_ + size_;
  }

  /// REQUIRES: `count` bytes were prepared and written.
  void commit(std::size_t count) noexcept { size_ += static_cast<std::uint32_t>(count); }

  void append(byte_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(prepare(bytes.size()), bytes.data(), bytes.size());
    commit(bytes.size());
  }
  void append(std::string_view text) { append(as_bytes(text)); }
  void push_back(std::uint8_t value) {
    *prepare(1) = std::byte{value};
    ++size_;
  }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) reallocate(capacity);
  }

  /// Drops the first `count` bytes. REQUIRES: count <= size().
  void erase_front(std::size_t count) noexcept {
    if (count == size_) {
      size_ = 0;
      return;
    }
    std::memmove(data_, data_ + count, size_ - count);
    size_ -= static_cast<std::uint32_t>(count);
  }

  /// Forgets the content, keeps the memory.
  void clear() noexcept { size_ = 0; }

  void swap(byte_buffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

private:
  void grow(std::size_t needed);
  void reallocate(std::size_t capacity);

  static constexpr std::size_t largest = 0xFFFF'FFFF;
  std::byte* data_ = nullptr;
  // Small numbers, as each client has two buffers.
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace troupe
