#include "net/stream_connection.hpp"

#include <boost/asio/post.hpp>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace troupe {

namespace {

constexpr std::size_t views_per_call = 64;

/// Input that is thrown away at the end, so that the other side gets to read ours.
constexpr std::size_t unread_at_close = 1 << 20;

connection::io_result outcome(ssize_t moved) noexcept {
  using status = connection::io_status;
  if (moved >= 0) return {static_cast<std::size_t>(moved), status::ok};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {0, later ? status::would_block : status::closed};
}

}  // namespace

stream_connection::stream_connection(int socket, std::string peer, worker_loop& loop,
                                     std::atomic<std::size_t>& open)
    : socket_(socket),
      loop_(&loop),
      slot_(loop.sockets().add(socket)),
      open_(open),
      peer_(std::move(peer)) {
  ++open_;
}

stream_connection::~stream_connection() {
  --open_;
  // Closed with input unread, the kernel would reset the connection and take back what
  // the client has not read yet.
  ::shutdown(socket_, SHUT_WR);
  ::recv(socket_, nullptr, unread_at_close, MSG_TRUNC | MSG_DONTWAIT);
  ::close(socket_);
  if (worker_loop::current() == loop_)
    loop_->sockets().release(slot_);
  else
    boost::asio::post(loop_->context(),
                      [loop = loop_, slot = slot_] { loop->sockets().release(slot); });
}

connection::io_result stream_connection::read_some(std::span<std::byte> into) {
  io_result result = outcome(::recv(socket_, into.data(), into.size(), 0));
  if (result.status == io_status::ok && result.bytes == 0) result.status = io_status::closed;
  return result;
}

// [MQTT5-4.2.0-1], [MQTT311-7.1.1-1]
connection::io_result stream_connection::write_some(std::span<const byte_view> views) {
  if (views.size() == 1)  // most often so; it saves the kernel a copy
    return outcome(::send(socket_, views[0].data(), views[0].size(), MSG_NOSIGNAL));
  std::array<iovec, views_per_call> pieces;
  const std::size_t count = std::min(views.size(), pieces.size());
  for (std::size_t i = 0; i != count; ++i)
    pieces[i] = {const_cast<std::byte*>(views[i].data()), views[i].size()};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  return outcome(::sendmsg(socket_, &message, MSG_NOSIGNAL));
}

void stream_connection::watch(connection_owner owner, std::uint32_t watch) {
  worker_loop* const here = worker_loop::current();
  if (here != nullptr && here != loop_) {
    // A client came back through another worker than its session's.
    const poller::slot_id slot = here->sockets().add(socket_);
    boost::asio::post(loop_->context(),
                      [loop = loop_, old = slot_] { loop->sockets().release(old); });
    loop_->sockets().forget(socket_);
    loop_ = here;
    slot_ = slot;
  }
  loop_->sockets().set_owner(slot_, std::move(owner), watch);
}

void stream_connection::unwatch() {
  loop_->sockets().set_owner(slot_, connection_owner(), 0);
  loop_->sockets().set_deadline(slot_, std::nullopt);
}

void stream_connection::set_deadline(std::optional<time_point> due) {
  loop_->sockets().set_deadline(slot_, due);
}

}  // namespace troupe
