#include "actors/handshake_actor.hpp"

#include "actors/log_text.hpp"
#include "actors/refuse.hpp"
#include "libbroker/codec/decode.hpp"
#include "libbroker/handshake.hpp"

#include <spdlog/spdlog.h>

#include <random>

namespace troupe {

namespace {

constexpr std::size_t first_read = 512;

/// A client identifier that nobody can guess or has already [MQTT5-3.1.3-6],
/// [MQTT5-3.2.2-16], [MQTT311-3.1.3-6].
std::string make_client_id() {
  std::random_device random;
  return fmt::format("auto-{:08X}{:08X}{:08X}{:08X}", random(), random(), random(), random());
}

}  // namespace

handshake_actor::handshake_actor(caf::actor_config& config, const node_context& house)
    : homed(config, house.roster), house_(house) {}

handshake_actor::behavior_type handshake_actor::make_behavior() {
  return {
      [this](const greet& arrived) { receive(arrived); },
      [this](const io_ready& event) {
        const auto at = newcomers_.find(event.watch);
        if (at == newcomers_.end()) return;
        if (event.deadline_passed)
          return fail(at, {reason_code::unspecified_error, "MQTT5 §3.1.0", "no CONNECT in time"});
        if (event.readable && !at->second.authenticating) read_input(at);
      },
      [this](const authenticated& verdict) {
        const auto at = newcomers_.find(verdict.number);
        if (at == newcomers_.end()) return;  // its time ran out meanwhile
        if (is_error(verdict.code))          // [MQTT5-4.12.0-4]
          return fail(at, {verdict.code, "MQTT5 §3.1.4", "not authenticated"},
                      at->second.who->request.version);
        let_in(at);
      },
      [this](const ask_facts&) {
        return facts_told{{{"handshakes", {{"under_way", std::uint64_t{newcomers_.size()}}}}}};
      },
      [this](const end_handshakes&) {
        ended_ = true;
        while (!newcomers_.empty())
          forget(newcomers_.begin());
        return handshakes_ended{};
      },
  };
}

void handshake_actor::on_exit() {
  while (!newcomers_.empty())
    forget(newcomers_.begin());
}

void handshake_actor::receive(const greet& arrived) {
  connection& socket = *arrived.who->socket;
  if (ended_) return arrived.who->socket.reset();
  const auto at = newcomers_.try_emplace(++last_number_).first;
  at->second.who = arrived.who;
  ++house_.counts.handshakes;
  socket.watch(caf::actor_cast<connection_owner>(this), at->first);
  socket.set_deadline(current_time(*this) + house_.settings.limits.connect_timeout);
  read_input(at);  // what arrived before the watch was set is not reported
}

void handshake_actor::read_input(newcomers::iterator at) {
  auto& [who, input, authenticating] = at->second;
  const std::size_t limit = house_.settings.limits.max_connect_size;
  for (;;) {
    const std::size_t wanted = input.empty() ? first_read : limit;
    const auto [bytes, status] = who->socket->read_some({input.prepare(wanted), wanted});
    input.commit(bytes);
    house_.counts.add(&metrics::counters::bytes_received, bytes);
    const auto found = find_connect(input.view(), limit);
    if (!found) return fail(at, found.error(), version_of_refusal(found.error(), input.view()));
    if (*found) return take_connect(at, **found);
    if (status == connection::io_status::closed)
      return fail(at, {reason_code::unspecified_error, "MQTT5 §3.1.0", "closed before CONNECT"});
    if (status == connection::io_status::would_block) return;
  }
}

void handshake_actor::take_connect(newcomers::iterator at, std::size_t size) {
  auto& [newcomer, input, authenticating] = at->second;
  client& who = *newcomer;
  who.packet.append(input.view().first(size));
  who.unread.append(input.view().subspan(size));
  input = byte_buffer();

  const auto scanned = scan_frame(who.packet.view(), 0);
  const auto decoded = decode_connect(scanned->packet);
  if (!decoded)  // [MQTT5-3.1.4-1], [MQTT311-3.1.4-1]
    return fail(at, decoded.error(), version_of_refusal(decoded.error(), who.packet.view()));
  who.request = *decoded;
  if (const auto checked = check_connect(who.request, house_.settings); !checked)
    return fail(at, checked.error(), who.request.version);
  who.assigned_id = who.request.client_id.empty();
  who.client_id = who.assigned_id ? make_client_id() : std::string(who.request.client_id);
  authenticating = true;
  send(house_.authenticator,
       authenticate{newcomer, at->first, caf::actor_cast<handshake_handle>(this)});
}

void handshake_actor::let_in(newcomers::iterator at) {
  client_ptr who = std::move(at->second.who);
  who->socket->unwatch();
  newcomers_.erase(at);
  --house_.counts.handshakes;
  const directory_handle& directory = house_.directory_of(who->client_id);
  send(directory, claim{std::move(who)});
}

void handshake_actor::fail(newcomers::iterator at, const error& reason,
                           std::optional<protocol_version> answer) {
  client& who = *at->second.who;
  spdlog::info("event=handshake_failed client={} peer={} code={:#04x} clause=\"{}\" reason=\"{}\"",
               log_text{who.client_id}, who.socket->peer(), static_cast<int>(reason.code),
               reason.clause, reason.what);
  house_.counts.add(&metrics::counters::handshakes_failed);
  if (answer) refuse(who, *answer, reason.code, reason.what);
  forget(at);
}

void handshake_actor::forget(newcomers::iterator at) {
  // The authenticator may hold on to the rest, but a socket is closed at home.
  at->second.who->socket.reset();
  newcomers_.erase(at);
  --house_.counts.handshakes;
}

}  // namespace troupe
