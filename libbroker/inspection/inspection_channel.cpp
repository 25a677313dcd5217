#include "libbroker/inspection/inspection_channel.hpp"

#include "libbroker/cluster/link_crypto.hpp"
#include "libbroker/cluster/wire.hpp"

#include <string_view>
#include <utility>

namespace troupe {

namespace {

constexpr std::size_t seal_size = std::tuple_size_v<packet_seal>;

std::string_view text_of(const packet_seal& seal) noexcept {
  return {reinterpret_cast<const char*>(seal.data()), seal.size()};
}

packet_kind spoken_by(bool is_initiator) noexcept {
  return is_initiator ? packet_kind::question : packet_kind::answer;
}

}  // namespace

link_packet inspection_channel::say(frame_ptr content) {
  link_packet packet{.head = {}, .frame = std::move(content)};
  packet.head.push_back(static_cast<char>(spoken_by(session_.is_initiator)));
  wire_writer out(packet.head);
  out.number(session_.id);
  out.number(++said_);
  packet.head += text_of(seal_packet(session_.sending, said_, packet.head, *packet.frame));
  return packet;
}

frame_ptr inspection_channel::hear(const link_packet& packet) {
  const std::string_view head = packet.head;
  if (!is_kind(packet, spoken_by(!session_.is_initiator)) || head.size() <= seal_size ||
      packet.frame == nullptr)
    return nullptr;
  const std::string_view said = head.substr(0, head.size() - seal_size);
  wire_reader in(said.substr(1));
  const std::uint64_t session = in.number();
  const std::uint64_t counter = in.number();
  if (!in.ok() || session != session_.id || counter != heard_ + 1) return nullptr;
  const packet_seal right = seal_packet(session_.receiving, counter, said, *packet.frame);
  if (!equal_in_constant_time(text_of(right), head.substr(said.size()))) return nullptr;
  ++heard_;
  return packet.frame;
}

std::optional<std::uint64_t> inspection_of(const link_packet& packet) noexcept {
  if (!is_kind(packet, packet_kind::question) && !is_kind(packet, packet_kind::answer))
    return std::nullopt;
  wire_reader in(std::string_view(packet.head).substr(1));
  const std::uint64_t session = in.number();
  return in.ok() ? std::optional(session) : std::nullopt;
}

}  // namespace troupe
