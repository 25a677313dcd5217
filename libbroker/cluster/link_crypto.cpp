#include "libbroker/cluster/link_crypto.hpp"

#include <sodium.h>

#include <algorithm>

namespace troupe {

static_assert(std::tuple_size_v<packet_seal> == crypto_onetimeauth_BYTES);
static_assert(std::tuple_size_v<cluster_key> == crypto_onetimeauth_KEYBYTES);
static_assert(std::tuple_size_v<cluster_key> == crypto_stream_chacha20_ietf_KEYBYTES);

namespace {

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

cluster_key key_of_secret(std::string_view secret) { return keyed_hash(cluster_key{}, secret); }

cluster_key keyed_hash(const cluster_key& key, std::string_view text) {
  cluster_key hash;
  crypto_generichash(hash.data(), hash.size(), bytes_of(text), text.size(), key.data(), key.size());
  return hash;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && sodium_memcmp(left.data(), right.data(), left.size()) == 0;
}

packet_seal seal_packet(const cluster_key& key, std::uint64_t counter, std::string_view head,
                        std::string_view frame) noexcept {
  std::array<unsigned char, crypto_stream_chacha20_ietf_NONCEBYTES> nonce{};
  for (std::size_t i = 0; i != sizeof counter; ++i)
    nonce[nonce.size() - 1 - i] = static_cast<unsigned char>(counter >> (8 * i));
  cluster_key one_time;
  crypto_stream_chacha20_ietf(one_time.data(), one_time.size(), nonce.data(), key.data());

  packet_seal seal;
  crypto_onetimeauth_state state;
  crypto_onetimeauth_init(&state, one_time.data());
  // The length in front: or bytes could move from one part to the other.
  std::array<unsigned char, 8> size{};
  for (std::size_t i = 0; i != size.size(); ++i)
    size[i] = static_cast<unsigned char>(std::uint64_t{head.size()} >> (8 * i));
  crypto_onetimeauth_update(&state, size.data(), size.size());
  crypto_onetimeauth_update(&state, bytes_of(head), head.size());
  crypto_onetimeauth_update(&state, bytes_of(frame), frame.size());
  crypto_onetimeauth_final(&state, seal.data());
  sodium_memzero(one_time.data(), one_time.size());
  return seal;
}

}  // namespace troupe
