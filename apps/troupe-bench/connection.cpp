#include "apps/troupe-bench/connection.hpp"

#include <cerrno>
#include <sys/socket.h>

namespace troupe::bench {
namespace {

/// Returns an errno value; `sent` counts the bytes that the kernel took.
int send_some(int socket, byte_view bytes, std::size_t& sent) noexcept {
  sent = 0;
  while (sent < bytes.size()) {
    const auto count = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN ? 0 : errno;
    sent += static_cast<std::size_t>(count);
  }
  return 0;
}

}  // namespace

int connection::send(byte_view bytes) {
  std::size_t sent = 0;
  int error = 0;
  if (output.empty()) error = send_some(socket.get(), bytes, sent);
  output.append(bytes.subspan(sent));
  return error;
}

int connection::send_output() {
  std::size_t sent = 0;
  const int error = send_some(socket.get(), output.view(), sent);
  output.erase_front(sent);
  return error;
}

}  // namespace troupe::bench
