#include "apps/troupe-bench/clock.hpp"
#include "apps/troupe-bench/worker.hpp"
#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>

namespace troupe::bench {
namespace {

constexpr std::int64_t retry_interval = 1'000'000;

/// What a durable session asks for: long enough to find it again in the next run.
constexpr std::uint32_t persistent_expiry = 24 * 60 * 60;

std::string in_words(reason_code code) {
  return std::string(to_string(code)) + " (" + std::to_string(static_cast<unsigned>(code)) + ")";
}

/// Waits, boundedly, until the kernel has taken all of the client's output.
void drain_output(connection& client) {
  constexpr int limit = 5'000;  // milliseconds
  while (!client.output.empty()) {
    pollfd wanted{client.socket.get(), POLLOUT, 0};
    if (::poll(&wanted, 1, limit) <= 0 || client.send_output() != 0) return;
  }
}

}  // namespace

void worker::open_more() {
  const options& wanted = context_.wanted;
  const std::size_t at_once = std::max(1U, wanted.connecting / wanted.threads);
  const double rate = wanted.connect_rate / wanted.threads;
  retry_at_ = next_tick_;
  while (next_to_open_ < clients_.size() && opening_ < at_once) {
    if (clients_[next_to_open_].state != connection::phase::unopened) {
      ++next_to_open_;
      continue;
    }
    if (rate > 0) {
      const auto due = opening_since_ +
                       static_cast<std::int64_t>(static_cast<double>(next_to_open_) / rate * 1e9);
      if (due > now_) {
        retry_at_ = due;
        return;
      }
    }
    if (!open(clients_[next_to_open_])) {
      retry_at_ = now_ + retry_interval;
      return;
    }
    ++next_to_open_;
  }
  if (next_to_open_ == clients_.size()) open_wanted_ = false;
}

/// Returns false if the same connection is to be tried again later.
bool worker::open(connection& client) {
  client.opened_at = now_ns();
  int error = 0;
  client.socket = context_.broker_of(client.plan).connect(error);
  if (error == EAGAIN) {
    client.socket.reset();
    return false;
  }
  client.state = connection::phase::connecting;
  ++opening_;
  if (error == 0 || error == EINPROGRESS) error = loop_.add(client.socket.get(), client.index);
  if (error != 0) fail(client, std::strerror(error));
  return true;
}

void worker::established(connection& client) {
  int error = 0;
  socklen_t size = sizeof(error);
  ::getsockopt(client.socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    fail(client, std::strerror(error));
    return;
  }
  const options& wanted = context_.wanted;
  troupe::connect packet;
  packet.version = wanted.version;
  packet.clean_start = !wanted.persistent;
  packet.keep_alive = wanted.keep_alive;
  packet.client_id = client.plan.client_id;
  if (!wanted.user_name.empty()) packet.user_name = wanted.user_name;
  if (!wanted.password.empty()) packet.password = as_bytes(wanted.password);
  if (wanted.persistent) packet.session_expiry_interval = persistent_expiry;
  encode(packet, scratch_);
  client.state = connection::phase::connack;
  if (client.has_session) counters_.retrieval_began.store(now_ns(), std::memory_order_relaxed);
  flush(client);
}

void worker::on_control(connection& client, const frame& packet) {
  switch (packet.type) {
  case packet_type::connack: on_connack(client, packet); break;
  case packet_type::suback: on_suback(client, packet); break;
  case packet_type::pingresp: break;
  case packet_type::disconnect: {
    const auto reason = decode_disconnect(packet, context_.wanted.version);
    fail(client, "the broker disconnected it: " +
                     (reason ? in_words(reason->code) : std::string(reason.error().what)));
    break;
  }
  default: fail(client, "the broker sent a packet that no client gets"); break;
  }
}

void worker::on_connack(connection& client, const frame& packet) {
  if (client.state != connection::phase::connack) {
    fail(client, "the broker sent a second CONNACK");
    return;
  }
  const auto answer = decode_connack(packet, context_.wanted.version);
  if (!answer || is_error(answer->code)) {
    fail(client, "the broker refused it: " +
                     (answer ? in_words(answer->code) : std::string(answer.error().what)));
    return;
  }
  connect_latency_.record(static_cast<std::uint64_t>(now_ - client.opened_at));
  if (!client.publishes.streams.empty()) {
    const std::uint16_t granted = answer->receive_maximum.value_or(65535);
    client.publishes.ids = packet_id_window(std::min(context_.wanted.window, granted));
  }
  if (client.has_session && !answer->session_present) {
    fail(client, "the broker did not keep its session");
    return;
  }
  if (client.plan.subscribes && !client.plan.subscribes->deferred && !client.has_session)
    send_subscribe(client);
  else
    set_ready(client);
}

void worker::send_subscribe(connection& client) {
  troupe::subscribe packet;
  packet.id = 1;
  packet.entries.push_back({client.plan.subscribes->filter, {.qos = context_.wanted.qos}});
  encode(packet, context_.wanted.version, scratch_);
  if (client.plan.subscribes->deferred)
    counters_.retrieval_began.store(now_ns(), std::memory_order_relaxed);
  else
    client.state = connection::phase::suback;
  flush(client);
}

void worker::on_suback(connection& client, const frame& packet) {
  const auto answer = decode_suback(packet, context_.wanted.version);
  if (!answer || answer->codes.size() != 1 || is_error(answer->codes.front())) {
    const bool refused = answer && answer->codes.size() == 1;
    fail(client, "the broker refused the subscription to " + client.plan.subscribes->filter +
                     (refused ? ": " + in_words(answer->codes.front()) : ""));
    return;
  }
  if (client.state == connection::phase::suback) set_ready(client);
}

void worker::set_ready(connection& client) {
  client.state = connection::phase::ready;
  client.next_ping = now_ + std::int64_t{context_.wanted.keep_alive} * 750'000'000;
  --opening_;
  counters_.ready.fetch_add(1, std::memory_order_relaxed);
}

void worker::leave(connection& client) {
  if (client.state != connection::phase::ready) return;
  client.state = connection::phase::leaving;
  encode(troupe::disconnect{}, context_.wanted.version, scratch_);
  flush(client);
}

/// The broker has closed the connection: what is published from now on waits in the session.
void worker::left(connection& client) {
  client.state = connection::phase::unopened;
  client.has_session = true;
  client.socket.reset();
  client.scanner = packet_scanner(context_.wanted.version);
  counters_.ready.fetch_sub(1, std::memory_order_relaxed);
}

void worker::fail(connection& client, const std::string& reason) {
  if (!client.is_open()) return;
  const bool was_ready =
      client.state == connection::phase::ready || client.state == connection::phase::leaving;
  if (was_ready)
    counters_.ready.fetch_sub(1, std::memory_order_relaxed);
  else
    --opening_;
  client.state = connection::phase::closed;
  client.socket.reset();
  client.output.clear();
  scratch_.clear();
  context_.report_failure((was_ready ? "The connection of " : "Cannot connect ") +
                          client.plan.client_id + (was_ready ? " to " : " to ") +
                          context_.broker_of(client.plan).name() +
                          (was_ready ? " was lost: " : ": ") + reason + ".");
  counters_.failed.fetch_add(1, std::memory_order_relaxed);
}

void worker::clear_retained(connection& client) {
  for (const std::uint32_t each : client.plan.publishes) {
    publish packet;
    packet.topic = context_.planned.topics[each];
    packet.retain = true;
    encode(packet, context_.wanted.version, scratch_);
  }
  flush(client);
}

void worker::disconnect_all() {
  for (connection& each : clients_) {
    if (!each.is_open()) continue;
    if (each.state != connection::phase::connecting) {
      encode(troupe::disconnect{}, context_.wanted.version, scratch_);
      flush(each);
      drain_output(each);
    }
    each.state = connection::phase::closed;
    each.socket.reset();
  }
}

}  // namespace troupe::bench
