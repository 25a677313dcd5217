#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace troupe {

/// Base of objects that count their owners. Smaller than `std::shared_ptr`
/// (one pointer, one allocation), and the object may be of variable size.
class ref_counted {
public:
  ref_counted() noexcept = default;
  ref_counted(const ref_counted&) = delete;
  ref_counted& operator=(const ref_counted&) = delete;

  void retain() const noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }

  /// Returns true when that was the last owner.
  [[nodiscard]] bool release() const noexcept {
    // A sole owner cannot race with anybody: spare the locked instruction.
    return owners_.load(std::memory_order_acquire) == 1 ||
           owners_.fetch_sub(1, std::memory_order_acq_rel) == 1;
  }

protected:
  ~ref_counted() = default;

private:
  mutable std::atomic<std::uint32_t> owners_{1};
};

/// Shared ownership of a `T` that derives from `ref_counted` and provides
/// `static void destroy(const T*)`.
template <class T>
class intrusive_ptr {
public:
  intrusive_ptr() noexcept = default;
  intrusive_ptr(std::nullptr_t) noexcept {}
  intrusive_ptr(const intrusive_ptr& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  intrusive_ptr(intrusive_ptr&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  /// From a pointer to something mutable.
  template <class U>
  requires std::is_same_v<const U, T> intrusive_ptr(intrusive_ptr<U> other)
  noexcept : object_(other.detach()) {}
  intrusive_ptr& operator=(intrusive_ptr other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~intrusive_ptr() {
    if (object_ != nullptr && object_->release()) T::destroy(object_);
  }

  /// Takes over the reference that a new object is born with.
  [[nodiscard]] static intrusive_ptr adopt(T* object) noexcept {
    intrusive_ptr owner;
    owner.object_ = object;
    return owner;
  }

  /// Gives the reference up to the caller.
  [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

  [[nodiscard]] T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  friend bool operator==(const intrusive_ptr&, const intrusive_ptr&) = default;

private:
  T* object_ = nullptr;
};

}  // namespace troupe
