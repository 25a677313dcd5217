#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

namespace troupe {

/// The address of a unix-domain socket in a directory. Such an address holds 108 bytes; a longer
/// path is reached through a descriptor of the directory, and the address is good as long as this.
class socket_place {
public:
  /// Throws `std::system_error` if there is no such directory.
  socket_place(const std::string& directory, const std::string& name);
  ~socket_place();
  socket_place(const socket_place&) = delete;
  socket_place& operator=(const socket_place&) = delete;

  [[nodiscard]] const sockaddr* address() const noexcept {
    return reinterpret_cast<const sockaddr*>(&address_);
  }
  [[nodiscard]] static socklen_t size() noexcept { return sizeof(sockaddr_un); }
  /// How it is called outside.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Whether a socket file is there.
  [[nodiscard]] bool is_socket() const noexcept;
  void remove() const noexcept;

private:
  const std::string path_;
  const std::string name_;
  int directory_ = -1;
  sockaddr_un address_{};
};

}  // namespace troupe
