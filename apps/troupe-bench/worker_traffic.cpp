#include "apps/troupe-bench/clock.hpp"
#include "apps/troupe-bench/worker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace troupe::bench {
namespace {

/// Bytes that a publisher sends in one turn: enough to make the system call
/// cheap, few enough to stay in the cache.
constexpr std::size_t turn_size = 64 * 1024;

/// Counters have one writer, so that no locked instruction is needed.
void advance(worker_counters::counter& to, std::uint64_t count) noexcept {
  if (count != 0) to.store(to.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
}

void append_response(byte_buffer& out, packet_type type, packet_id id) {
  const auto flags = static_cast<unsigned>(type == packet_type::pubrel ? 0x02 : 0x00);
  std::byte* const to = out.prepare(4);
  to[0] = static_cast<std::byte>(static_cast<unsigned>(type) << 4 | flags);
  to[1] = std::byte{2};
  to[2] = static_cast<std::byte>(id >> 8);
  to[3] = static_cast<std::byte>(id & 0xFF);
  out.commit(4);
}

}  // namespace

/// What the packets of one read mean for one client. Collects counts and
/// answers, and hands them on at the end of the read.
class worker::incoming {
public:
  incoming(worker& owner, connection& client)
      : owner_(owner),
        client_(client),
        run_(owner.context_.run),
        window_begin_(owner.context_.window_begin.load(std::memory_order_relaxed)),
        window_end_(owner.context_.window_end.load(std::memory_order_relaxed)) {
    if (client.receives == nullptr) return;
    first_stream_ = client.receives->first_stream;
    trackers_ = client.receives->trackers.data();
    stream_count_ = client.receives->trackers.size();
  }

  void on_publish(const received_publish& message) {
    const std::size_t position = std::size_t{message.header.stream} - first_stream_;
    if (message.has_header && message.header.run == run_ && position < stream_count_) [[likely]] {
      count(position, message.header);
    } else {
      ++foreign_;
    }
    if (message.qos == qos::at_least_once)
      append_response(owner_.scratch_, packet_type::puback, message.id);
    else if (message.qos == qos::exactly_once)
      append_response(owner_.scratch_, packet_type::pubrec, message.id);
  }

  void on_response(packet_type type, packet_id id, reason_code code) {
    packet_id_window& ids = client_.publishes.ids;
    switch (type) {
    case packet_type::puback:
    case packet_type::pubcomp: complete(ids.release(id), code); break;
    case packet_type::pubrec:
      if (is_error(code))
        complete(ids.release(id), code);
      else if (ids.in_use(id))
        append_response(owner_.scratch_, packet_type::pubrel, id);
      break;
    case packet_type::pubrel: append_response(owner_.scratch_, packet_type::pubcomp, id); break;
    default: break;
    }
  }

  void on_control(const frame& packet) { owner_.on_control(client_, packet); }

  void finish() {
    settle_stream();
    settle_latency();
    worker_counters& counters = owner_.counters_;
    if (delivered_ != 0) counters.last_delivery.store(owner_.now_, std::memory_order_relaxed);
    advance(counters.delivered, delivered_);
    advance(counters.foreign, foreign_);
    advance(counters.acknowledged, acknowledged_);
    advance(counters.rejected, rejected_);
  }

private:
  void count(std::size_t position, const payload_header& header) {
    sequence_tracker& tracker = trackers_[position];
    if (&tracker != tracker_) {
      settle_stream();
      tracker_ = &tracker;
      stream_ = header.stream;
    }
    if (tracker.record(header.sequence)) ++delivered_;
    if (header.sent_at != sent_at_) {
      settle_latency();
      sent_at_ = header.sent_at;
    }
    ++sent_together_;
  }

  /// Lets the publisher go on if it waited for what has arrived.
  void settle_stream() {
    if (tracker_ == nullptr) return;
    stream& published = *owner_.context_.streams[stream_];
    if (published.worker != owner_.index_) published.announce_progress();
    if (published.take_wake(*tracker_)) owner_.resume_publisher_of(published);
  }

  /// Messages sent and received together have one latency.
  void settle_latency() {
    if (sent_together_ != 0 && sent_at_ >= window_begin_ && sent_at_ < window_end_)
      owner_.delivery_latency_.record(
          static_cast<std::uint64_t>(std::max<std::int64_t>(0, owner_.now_ - sent_at_)),
          sent_together_);
    sent_together_ = 0;
  }

  void complete(bool was_in_use, reason_code code) {
    if (!was_in_use) return;
    ++acknowledged_;
    if (is_error(code)) ++rejected_;
  }

