#include "libbroker/handshake.hpp"

#include "libbroker/codec/decode.hpp"
#include "libbroker/codec/encode.hpp"

#include <boost/test/unit_test.hpp>

#include <string_view>

using namespace troupe;
using namespace std::string_view_literals;

namespace {

byte_buffer wire_of(const connect& packet) {
  byte_buffer wire;
  encode(packet, wire);
  return wire;
}

constexpr error malformed{reason_code::malformed_packet, "x", "x"};
constexpr error unauthorised{reason_code::not_authorized, "x", "x"};

}  // namespace

BOOST_AUTO_TEST_SUITE(handshake)

BOOST_AUTO_TEST_CASE(a_connect_is_found_once_it_is_complete) {
  byte_buffer wire = wire_of({.clean_start = true, .client_id = "client"});
  const std::size_t size = wire.size();
  for (std::size_t part = 0; part != size; ++part) {
    const auto found = find_connect(wire.view().first(part), 1'000);
    BOOST_REQUIRE(found.has_value());
    BOOST_TEST(!found->has_value());
  }
  wire.append("\xC0\x00"sv);  // more may follow
  const auto found = find_connect(wire.view(), 1'000);
  BOOST_REQUIRE(found.has_value());
  BOOST_REQUIRE(found->has_value());
  BOOST_TEST(**found == size);
}

// [MQTT5-3.1.0-1] [MQTT311-3.1.0-1]
BOOST_AUTO_TEST_CASE(another_first_packet_is_refused_at_its_first_byte) {
  for (unsigned first = 0; first != 256; ++first) {
    const std::byte byte{static_cast<std::uint8_t>(first)};
    const auto found = find_connect({&byte, 1}, 1'000);
    BOOST_TEST(found.has_value() == (first == 0x10), first);
    if (first >> 4 != 1) BOOST_TEST((found.error().code == reason_code::protocol_error), first);
  }
}

BOOST_AUTO_TEST_CASE(a_connect_over_the_limit_is_refused_before_it_is_complete) {
  const byte_buffer wire = wire_of({.client_id = "a client identifier"});
  BOOST_TEST(find_connect(wire.view(), wire.size()).has_value());
  const auto found = find_connect(wire.view().first(5), wire.size() - 1);
  BOOST_REQUIRE(!found.has_value());
  BOOST_TEST((found.error().code == reason_code::packet_too_large));
}

BOOST_AUTO_TEST_CASE(only_what_the_broker_serves_is_accepted) {
  config settings;
  const auto code = [&](const connect& request) {
    const auto checked = check_connect(request, settings);
    return checked ? reason_code::success : checked.error().code;
  };
  using enum protocol_version;
  BOOST_TEST((code({.client_id = "a"}) == reason_code::success));
  // [MQTT5-4.12.0-1]
  BOOST_TEST((code({.version = v5, .client_id = "a", .authentication_method = "SCRAM"}) ==
              reason_code::bad_authentication_method));
  // [MQTT311-3.1.3-8]
  BOOST_TEST((code({.version = v3_1_1}) == reason_code::client_identifier_not_valid));
  BOOST_TEST((code({.version = v3_1_1, .clean_start = true}) == reason_code::success));
  BOOST_TEST((code({.version = v5}) == reason_code::success));

  const connect with_will{.version = v5,
                          .client_id = "a",
                          .will = will{.topic = "w", .qos = qos::exactly_once, .retain = true}};
  BOOST_TEST((code(with_will) == reason_code::success));
  settings.features.max_qos = qos::at_least_once;  // [MQTT5-3.2.2-12]
  BOOST_TEST((code(with_will) == reason_code::qos_not_supported));
  settings.features.max_qos = qos::exactly_once;
  settings.features.retain_available = false;  // [MQTT5-3.2.2-13]
  BOOST_TEST((code(with_will) == reason_code::retain_not_supported));
  BOOST_TEST(
      (code({.client_id = "a", .will = will{.topic = "$SYS/x"}}) == reason_code::not_authorized));
  BOOST_TEST((code({.client_id = "a", .will = will{.topic = "$SYSTEM"}}) == reason_code::success));
}

// [MQTT311-3.1.2-2] [MQTT311-4.8.0-1]
BOOST_AUTO_TEST_CASE(only_a_client_that_understands_it_is_told_why_it_is_refused) {
  using enum protocol_version;
  const auto version = [](const error& reason, const byte_buffer& wire) {
    return version_of_refusal(reason, wire.view());
  };
  const byte_buffer five = wire_of({.version = v5, .client_id = "a"});
  const byte_buffer three = wire_of({.version = v3_1_1, .client_id = "a"});
  BOOST_TEST((version(malformed, five) == v5));
  BOOST_TEST((version(unauthorised, five) == v5));
  BOOST_TEST((version(unauthorised, three) == v3_1_1));
  BOOST_TEST(!version(malformed, three).has_value());
  BOOST_TEST(!version({reason_code::protocol_error, "x", "x"}, three).has_value());
  BOOST_TEST(!version_of_refusal(unauthorised, five.view().first(5)).has_value());
  BOOST_TEST(!version_of_refusal(unauthorised, {}).has_value());
  BOOST_TEST(!version_of_refusal(unauthorised, as_bytes("\xC0\x00"sv)).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
