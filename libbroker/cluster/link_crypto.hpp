#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// The cryptography of links, all of it libsodium's: keyed BLAKE2b proves who knows the cluster's
/// secret, and Poly1305 under one-time keys of ChaCha20 (the construction of RFC 8439, without
/// encryption) seals each packet. What is to be secret as well goes over TLS.
namespace troupe {

using cluster_key = std::array<unsigned char, 32>;
using packet_seal = std::array<unsigned char, 16>;

/// The key that stands for the cluster's secret; an empty one makes a key, too, which proves
/// nothing.
[[nodiscard]] cluster_key key_of_secret(std::string_view secret);

/// What only who knows `key` can say of `text`: 32 bytes.
[[nodiscard]] cluster_key keyed_hash(const cluster_key& key, std::string_view text);

/// Compares without telling by its duration where the difference lies.
[[nodiscard]] bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept;

/// The seal of a packet. REQUIRES: no `counter` is used twice with one key.
[[nodiscard]] packet_seal seal_packet(const cluster_key& key, std::uint64_t counter,
                                      std::string_view head, std::string_view frame) noexcept;

}  // namespace troupe
