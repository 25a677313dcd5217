#include "libbroker/cluster/node_link.hpp"

#include "libbroker/cluster/wire.hpp"

#include <cassert>
#include <utility>

namespace troupe {

namespace {

constexpr std::size_t seal_size = std::tuple_size_v<packet_seal>;
/// So long the other side may wait to hear that frames are handled, unless they are many.
constexpr std::chrono::milliseconds longest_silence_about_handled{10};

std::string_view text_of(const packet_seal& seal) noexcept {
  return {reinterpret_cast<const char*>(seal.data()), seal.size()};
}

}  // namespace

std::optional<std::uint64_t> session_of(const link_packet& packet) noexcept {
  if (!is_kind(packet, packet_kind::sealed)) return std::nullopt;
  wire_reader in(std::string_view(packet.head).substr(1));
  const std::uint64_t session = in.number();
  return in.ok() ? std::optional(session) : std::nullopt;
}

void node_link::open(const link_session& session, time_point now, link_effects& effects) {
  session_ = session;
  phase_ = phase::opening;
  packets_sent_ = packets_received_ = 0;
  tell_by_.reset();
  last_heard_ = last_transmitted_ = now;
  if (session_.is_initiator) transmit_resume(now, effects);
}

void node_link::begin_anew(std::uint64_t stream) noexcept {
  phase_ = phase::down;
  stream_ = stream;
  was_up_ = false;
  forget_unhandled();
}

void node_link::refuse_stream() noexcept {
  phase_ = phase::down;
  other_stream_ = 0;
  received_ = handled_ = 0;
}

void node_link::take_again() noexcept {
  assert(phase_ == phase::down);
  received_ = handled_;
}

void node_link::forget_unhandled() noexcept {
  unhandled_.clear();
  unhandled_bytes_ = 0;
  last_sent_ = 0;
}

void node_link::lose(std::string_view why, link_effects& effects) noexcept {
  phase_ = phase::down;
  effects.lost = why;
}

// -- sending --------------------------------------------------------------------------

template <class Append>
void node_link::transmit(frame_ptr frame, time_point now, link_effects& effects, Append append) {
  link_packet packet{.head = {}, .frame = std::move(frame)};
  packet.head.push_back(static_cast<char>(packet_kind::sealed));
  wire_writer out(packet.head);
  out.number(session_.id);
  out.number(++packets_sent_);
  append(out);
  packet.head += text_of(seal_packet(session_.sending, packets_sent_, packet.head,
                                     packet.frame ? std::string_view(*packet.frame) : ""));
  last_transmitted_ = now;
  effects.packets.push_back(std::move(packet));
}

void node_link::transmit_resume(time_point now, link_effects& effects) {
  transmit(nullptr, now, effects, [this](wire_writer& out) {
    out.number(static_cast<std::uint64_t>(word::resume));
    out.number(stream_);
    out.number(other_stream_);
    out.number(received_);
  });
}

void node_link::transmit_data(std::uint64_t sequence, frame_ptr frame, time_point now,
                              link_effects& effects) {
  transmit(std::move(frame), now, effects, [&](wire_writer& out) {
    out.number(static_cast<std::uint64_t>(word::data));
    out.number(sequence);
    out.number(handled_);
  });
  untold_bytes_ = 0;
  tell_by_.reset();
}

void node_link::send(frame_ptr frame, time_point now, link_effects& effects) {
  assert(frame != nullptr && !frame->empty());
  unhandled_bytes_ += frame->size();
  unhandled_.push_back(frame);
  ++last_sent_;
  if (phase_ == phase::up) transmit_data(last_sent_, std::move(frame), now, effects);
}

// -- receiving ------------------------------------------------------------------------

std::optional<std::string_view> node_link::unseal(const link_packet& packet) noexcept {
  const std::string_view head = packet.head;
  if (head.size() <= seal_size) return std::nullopt;
  const std::string_view said = head.substr(0, head.size() - seal_size);
  wire_reader in(said.substr(1));
  (void)in.number();  // the session
  const std::uint64_t counter = in.number();
  if (!in.ok() || counter != packets_received_ + 1) return std::nullopt;
  const packet_seal right = seal_packet(session_.receiving, counter, said,
                                        packet.frame ? std::string_view(*packet.frame) : "");
  if (!equal_in_constant_time(text_of(right), head.substr(said.size()))) return std::nullopt;
  ++packets_received_;
  return in.rest();
}

void node_link::receive(const link_packet& packet, time_point now, link_effects& effects) {
  if (phase_ == phase::down || session_of(packet) != session_.id) return;
  const auto said = unseal(packet);
  if (!said) return lose("a packet is missing or not the other side's", effects);
  last_heard_ = now;
  wire_reader in(*said);
  const std::uint64_t what = in.number();
  if (what == static_cast<std::uint64_t>(word::resume) && phase_ == phase::opening)
    return take_resume(in.rest(), now, effects);
  if (what == static_cast<std::uint64_t>(word::data) && phase_ == phase::up)
    return take_data(in.rest(), packet.frame, effects);
  lose("the other side said something else than expected", effects);
}

void node_link::take_resume(std::string_view said, time_point now, link_effects& effects) {
  wire_reader in(said);
  const std::uint64_t stream = in.number();
  const std::uint64_t known_stream = in.number();
  const std::uint64_t known = in.number();
  // Who started again may have heard of this stream since, but has nothing of what an earlier
  // life of it handled; and over a connection that broke while it opened, nothing was said.
  const bool is_known = was_up_ && known_stream == stream_ && known >= handled_by_other();
  if (!in.ok() || stream == 0 || (is_known && known > last_sent_))
    return lose("the other side does not make sense", effects);

  // It says what was known before: who has only just heard of a stream has nothing of it.
  if (!session_.is_initiator) transmit_resume(now, effects);
  if (other_stream_ != stream) {
    other_stream_ = stream;
    received_ = handled_ = 0;
    effects.other_begins_anew = true;
  }
  phase_ = phase::up;
  was_up_ = true;
  effects.is_up = true;
  if (!is_known) {
    forget_unhandled();
    effects.begins_anew = true;
    return;
  }
  // What it has received it will handle, if it does not crash.
  std::uint64_t sequence = handled_by_other();
  for (const frame_ptr& frame : unhandled_)
    if (++sequence > known) transmit_data(sequence, frame, now, effects);
}

void node_link::take_data(std::string_view said, frame_ptr frame, link_effects& effects) {
  wire_reader in(said);
  const std::uint64_t sequence = in.number();
  const std::uint64_t handled = in.number();
  if (!in.ok() || !forget_handled(handled) || (frame == nullptr) != (sequence == 0))
    return lose("the other side does not make sense", effects);
  if (frame == nullptr || sequence <= received_) return;
  if (sequence != received_ + 1) return lose("a frame is missing", effects);
  received_ = sequence;
  untold_bytes_ += frame->size();
  effects.frames.push_back({sequence, std::move(frame)});
}

bool node_link::forget_handled(std::uint64_t up_to) noexcept {
  if (up_to > last_sent_) return false;
  while (!unhandled_.empty() && handled_by_other() < up_to) {
    unhandled_bytes_ -= unhandled_.front()->size();
    unhandled_.pop_front();
  }
  return true;
}

void node_link::handled(std::uint64_t sequence, time_point now, link_effects& effects) {
  if (sequence <= handled_ || sequence > received_) return;  // of an earlier stream
  handled_ = sequence;
  if (phase_ != phase::up) return;
  if (untold_bytes_ >= settings_.credit / 8)
    transmit_data(0, nullptr, now, effects);
  else if (!tell_by_)
    tell_by_ = now + longest_silence_about_handled;
}

// -- time -----------------------------------------------------------------------------

void node_link::tick(time_point now, link_effects& effects) {
  if (phase_ == phase::down) return;
  if (now - last_heard_ >= settings_.heartbeat * settings_.missed_heartbeats)
    return lose("nothing was heard for too long", effects);
  if (phase_ != phase::up) return;
  if ((tell_by_ && *tell_by_ <= now) || now - last_transmitted_ >= settings_.heartbeat)
    transmit_data(0, nullptr, now, effects);
}

std::optional<time_point> node_link::deadline() const noexcept {
  if (phase_ == phase::down) return std::nullopt;
  const time_point silent = last_heard_ + settings_.heartbeat * settings_.missed_heartbeats;
  if (phase_ != phase::up) return silent;
  time_point due = std::min(silent, last_transmitted_ + settings_.heartbeat);
  if (tell_by_) due = std::min(due, *tell_by_);
  return due;
}

}  // namespace troupe
