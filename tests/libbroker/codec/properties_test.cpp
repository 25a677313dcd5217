#include "libbroker/codec/properties.hpp"

#include "tests/libbroker/codec/any_packet.hpp"
#include "tests/libbroker/codec/exact_copy.hpp"
#include "tests/libbroker/codec/samples.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>
#include <string_view>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr auto v5 = protocol_version::v5;

/// MQTT5 §2.2.2.2, Table 2-4, as it is printed there.
struct table_row {
  std::uint8_t identifier;
  std::string_view legal;  ///< a legal value in wire form
  std::string_view packets;
};

constexpr table_row table_2_4[] = {
    {0x01, "01", "PUBLISH, Will Properties"},
    {0x02, "00000000", "PUBLISH, Will Properties"},
    {0x03, "0001 \"t\"", "PUBLISH, Will Properties"},
    {0x08, "0003 \"r/t\"", "PUBLISH, Will Properties"},
    {0x09, "0002 00FF", "PUBLISH, Will Properties"},
    {0x0B, "8001", "PUBLISH, SUBSCRIBE"},
    {0x11, "00000000", "CONNECT, CONNACK, DISCONNECT"},
    {0x12, "0001 \"c\"", "CONNACK"},
    {0x13, "0000", "CONNACK"},
    {0x15, "0001 \"m\"", "CONNECT, CONNACK, AUTH"},
    {0x16, "0001 FF", "CONNECT, CONNACK, AUTH"},
    {0x17, "01", "CONNECT"},
    {0x18, "00000001", "Will Properties"},
    {0x19, "00", "CONNECT"},
    {0x1A, "0001 \"i\"", "CONNACK"},
    {0x1C, "0001 \"s\"", "CONNACK, DISCONNECT"},
    {0x1F, "0001 \"r\"",
     "CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH"},
    {0x21, "0001", "CONNECT, CONNACK"},
    {0x22, "0000", "CONNECT, CONNACK"},
    {0x23, "0001", "PUBLISH"},
    {0x24, "01", "CONNACK"},
    {0x25, "00", "CONNACK"},
    {0x26, "0001 \"k\" 0001 \"v\"",
     "CONNECT, CONNACK, PUBLISH, Will Properties, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, "
     "SUBACK, UNSUBSCRIBE, UNSUBACK, DISCONNECT, AUTH"},
    {0x27, "00000001", "CONNECT, CONNACK"},
    {0x28, "01", "CONNACK"},
    {0x29, "01", "CONNACK"},
    {0x2A, "00", "CONNACK"},
};

/// A packet with a hole where its property section belongs.
struct carrier {
  std::string_view name;
  packet_type type;
  std::uint8_t flags;
  std::string_view before;
  std::string_view after;
};

constexpr carrier carriers[] = {
    {"CONNECT", packet_type::connect, 0, R"(0004 "MQTT" 05 02 0000)", R"(0001 "a")"},
    {"Will Properties", packet_type::connect, 0, R"(0004 "MQTT" 05 06 0000 00 0001 "a")",
     R"(0001 "w" 0000)"},
    {"CONNACK", packet_type::connack, 0, "00 00", ""},
    {"PUBLISH", packet_type::publish, 0, R"(0003 "a/b")", "00"},
    {"PUBACK", packet_type::puback, 0, "0001 00", ""},
    {"PUBREC", packet_type::pubrec, 0, "0001 00", ""},
    {"PUBREL", packet_type::pubrel, 2, "0001 00", ""},
    {"PUBCOMP", packet_type::pubcomp, 0, "0001 00", ""},
    {"SUBSCRIBE", packet_type::subscribe, 2, "0001", R"(0001 "f" 00)"},
    {"SUBACK", packet_type::suback, 0, "0001", "00"},
    {"UNSUBSCRIBE", packet_type::unsubscribe, 2, "0001", R"(0001 "f")"},
    {"UNSUBACK", packet_type::unsuback, 0, "0001", "00"},
    {"DISCONNECT", packet_type::disconnect, 0, "00", ""},
    {"AUTH", packet_type::auth, 0, "18", ""},
};

std::string wire_of(std::uint8_t identifier, std::string_view value) {
  return static_cast<char>(identifier) + bytes_of(value);
}

std::string wire_of(const table_row& row) { return wire_of(row.identifier, row.legal); }

