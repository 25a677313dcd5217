#include "net/control_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace troupe {

namespace {

using clock = std::chrono::steady_clock;

constexpr int backlog = 16;
constexpr int operator_niceness = 10;
constexpr std::size_t output_bytes = 64UL << 10;

/// Waits until `socket` is ready for `events`; false when it is not at `until`.
bool wait(int socket, short events, clock::time_point until) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
    if (left <= 0) return false;
    pollfd one{.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

}  // namespace

// -- a connection -----------------------------------------------------------------

class control_server::connection final : public line_sink {
public:
  connection(control_server& server, int socket)
      : server_(server), socket_(socket), thread_([this] { run(); }) {}
  ~connection() override {
    end();
    thread_.join();
    ::close(socket_);  // only now: another file could get its number
  }

  [[nodiscard]] bool has_ended() const noexcept { return ended_; }

  bool put(std::string_view line) override {
    output_.append(line) += '\n';
    if (output_.size() >= output_bytes) flush();
    return !failed_ && !server_.stops_;  // more would be a system call for each line
  }

  [[nodiscard]] bool is_wanted() override {
    if (failed_ || server_.stops_) return false;
    pollfd one{.fd = socket_, .events = 0, .revents = 0};  // POLLHUP and POLLERR come unasked
    return ::poll(&one, 1, 0) == 0;
  }

private:
  void run() {
    // Clients come first; on Linux this is the thread's priority only.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), operator_niceness);
    if (const auto request = read_request()) {
      try {
        server_.answer_(*request, *this);
      } catch (const std::exception& failed) {
        spdlog::error("event=control_failed reason=\"{}\"", failed.what());
        put(R"({"ok":false,"error":"the broker could not do that; its log says more"})");
      }
    }
    flush();
    end();
    ended_ = true;
    ::eventfd_write(server_.wake_, 1);
  }

  /// Wakes whoever waits for the client, and tells it that nothing follows.
  void end() const noexcept { ::shutdown(socket_, SHUT_RDWR); }

  std::optional<std::string> read_request() {
    const auto until = clock::now() + server_.limits_.request_time;
    std::string text;
    std::array<char, 4096> piece{};
    while (text.size() <= server_.limits_.request_bytes) {
      if (!wait(socket_, POLLIN, until)) return refuse("no request in time");
      const ssize_t size = ::recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
      if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (size <= 0) return refuse("the request has no end");
      text.append(piece.data(), static_cast<std::size_t>(size));
      if (const std::size_t end = text.find('\n'); end != std::string::npos) {
        text.resize(end);
        return text;
      }
    }
    return refuse("the request is too long");
  }

  std::nullopt_t refuse(const char* reason) {
    server_.refuse(reason);
    put(fmt::format(R"({{"ok":false,"error":"{}"}})", reason));
    return std::nullopt;
  }

  void flush() {
    std::string_view left = output_;
    while (!left.empty() && !failed_) {
      const ssize_t sent = ::send(socket_, left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0)
        left.remove_prefix(static_cast<std::size_t>(sent));
      else if (errno == EAGAIN)
        failed_ = !wait(socket_, POLLOUT, clock::now() + server_.limits_.answer_time);
      else
        failed_ = errno != EINTR;
    }
    output_.clear();
  }

  control_server& server_;
  const int socket_;
  std::string output_;
  bool failed_ = false;
  std::atomic<bool> ended_{false};
  std::thread thread_;  // last: it uses the others
};

// -- the server -------------------------------------------------------------------

control_server::control_server(const std::string& directory, handler answer, const limits& bounds)
    : place_(directory, control_socket_name), answer_(std::move(answer)), limits_(bounds) {
  try {
    listen();
  } catch (...) {
    ::close(listener_);
    ::close(wake_);
    throw;
  }
  thread_ = std::thread([this] { serve(); });
}

void control_server::listen() {
  if (place_.is_socket()) place_.remove();
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // Before it has a name: the file takes over the mode, and nobody comes in between.
  const bool listens = listener_ >= 0 && wake_ >= 0 && ::fchmod(listener_, 0600) == 0 &&
                       ::bind(listener_, place_.address(), socket_place::size()) == 0 &&
                       ::listen(listener_, backlog) == 0;
  if (!listens)
    throw std::runtime_error(
        fmt::format("cannot listen at {}: {}", place_.path(), std::strerror(errno)));
}

control_server::~control_server() {
  stops_ = true;
  ::eventfd_write(wake_, 1);
  thread_.join();
  connections_.clear();
  ::close(listener_);
  ::close(wake_);
  place_.remove();
}

void control_server::serve() {
  while (!stops_) {
    std::array<pollfd, 2> both{{{.fd = wake_, .events = POLLIN, .revents = 0},
                                {.fd = listener_, .events = POLLIN, .revents = 0}}};
    if (::poll(both.data(), both.size(), -1) < 0) continue;
    eventfd_t count = 0;
    ::eventfd_read(wake_, &count);
    remove_ended();
    if (both[1].revents == 0 || stops_) continue;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket >= 0)
      admit(socket);
    else if (errno == EMFILE || errno == ENFILE)
      wait(wake_, POLLIN, clock::now() + std::chrono::milliseconds(100));  // else this would spin
  }
}

void control_server::admit(int socket) {
  try {
    if (connections_.size() < limits_.connections) {
      connections_.emplace_back(*this, socket);
      return;
    }
    refuse("too many connections");
  } catch (const std::system_error&) {
    refuse("no thread for a connection");
  }
  constexpr std::string_view answer = R"({"ok":false,"error":"too many connections"})"
                                      "\n";
  ::send(socket, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::close(socket);
}

void control_server::remove_ended() {
  connections_.remove_if([](const connection& each) { return each.has_ended(); });
}

void control_server::refuse(const char* reason) {
  ++refused_;
  spdlog::warn("event=control_refused reason=\"{}\"", reason);
}

}  // namespace troupe
