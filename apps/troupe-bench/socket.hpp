#pragma once

#include "apps/troupe-bench/options.hpp"

#include <string>
#include <sys/socket.h>
#include <utility>

namespace troupe::bench {

/// A file descriptor that closes itself.
class file_descriptor {
public:
  file_descriptor() noexcept = default;
  explicit file_descriptor(int value) noexcept : value_(value) {}
  file_descriptor(file_descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~file_descriptor() { reset(); }

  [[nodiscard]] int get() const noexcept { return value_; }
  void reset() noexcept;

private:
  int value_ = -1;
};

/// Where the broker listens: TCP or a Unix domain socket.
class endpoint {
public:
  /// Looks the host name up. Throws std::runtime_error with one sentence.
  endpoint(const options& wanted, std::uint16_t port);

  /// Starts to connect a new non-blocking socket. `error` becomes 0 when the
  /// connection is established, EINPROGRESS when it will be, EAGAIN when the
  /// broker's queue is full at the moment, and otherwise says what failed.
  [[nodiscard]] file_descriptor connect(int& error) const noexcept;

  /// "host:port" or the path, for messages.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

private:
  sockaddr_storage address_{};
  socklen_t size_ = 0;
  std::string name_;
};

/// Allows as many open files as the system lets this process have. Throws
/// std::runtime_error if that is too few for `connections`.
void allow_open_files(std::size_t connections);

}  // namespace troupe::bench
