#pragma once

#include "libbroker/result.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace troupe {

/// The other end of a `control_server`: one request.
class control_client {
public:
  /// Null if nobody serves in `directory`. The error is a sentence for the user.
  [[nodiscard]] static result<std::unique_ptr<control_client>, std::string>
  connect(const std::string& directory);
  ~control_client();
  control_client(const control_client&) = delete;
  control_client& operator=(const control_client&) = delete;

  /// Asks, and hands out the lines of the answer. Returns at the end of the connection, which
  /// may come too early.
  void ask(std::string_view request, const std::function<void(std::string_view line)>& take);

private:
  explicit control_client(int socket) : socket_(socket) {}
  const int socket_;
};

}  // namespace troupe
