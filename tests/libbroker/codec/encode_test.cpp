#include "libbroker/codec/encode.hpp"

#include "libbroker/codec/variable_byte_integer.hpp"
#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/samples.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr auto v3_1 = protocol_version::v3_1;
constexpr auto v3_1_1 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

std::string hex(std::string_view bytes) {
  std::string digits;
  for (const char byte : bytes) {
    digits += "0123456789ABCDEF"[static_cast<unsigned char>(byte) >> 4];
    digits += "0123456789ABCDEF"[byte & 15];
  }
  return digits;
}

void check_encodes(const any_packet& packet, protocol_version version, std::string_view wire) {
  const byte_buffer encoded = encode_any(packet, version);
  BOOST_TEST(hex(as_text(encoded.view())) == hex(bytes_of(wire)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_encode)

BOOST_AUTO_TEST_CASE(publish_responses_take_their_shortest_form) {
  const auto with = [](packet_type type, reason_code code) {
    return typed_response{type,
                          {.id = 0x1234, .code = code, .reason_string = {}, .user_properties = {}}};
  };
  check_encodes(with(packet_type::puback, reason_code::success), v5, "40 02 1234");
  check_encodes(with(packet_type::pubrec, reason_code::success), v5, "50 02 1234");
  check_encodes(with(packet_type::pubrel, reason_code::success), v5, "62 02 1234");
  check_encodes(with(packet_type::pubcomp, reason_code::success), v5, "70 02 1234");
  check_encodes(with(packet_type::puback, reason_code::quota_exceeded), v5, "40 03 1234 97");
  check_encodes(with(packet_type::puback, reason_code::quota_exceeded), v3_1_1, "40 02 1234");
  check_encodes(with(packet_type::pubrel, reason_code::packet_identifier_not_found), v3_1,
                "62 02 1234");
  typed_response explained = with(packet_type::puback, reason_code::success);
  explained.packet.reason_string = "r";
  check_encodes(explained, v5, R"(40 08 1234 00 04 1F 0001 "r")");
  check_encodes(explained, v3_1_1, "40 02 1234");
}

BOOST_AUTO_TEST_CASE(disconnect_takes_its_shortest_form) {
  check_encodes(disconnect{}, v5, "E0 00");
  check_encodes(disconnect{}, v3_1_1, "E0 00");
  disconnect packet;
  packet.code = reason_code::session_taken_over;
  check_encodes(packet, v5, "E0 01 8E");
  check_encodes(packet, v3_1_1, "");
  check_encodes(packet, v3_1, "");
  packet.code = reason_code::normal_disconnection;
  packet.session_expiry_interval = 0;
  check_encodes(packet, v5, "E0 07 00 05 11 00000000");
}

BOOST_AUTO_TEST_CASE(auth_takes_its_shortest_form) {
  check_encodes(auth{}, v5, "F0 00");
  auth packet;
  packet.code = reason_code::continue_authentication;
  packet.authentication_method = "m";
  check_encodes(packet, v5, R"(F0 06 18 04 15 0001 "m")");
}

BOOST_AUTO_TEST_CASE(connack_of_3_x_has_the_return_code_that_comes_closest) {
  const auto refused = [](reason_code code) {
    connack packet;
    packet.session_present = true;
    packet.code = code;
    return packet;
  };
  using enum reason_code;
  check_encodes(refused(success), v3_1_1, "20 02 01 00");
  check_encodes(refused(success), v3_1, "20 02 00 00");
  // [MQTT311-3.2.2-4] [MQTT5-3.2.2-6]
  check_encodes(refused(unsupported_protocol_version), v3_1_1, "20 02 00 01");
  check_encodes(refused(client_identifier_not_valid), v3_1_1, "20 02 00 02");
  check_encodes(refused(server_unavailable), v3_1_1, "20 02 00 03");
  check_encodes(refused(server_busy), v3_1_1, "20 02 00 03");
  check_encodes(refused(bad_user_name_or_password), v3_1, "20 02 00 04");
  check_encodes(refused(not_authorized), v3_1_1, "20 02 00 05");
  check_encodes(refused(banned), v3_1_1, "20 02 00 05");
  check_encodes(refused(not_authorized), v5, "20 03 00 87 00");
}

// [MQTT311-3.2.2-6]
BOOST_AUTO_TEST_CASE(connack_of_3_x_is_not_sent_for_a_code_without_counterpart) {
  connack packet;
  for (const reason_code code : {reason_code::malformed_packet, reason_code::protocol_error,
                                 reason_code::topic_name_invalid, reason_code::packet_too_large}) {
    packet.code = code;
    check_encodes(packet, v3_1_1, "");
  }
}

BOOST_AUTO_TEST_CASE(connack_never_says_maximum_qos_2) {
  connack packet;
  packet.maximum_qos = qos::exactly_once;
  check_encodes(packet, v5, "20 03 00 00 00");
  packet.maximum_qos = qos::at_least_once;
  check_encodes(packet, v5, "20 05 00 00 02 24 01");
}

// [MQTT311-3.9.3-2]
BOOST_AUTO_TEST_CASE(suback_of_3_x_has_one_failure_code) {
  suback packet;
  packet.id = 1;
  packet.codes = {reason_code::granted_qos_2, reason_code::not_authorized,
                  reason_code::topic_filter_invalid};
  check_encodes(packet, v3_1_1, "90 05 0001 02 80 80");
  check_encodes(packet, v5, "90 06 0001 00 02 87 8F");
}

BOOST_AUTO_TEST_CASE(unsuback_of_3_x_has_no_codes) {
  unsuback packet;
  packet.id = 1;
  packet.codes = {reason_code::success, reason_code::no_subscription_existed};
  check_encodes(packet, v3_1_1, "B0 02 0001");
  check_encodes(packet, v5, "B0 05 0001 00 00 11");
}

BOOST_AUTO_TEST_CASE(subscribe_of_3_x_has_the_requested_qos_only) {
  subscribe packet;
  packet.id = 1;
  packet.subscription_identifier = 9;
  packet.entries = {{"a", {qos::exactly_once, true, true, retain_handling::do_not_send}}};
  check_encodes(packet, v3_1_1, R"(82 06 0001 0001 "a" 02)");
  check_encodes(packet, v5, R"(82 09 0001 02 0B09 0001 "a" 2E)");
}

BOOST_AUTO_TEST_CASE(publish_leaves_out_what_its_version_does_not_know) {
  const std::string properties = bytes_of("23 0001");
  publish packet;
  packet.topic = "t";
  packet.id = 7;
  packet.payload = as_bytes("p");
  packet.properties = as_bytes(properties);
  check_encodes(packet, v3_1_1, R"(30 04 0001 "t" "p")");
  check_encodes(packet, v5, R"(30 08 0001 "t" 03 23 0001 "p")");
  packet.qos = qos::exactly_once;
  packet.dup = true;
  packet.retain = true;
  check_encodes(packet, v3_1_1, R"(3D 06 0001 "t" 0007 "p")");
}

// [MQTT5-1.5.5-1]
BOOST_AUTO_TEST_CASE(lengths_take_as_few_bytes_as_possible) {
  struct expectation {
    std::size_t body;
    std::string_view header;
  };
  for (const auto [body, header] :
       {expectation{127, "30 7F"}, expectation{128, "30 8001"}, expectation{16'383, "30 FF7F"},
        expectation{16'384, "30 808001"}, expectation{2'097'151, "30 FFFF7F"},
        expectation{2'097'152, "30 80808001"}}) {
    const std::string payload(body - 3, 'x');
    publish packet;
    packet.topic = "t";
    packet.payload = as_bytes(payload);
    const byte_buffer encoded = encode_any(packet, v3_1_1);
    const std::string expected = bytes_of(header);
    BOOST_TEST(hex(as_text(encoded.view().first(expected.size()))) == hex(expected));
    BOOST_TEST(encoded.size() == expected.size() + body);
  }
}

BOOST_AUTO_TEST_CASE(variable_byte_integers_end_where_the_specification_says) {
  struct expectation {
    std::size_t value;
    std::string_view wire;
  };
  for (const auto [value, wire] :
       {expectation{0, "00"}, expectation{127, "7F"}, expectation{128, "8001"},
        expectation{16'383, "FF7F"}, expectation{16'384, "808001"},
        expectation{2'097'151, "FFFF7F"}, expectation{2'097'152, "80808001"},
        expectation{268'435'455, "FFFFFF7F"}}) {
    std::array<std::byte, 4> out{};
    const std::byte* const end = write_variable_byte_integer(value, out.data());
    const byte_view written{out.data(), end};
    BOOST_TEST(hex(as_text(written)) == hex(bytes_of(wire)));
    BOOST_TEST(variable_byte_integer_size(value) == written.size());
  }
}

BOOST_AUTO_TEST_CASE(packets_are_appended_to_what_is_there) {
  byte_buffer out;
  encode(pingreq{}, out);
  encode(disconnect{}, v5, out);
  encode(pingresp{}, out);
  BOOST_TEST(hex(as_text(out.view())) == "C000E000D000");
}

BOOST_AUTO_TEST_SUITE_END()
