#include "apps/troupe-bench/socket.hpp"

#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::bench {

void file_descriptor::reset() noexcept {
  if (value_ >= 0) ::close(value_);
  value_ = -1;
}

endpoint::endpoint(const options& wanted, std::uint16_t number) {
  if (!wanted.unix_path.empty()) {
    auto& local = reinterpret_cast<sockaddr_un&>(address_);
    if (wanted.unix_path.size() >= sizeof(local.sun_path))
      throw std::runtime_error("The path " + wanted.unix_path + " is too long for a socket.");
    local.sun_family = AF_UNIX;
    std::memcpy(local.sun_path, wanted.unix_path.data(), wanted.unix_path.size());
    size_ = sizeof(local);
    name_ = wanted.unix_path;
    return;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(number);
  if (const int code = ::getaddrinfo(wanted.host.c_str(), port.c_str(), &hints, &found); code != 0)
    throw std::runtime_error("Cannot find the host " + wanted.host + ": " + ::gai_strerror(code) +
                             ".");
  std::memcpy(&address_, found->ai_addr, found->ai_addrlen);
  size_ = found->ai_addrlen;
  ::freeaddrinfo(found);
  name_ = wanted.host + ":" + port;
}

file_descriptor endpoint::connect(int& error) const noexcept {
  file_descriptor made(::socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.get() < 0) {
    error = errno;
    return made;
  }
  if (address_.ss_family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  const auto* target = reinterpret_cast<const sockaddr*>(&address_);
  error = ::connect(made.get(), target, size_) == 0 ? 0 : errno;
  return made;
}

void allow_open_files(std::size_t connections) {
  constexpr std::size_t others = 64;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < connections + others)
    throw std::runtime_error("This process may open only " + std::to_string(limit.rlim_cur) +
                             " files, too few for " + std::to_string(connections) +
                             " connections.");
}

}  // namespace troupe::bench
