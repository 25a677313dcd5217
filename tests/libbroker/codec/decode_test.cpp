#include "libbroker/codec/decode.hpp"

#include "libbroker/codec/frame.hpp"
#include "libbroker/codec/properties.hpp"
#include "tests/libbroker/codec/samples.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace troupe;
using namespace troupe::test;

namespace {

constexpr auto v3_1 = protocol_version::v3_1;
constexpr auto v3_1_1 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

/// The sample called `name`, scanned. Its bytes live as long as this.
struct scanned_sample {
  std::string bytes;
  frame packet;

  explicit scanned_sample(std::string_view name) {
    for (const sample& each : samples())
      if (each.name == name) bytes = bytes_of(each.wire);
    BOOST_REQUIRE(!bytes.empty());
    packet = scan_frame(as_bytes(bytes), 0)->packet;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(codec_decode)

BOOST_AUTO_TEST_CASE(connect_of_3_1_1_has_all_its_fields) {
  const scanned_sample given("connect_3_1_1_with_everything");
  const auto decoded = decode_connect(given.packet);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((decoded->version == v3_1_1));
  BOOST_TEST(!decoded->bridge);
  BOOST_TEST(decoded->clean_start);
  BOOST_TEST(decoded->keep_alive == 65535);
  BOOST_TEST(decoded->client_id == "id");
  BOOST_REQUIRE(decoded->will.has_value());
  BOOST_TEST(decoded->will->topic == "w/t");
  BOOST_TEST(as_text(decoded->will->payload) == bytes_of("000102"));
  BOOST_TEST((decoded->will->qos == qos::at_least_once));
  BOOST_TEST(decoded->will->retain);
  BOOST_TEST((decoded->user_name == "me"));
  BOOST_TEST(as_text(*decoded->password) == bytes_of("FF00"));
}

BOOST_AUTO_TEST_CASE(connect_of_5_has_all_its_properties) {
  const scanned_sample given("connect_5_with_all_properties");
  const auto decoded = decode_connect(given.packet);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((decoded->version == v5));
  BOOST_TEST(decoded->session_expiry_interval == 0xFFFFFFFF);
  BOOST_TEST(decoded->receive_maximum == 20);
  BOOST_TEST(decoded->maximum_packet_size == 65536U);
  BOOST_TEST(decoded->topic_alias_maximum == 10);
  BOOST_TEST(decoded->request_response_information);
  BOOST_TEST(!decoded->request_problem_information);
  BOOST_TEST((decoded->authentication_method == "SCRAM"));
  BOOST_TEST(as_text(decoded->authentication_data) == bytes_of("000102"));
  byte_buffer user;
  append_user_properties(decoded->user_properties, user);
  BOOST_TEST(as_text(user.view()) ==
             bytes_of(R"(26 0001 "k" 0001 "1" 26 0001 "k" 0001 "2" 26 0000 0000)"));
}

BOOST_AUTO_TEST_CASE(connect_of_5_without_properties_has_their_defaults) {
  const scanned_sample given("connect_5");
  const auto decoded = decode_connect(given.packet);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->session_expiry_interval == 0U);
  BOOST_TEST(decoded->receive_maximum == 65535);
  BOOST_TEST(decoded->maximum_packet_size == 0U);
  BOOST_TEST(decoded->topic_alias_maximum == 0);
  BOOST_TEST(!decoded->request_response_information);
  BOOST_TEST(decoded->request_problem_information);
  BOOST_TEST(!decoded->authentication_method.has_value());
  BOOST_TEST(decoded->user_properties.empty());
  BOOST_TEST(!decoded->clean_start);
  BOOST_TEST(decoded->client_id.empty());
}

BOOST_AUTO_TEST_CASE(will_of_5_has_all_its_properties) {
  const scanned_sample given("connect_5_with_will");
  const auto decoded = decode_connect(given.packet);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_REQUIRE(decoded->will.has_value());
  const will& message = *decoded->will;
  BOOST_TEST((message.qos == qos::exactly_once));
  BOOST_TEST(message.retain);
  BOOST_TEST(message.topic == "w");
  BOOST_TEST(as_text(message.payload) == "hi");
  BOOST_TEST(message.delay_interval == 10U);
  BOOST_TEST(message.has_message_expiry_interval);
  BOOST_TEST(message.message_expiry_interval == 60U);
  byte_buffer properties;
  append_message_properties(message.message_properties, properties);
  BOOST_TEST(as_text(properties.view()) == bytes_of(R"(
    01 01 02 0000003C 03 000A "text/plain" 08 0003 "r/t" 09 0002 DEAD
    26 0001 "k" 0006 "v#+/$v")"));
}

BOOST_AUTO_TEST_CASE(bridge_bit_is_told_from_the_level) {
  const scanned_sample old("connect_3_1_of_a_bridge");
  BOOST_TEST((decode_connect(old.packet)->version == v3_1));
  BOOST_TEST(decode_connect(old.packet)->bridge);
  const scanned_sample newer("connect_3_1_1_of_a_bridge");
  BOOST_TEST((decode_connect(newer.packet)->version == v3_1_1));
  BOOST_TEST(decode_connect(newer.packet)->bridge);
}

BOOST_AUTO_TEST_CASE(credentials_missing_from_a_3_1_connect_are_absent) {
  const scanned_sample none("connect_3_1_with_flags_of_missing_credentials");
  BOOST_TEST(!decode_connect(none.packet)->user_name.has_value());
  BOOST_TEST(!decode_connect(none.packet)->password.has_value());
  const scanned_sample some("connect_3_1_with_missing_password");
  BOOST_TEST((decode_connect(some.packet)->user_name == "u"));
  BOOST_TEST(!decode_connect(some.packet)->password.has_value());
}

BOOST_AUTO_TEST_CASE(a_refused_connect_is_answered_in_a_version_its_sender_knows) {
  const auto version_for = [](std::string_view body) {
    const std::string bytes = bytes_of(body);
    return answer_version({packet_type::connect, 0, as_bytes(bytes)});
  };
  BOOST_TEST((version_for(R"(0006 "MQIsdp" 03 01)") == v3_1));
  BOOST_TEST((version_for(R"(0006 "MQIsdp" 09 00)") == v3_1));
  BOOST_TEST((version_for(R"(0004 "MQTT" 04 01)") == v3_1_1));
  BOOST_TEST((version_for(R"(0004 "MQTT" 84 01)") == v3_1_1));
  BOOST_TEST((version_for(R"(0004 "MQTT" 05 01)") == v5));
  BOOST_TEST((version_for(R"(0004 "MQTT" 06 00)") == v3_1_1));
  BOOST_TEST((version_for(R"(0004 "MQT")") == v3_1_1));
  BOOST_TEST((version_for("") == v3_1_1));
}

BOOST_AUTO_TEST_CASE(publish_of_3_1_1_has_all_its_fields) {
  const scanned_sample given("publish_3_1_1_qos_1");
  const auto decoded = decode_publish(given.packet, v3_1_1);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(!decoded->dup);
  BOOST_TEST((decoded->qos == qos::at_least_once));
  BOOST_TEST(decoded->retain);
  BOOST_TEST(decoded->topic == "a/b");
  BOOST_TEST(decoded->id == 10);
  BOOST_TEST(as_text(decoded->payload) == "abc");
  BOOST_TEST(decoded->properties.empty());
}

BOOST_AUTO_TEST_CASE(publish_of_5_has_all_its_fields) {
  const scanned_sample given("publish_5_with_all_properties");
  const auto decoded = decode_publish(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->topic == "a/b");
  BOOST_TEST(decoded->id == 1);
  BOOST_TEST(as_text(decoded->payload) == "{}");
  BOOST_TEST(decoded->topic_alias == 1);
  BOOST_TEST(decoded->payload_is_utf8);
  BOOST_TEST(decoded->has_message_expiry_interval);
  BOOST_TEST(decoded->message_expiry_interval == 60U);
  BOOST_TEST(decoded->properties.size() == 53U);
  BOOST_TEST(decoded->properties.data() == given.packet.body.data() + 8);
}

BOOST_AUTO_TEST_CASE(publish_of_5_without_properties_has_none) {
  const scanned_sample given("publish_5_qos_2_dup_retain");
  const auto decoded = decode_publish(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->dup);
  BOOST_TEST((decoded->qos == qos::exactly_once));
  BOOST_TEST(decoded->retain);
  BOOST_TEST(decoded->id == 256);
  BOOST_TEST(as_text(decoded->payload) == "x");
  BOOST_TEST(decoded->properties.empty());
  BOOST_TEST(decoded->topic_alias == 0);
}

BOOST_AUTO_TEST_CASE(publish_with_an_alias_only_has_an_empty_topic) {
  const scanned_sample given("publish_5_alias_instead_of_topic");
  const auto decoded = decode_publish(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->topic.empty());
  BOOST_TEST(decoded->topic_alias == 10);
}

BOOST_AUTO_TEST_CASE(a_client_finds_subscription_identifiers_in_the_properties) {
  const scanned_sample given("publish_5_subscription_identifiers_from_the_server");
  const auto decoded = decode_publish(given.packet, v5, role::client);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(as_text(decoded->properties) == bytes_of("0B01 0B01 0B FFFFFF7F"));
}

// [MQTT5-1.5.4-3]
BOOST_AUTO_TEST_CASE(a_byte_order_mark_is_kept) {
  const scanned_sample given("publish_3_1_1_topic_with_byte_order_mark");
  BOOST_TEST(decode_publish(given.packet, v3_1_1)->topic == "\xEF\xBB\xBF"
                                                            "a");
}

BOOST_AUTO_TEST_CASE(subscribe_has_all_its_options) {
  const scanned_sample given("subscribe_5");
  subscribe decoded;
  decoded.subscription_identifier = 7;
  decoded.entries.resize(5);
  BOOST_REQUIRE(decode_subscribe(given.packet, v5, decoded).has_value());
  BOOST_TEST(decoded.id == 10);
  BOOST_TEST(decoded.subscription_identifier == 0U);
  BOOST_REQUIRE(decoded.entries.size() == 2U);
  BOOST_TEST(decoded.entries[0].filter == "a/b");
  BOOST_TEST((decoded.entries[0].options ==
              subscription_options{qos::at_least_once, false, false, retain_handling::send}));
  BOOST_TEST(decoded.entries[1].filter == "c/#");
  BOOST_TEST((decoded.entries[1].options ==
              subscription_options{qos::exactly_once, true, true, retain_handling::do_not_send}));
}

BOOST_AUTO_TEST_CASE(subscribe_has_its_properties) {
  const scanned_sample given("subscribe_5_with_properties");
  subscribe decoded;
  BOOST_REQUIRE(decode_subscribe(given.packet, v5, decoded).has_value());
  BOOST_TEST(decoded.subscription_identifier == 268'435'455U);
  BOOST_TEST(!decoded.user_properties.empty());
}

BOOST_AUTO_TEST_CASE(unsubscribe_replaces_what_it_is_decoded_into) {
  const scanned_sample given("unsubscribe_3_1_1");
  unsubscribe decoded;
  decoded.filters = {"x", "y", "z"};
  BOOST_REQUIRE(decode_unsubscribe(given.packet, v3_1_1, decoded).has_value());
  BOOST_REQUIRE(decoded.filters.size() == 2U);
  BOOST_TEST(decoded.filters[0] == "a/b");
  BOOST_TEST(decoded.filters[1].empty());
}

BOOST_AUTO_TEST_CASE(a_publish_response_has_its_reason) {
  const scanned_sample given("puback_5_with_properties");
  const auto decoded = decode_publish_response(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->id == 1);
  BOOST_TEST((decoded->code == reason_code::quota_exceeded));
  BOOST_TEST(decoded->reason_string == "r");
}

BOOST_AUTO_TEST_CASE(connack_has_all_its_properties) {
  const scanned_sample given("connack_5_with_all_properties");
  const auto decoded = decode_connack(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST(decoded->session_present);
  BOOST_TEST((decoded->session_expiry_interval == 60U));
  BOOST_TEST((decoded->receive_maximum == 20));
  BOOST_TEST((decoded->maximum_qos == qos::at_least_once));
  BOOST_TEST((decoded->retain_available == false));
  BOOST_TEST((decoded->maximum_packet_size == 65536U));
  BOOST_TEST((decoded->assigned_client_identifier == "new"));
  BOOST_TEST(decoded->topic_alias_maximum == 10);
  BOOST_TEST(decoded->reason_string == "ok");
  BOOST_TEST((decoded->wildcard_subscription_available == true));
  BOOST_TEST((decoded->subscription_identifiers_available == false));
  BOOST_TEST((decoded->shared_subscription_available == true));
  BOOST_TEST((decoded->server_keep_alive == 30));
  BOOST_TEST(decoded->response_information == "res");
  BOOST_TEST(decoded->server_reference == "other");
  BOOST_TEST((decoded->authentication_method == "PLAY"));
  BOOST_TEST(as_text(decoded->authentication_data) == bytes_of("00"));
}

BOOST_AUTO_TEST_CASE(return_codes_of_3_x_become_reason_codes) {
  const scanned_sample given("connack_3_1_1_refused");
  BOOST_TEST((decode_connack(given.packet, v3_1_1)->code == reason_code::not_authorized));
}

BOOST_AUTO_TEST_CASE(disconnect_has_all_its_properties) {
  const scanned_sample given("disconnect_5_with_properties");
  const auto decoded = decode_disconnect(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((decoded->code == reason_code::server_moved));
  BOOST_TEST((decoded->session_expiry_interval == 0U));
  BOOST_TEST(decoded->reason_string == "bye");
  BOOST_TEST(decoded->server_reference == "to:1");
}

BOOST_AUTO_TEST_CASE(auth_has_method_and_data) {
  const scanned_sample given("auth_5_with_method");
  const auto decoded = decode_auth(given.packet, v5);
  BOOST_REQUIRE(decoded.has_value());
  BOOST_TEST((decoded->code == reason_code::continue_authentication));
  BOOST_TEST((decoded->authentication_method == "PLAY"));
  BOOST_TEST(as_text(decoded->authentication_data) == bytes_of("000102"));
}

BOOST_AUTO_TEST_SUITE_END()
