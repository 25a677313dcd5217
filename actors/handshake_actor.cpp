#include "actors/handshake_actor.hpp"

#include "actors/log_text.hpp"
#include "actors/refuse.hpp"
#include "libbroker/codec/decode.hpp"
#include "libbroker/handshake.hpp"

#include <spdlog/spdlog.h>

#include <random>

namespace troupe {

namespace {

constexpr std::uint32_t watch_number = 1;
constexpr std::size_t first_read = 512;

/// A client identifier that nobody can guess or has already [MQTT5-3.1.3-6],
/// [MQTT5-3.2.2-16], [MQTT311-3.1.3-6].
std::string make_client_id() {
  std::random_device random;
  return fmt::format("auto-{:08X}{:08X}{:08X}{:08X}", random(), random(), random(), random());
}

}  // namespace

handshake_actor::handshake_actor(caf::actor_config& config, const node_context& house,
                                 std::unique_ptr<connection> socket, bool anonymous_allowed)
    : homed(config), house_(house), client_(std::make_shared<client>()) {
  client_->socket = std::move(socket);
  client_->anonymous_allowed = anonymous_allowed;
  ++house_.counts.handshakes;
}

handshake_actor::behavior_type handshake_actor::make_behavior() {
  client_->socket->watch(caf::actor_cast<connection_owner>(this), watch_number);
  client_->socket->set_deadline(current_time(*this) + house_.settings.limits.connect_timeout);
  // What arrived before the watch was set is not reported.
  send(this, io_ready{.watch = watch_number, .readable = true});
  return {
      [this](const io_ready& event) {
        if (event.deadline_passed)
          return fail({reason_code::unspecified_error, "MQTT5 §3.1.0", "no CONNECT in time"});
        if (event.readable && !authenticating_) read_input();
      },
      [this](const authenticated& verdict) {
        if (is_error(verdict.code))  // [MQTT5-4.12.0-4]
          return fail({verdict.code, "MQTT5 §3.1.4", "not authenticated"},
                      client_->request.version);
        client_->socket->unwatch();
        const directory_handle& directory = house_.directory_of(client_->client_id);
        send(directory, claim{std::move(client_)});
        quit();
      },
  };
}

void handshake_actor::on_exit() {
  // The authenticator may hold on to the rest, but a socket is closed at home.
  if (client_ != nullptr) client_->socket.reset();
  client_.reset();
  --house_.counts.handshakes;
}

void handshake_actor::read_input() {
  const std::size_t limit = house_.settings.limits.max_connect_size;
  for (;;) {
    const std::size_t wanted = input_.empty() ? first_read : limit;
    const auto [bytes, status] = client_->socket->read_some({input_.prepare(wanted), wanted});
    input_.commit(bytes);
    house_.counts.add(&metrics::counters::bytes_received, bytes);
    const auto found = find_connect(input_.view(), limit);
    if (!found) return fail(found.error(), version_of_refusal(found.error(), input_.view()));
    if (*found) return take_connect(**found);
    if (status == connection::io_status::closed)
      return fail({reason_code::unspecified_error, "MQTT5 §3.1.0", "closed before CONNECT"});
    if (status == connection::io_status::would_block) return;
  }
}

void handshake_actor::take_connect(std::size_t size) {
  client& who = *client_;
  who.packet.append(input_.view().first(size));
  who.unread.append(input_.view().subspan(size));
  input_ = byte_buffer();

  const auto scanned = scan_frame(who.packet.view(), 0);
  const auto decoded = decode_connect(scanned->packet);
  if (!decoded)  // [MQTT5-3.1.4-1], [MQTT311-3.1.4-1]
    return fail(decoded.error(), version_of_refusal(decoded.error(), who.packet.view()));
  who.request = *decoded;
  if (const auto checked = check_connect(who.request, house_.settings); !checked)
    return fail(checked.error(), who.request.version);
  who.assigned_id = who.request.client_id.empty();
  who.client_id = who.assigned_id ? make_client_id() : std::string(who.request.client_id);
  authenticating_ = true;
  send(house_.authenticator, authenticate{client_, caf::actor_cast<handshake_handle>(this)});
}

void handshake_actor::fail(const error& reason, std::optional<protocol_version> answer) {
  spdlog::info("event=handshake_failed client={} peer={} code={:#04x} clause=\"{}\" reason=\"{}\"",
               log_text{client_->client_id}, client_->socket->peer(), static_cast<int>(reason.code),
               reason.clause, reason.what);
  house_.counts.add(&metrics::counters::handshakes_failed);
  if (answer) refuse(*client_, *answer, reason.code, reason.what);
  quit();
}

}  // namespace troupe
