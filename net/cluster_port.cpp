#include "net/cluster_port.hpp"

#include "libbroker/config/host_port.hpp"
#include "net/cluster_connections.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/basp_broker.hpp>
#include <spdlog/spdlog.h>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace troupe {

/// What became of an attempt to connect.
struct dialed {
  std::uint64_t number = 0;
  int socket = -1;  ///< -1: `why`
  std::string why;
};

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::dialed)

namespace troupe {

namespace {

constexpr std::chrono::milliseconds connect_patience{2000};
constexpr int backlog = 64;
/// CAF's handshake, and that of TLS before it, have so much time.
constexpr std::chrono::seconds introduction_patience{5};

/// At connections of strangers.
constexpr std::chrono::seconds look_interval{1};

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

dialed dial(std::uint64_t number, const host_port& where, unsigned give_up_after) {
  const addresses found = look_up(where.host, where.port, AI_ADDRCONFIG);
  if (found == nullptr) return {number, -1, "the host is not known"};
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    owned_socket socket(
        ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket.get() < 0) continue;
    set_options(socket.get(), give_up_after);
    if (connect_in_time(socket.get(), at->ai_addr, at->ai_addrlen))
      return {number, socket.take(), {}};
  }
  return {number, -1, std::strerror(errno)};
}

/// The listening socket, or an error.
owned_socket listen_at(const host_port& where, unsigned give_up_after) {
  errno = EADDRNOTAVAIL;
  const addresses found = look_up(where.host, where.port, AI_PASSIVE);
  for (const addrinfo* at = found.get(); at != nullptr; at = at->ai_next) {
    owned_socket socket(
        ::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket.get() < 0) continue;
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_options(socket.get(), give_up_after);  // accepted sockets have them from it
    if (::bind(socket.get(), at->ai_addr, at->ai_addrlen) == 0 &&
        ::listen(socket.get(), backlog) == 0)
      return socket;
  }
  return owned_socket(-1);
}

// -- connecting -----------------------------------------------------------------------

/// The connector, with what those say who dial for it.
using dialing_connector = connector_handle::extend<caf::reacts_to<dialed>>;

/// Leads to other nodes through CAF's broker for BASP. A thread of its own dials for each
/// attempt, so that who does not answer keeps nobody waiting.
class connector_actor final : public dialing_connector::base {
public:
  connector_actor(caf::actor_config& config, caf::actor broker, const cluster_transport& transport,
                  unsigned give_up_after, std::function<void(std::size_t)> refused)
      : dialing_connector::base(config),
        broker_(std::move(broker)),
        transport_(transport),
        give_up_after_(give_up_after),
        refused_(std::move(refused)) {
    delayed_send(this, look_interval, strangers_timer{});
  }

  const char* name() const override { return "connector"; }

protected:
  behavior_type make_behavior() override {
    return {
        [this](const connect_node& where) { return connect(where); },
        [this](const dialed& outcome) { introduce(outcome); },
        [this](const trust_node& who) {
          if (const auto handle = handle_of(who.node)) transport_.connections->trust(*handle);
          return node_trusted{};
        },
        [this](const drop_node& who) {
          if (const auto handle = handle_of(who.node)) transport_.connections->drop(*handle);
        },
        [this](const strangers_timer& due) {
          if (const std::size_t gone = transport_.connections->close_old(); gone != 0)
            refused_(gone);
          delayed_send(this, look_interval, due);
        },
    };
  }
  void on_exit() override {
    broker_ = nullptr;
    attempts_.clear();
  }

private:
  struct attempt {
    caf::typed_response_promise<node_reached> promise;
    host_port where;
  };

  caf::result<node_reached> connect(const connect_node& where) {
    const auto parsed = parse_host_port(where.address);
    const auto* const target = std::get_if<host_port>(&parsed);
    if (target == nullptr)
      return caf::make_error(caf::sec::cannot_connect_to_node, std::get<std::string>(parsed));
    attempt made{make_response_promise<node_reached>(), *target};
    const std::uint64_t number = ++last_attempt_;
    attempts_.emplace(number, made);
    system().spawn<caf::detached + caf::hidden>(
        [number, where = *target, timeout = give_up_after_,
         reply_to = caf::actor_cast<dialing_connector>(this)](caf::blocking_actor* self) {
          self->send(reply_to, dial(number, where, timeout));
        });
    return made.promise;
  }

