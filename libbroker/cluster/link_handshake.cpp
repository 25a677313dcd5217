#include "libbroker/cluster/link_handshake.hpp"

#include "libbroker/cluster/wire.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

constexpr std::size_t longest_address = 255;
constexpr std::size_t longest_reason = 200;

// What keyed hashes are made for.
constexpr std::string_view initiator_proof = "troupe initiator";
constexpr std::string_view responder_proof = "troupe responder";
constexpr std::string_view initiator_key = "troupe initiator sends";
constexpr std::string_view responder_key = "troupe responder sends";
constexpr std::string_view session_number = "troupe session";

std::string_view text_of(const cluster_key& key) noexcept {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

cluster_key hash_for(const cluster_key& key, std::string_view purpose, std::string_view said) {
  std::string all;
  wire_writer out(all);
  out.text(purpose);
  out.text(said);
  return keyed_hash(key, all);
}

template <class Append>
link_packet make_packet(packet_kind kind, Append append) {
  link_packet packet;
  packet.head.push_back(static_cast<char>(kind));
  wire_writer out(packet.head);
  append(out);
  return packet;
}

/// What stands behind the kind.
wire_reader content_of(const link_packet& packet) noexcept {
  return wire_reader(std::string_view(packet.head).substr(1));
}

void introduce(const node_introduction& self, const handshake_nonce& nonce, wire_writer& out) {
  out.section([&](wire_writer& inside) {
    inside.text(self.node.name);
    inside.number(self.node.home);
    inside.number(self.node.incarnation);
    inside.text(self.address);
    inside.text({nonce.data(), nonce.size()});
  });
}

struct received_introduction {
  node_introduction node;
  std::string_view nonce;
};

link_result<received_introduction> introduction(wire_reader in) {
  received_introduction found;
  node_introduction& other = found.node;
  other.node.name = in.text();
  other.node.home = in.number();
  other.node.incarnation = in.number();
  other.address = in.text();
  found.nonce = in.text();
  if (!in.ok() || !is_node_name(other.node.name) || other.address.size() > longest_address ||
      found.nonce.size() != std::tuple_size_v<handshake_nonce>)
    return link_refusal{"the other side's introduction cannot be understood"};
  return found;
}

link_result<void> expect(const link_packet& packet, packet_kind kind) {
  if (is_kind(packet, packet_kind::refusal))
    return link_refusal{"the other side refused: " + reason_of(packet)};
  if (!is_kind(packet, kind))
    return link_refusal{"the other side said something else than expected"};
  return {};
}

packet_kind hello_for(link_purpose purpose) noexcept {
  return purpose == link_purpose::inspection ? packet_kind::inspection : packet_kind::hello;
}

link_session make_session(const cluster_key& key, std::string_view said, node_introduction other,
                          std::uint32_t protocol, bool is_initiator) {
  link_session session{.other = std::move(other),
                       .protocol = protocol,
                       .is_initiator = is_initiator,
                       .sending = hash_for(key, initiator_key, said),
                       .receiving = hash_for(key, responder_key, said)};
  if (!is_initiator) std::swap(session.sending, session.receiving);
  const cluster_key number = hash_for(key, session_number, said);
  for (std::size_t i = 0; i != sizeof session.id; ++i)
    session.id = session.id << 8 | number[i];
  return session;
}

}  // namespace

bool is_kind(const link_packet& packet, packet_kind kind) noexcept {
  return !packet.head.empty() && packet.head.front() == static_cast<char>(kind);
}

// -- the initiator --------------------------------------------------------------------

link_initiator::link_initiator(const cluster_key& key, node_introduction self,
                               const handshake_nonce& nonce, std::string expected,
                               link_purpose purpose)
    : key_(key),
      purpose_(purpose),
      own_name_(self.node.name),
      nonce_(nonce),
      expected_(std::move(expected)) {
  hello_ = make_packet(hello_for(purpose), [&](wire_writer& out) {
             out.number(oldest_cluster_protocol);
             out.number(cluster_protocol);
             introduce(self, nonce, out);
           }).head;
}

