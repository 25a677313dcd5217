#include "libbroker/codec/legal_codes.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <utility>

using namespace troupe;

namespace {

/// MQTT5 §2.4, Table 2-6, as it is printed there.
struct table_row {
  unsigned code;
  std::string_view packets;
};

constexpr table_row table_2_6[] = {
    {0x00, "CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK, AUTH, DISCONNECT, SUBACK"},
    {0x01, "SUBACK"},
    {0x02, "SUBACK"},
    {0x04, "DISCONNECT"},
    {0x10, "PUBACK, PUBREC"},
    {0x11, "UNSUBACK"},
    {0x18, "AUTH"},
    {0x19, "AUTH"},
    {0x80, "CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT"},
    {0x81, "CONNACK, DISCONNECT"},
    {0x82, "CONNACK, DISCONNECT"},
    {0x83, "CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT"},
    {0x84, "CONNACK"},
    {0x85, "CONNACK"},
    {0x86, "CONNACK"},
    {0x87, "CONNACK, PUBACK, PUBREC, SUBACK, UNSUBACK, DISCONNECT"},
    {0x88, "CONNACK"},
    {0x89, "CONNACK, DISCONNECT"},
    {0x8A, "CONNACK"},
    {0x8B, "DISCONNECT"},
    {0x8C, "CONNACK, DISCONNECT"},
    {0x8D, "DISCONNECT"},
    {0x8E, "DISCONNECT"},
    {0x8F, "SUBACK, UNSUBACK, DISCONNECT"},
    {0x90, "CONNACK, PUBACK, PUBREC, DISCONNECT"},
    {0x91, "PUBACK, PUBREC, SUBACK, UNSUBACK"},
    {0x92, "PUBREL, PUBCOMP"},
    {0x93, "DISCONNECT"},
    {0x94, "DISCONNECT"},
    {0x95, "CONNACK, DISCONNECT"},
    {0x96, "DISCONNECT"},
    {0x97, "CONNACK, PUBACK, PUBREC, SUBACK, DISCONNECT"},
    {0x98, "DISCONNECT"},
    {0x99, "CONNACK, PUBACK, PUBREC, DISCONNECT"},
    {0x9A, "CONNACK, DISCONNECT"},
    {0x9B, "CONNACK, DISCONNECT"},
    {0x9C, "CONNACK, DISCONNECT"},
    {0x9D, "CONNACK, DISCONNECT"},
    {0x9E, "SUBACK, DISCONNECT"},
    {0x9F, "CONNACK, DISCONNECT"},
    {0xA0, "DISCONNECT"},
    {0xA1, "SUBACK, DISCONNECT"},
    {0xA2, "SUBACK, DISCONNECT"},
};

constexpr std::pair<packet_type, std::string_view> packets[] = {
    {packet_type::connect, "CONNECT"},   {packet_type::connack, "CONNACK"},
    {packet_type::publish, "PUBLISH"},   {packet_type::puback, "PUBACK"},
    {packet_type::pubrec, "PUBREC"},     {packet_type::pubrel, "PUBREL"},
    {packet_type::pubcomp, "PUBCOMP"},   {packet_type::subscribe, "SUBSCRIBE"},
    {packet_type::suback, "SUBACK"},     {packet_type::unsubscribe, "UNSUBSCRIBE"},
    {packet_type::unsuback, "UNSUBACK"}, {packet_type::pingreq, "PINGREQ"},
    {packet_type::pingresp, "PINGRESP"}, {packet_type::disconnect, "DISCONNECT"},
    {packet_type::auth, "AUTH"},
};

std::string_view packets_of(unsigned code) {
  for (const table_row& row : table_2_6)
    if (row.code == code) return row.packets;
  return "";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_legal_codes)

// [MQTT5-3.2.2-8] [MQTT5-3.4.2-1] [MQTT5-3.5.2-1] [MQTT5-3.6.2-1] [MQTT5-3.7.2-1]
// [MQTT5-3.9.3-2] [MQTT5-3.11.3-2] [MQTT5-3.14.2-1] [MQTT5-3.15.2-1]
BOOST_AUTO_TEST_CASE(each_code_is_legal_exactly_where_table_2_6_puts_it) {
  for (unsigned code = 0; code != 256; ++code)
    for (const auto& [type, name] : packets) {
      const std::string listed = ' ' + std::string(packets_of(code)) + ',';
      const bool is_listed = listed.find(' ' + std::string(name) + ',') != std::string::npos;
      BOOST_TEST(is_legal_code(type, static_cast<reason_code>(code)) == is_listed,
                 name << ' ' << code);
    }
}

BOOST_AUTO_TEST_SUITE_END()