  /// CAF's own handshake over the new connection.
  void introduce(const dialed& outcome) {
    const auto found = attempts_.find(outcome.number);
    attempt made = std::move(found->second);
    attempts_.erase(found);
    if (outcome.socket < 0) {
      made.promise.deliver(caf::make_error(caf::sec::cannot_connect_to_node, outcome.why));
      return;
    }
    cluster_connection connection = make_connection(transport_, outcome.socket, tls_role::client);
    request(broker_, introduction_patience, caf::connect_atom::value, std::move(connection.scribe),
            made.where.port)
        .then(
            [made](const caf::node_id&, const caf::strong_actor_ptr& door,
                   const std::set<std::string>&) mutable {
              if (door != nullptr)
                made.promise.deliver(node_reached{door});
              else
                made.promise.deliver(caf::make_error(caf::sec::cannot_connect_to_node,
                                                     "there is no node behind that port"));
            },
            [made, session = std::move(connection.session)](caf::error& why) mutable {
              if (const std::string reason = session == nullptr ? "" : session->failure();
                  !reason.empty()) {
                spdlog::warn("event=link_refused address={} reason=\"{}\"", to_string(made.where),
                             reason);
                why = caf::make_error(caf::sec::cannot_connect_to_node, reason);
              }
              made.promise.deliver(std::move(why));
            });
  }

  /// CAF's connection to the process. Its table may be asked by any thread.
  [[nodiscard]] caf::optional<caf::io::connection_handle>
  handle_of(const caf::node_id& node) const {
    auto* const broker =
        static_cast<caf::io::basp_broker*>(caf::actor_cast<caf::abstract_actor*>(broker_));
    return broker->instance.tbl().lookup_direct(node);
  }

  caf::actor broker_;
  const cluster_transport transport_;
  const unsigned give_up_after_;  ///< milliseconds
  const std::function<void(std::size_t)> refused_;
  std::uint64_t last_attempt_ = 0;
  std::map<std::uint64_t, attempt> attempts_;
};

/// So long may nobody answer: twice as long as it takes a link to be given up; in milliseconds.
unsigned patience_of(const cluster_config& settings) {
  return static_cast<unsigned>((settings.heartbeat * settings.missed_heartbeats * 2).count());
}

cluster_transport make_transport(caf::actor_system& system, const cluster_config& settings) {
  tls_context_ptr tls;
  if (!settings.tls.certificate.empty()) tls = std::make_shared<const tls_context>(settings.tls);
  // Anybody could make and find actors by them.
  system.registry().erase(caf::atom("SpawnServ"));
  system.registry().erase(caf::atom("ConfigServ"));
  return {.multiplexer =
              static_cast<caf::io::network::default_multiplexer&>(system.middleman().backend()),
          .connections = std::make_shared<connection_list>(),
          .tls = std::move(tls)};
}

caf::actor basp_of(caf::actor_system& system) {
  return system.middleman().named_broker<caf::io::basp_broker>(caf::atom("BASP"));
}

}  // namespace

void load_cluster_modules(caf::actor_system_config& system) {
  system.add_message_type<link_packet>("troupe-link-packet");
  system.load<caf::io::middleman>();
}

opened_cluster_port open_cluster_port(caf::actor_system& system, const cluster_handle& door,
                                      const cluster_config& settings,
                                      std::function<void(std::size_t)> refused) {
  const unsigned give_up_after = patience_of(settings);
  const cluster_transport transport = make_transport(system, settings);
  const host_port listen = std::get<host_port>(parse_host_port(settings.listen));
  owned_socket socket = listen_at(listen, give_up_after);
  if (socket.get() < 0)
    throw std::runtime_error("cannot open the cluster port " + settings.listen + ": " +
                             std::strerror(errno));
  caf::io::doorman_ptr doorman = make_doorman(transport, socket.take());
  const caf::actor broker = basp_of(system);
  opened_cluster_port opened{.port = doorman->port()};
  caf::anon_send(broker, caf::publish_atom::value, std::move(doorman), opened.port,
                 caf::actor_cast<caf::strong_actor_ptr>(door), std::set<std::string>{});
  opened.connector =
      system.spawn<connector_actor>(broker, transport, give_up_after, std::move(refused));
  return opened;
}

connector_handle open_connector(caf::actor_system& system, const cluster_config& settings) {
  return system.spawn<connector_actor>(basp_of(system), make_transport(system, settings),
                                       patience_of(settings), [](std::size_t) {});
}

}  // namespace troupe
