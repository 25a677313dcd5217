#include "net/control_client.hpp"

#include "net/control_server.hpp"
#include "net/socket_place.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace troupe {

result<std::unique_ptr<control_client>, std::string>
control_client::connect(const std::string& directory) {
  using made = std::unique_ptr<control_client>;
  try {
    const socket_place place(directory, control_socket_name);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    made client(new control_client(socket));
    if (::connect(socket, place.address(), socket_place::size()) == 0) return client;
    // Not there, or left behind by a broker that was killed.
    if (errno == ENOENT || errno == ECONNREFUSED) return made();
    return "cannot connect to " + place.path() + ": " + std::strerror(errno);
  } catch (const std::system_error& failed) {
    return std::string(failed.what());
  }
}

control_client::~control_client() { ::close(socket_); }

void control_client::ask(std::string_view request,
                         const std::function<void(std::string_view line)>& take) {
  std::string left(request);
  left += '\n';
  while (!left.empty()) {
    const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) break;  // the answer may say why
    left.erase(0, static_cast<std::size_t>(sent));
  }
  std::string text;
  std::array<char, 64UL << 10> piece;
  for (;;) {
    const ssize_t size = ::recv(socket_, piece.data(), piece.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    const std::string_view come(piece.data(), static_cast<std::size_t>(size));
    // A line may be as long as a message: what was searched once has no end of line.
    std::size_t begin = 0;
    for (std::size_t end = come.find('\n'); end != std::string_view::npos;
         end = come.find('\n', begin)) {
      text.append(come.substr(begin, end - begin));
      take(text);
      text.clear();
      begin = end + 1;
    }
    text.append(come.substr(begin));
  }
}

}  // namespace troupe
