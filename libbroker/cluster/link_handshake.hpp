#pragma once

#include "libbroker/cluster/link_crypto.hpp"
#include "libbroker/cluster/link_packet.hpp"
#include "libbroker/cluster/node_identity.hpp"
#include "libbroker/result.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// How two nodes find out that both know the cluster's secret, without saying it:
///
///     initiator ── hello ─────▶ responder     who I am, a random number
///               ◀── challenge ──              who I am, a random number, and yours
///               ── proof ─────▶               keyed hash of all that was said
///               ◀── welcome ────              the same of what was said now; or refusal
///
/// Each side derives the keys of the link from it. Bytes: docs/cluster_wire.md.
namespace troupe {

/// Versions of what nodes say: a node speaks its own and the one before.
inline constexpr std::uint32_t oldest_cluster_protocol = 1;
inline constexpr std::uint32_t cluster_protocol = 1;

/// The first byte of a packet's head.
enum class packet_kind : std::uint8_t {
  hello = 'H',
  challenge = 'C',
  proof = 'P',
  welcome = 'W',
  refusal = 'R',
  sealed = 'L',      ///< of an open link
  inspection = 'I',  ///< a hello of somebody who is no node and has questions
  question = 'Q',    ///< sealed, of such a session
  answer = 'A'       ///< likewise
};
/// Nothing for a packet of no known kind.
[[nodiscard]] bool is_kind(const link_packet& packet, packet_kind kind) noexcept;

/// What a node says of itself.
struct node_introduction {
  node_identity node;
  std::string address;  ///< where its cluster port can be reached; "host:port"

  friend bool operator==(const node_introduction&, const node_introduction&) = default;
};

/// Why two nodes did not come together: one phrase for a person.
struct link_refusal {
  std::string what;
};
template <class T>
using link_result = result<T, link_refusal>;

/// What both sides know after a handshake.
struct link_session {
  std::uint64_t id = 0;  ///< the same at both ends
  node_introduction other;
  std::uint32_t protocol = cluster_protocol;
  bool is_initiator = false;
  cluster_key sending{};
  cluster_key receiving{};
};

/// What a handshake is for. The proofs and keys of one are of no use for the other.
enum class link_purpose : std::uint8_t {
  membership,
  inspection  ///< of `troupectl`, which never is a member
};

/// Some random number that is used once.
using handshake_nonce = std::array<char, 32>;

/// The side that has connected.
class link_initiator {
public:
  /// `expected`: the name of the other side; empty if it is not known.
  link_initiator(const cluster_key& key, node_introduction self, const handshake_nonce& nonce,
                 std::string expected, link_purpose purpose = link_purpose::membership);

  /// May be said again when no challenge comes.
  [[nodiscard]] link_packet hello() const { return {hello_, nullptr}; }
  /// Answers a challenge, the last of which counts, by the proof.
  [[nodiscard]] link_result<link_packet> challenged(const link_packet& challenge);
  /// The link may be opened. REQUIRES: `challenged` returned a packet.
  [[nodiscard]] link_result<link_session> welcomed(const link_packet& welcome) const;
  /// Who the other side says it is. REQUIRES: `challenged` was called.
  [[nodiscard]] const node_introduction& other() const noexcept { return other_; }

private:
  const cluster_key key_;
  const link_purpose purpose_;
  const std::string own_name_;
  const handshake_nonce nonce_;
  const std::string expected_;
  std::string hello_;
  std::string said_;  ///< by both, so far
  node_introduction other_;
  std::uint32_t protocol_ = 0;
};

/// The side that was connected to.
class link_responder {
public:
  link_responder(const cluster_key& key, node_introduction self, const handshake_nonce& nonce);

  /// Answers a hello, for whatever purpose, by the challenge.
  [[nodiscard]] link_result<link_packet> greeted(const link_packet& hello);
  /// REQUIRES: `greeted` returned a packet.
  [[nodiscard]] link_purpose purpose() const noexcept { return purpose_; }
  /// The other side is who it says it is. REQUIRES: `greeted` returned a packet.
  [[nodiscard]] link_result<link_session> proven(const link_packet& proof);
  /// REQUIRES: `proven` returned a session.
  [[nodiscard]] link_packet welcome() const;

private:
  const cluster_key key_;
  const node_introduction self_;
  const handshake_nonce nonce_;
  link_purpose purpose_ = link_purpose::membership;
  std::string said_;
  node_introduction other_;
  std::uint32_t protocol_ = 0;
};

/// Tells the other side why there will be no link.
[[nodiscard]] link_packet refuse_link(std::string_view why);
/// What a refusal says; for people, made fit to be printed.
[[nodiscard]] std::string reason_of(const link_packet& refusal);

}  // namespace troupe