/// Decodes `into` with `properties`; returns the refusal, if it is one.
std::optional<error> refusal_of(const carrier& into, const std::string& properties,
                                role decode_as = role::client) {
  BOOST_REQUIRE_LT(properties.size(), 128);
  const std::string body = bytes_of(into.before) + static_cast<char>(properties.size()) +
                           properties + bytes_of(into.after);
  const exact_copy copy(as_bytes(body));
  const auto decoded = decode_any({into.type, into.flags, copy.view()}, v5, decode_as);
  if (decoded) return std::nullopt;
  return decoded.error();
}

/// What must stand beside property `identifier` for the packet to be legal.
std::string company_of(const carrier& into, std::uint8_t identifier) {
  const bool needs_method =
      into.type == packet_type::auth || (into.name == "CONNECT" && identifier == 0x16);
  return needs_method && identifier != 0x15 ? wire_of(0x15, "0000") : std::string();
}

bool names_packet(std::string_view packets, std::string_view name) {
  for (;;) {
    const std::size_t comma = packets.find(", ");
    if (packets.substr(0, comma) == name) return true;
    if (comma == std::string_view::npos) return false;
    packets.remove_prefix(comma + 2);
  }
}

const carrier& carrier_of(std::string_view name) {
  for (const carrier& each : carriers)
    if (each.name == name) return each;
  BOOST_FAIL("no such packet");
  return carriers[0];
}

void check_value(std::string_view packet, std::uint8_t identifier, std::string_view value,
                 reason_code expected) {
  const carrier& into = carrier_of(packet);
  const auto refused = refusal_of(into, company_of(into, identifier) + wire_of(identifier, value));
  const reason_code code = refused ? refused->code : reason_code::success;
  BOOST_TEST(to_string(code) == to_string(expected),
             packet << " property " << static_cast<int>(identifier) << " value " << value);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_properties)

BOOST_AUTO_TEST_CASE(each_property_is_accepted_exactly_where_table_2_4_puts_it) {
  BOOST_TEST(std::size(table_2_4) == 27U);
  for (const table_row& row : table_2_4)
    for (const carrier& into : carriers)
      BOOST_TEST_CONTEXT(into.name << " property " << static_cast<int>(row.identifier)) {
        const auto refused = refusal_of(into, company_of(into, row.identifier) + wire_of(row));
        BOOST_TEST(refused.has_value() == !names_packet(row.packets, into.name));
        if (refused) BOOST_TEST((refused->code == reason_code::malformed_packet));
      }
}

BOOST_AUTO_TEST_CASE(identifiers_that_do_not_exist_are_malformed_everywhere) {
  for (const carrier& into : carriers)
    for (int identifier = 0; identifier != 128; ++identifier) {
      bool exists = false;
      for (const table_row& row : table_2_4)
        exists |= row.identifier == identifier;
      if (exists) continue;
      const auto refused = refusal_of(into, wire_of(static_cast<std::uint8_t>(identifier), "00"));
      BOOST_TEST((refused && refused->code == reason_code::malformed_packet),
                 into.name << " property " << identifier);
    }
}

BOOST_AUTO_TEST_CASE(only_user_properties_and_a_servers_subscription_identifiers_may_repeat) {
  for (const table_row& row : table_2_4)
    for (const carrier& into : carriers) {
      if (!names_packet(row.packets, into.name)) continue;
      const auto refused =
          refusal_of(into, company_of(into, row.identifier) + wire_of(row) + wire_of(row));
      const bool may_repeat =
          row.identifier == 0x26 || (row.identifier == 0x0B && into.name == "PUBLISH");
      BOOST_TEST(refused.has_value() == !may_repeat,
                 into.name << " property " << static_cast<int>(row.identifier));
      if (refused) BOOST_TEST((refused->code == reason_code::protocol_error));
    }
}

