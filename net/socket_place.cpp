#include "net/socket_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace troupe {

socket_place::socket_place(const std::string& directory, const std::string& name)
    : path_(directory + '/' + name),
      name_(name),
      directory_(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (directory_ < 0) throw std::system_error(errno, std::generic_category(), directory);
  const std::string short_path = path_.size() < sizeof address_.sun_path
                                     ? path_
                                     : "/proc/self/fd/" + std::to_string(directory_) + '/' + name;
  address_.sun_family = AF_UNIX;
  short_path.copy(address_.sun_path, sizeof address_.sun_path - 1);
}

socket_place::~socket_place() { ::close(directory_); }

bool socket_place::is_socket() const noexcept {
  struct stat found {};
  return ::fstatat(directory_, name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISSOCK(found.st_mode);
}

void socket_place::remove() const noexcept { ::unlinkat(directory_, name_.c_str(), 0); }

}  // namespace troupe
