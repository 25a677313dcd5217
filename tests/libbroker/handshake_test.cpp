#include "libbroker/handshake.hpp"

#include "libbroker/codec/encode.hpp"

#include <boost/test/unit_test.hpp>

#include <string_view>

using namespace troupe;
using namespace std::string_view_literals;

namespace {

constexpr auto v3_1_1 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

byte_buffer connect_packet(protocol_version version = v5) {
  byte_buffer wire;
  encode(connect{.version = version, .clean_start = true, .client_id = "c"}, wire);
  return wire;
}

connect with_will(std::string_view topic, qos level = qos::at_most_once, bool retain = false) {
  return {.version = v5,
          .client_id = "c",
          .will = will{.topic = topic, .qos = level, .retain = retain}};
}

reason_code refusal(const connect& request, const config& settings = {}) {
  const auto checked = check_connect(request, settings);
  return checked ? reason_code::success : checked.error().code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(handshake)

BOOST_AUTO_TEST_CASE(connect_is_found_when_it_is_whole) {
  const byte_buffer wire = connect_packet();
  for (std::size_t size = 0; size != wire.size(); ++size) {
    const auto found = find_connect(wire.view().first(size), 0);
    BOOST_TEST_REQUIRE(found.has_value());
    BOOST_TEST(!found->has_value());
  }
  byte_buffer more = connect_packet();
  more.append("\xC0\x00"sv);
  const auto found = find_connect(more.view(), 0);
  BOOST_TEST_REQUIRE(found.has_value());
  BOOST_TEST(found->value() == wire.size());
}

BOOST_AUTO_TEST_CASE(another_first_packet_is_refused_by_its_first_byte) {
  // [MQTT5-3.1.0-1], [MQTT311-3.1.0-1]
  const auto found = find_connect(as_bytes("\xC0"sv), 0);
  BOOST_TEST_REQUIRE(!found.has_value());
  BOOST_TEST((found.error().code == reason_code::protocol_error));
}

BOOST_AUTO_TEST_CASE(connect_over_the_size_limit_is_refused_by_its_header) {
  const auto found = find_connect(as_bytes("\x10\x7F"sv), 100);
  BOOST_TEST_REQUIRE(!found.has_value());
  BOOST_TEST((found.error().code == reason_code::packet_too_large));
}

BOOST_AUTO_TEST_CASE(what_the_broker_serves_passes) {
  BOOST_TEST((refusal({.version = v5, .client_id = "c"}) == reason_code::success));
  BOOST_TEST((refusal(with_will("w", qos::exactly_once, true)) == reason_code::success));
}

BOOST_AUTO_TEST_CASE(unknown_authentication_method_is_refused) {  // [MQTT5-4.12.0-1]
  BOOST_TEST((refusal({.version = v5, .client_id = "c", .authentication_method = "x"}) ==
              reason_code::bad_authentication_method));
}

BOOST_AUTO_TEST_CASE(kept_session_of_3_1_1_needs_a_client_id) {  // [MQTT311-3.1.3-8]
  BOOST_TEST((refusal({.version = v3_1_1}) == reason_code::client_identifier_not_valid));
  BOOST_TEST((refusal({.version = v3_1_1, .clean_start = true}) == reason_code::success));
  BOOST_TEST((refusal({.version = v5}) == reason_code::success));
}

BOOST_AUTO_TEST_CASE(will_that_is_not_served_is_refused) {
  config settings;
  settings.features.max_qos = qos::at_least_once;
  settings.features.retain_available = false;
  BOOST_TEST((refusal(with_will("w", qos::at_least_once), settings) == reason_code::success));
  BOOST_TEST((refusal(with_will("w", qos::exactly_once), settings) ==  // [MQTT5-3.2.2-12]
              reason_code::qos_not_supported));
  BOOST_TEST((refusal(with_will("w", qos::at_most_once, true), settings) ==  // [MQTT5-3.2.2-13]
              reason_code::retain_not_supported));
  BOOST_TEST((refusal(with_will("$SYS/x"), settings) == reason_code::not_authorized));
}

BOOST_AUTO_TEST_CASE(refusal_is_told_in_the_version_of_the_client) {
  const error banned{reason_code::banned, "", ""};
  const error malformed{reason_code::malformed_packet, "", ""};
  const byte_buffer five = connect_packet(v5);
  const byte_buffer three = connect_packet(v3_1_1);
  BOOST_TEST((version_of_refusal(banned, five.view()) == v5));
  BOOST_TEST((version_of_refusal(malformed, five.view()) == v5));
  BOOST_TEST((version_of_refusal(banned, three.view()) == v3_1_1));
  BOOST_TEST((version_of_refusal(malformed, three.view()) == std::nullopt));  // [MQTT311-4.8.0-1]
}

BOOST_AUTO_TEST_CASE(what_is_no_connect_is_refused_without_a_word) {
  const error reason{reason_code::protocol_error, "", ""};
  BOOST_TEST((version_of_refusal(reason, as_bytes("\xC0\x00"sv)) == std::nullopt));
  BOOST_TEST((version_of_refusal(reason, as_bytes("\x10"sv)) == std::nullopt));
}

BOOST_AUTO_TEST_SUITE_END()
