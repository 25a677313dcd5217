#include "net/cluster_port.hpp"

#include "libbroker/config/host_port.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <caf/io/middleman_actor_impl.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

namespace troupe {

namespace {

constexpr std::chrono::milliseconds connect_patience{2000};
constexpr int backlog = 64;

/// A socket that is closed unless it is taken.
class owned_socket {
public:
  explicit owned_socket(int socket) noexcept : socket_(socket) {}
  owned_socket(owned_socket&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  owned_socket& operator=(owned_socket&&) = delete;
  ~owned_socket() {
    if (socket_ >= 0) ::close(socket_);
  }
  [[nodiscard]] int get() const noexcept { return socket_; }
  [[nodiscard]] int take() noexcept { return std::exchange(socket_, -1); }

private:
  int socket_;
};

using addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

addresses look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    found = nullptr;
  return {found, &::freeaddrinfo};
}

/// CAF waits for ever for a peer that is gone without a word, and TCP tries ever more seldom to
/// reach it: a connection that nobody answers is to end, so that a new one can be made.
void set_options(int socket, unsigned give_up_after) noexcept {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &give_up_after, sizeof give_up_after);
}

bool connect_in_time(int socket, const sockaddr* address, socklen_t size) noexcept {
  if (::connect(socket, address, size) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd wait{.fd = socket, .events = POLLOUT, .revents = 0};
  if (::poll(&wait, 1, static_cast<int>(connect_patience.count())) != 1) {
    errno = ETIMEDOUT;
    return false;
  }
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failure, &length);
  errno = failure;
  return failure == 0;
}

/// CAF's middleman actor with sockets of ours.
class gatekeeper final : public caf::io::middleman_actor_impl {
public:
  gatekeeper(caf::actor_config& config, caf::actor broker, unsigned give_up_after)
      : middleman_actor_impl(config, std::move(broker)), give_up_after_(give_up_after) {}

  const char* name() const override { return "connector"; }

protected:
  caf::expected<caf::io::scribe_ptr> connect(const std::string& host, std::uint16_t port) override {
    const addresses found = look_up(host, port, AI_ADDRCONFIG);
    if (found == nullptr)
      return caf::make_error(caf::sec::cannot_connect_to_node, "the host is not known");
    for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
      owned_socket socket(
          ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
      if (socket.get() < 0) continue;
      set_options(socket.get(), give_up_after_);
      if (connect_in_time(socket.get(), at->ai_addr, at->ai_addrlen))
        return system().middleman().backend().new_scribe(socket.take());
    }
    return caf::make_error(caf::sec::cannot_connect_to_node, std::string(std::strerror(errno)));
  }

  caf::expected<caf::io::doorman_ptr> open(std::uint16_t port, const char* host, bool) override {
    const addresses found = look_up(host == nullptr ? "" : host, port, AI_PASSIVE);
    if (found == nullptr) return caf::make_error(caf::sec::cannot_open_port, "no such host");
    for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
      owned_socket socket(
          ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
      if (socket.get() < 0) continue;
      const int on = 1;
      ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      set_options(socket.get(), give_up_after_);  // accepted sockets have them from it
      if (::bind(socket.get(), at->ai_addr, at->ai_addrlen) == 0 &&
          ::listen(socket.get(), backlog) == 0)
        return system().middleman().backend().new_doorman(socket.take());
    }
    return caf::make_error(caf::sec::cannot_open_port, std::string(std::strerror(errno)));
  }

private:
  const unsigned give_up_after_;  ///< milliseconds
};

/// Keeps the gatekeeper from those who know nothing of CAF's middleman.
class connector_actor final : public connector_handle::base {
public:
  connector_actor(caf::actor_config& config, caf::io::middleman_actor gate)
      : connector_handle::base(config), gate_(std::move(gate)) {}

  const char* name() const override { return "connector"; }

protected:
  behavior_type make_behavior() override {
    return {[this](const connect_node& where) -> caf::result<node_reached> {
      const auto parsed = parse_host_port(where.address);
      const auto* const target = std::get_if<host_port>(&parsed);
      if (target == nullptr)
        return caf::make_error(caf::sec::cannot_connect_to_node, std::get<std::string>(parsed));
      auto promise = make_response_promise<node_reached>();
      request(gate_, caf::infinite, caf::connect_atom::value, target->host, target->port)
          .then(
              [promise](const caf::node_id&, const caf::strong_actor_ptr& door,
                        const std::set<std::string>&) mutable {
                if (door != nullptr)
                  promise.deliver(node_reached{door});
                else
                  promise.deliver(caf::make_error(caf::sec::cannot_connect_to_node,
                                                  "there is no node behind that port"));
              },
              [promise](caf::error& why) mutable { promise.deliver(std::move(why)); });
      return promise;
    }};
  }
  void on_exit() override { gate_ = nullptr; }

private:
  caf::io::middleman_actor gate_;
};

}  // namespace

void load_cluster_modules(caf::actor_system_config& system, const cluster_config&) {
  system.add_message_type<link_packet>("troupe-link-packet");
  system.load<caf::io::middleman>();
}

opened_cluster_port open_cluster_port(caf::actor_system& system, const cluster_handle& door,
                                      const cluster_config& settings) {
  // Twice as long as it takes a link to be given up.
  const auto give_up_after = settings.heartbeat * settings.missed_heartbeats * 2;
  const caf::actor broker =
      system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
  const caf::io::middleman_actor gate = system.spawn<gatekeeper, caf::detached + caf::hidden>(
      broker, static_cast<unsigned>(give_up_after.count()));
  // Anybody could make and find actors by them.
  system.registry().erase(caf::atom("SpawnServ"));
  system.registry().erase(caf::atom("ConfigServ"));

  const host_port listen = std::get<host_port>(parse_host_port(settings.listen));
  opened_cluster_port opened;
  caf::scoped_actor self(system);
  self->request(gate, caf::infinite, caf::publish_atom::value, listen.port,
                caf::actor_cast<caf::strong_actor_ptr>(door), std::set<std::string>{}, listen.host,
                true)
      .receive([&](std::uint16_t port) { opened.port = port; },
               [&](const caf::error& why) {
                 caf::anon_send_exit(gate, caf::exit_reason::kill);
                 throw std::runtime_error("cannot open the cluster port " + settings.listen + ": " +
                                          caf::to_string(why));
               });
  opened.connector = system.spawn<connector_actor>(gate);
  return opened;
}

}  // namespace troupe
