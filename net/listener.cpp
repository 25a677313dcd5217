#include "net/listener.hpp"

#include "net/stream_connection.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <future>
#include <stdexcept>

namespace troupe {

namespace {

using boost::asio::ip::tcp;
using boost::asio::local::stream_protocol;

constexpr std::chrono::milliseconds accept_retry_interval{100};

std::string printed(const tcp::endpoint& at) {
  const std::string host = at.address().to_string();
  return at.address().is_v6() ? fmt::format("[{}]:{}", host, at.port())
                              : fmt::format("{}:{}", host, at.port());
}
std::string printed(const stream_protocol::endpoint& at) { return at.path(); }

void prepare(const tcp&, int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
void prepare(const stream_protocol&, int) {}

/// Has the loop's worker call `f` and waits for it.
template <class Function>
void run_on(worker_loop& loop, Function f) {
  std::promise<void> done;
  boost::asio::post(loop.context(), [&] {
    f();
    done.set_value();
  });
  done.get_future().wait();
}

template <class Protocol>
class socket_listener final : public listener,
                              public std::enable_shared_from_this<socket_listener<Protocol>> {
public:
  using endpoint = typename Protocol::endpoint;

  socket_listener(std::string scheme, const listener_config& settings,
                  std::vector<io_worker> workers, std::size_t accepts_per_turn, on_accept accept)
      : scheme_(std::move(scheme)),
        backlog_(static_cast<int>(settings.backlog)),
        accepts_per_turn_(accepts_per_turn),
        workers_(std::move(workers)),
        accept_(std::move(accept)),
        acceptor_(std::in_place, loop(0).context()),
        retry_(std::in_place, loop(0).context()) {}

  ~socket_listener() override {
    if constexpr (std::is_same_v<Protocol, stream_protocol>)
      if (!path_.empty()) ::unlink(path_.c_str());
  }

  void bind(const endpoint& at) {
    acceptor_->open(at.protocol());
    if constexpr (std::is_same_v<Protocol, tcp>) {
      acceptor_->set_option(tcp::acceptor::reuse_address(true));
      if (at.address().is_v6()) acceptor_->set_option(boost::asio::ip::v6_only(true));
    }
    acceptor_->bind(at);
    acceptor_->listen(backlog_);
    acceptor_->native_non_blocking(true);
    if constexpr (std::is_same_v<Protocol, stream_protocol>) path_ = at.path();
  }

  [[nodiscard]] std::string address() const override {
    return scheme_ + "://" + printed(acceptor_->local_endpoint());
  }

  void start() override {
    boost::asio::post(loop(0).context(), [self = this->shared_from_this()] { self->wait(); });
  }

  void stop() override {
    run_on(loop(0), [this] {
      acceptor_.reset();
      retry_.reset();
    });
    // Connections dealt out before are ahead of this.
    for (std::size_t i = 1; i != workers_.size(); ++i)
      run_on(loop(i), [] {});
  }

private:
  worker_loop& loop(std::size_t worker) { return *workers_[worker].loop; }

  void wait() {
    acceptor_->async_wait(boost::asio::socket_base::wait_read,
                          [self = this->shared_from_this()](const auto& failed) {
                            if (!failed && self->acceptor_) self->accept_some();
                          });
  }

  void accept_some() {
    for (std::size_t i = 0; i != accepts_per_turn_; ++i) {
      endpoint peer;
      auto size = static_cast<socklen_t>(peer.capacity());
      const int socket =
          ::accept4(acceptor_->native_handle(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) {
        const int reason = errno;
        if (reason == EMFILE || reason == ENFILE || reason == ENOBUFS || reason == ENOMEM)
          return wait_for_resources(reason);
        break;
      }
      peer.resize(size);
      prepare(peer.protocol(), socket);
      // A client may have bound its own end to any path: not for the log.
      deal_out(socket, std::is_same_v<Protocol, tcp> ? printed(peer) : scheme_);
    }
    short_of_resources_ = false;
    wait();
  }

  /// The connections wait in the kernel's backlog; asking again at once would spin.
  void wait_for_resources(int reason) {
    if (!std::exchange(short_of_resources_, true))
      spdlog::error("event=accept_failed listener={} reason=\"{}\"", address(),
                    std::strerror(reason));
    retry_->expires_after(accept_retry_interval);
    retry_->async_wait([self = this->shared_from_this()](const auto& failed) {
      if (!failed && self->acceptor_) self->accept_some();
    });
  }

  void deal_out(int socket, std::string peer) {
    const std::size_t turn = next_worker_++ % workers_.size();
    auto hand_over = [self = this->shared_from_this(), socket, turn, peer = std::move(peer)] {
      try {
        self->accept_(
            std::make_unique<stream_connection>(socket, peer, self->loop(turn), self->open_));
      } catch (const std::system_error& failed) {  // the poller did not take it
        ::close(socket);
        spdlog::error("event=refused peer={} reason=\"{}\"", peer, failed.what());
      }
    };
    if (turn == 0)
      hand_over();
    else
      boost::asio::post(loop(turn).context(), std::move(hand_over));
  }

  const std::string scheme_;
  const int backlog_;
  const std::size_t accepts_per_turn_;
  const std::vector<io_worker> workers_;
  const on_accept accept_;
  std::optional<typename Protocol::acceptor> acceptor_;  // gone once stopped: its loop goes first
  std::string path_;
  std::size_t next_worker_ = 0;
  std::optional<boost::asio::steady_timer> retry_;  // likewise
  bool short_of_resources_ = false;
};

std::shared_ptr<listener> open_tcp(const listener_config& settings,
                                   const std::vector<io_worker>& workers,
                                   std::size_t accepts_per_turn, listener::on_accept accept) {
  const listener_address& address = settings.address;
  tcp::resolver resolver(workers.front().loop->context());
  const auto found =
      resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive);
  auto opened = std::make_shared<socket_listener<tcp>>("tcp", settings, workers, accepts_per_turn,
                                                       std::move(accept));
  opened->bind(found.begin()->endpoint());
  return opened;
}

std::shared_ptr<listener> open_unix(const listener_config& settings,
                                    const std::vector<io_worker>& workers,
                                    std::size_t accepts_per_turn, listener::on_accept accept) {
  // A socket file left behind by a broker that was killed is in the way; one
  // that somebody listens on is not ours to take, nor is a file of another kind.
  const stream_protocol::endpoint at(settings.address.path);
  boost::system::error_code refused;
  stream_protocol::socket probe(workers.front().loop->context());
  probe.connect(at, refused);
  if (refused == boost::asio::error::connection_refused &&
      std::filesystem::is_socket(std::filesystem::symlink_status(at.path())))
    ::unlink(at.path().c_str());

  auto opened = std::make_shared<socket_listener<stream_protocol>>(
      "unix", settings, workers, accepts_per_turn, std::move(accept));
  opened->bind(at);
  return opened;
}

}  // namespace

std::shared_ptr<listener> listener::open(const listener_config& settings,
                                         const std::vector<io_worker>& workers,
                                         std::size_t accepts_per_turn, on_accept accept) {
  try {
    return settings.address.scheme == listener_scheme::unix_socket
               ? open_unix(settings, workers, accepts_per_turn, std::move(accept))
               : open_tcp(settings, workers, accepts_per_turn, std::move(accept));
  } catch (const boost::system::system_error& failed) {
    throw std::runtime_error(fmt::format("cannot listen on {}: {}", to_string(settings.address),
                                         failed.code().message()));
  }
}

}  // namespace troupe