// [MQTT5-3.3.4-6]
BOOST_AUTO_TEST_CASE(a_subscription_identifier_from_a_client_is_a_protocol_error) {
  const auto refused = refusal_of(carrier_of("PUBLISH"), wire_of(0x0B, "01"), role::server);
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST((refused->code == reason_code::protocol_error));
  BOOST_TEST(refused->clause == "MQTT5-3.3.4-6");
}

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused) {
  using enum reason_code;
  for (const std::string_view packet : {"PUBLISH", "Will Properties"}) {
    check_value(packet, 0x01, "00", success);
    check_value(packet, 0x01, "02", protocol_error);
    check_value(packet, 0x08, "0001 \"+\"", protocol_error);  // [MQTT5-3.3.2-14]
    check_value(packet, 0x08, "0003 \"a/#\"", protocol_error);
    check_value(packet, 0x08, "0000", protocol_error);
    check_value(packet, 0x03, "0000", success);
  }
  check_value("PUBLISH", 0x23, "FFFF", success);
  check_value("PUBLISH", 0x23, "0000", topic_alias_invalid);  // [MQTT5-3.3.2-8]
  for (const std::string_view packet : {"PUBLISH", "SUBSCRIBE"}) {
    check_value(packet, 0x0B, "00", protocol_error);
    check_value(packet, 0x0B, "FFFFFF7F", success);
    check_value(packet, 0x0B, "FFFFFFFF01", malformed_packet);
    check_value(packet, 0x0B, "8100", malformed_packet);  // [MQTT5-1.5.5-1]
  }
  for (const std::string_view packet : {"CONNECT", "CONNACK"}) {
    check_value(packet, 0x21, "0000", protocol_error);
    check_value(packet, 0x21, "FFFF", success);
    check_value(packet, 0x27, "00000000", protocol_error);
    check_value(packet, 0x27, "FFFFFFFF", success);
    check_value(packet, 0x22, "FFFF", success);
    check_value(packet, 0x11, "FFFFFFFF", success);
  }
  for (const std::uint8_t flag : {0x17, 0x19}) {
    check_value("CONNECT", flag, "00", success);
    check_value("CONNECT", flag, "01", success);
    check_value("CONNECT", flag, "02", protocol_error);
  }
  for (const std::uint8_t flag : {0x24, 0x25, 0x28, 0x29, 0x2A}) {
    check_value("CONNACK", flag, "00", success);
    check_value("CONNACK", flag, "01", success);
    check_value("CONNACK", flag, "FF", protocol_error);
  }
}

// [MQTT5-1.5.4-1] [MQTT5-1.5.4-2] [MQTT5-1.5.7-1] [MQTT5-3.3.2-13] [MQTT5-3.3.2-19]
BOOST_AUTO_TEST_CASE(every_string_property_must_be_utf8_without_null) {
  for (const table_row& row : table_2_4) {
    const bool is_binary = row.identifier == 0x09 || row.identifier == 0x16;
    const bool is_text = row.legal.find('"') != std::string_view::npos && !is_binary;
    if (!is_text) continue;
    const std::string_view packet = row.packets.substr(0, row.packets.find(", "));
    for (const std::string_view bad : {"0001 00", "0001 80", "0002 C0AF", "0003 EDBFBF"}) {
      const std::string other = row.identifier == 0x26 ? "0001 \"k\" " : "";
      check_value(packet, row.identifier, other + std::string(bad), reason_code::malformed_packet);
      if (row.identifier == 0x26)
        check_value(packet, row.identifier, std::string(bad) + " 0000",
                    reason_code::malformed_packet);
    }
  }
}

BOOST_AUTO_TEST_CASE(binary_properties_may_hold_any_bytes) {
  check_value("PUBLISH", 0x09, "0004 00FF80C0", reason_code::success);
  check_value("CONNECT", 0x16, "0004 00FF80C0", reason_code::success);
}

BOOST_AUTO_TEST_CASE(a_property_cut_short_by_its_section_is_malformed) {
  for (const table_row& row : table_2_4)
    for (const carrier& into : carriers) {
      if (!names_packet(row.packets, into.name)) continue;
      const std::string whole = wire_of(row);
      for (std::size_t size = 1; size != whole.size(); ++size) {
        const auto refused =
            refusal_of(into, company_of(into, row.identifier) + whole.substr(0, size));
        BOOST_TEST((refused && refused->code == reason_code::malformed_packet),
                   into.name << " property " << static_cast<int>(row.identifier) << " of " << size
                             << " bytes");
      }
    }
}

BOOST_AUTO_TEST_CASE(user_properties_are_copied_without_what_stands_between) {
  const std::string first = wire_of(0x26, R"(0001 "k" 0001 "1")");
  const std::string second = wire_of(0x26, R"(0001 "k" 0001 "2")");
  const std::string stretch = first + wire_of(0x1F, R"(0001 "r")") + second;
  byte_buffer out;
  append_user_properties(as_bytes(stretch), out);
  BOOST_TEST(as_text(out.view()) == first + second);
}

BOOST_AUTO_TEST_CASE(message_properties_are_copied_without_the_will_delay) {
  const std::string format = wire_of(0x01, "01");
  const std::string expiry = wire_of(0x02, "0000003C");
  const std::string delay = wire_of(0x18, "0000000A");
  for (const std::string& section :
       {delay + format + expiry, format + delay + expiry, format + expiry + delay}) {
    byte_buffer out;
    append_message_properties(as_bytes(section), out);
    BOOST_TEST(as_text(out.view()) == format + expiry);
  }
}

BOOST_AUTO_TEST_SUITE_END()
