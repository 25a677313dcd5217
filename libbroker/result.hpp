#pragma once

#include "libbroker/reason_code.hpp"

#include <cassert>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace troupe {

/// Why an input was refused. All members refer to static storage.
struct error {
  reason_code code = reason_code::unspecified_error;  ///< goes on the wire
  std::string_view clause;  ///< "MQTT5 §3.3.2.1" or a statement; goes into the log
  std::string_view what;    ///< one phrase for a person

  friend bool operator==(const error&, const error&) = default;
};

/// A value or the error that explains why there is none.
template <class T, class Error = error>
class [[nodiscard]] result {
public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  result(Error reason) : state_(std::in_place_index<1>, std::move(reason)) {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  /// REQUIRES: has_value().
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// REQUIRES: !has_value().
  [[nodiscard]] const Error& error() const noexcept {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }

private:
  std::variant<T, Error> state_;
};

/// Success, or the error that explains the failure.
template <class Error>
class [[nodiscard]] result<void, Error> {
public:
  result() noexcept = default;
  result(Error reason) noexcept : error_(std::move(reason)), failed_(true) {}

  [[nodiscard]] bool has_value() const noexcept { return !failed_; }
  explicit operator bool() const noexcept { return !failed_; }

  /// REQUIRES: !has_value().
  [[nodiscard]] const Error& error() const noexcept {
    assert(failed_);
    return error_;
  }

private:
  Error error_;
  bool failed_ = false;
};

}  // namespace troupe
