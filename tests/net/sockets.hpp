#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

namespace troupe::test {

/// A file descriptor of a test; closed with it.
class descriptor {
public:
  descriptor() = default;
  explicit descriptor(int number) : number_(number) { BOOST_TEST_REQUIRE(number >= 0); }
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() { close(); }

  [[nodiscard]] int get() const noexcept { return number_; }
  /// The caller closes it from now on.
  [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }
  void close() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

private:
  int number_ = -1;
};

struct socket_pair {
  descriptor ours;    ///< non-blocking, as the broker has it
  descriptor theirs;  ///< blocking
};

inline void make_non_blocking(const descriptor& socket) {
  BOOST_TEST_REQUIRE(::fcntl(socket.get(), F_SETFL, O_NONBLOCK) == 0);
}

[[nodiscard]] inline socket_pair unix_pair() {
  int both[2] = {-1, -1};
  BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
  socket_pair made{descriptor(both[0]), descriptor(both[1])};
  make_non_blocking(made.ours);
  return made;
}

[[nodiscard]] socket_pair tcp_pair();

inline void write_all(const descriptor& socket, std::string_view text) {
  BOOST_TEST_REQUIRE(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
                     static_cast<ssize_t>(text.size()));
}

/// Reads exactly `size` bytes; blocks until they are there.
[[nodiscard]] inline std::string read_exactly(const descriptor& socket, std::size_t size) {
  std::string text(size, '\0');
  BOOST_TEST_REQUIRE(::recv(socket.get(), text.data(), size, MSG_WAITALL) ==
                     static_cast<ssize_t>(size));
  return text;
}

}  // namespace troupe::test
