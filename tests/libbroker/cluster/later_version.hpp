#pragma once

#include "libbroker/cluster/link_handshake.hpp"
#include "libbroker/cluster/wire.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

/// What a node of a later build would say: everywhere as much more as docs/cluster_wire.md lets it.
/// Written from that page, so that it shows whether the page is enough to talk to a node.
namespace troupe::test {

/// Behind what is known, whatever it means there.
inline constexpr std::string_view later_values = "\x81\x01 of a later version";

/// The versions that a node speaks.
struct version_range {
  std::uint64_t oldest = 1;
  std::uint64_t newest = 2;
};

/// The handshake of a later node, in either role.
class later_handshake {
public:
  later_handshake(std::string_view secret, node_introduction self, handshake_nonce nonce,
                  version_range speaks = {})
      : key_(key_of_secret(secret)),
        self_(std::move(self)),
        nonce_(nonce.data(), nonce.size()),
        speaks_(speaks) {}

  // -- as the initiator

  [[nodiscard]] link_packet hello() {
    is_initiator_ = true;
    said_ = "H";
    wire_writer out(said_);
    out.number(speaks_.oldest);
    out.number(speaks_.newest);
    introduce(out);
    said_ += later_values;
    hello_size_ = said_.size();
    return {said_, nullptr};
  }
  /// The proof. A challenge may come twice. REQUIRES: it is one.
  [[nodiscard]] link_packet prove(const link_packet& challenge) {
    wire_reader in(std::string_view(challenge.head).substr(1));
    version_ = in.number();
    meet(in.section());
    said_.resize(hello_size_);
    said_ += challenge.head;
    return hashed('P', "troupe initiator");
  }
  /// The other side knows the secret, too.
  [[nodiscard]] bool is_welcome(const link_packet& welcome) const {
    return welcome.head == hashed('W', "troupe responder").head;
  }

  // -- as the responder

  /// Answers a hello by a challenge, or a refusal.
  [[nodiscard]] link_packet challenge(const link_packet& hello, std::uint64_t version) {
    wire_reader in(std::string_view(hello.head).substr(1));
    const std::uint64_t oldest = in.number();
    const std::uint64_t newest = in.number();
    if (newest < speaks_.oldest || oldest > speaks_.newest)
      return refuse_link("the nodes speak no common version");
    version_ = version;
    meet(in.section());
    std::string head = "C";
    wire_writer out(head);
    out.number(version_);
    introduce(out);
    out.text(other_nonce_);
    head += later_values;
    said_ = hello.head + head;
    return {head, nullptr};
  }
  [[nodiscard]] bool is_proven(const link_packet& proof) const {
    return proof.head == hashed('P', "troupe initiator").head;
  }
  [[nodiscard]] link_packet welcome() const { return hashed('W', "troupe responder"); }

  // -- behind it

  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] const node_introduction& other() const noexcept { return other_; }
  [[nodiscard]] link_session session() const {
    link_session made{.other = other_,
                      .is_initiator = is_initiator_,
                      .sending = hash("troupe initiator sends"),
                      .receiving = hash("troupe responder sends")};
    if (!is_initiator_) std::swap(made.sending, made.receiving);
    const cluster_key number = hash("troupe session");
    for (int i = 0; i != 8; ++i)
      made.id = made.id << 8 | number[static_cast<std::size_t>(i)];
    return made;
  }

private:
  void introduce(wire_writer& out) const {
    std::string inside;
    wire_writer self(inside);
    self.text(self_.node.name);
    self.number(self_.node.home);
    self.number(self_.node.incarnation);
    self.text(self_.address);
    self.text(nonce_);
    inside += later_values;
    out.text(inside);
  }
  void meet(wire_reader in) {
    other_.node.name = in.text();
    other_.node.home = in.number();
    other_.node.incarnation = in.number();
    other_.address = in.text();
    other_nonce_ = in.text();
  }
  [[nodiscard]] cluster_key hash(std::string_view purpose) const {
    std::string all;
    wire_writer out(all);
    out.text(purpose);
    out.text(said_);
    return keyed_hash(key_, all);
  }
  [[nodiscard]] link_packet hashed(char kind, std::string_view purpose) const {
    const cluster_key made = hash(purpose);
    link_packet packet{std::string(1, kind), nullptr};
    wire_writer(packet.head).text({reinterpret_cast<const char*>(made.data()), made.size()});
    return packet;
  }

  cluster_key key_;
  node_introduction self_;
  std::string nonce_;
  version_range speaks_;
  bool is_initiator_ = false;
  std::uint64_t version_ = 0;
  node_introduction other_;
  std::string other_nonce_;
  std::string said_;  ///< by both: hello and challenge
  std::size_t hello_size_ = 0;
};

/// The packet of an open link with `more` behind what its word says.
inline link_packet say_more(link_packet packet, const cluster_key& sending,
                            std::string_view more = later_values) {
  packet.head.resize(packet.head.size() - std::tuple_size_v<packet_seal>);
  wire_reader in(std::string_view(packet.head).substr(1));
  (void)in.number();  // the session
  const std::uint64_t counter = in.number();
  packet.head += more;
  const packet_seal seal = seal_packet(sending, counter, packet.head,
                                       packet.frame ? std::string_view(*packet.frame) : "");
  packet.head.append(reinterpret_cast<const char*>(seal.data()), seal.size());
  return packet;
}

/// Gossip whose members have more values, and with something behind the last one.
inline std::string later_gossip(std::string_view gossip) {
  wire_reader in(gossip);
  std::string made;
  wire_writer out(made);
  const std::uint64_t count = in.number();
  out.number(count);
  for (std::uint64_t i = 0; i != count; ++i)
    out.text(std::string(in.text()).append(later_values));
  return made.append(later_values);
}

/// Routes with flags that are not known, the highest interest as one that is higher than all, and
/// more behind the last one.
inline std::string later_routes(std::string_view routes) {
  wire_reader in(routes);
  std::string made;
  wire_writer out(made);
  out.number(in.number());
  out.number(in.number() | 0x7F00);
  const std::uint64_t count = in.number();
  out.number(count);
  for (std::uint64_t i = 0; i != count; ++i) {
    const std::uint64_t interest = in.number();
    out.number(interest == 3 ? 9 : interest);
    out.text(in.text());
  }
  return made.append(later_values);
}

/// Runs whose marks have bits that are not known, and with more behind the stamps.
inline std::string later_publishes(std::string_view publishes) {
  wire_reader in(publishes);
  std::string made;
  wire_writer out(made);
  while (!in.at_end() && in.ok()) {
    wire_reader run = in.section();
    out.section([&](wire_writer& to) {
      to.number(run.number());
      to.number(run.number());
      const std::uint64_t count = run.number();
      to.number(count);
      wire_reader marks = run.section();
      to.section([&](wire_writer& mark) {
        for (std::uint64_t i = 0; i != count; ++i) {
          const std::uint64_t bits = marks.number();
          mark.number(bits | 0xE0);
          if ((bits & 0x08) != 0) mark.number(marks.number());
          if ((bits & 0x10) != 0) mark.number(marks.number());
        }
      });
      to.text(run.text());
      to.text(run.at_end() ? std::string_view() : run.text());
      to.text(later_values);
    });
  }
  return made;
}

}  // namespace troupe::test
