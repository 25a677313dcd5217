#include "libbroker/codec/frame.hpp"
#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/libbroker/codec/random_packet.hpp"
#include "tests/support/seed.hpp"

#include <boost/test/unit_test.hpp>

using namespace troupe;
using namespace troupe::test;

BOOST_AUTO_TEST_SUITE(codec_round_trip)

BOOST_AUTO_TEST_CASE(what_is_encoded_decodes_to_the_same_packet_and_the_same_bytes) {
  const std::uint64_t seed = seed_for_test();
  packet_generator generator(seed);
  for (int i = 0; i != 5'000; ++i) {
    for (const auto version :
         {protocol_version::v3_1, protocol_version::v3_1_1, protocol_version::v5}) {
      const any_packet packet = generator.next(version);
      const byte_buffer encoded = encode_any(packet, version);
      const exact_copy copy(encoded.view());
      const auto scanned = scan_frame(copy.view(), encoded.size());
      BOOST_REQUIRE_MESSAGE(scanned.has_value(), "seed " << seed << ' ' << describe(packet));
      BOOST_REQUIRE(scanned->status == frame_scan::status::complete);
      BOOST_REQUIRE_EQUAL(scanned->size, encoded.size());
      const auto decoded = decode_any(scanned->packet, version, role::server);
      BOOST_REQUIRE_MESSAGE(decoded.has_value(),
                            "seed " << seed << ' ' << describe(packet) << ' ' << describe(decoded));
      BOOST_REQUIRE_EQUAL(describe(*decoded), describe(packet));
      const byte_buffer again = encode_any(*decoded, version);
      BOOST_REQUIRE(as_text(again.view()) == as_text(encoded.view()));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