  worker& owner_;
  connection& client_;
  const std::uint32_t run_;
  const std::int64_t window_begin_;
  const std::int64_t window_end_;
  std::size_t first_stream_ = 0;
  std::size_t stream_count_ = 0;
  sequence_tracker* trackers_ = nullptr;

  sequence_tracker* tracker_ = nullptr;  // of the last message
  std::uint32_t stream_ = 0;             // of the last message
  std::int64_t sent_at_ = 0;             // of the last message
  std::uint64_t sent_together_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t rejected_ = 0;
};

void worker::receive(connection& client) {
  std::size_t room = 0;
  std::size_t received = 0;
  do {
    const std::size_t carried = client.scanner.carried();
    std::byte* const input = input_.prepare(carried + input_.capacity() / 2);
    room = input_.capacity() - carried;
    const auto count = ::recv(client.socket.get(), input + carried, room, 0);
    if (count <= 0) {
      if (count < 0 && errno == EAGAIN) return;
      if (client.state == connection::phase::leaving) {
        left(client);
        return;
      }
      fail(client, count == 0 ? "the broker closed it" : std::strerror(errno));
      return;
    }
    received = static_cast<std::size_t>(count);
    now_ = now_ns();
    client.scanner.restore(input);
    incoming handler(*this, client);
    if (!client.scanner.scan({input, carried + received}, handler))
      fail(client, "the broker sent something that is not MQTT");
    handler.finish();
    pump(client);
    // A short read has emptied the socket: the next byte causes a new event.
  } while (received == room && client.is_open());
}

/// Sends what stands in `scratch_`, and what the publisher may publish now, in one go.
void worker::pump(connection& client) {
  if (publishing_ && !client.publishes.streams.empty() && client.output.empty() &&
      client.state == connection::phase::ready)
    fill(client);
  flush(client);
}

void worker::fill(connection& client) {
  publisher& from = client.publishes;
  const bool identified = from.streams.front()->needs_id();
  const bool open_loop = context_.wanted.rate > 0;
  std::uint64_t allowed = from.limit - from.sent;
  if (identified) allowed = std::min<std::uint64_t>(allowed, from.ids.available());
  const std::int64_t now = now_ns();
  const std::uint64_t sent_before = from.sent;
  std::size_t waiting = 0;
  for (; allowed != 0; --allowed) {
    if (scratch_.size() >= turn_size) {
      enqueue(client);
      break;
    }
    std::int64_t sent_at = now;
    if (open_loop) {
      sent_at = scheduled(from.sent * publishers_.size() + from.position);
      if (sent_at > now) break;
    }
    while (waiting != from.streams.size() && !from.turn().may_publish()) {
      ++waiting;
      from.next_turn();
    }
    if (waiting == from.streams.size()) break;
    waiting = 0;
    from.turn().append_next(scratch_, context_.run, identified ? from.ids.take() : packet_id{0},
                            sent_at);
    from.next_turn();
    ++from.sent;
  }
  advance(counters_.published, from.sent - sent_before);
}

void worker::flush(connection& client) {
  if (scratch_.empty() || !client.is_open()) {
    scratch_.clear();
    return;
  }
  const int error = client.send(scratch_.view());
  scratch_.clear();
  if (error != 0) fail(client, std::strerror(error));
}

void worker::enqueue(connection& client) {
  if (client.queued) return;
  client.queued = true;
  runnable_.push_back(&client);
}

void worker::run_runnable() {
  running_.swap(runnable_);
  for (connection* each : running_) {
    each->queued = false;
    pump(*each);
  }
  running_.clear();
}

/// When the message at `position` of this thread's open-loop schedule is due. Its publishers
/// take turns.
std::int64_t worker::scheduled(std::uint64_t position) const noexcept {
  const double share =
      static_cast<double>(publishers_.size()) / static_cast<double>(context_.wanted.publishers);
  const double since = static_cast<double>(position) / (context_.wanted.rate * share) * 1e9;
  return context_.publish_start.load(std::memory_order_relaxed) + static_cast<std::int64_t>(since);
}

void worker::release_due() {
  if (!publishing_ || context_.wanted.rate == 0 || publishers_.empty()) return;
  for (; scheduled(released_) <= now_; ++released_)
    enqueue(*publishers_[released_ % publishers_.size()]);
}

void worker::resume_publisher_of(const stream& which) {
  if (which.worker == index_)
    enqueue(clients_[which.client]);
  else
    context_.workers[which.worker]->post_wake(which);
}

}  // namespace troupe::bench
