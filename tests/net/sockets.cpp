#include "tests/net/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace troupe::test {

socket_pair tcp_pair() {
  const descriptor acceptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  socklen_t size = sizeof at;
  BOOST_TEST_REQUIRE(::bind(acceptor.get(), address, size) == 0);
  BOOST_TEST_REQUIRE(::listen(acceptor.get(), 1) == 0);
  BOOST_TEST_REQUIRE(::getsockname(acceptor.get(), address, &size) == 0);
  socket_pair made;
  made.theirs = descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  BOOST_TEST_REQUIRE(::connect(made.theirs.get(), address, size) == 0);
  made.ours = descriptor(::accept4(acceptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
  make_non_blocking(made.ours);
  return made;
}

}  // namespace troupe::test
