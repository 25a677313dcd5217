#include "net/cluster_connections.hpp"

#include "net/tls_scribe.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>
#include <caf/io/network/doorman_impl.hpp>
#include <caf/io/network/scribe_impl.hpp>
#include <spdlog/spdlog.h>

#include <sys/socket.h>

#include <string_view>
#include <utility>

namespace troupe {

namespace {

constexpr std::size_t most_strangers = 256;
constexpr std::size_t most_of_a_stranger = 64UL << 10;  // bytes of a message; a handshake has few
constexpr std::size_t most_of_a_member = 512UL << 20;
constexpr std::string_view no_node = "it is no node";
constexpr std::string_view no_handshake = "no handshake";
constexpr std::string_view linked_already = "it says that it is a node that is linked already";
/// Of CAF's introduction, which has the name of the process in front.
constexpr std::size_t process_name_size = 32;
/// For TLS, CAF's handshake and the link's.
constexpr std::chrono::seconds stranger_patience{10};

/// A connection that reads no more at a time than it may. `Scribe`: of TCP, or of TLS with its
/// session.
template <class Scribe>
class bounded final : public Scribe {
public:
  template <class... Session>
  bounded(const cluster_transport& transport, int socket, tls_role role, const Session&... session)
      : Scribe(transport.multiplexer, socket, session...),
        socket_(socket),
        connections_(transport.connections) {
    connections_->add(this, socket, *this, std::shared_ptr<const tls_session>(session...), role);
  }
  ~bounded() override { connections_->remove(this); }

  void configure_read(caf::io::receive_policy::config wanted) override {
    // CAF asks for a header, for the introduction that it announces, and for the next header.
    if (reads_ != 3 && ++reads_ == 3) connections_->introduced(this);
    const std::size_t most = connections_->is_trusted(this) ? most_of_a_member : most_of_a_stranger;
    if (wanted.second > most) {
      spdlog::warn("event=stranger_refused peer={} reason=\"a message of {} bytes\"", this->addr(),
                   wanted.second);
      ::shutdown(socket_, SHUT_RDWR);  // the next read ends it
      wanted = caf::io::receive_policy::exactly(1);
    }
    Scribe::configure_read(wanted);
  }

  bool consume(caf::execution_unit* context, const void* bytes, std::size_t size) override {
    const bool is_introduction = reads_ == 2;
    const std::string_view said(static_cast<const char*>(bytes), size);
    if (is_introduction && !connections_->introduce(this, said.substr(0, process_name_size))) {
      ::shutdown(socket_, SHUT_RDWR);  // the next read ends it
      return true;
    }
    return Scribe::consume(context, bytes, size);
  }

private:
  const int socket_;
  const std::shared_ptr<connection_list> connections_;
  int reads_ = 0;  ///< up to 3
};

class doorman final : public caf::io::network::doorman_impl {
public:
  doorman(const cluster_transport& transport, int socket)
      : doorman_impl(transport.multiplexer, socket), transport_(transport) {}

  bool new_connection() override {
    if (detached()) return false;
    auto made = make_connection(transport_, acceptor_.accepted_socket(), tls_role::server).scribe;
    const caf::io::connection_handle connection = made->hdl();
    parent()->add_scribe(std::move(made));
    return caf::io::doorman::new_connection(&transport_.multiplexer, connection);
  }

private:
  const cluster_transport transport_;
};

}  // namespace

void connection_list::add(const void* who, int socket, const caf::io::scribe& connection,
                          std::shared_ptr<const tls_session> session, tls_role role) {
  const std::lock_guard guard(mutex_);
  if (strangers_ >= most_strangers) ::shutdown(socket, SHUT_RDWR);
  connections_[who] = {.socket = socket,
                       .handle = connection.hdl(),
                       .peer = connection.addr() + ":" + std::to_string(connection.port()),
                       .session = std::move(session),
                       .role = role,
                       .since = std::chrono::steady_clock::now()};
  ++strangers_;
}

void connection_list::remove(const void* who) {
  const std::lock_guard guard(mutex_);
  const auto found = connections_.find(who);
  connection& gone = found->second;
  if (!gone.is_trusted) --strangers_;
  // Who has connected there is told otherwise.
  if (gone.role == tls_role::server && !gone.is_introduced) {
    ++gone_;
    const std::string failure = gone.session ? gone.session->failure() : std::string();
    if (!gone.is_noted) note(failure.empty() ? std::string(no_node) : failure, gone);
  }
  connections_.erase(found);
}

bool connection_list::introduce(const void* who, std::string_view process) {
  const std::lock_guard guard(mutex_);
  connection& newcomer = connections_.at(who);
  for (const auto& [other, each] : connections_) {
    // Of a second connection that this node has made CAF closes one.
    if (newcomer.role == tls_role::client || other == who || !each.is_trusted ||
        each.process != process)
      continue;
    note(std::string(linked_already), newcomer);
    return false;
  }
  newcomer.process = process;
  return true;
}

void connection_list::introduced(const void* who) {
  const std::lock_guard guard(mutex_);
  connections_.at(who).is_introduced = true;
}

bool connection_list::is_trusted(const void* who) const {
  const std::lock_guard guard(mutex_);
  return connections_.at(who).is_trusted;
}

void connection_list::trust(caf::io::connection_handle handle) {
  const std::lock_guard guard(mutex_);
  for (auto& [who, each] : connections_)
    if (each.handle == handle && !std::exchange(each.is_trusted, true)) --strangers_;
}

void connection_list::drop(caf::io::connection_handle handle) const {
  const std::lock_guard guard(mutex_);
  for (const auto& [who, each] : connections_)
    if (each.handle == handle) ::shutdown(each.socket, SHUT_RDWR);
}

std::size_t connection_list::close_old() {
  const std::lock_guard guard(mutex_);
  const auto now = std::chrono::steady_clock::now();
  for (auto& [who, each] : connections_) {
    if (each.is_trusted || now - each.since < stranger_patience) continue;
    ::shutdown(each.socket, SHUT_RDWR);
    if (each.is_noted) continue;
    note(each.session && !each.session->is_established() ? "no TLS handshake"
                                                         : std::string(no_handshake),
         each);
  }
  for (const auto& [reason, each] : std::exchange(refusals_, {}))
    spdlog::warn("event={} peer={} connections={} reason=\"{}\"",
                 reason == no_node || reason == no_handshake || reason == linked_already
                     ? "stranger_refused"
                     : "link_refused",
                 each.peer, each.connections, reason);
  return std::exchange(gone_, 0);
}

void connection_list::note(const std::string& reason, connection& refused) {
  refused.is_noted = true;
  refusal& noted = refusals_[reason];
  ++noted.connections;
  noted.peer = refused.peer;
}

cluster_connection make_connection(const cluster_transport& transport, int socket, tls_role role) {
  if (!transport.tls)
    return {caf::make_counted<bounded<caf::io::network::scribe_impl>>(transport, socket, role),
            nullptr};
  const auto session = std::make_shared<tls_session>(transport.tls, socket, role);
  return {caf::make_counted<bounded<tls_scribe>>(transport, socket, role, session), session};
}

caf::io::doorman_ptr make_doorman(const cluster_transport& transport, int socket) {
  return caf::make_counted<doorman>(transport, socket);
}

}  // namespace troupe
