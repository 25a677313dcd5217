#pragma once

#include "libbroker/bytes.hpp"
#include "libbroker/codec/frame.hpp"
#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

/// What must hold for any bytes that a peer may send; shared by the libFuzzer
/// target and the bounded random test of the normal build.
namespace troupe::test {

inline void fuzz_expect(bool holds, const char* promise, const std::string& details) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n%s\n", promise, details.c_str());
  std::abort();
}

/// Decodes one packet, encodes what came out and decodes that: it must be the
/// same. A refusal must say which rule was broken.
inline void fuzz_packet(const frame& packet, protocol_version version, role decode_as) {
  const exact_copy body(packet.body);
  const auto decoded = decode_any({packet.type, packet.flags, body.view()}, version, decode_as);
  if (!decoded) {
    const error& refusal = decoded.error();
    fuzz_expect(is_error(refusal.code) && !refusal.clause.empty() && !refusal.what.empty(),
                "a refusal has a code, a clause and a reason", describe(decoded));
    return;
  }
  const byte_buffer encoded = encode_any(*decoded, version);
  const auto scanned = scan_frame(encoded.view(), 0);
  fuzz_expect(scanned && scanned->status == frame_scan::status::complete &&
                  scanned->size == encoded.size(),
              "what was accepted encodes to one whole packet", describe(decoded));
  const auto again = decode_any(scanned->packet, version, decode_as);
  fuzz_expect(describe(again) == describe(decoded), "encoding loses nothing",
              describe(decoded) + '\n' + describe(again));
}

/// Reads `input` as a stream of packets, in every version and role.
inline void fuzz_codec(byte_view input) {
  constexpr std::size_t maximum_packet_size = 1 << 16;
  while (!input.empty()) {
    const auto scanned = scan_frame(input, maximum_packet_size);
    if (!scanned) return;
    if (scanned->status == frame_scan::status::incomplete) {
      fuzz_expect(scanned->size > input.size(), "an incomplete packet needs more", "");
      return;
    }
    for (const auto version :
         {protocol_version::v3_1, protocol_version::v3_1_1, protocol_version::v5})
      fuzz_packet(scanned->packet, version, role::server);
    if (scanned->packet.type == packet_type::publish)
      fuzz_packet(scanned->packet, protocol_version::v5, role::client);
    input = input.subspan(scanned->size);
  }
}

}  // namespace troupe::test
