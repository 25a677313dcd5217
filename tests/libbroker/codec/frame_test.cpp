#include "libbroker/codec/frame.hpp"

#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/libbroker/codec/samples.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

result<frame_scan> scan(std::string_view wire, std::size_t maximum_packet_size = 0) {
  const exact_copy copy(as_bytes(bytes_of(wire)));
  return scan_frame(copy.view(), maximum_packet_size);
}

void check_needs(std::string_view wire, std::size_t size) {
  const auto scanned = scan(wire);
  BOOST_REQUIRE(scanned.has_value());
  BOOST_TEST((scanned->status == frame_scan::status::incomplete));
  BOOST_TEST(scanned->size == size);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_frame)

BOOST_AUTO_TEST_CASE(an_incomplete_packet_says_how_many_bytes_it_needs) {
  check_needs("", 2);
  check_needs("30", 2);
  check_needs("30 80", 3);
  check_needs("30 8080", 4);
  check_needs("30 808080", 5);
  check_needs("30 05", 7);
  check_needs("30 05 0003", 7);
  check_needs("30 FF7F", 3 + 16'383);
  check_needs("30 FFFFFF7F", 5 + 268'435'455);
}

BOOST_AUTO_TEST_CASE(a_whole_packet_ends_where_its_length_says) {
  const std::string bytes = bytes_of("3D 03 010203 C0 00");
  const auto scanned = scan_frame(as_bytes(bytes), 0);
  BOOST_REQUIRE(scanned.has_value());
  BOOST_TEST((scanned->status == frame_scan::status::complete));
  BOOST_TEST(scanned->size == 5U);
  BOOST_TEST((scanned->packet.type == packet_type::publish));
  BOOST_TEST(scanned->packet.flags == 0x0D);
  BOOST_TEST(as_text(scanned->packet.body) == bytes_of("010203"));
}

BOOST_AUTO_TEST_CASE(a_packet_of_exactly_the_maximum_size_is_accepted) {
  BOOST_TEST(scan("30 03 010203", 5).has_value());
  BOOST_TEST(!scan("30 03 010203", 4).has_value());
  BOOST_TEST(scan("30 03 010203", 0).has_value());
}

BOOST_AUTO_TEST_CASE(a_packet_too_large_is_refused_before_its_body_came) {
  const auto scanned = scan("30 FFFFFF7F", 1024);
  BOOST_REQUIRE(!scanned.has_value());
  BOOST_TEST((scanned.error().code == reason_code::packet_too_large));
}

// [MQTT5-2.1.3-1] [MQTT5-3.3.1-2] [MQTT5-3.3.1-4] [MQTT5-3.6.1-1] [MQTT5-3.8.1-1]
// [MQTT5-3.10.1-1] [MQTT5-3.14.1-1] [MQTT5-3.15.1-1] [MQTT311-2.2.2-1] [MQTT311-2.2.2-2]
BOOST_AUTO_TEST_CASE(illegal_first_bytes_are_refused_before_anything_else_came) {
  for (unsigned first = 0; first != 256; ++first) {
    const unsigned type = first >> 4;
    const unsigned flags = first & 15;
    const bool wants_2 = type == 6 || type == 8 || type == 10;
    bool is_legal = type != 0 && flags == (wants_2 ? 2U : 0U);
    if (type == 3) is_legal = (flags & 6) != 6 && flags != 8 && flags != 9;
    const std::byte byte{static_cast<std::uint8_t>(first)};
    const auto scanned = scan_frame({&byte, 1}, 0);
    BOOST_TEST(scanned.has_value() == is_legal, first);
    if (!scanned) BOOST_TEST((scanned.error().code == reason_code::malformed_packet));
  }
}

BOOST_AUTO_TEST_CASE(a_remaining_length_of_five_bytes_is_refused_at_its_fourth) {
  BOOST_TEST(scan("30 FFFFFF").has_value());
  const auto scanned = scan("30 FFFFFFFF");
  BOOST_REQUIRE(!scanned.has_value());
  BOOST_TEST((scanned.error().code == reason_code::malformed_packet));
}

BOOST_AUTO_TEST_SUITE_END()