link_result<link_packet> link_initiator::challenged(const link_packet& challenge) {
  if (const auto right = expect(challenge, packet_kind::challenge); !right) return right.error();
  wire_reader in = content_of(challenge);
  protocol_ = in.number<std::uint32_t>();
  auto other = introduction(in.section());
  if (!other) return other.error();
  if (!in.ok() || protocol_ < oldest_cluster_protocol || protocol_ > cluster_protocol)
    return link_refusal{"the other side chose a protocol that was not offered"};
  if (in.text() != std::string_view(nonce_.data(), nonce_.size()))
    return link_refusal{"the other side answers somebody else"};
  other_ = std::move(other->node);
  if (purpose_ == link_purpose::membership && other_.node.name == own_name_)
    return link_refusal{"the node there has this node's name, " + own_name_};
  if (!expected_.empty() && other_.node.name != expected_)
    return link_refusal{"the node there is " + other_.node.name + ", not " + expected_};
  said_ = hello_ + challenge.head;
  return make_packet(packet_kind::proof, [&](wire_writer& out) {
    out.text(text_of(hash_for(key_, initiator_proof, said_)));
  });
}

link_result<link_session> link_initiator::welcomed(const link_packet& welcome) const {
  if (const auto right = expect(welcome, packet_kind::welcome); !right) return right.error();
  if (!equal_in_constant_time(content_of(welcome).text(),
                              text_of(hash_for(key_, responder_proof, said_))))
    return link_refusal{"the other side does not know the cluster's secret"};
  return make_session(key_, said_, other_, protocol_, true);
}

// -- the responder --------------------------------------------------------------------

link_responder::link_responder(const cluster_key& key, node_introduction self,
                               const handshake_nonce& nonce)
    : key_(key), self_(std::move(self)), nonce_(nonce) {}

link_result<link_packet> link_responder::greeted(const link_packet& hello) {
  purpose_ =
      is_kind(hello, packet_kind::inspection) ? link_purpose::inspection : link_purpose::membership;
  if (const auto right = expect(hello, hello_for(purpose_)); !right) return right.error();
  wire_reader in = content_of(hello);
  const auto oldest = in.number<std::uint32_t>();
  const auto newest = in.number<std::uint32_t>();
  if (!in.ok() || newest < oldest)
    return link_refusal{"the other side's introduction cannot be understood"};
  if (newest < oldest_cluster_protocol || oldest > cluster_protocol)
    return link_refusal{"the nodes speak no common version: " + std::to_string(oldest) + " to " +
                        std::to_string(newest) + " there, " +
                        std::to_string(oldest_cluster_protocol) + " to " +
                        std::to_string(cluster_protocol) + " here"};
  auto other = introduction(in.section());
  if (!other) return other.error();
  other_ = std::move(other->node);
  protocol_ = std::min(newest, cluster_protocol);
  link_packet challenge = make_packet(packet_kind::challenge, [&](wire_writer& out) {
    out.number(protocol_);
    introduce(self_, nonce_, out);
    out.text(other->nonce);
  });
  said_ = hello.head + challenge.head;
  return challenge;
}

link_result<link_session> link_responder::proven(const link_packet& proof) {
  if (const auto right = expect(proof, packet_kind::proof); !right) return right.error();
  if (!equal_in_constant_time(content_of(proof).text(),
                              text_of(hash_for(key_, initiator_proof, said_))))
    return link_refusal{"the node does not know the cluster's secret"};
  return make_session(key_, said_, other_, protocol_, false);
}

link_packet link_responder::welcome() const {
  return make_packet(packet_kind::welcome, [&](wire_writer& out) {
    out.text(text_of(hash_for(key_, responder_proof, said_)));
  });
}

// -- refusals -------------------------------------------------------------------------

link_packet refuse_link(std::string_view why) {
  return make_packet(packet_kind::refusal,
                     [&](wire_writer& out) { out.text(why.substr(0, longest_reason)); });
}

std::string reason_of(const link_packet& refusal) {
  std::string reason(content_of(refusal).text().substr(0, longest_reason));
  std::ranges::replace_if(
      reason, [](char c) { return c < 0x20 || c > 0x7E || c == '"'; }, '?');
  return reason;
}

}  // namespace troupe
