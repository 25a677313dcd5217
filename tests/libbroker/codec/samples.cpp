#include "tests/libbroker/codec/samples.hpp"

#include <cassert>
#include <cctype>

namespace troupe::test {

namespace {

using enum reason_code;
constexpr auto v3_1 = protocol_version::v3_1;
constexpr auto v3_1_1 = protocol_version::v3_1_1;
constexpr auto v5 = protocol_version::v5;

constexpr sample table[] = {
    // CONNECT
    {"connect_3_1", v3_1, R"(
      10 11             # CONNECT
      0006 "MQIsdp" 03  # protocol name and level of 3.1
      02 003C           # clean session; keep alive 60 s
      0003 "c31")"},
    {"connect_3_1_of_a_bridge", v3_1, R"(
      10 11 0006 "MQIsdp" 83 00 003C 0003 "c31")"},
    {"connect_3_1_with_reserved_flag", v3_1, R"(
      10 11 0006 "MQIsdp" 03
      03 003C           # 3.1 calls bit 0 unused
      0003 "c31")"},
    {"connect_3_1_with_flags_of_missing_credentials", v3_1, R"(
      10 11 0006 "MQIsdp" 03
      C2 003C           # user name and password, says the flag …
      0003 "c31"        # … but the remaining length takes precedence)"},
    {"connect_3_1_with_missing_password", v3_1, R"(
      10 14 0006 "MQIsdp" 03 C2 003C 0003 "c31" 0001 "u")"},
    {"connect_3_1_1", v3_1_1, R"(
      10 0D 0004 "MQTT" 04
      02 000A           # clean session; keep alive 10 s
      0001 "a")"},
    {"connect_3_1_1_without_client_id", v3_1_1, R"(
      10 0C 0004 "MQTT" 04 02 0000 0000)"},
    {"connect_3_1_1_of_a_bridge", v3_1_1, R"(
      10 0D 0004 "MQTT" 84 00 000A 0001 "a")"},
    {"connect_3_1_1_with_everything", v3_1_1, R"(
      10 20 0004 "MQTT" 04
      EE FFFF           # user name, password, will retain, will QoS 1, will, clean session
      0002 "id"
      0003 "w/t" 0003 000102  # will topic and message
      0002 "me"         # user name
      0002 FF00         # password: any bytes)"},
    {"connect_3_1_1_overlong_remaining_length", v3_1_1, R"(
      10 8D00           # one byte would do; the rule binds the sender only
      0004 "MQTT" 04 02 000A 0001 "a")"},
    {"connect_5", v5, R"(
      10 0D 0004 "MQTT" 05
      00 0000
      00                # no properties
      0000              # empty client id without clean start is fine in 5.0)"},
    {"connect_5_password_without_user_name", v5, R"(
      10 10 0004 "MQTT" 05 42 0000 00 0001 "a" 0000)"},
    {"connect_5_with_all_properties", v5, R"(
      10 43 0004 "MQTT" 05 02 003C
      35                # property length
      11 FFFFFFFF       # session expiry interval: never
      21 0014           # receive maximum 20
      27 00010000       # maximum packet size 65,536
      22 000A           # topic alias maximum 10
      19 01             # request response information
      17 00             # request problem information
      26 0001 "k" 0001 "1"
      15 0005 "SCRAM"   # authentication method
      26 0001 "k" 0001 "2"
      16 0003 000102    # authentication data
      26 0000 0000
      0001 "a")"},
    {"connect_5_with_will", v5, R"(
      10 46 0004 "MQTT" 05 36 003C  # user flags: will QoS 2, will retain, will, clean start
      00
      0001 "a"
      30                # will property length
      01 01             # payload format indicator: UTF-8
      18 0000000A       # will delay interval 10 s, between two others
      02 0000003C       # message expiry interval 60 s
      03 000A "text/plain"
      08 0003 "r/t"     # response topic
      09 0002 DEAD      # correlation data
      26 0001 "k" 0006 "v#+/$v"
      0001 "w" 0002 "hi")"},
    {"connect_wrong_protocol_name", v3_1_1, R"(
      10 0D 0004 "MQTX" 04 02 000A 0001 "a")",
     unsupported_protocol_version, "MQTT311-3.1.2-1"},
    {"connect_protocol_name_of_3_1_with_level_4", v3_1, R"(
      10 11 0006 "MQIsdp" 04 02 003C 0003 "c31")",
     unsupported_protocol_version, "MQTT311-3.1.2-2"},
    {"connect_protocol_name_of_3_1_1_with_level_3", v3_1_1, R"(
      10 0D 0004 "MQTT" 03 02 000A 0001 "a")",
     unsupported_protocol_version, "MQTT311-3.1.2-2"},
    {"connect_level_6", v3_1_1, R"(
      10 0E 0004 "MQTT" 06 02 0000 00 0001 "a")",
     unsupported_protocol_version, "MQTT311-3.1.2-2"},
    {"connect_level_5_with_bridge_bit", v3_1_1, R"(
      10 0E 0004 "MQTT" 85 02 0000 00 0001 "a")",
     unsupported_protocol_version, "MQTT311-3.1.2-2"},
    {"connect_flags_in_fixed_header", v3_1_1, R"(
      11 0D 0004 "MQTT" 04 02 000A 0001 "a")",
     malformed_packet, "MQTT5-2.1.3-1"},
    {"connect_3_1_1_reserved_flag", v3_1_1, R"(
      10 0D 0004 "MQTT" 04 03 000A 0001 "a")",
     malformed_packet, "MQTT311-3.1.2-3"},
    {"connect_5_reserved_flag", v5, R"(
      10 0E 0004 "MQTT" 05 03 000A 00 0001 "a")",
     malformed_packet, "MQTT5-3.1.2-3"},
    {"connect_3_1_1_will_qos_without_will", v3_1_1, R"(
      10 0D 0004 "MQTT" 04 0A 000A 0001 "a")",
     malformed_packet, "MQTT311-3.1.2-13"},
    {"connect_5_will_qos_without_will", v5, R"(
      10 0E 0004 "MQTT" 05 0A 000A 00 0001 "a")",
     malformed_packet, "MQTT5-3.1.2-11"},
    {"connect_3_1_1_will_retain_without_will", v3_1_1, R"(
      10 0D 0004 "MQTT" 04 22 000A 0001 "a")",
     malformed_packet, "MQTT311-3.1.2-15"},
    {"connect_5_will_retain_without_will", v5, R"(
      10 0E 0004 "MQTT" 05 22 000A 00 0001 "a")",
     malformed_packet, "MQTT5-3.1.2-13"},
    {"connect_3_1_1_will_qos_3", v3_1_1, R"(
      10 12 0004 "MQTT" 04 1E 000A 0001 "a" 0001 "w" 0000)",
     malformed_packet, "MQTT311-3.1.2-14"},
    {"connect_5_will_qos_3", v5, R"(
      10 14 0004 "MQTT" 05 1E 000A 00 0001 "a" 00 0001 "w" 0000)",
     malformed_packet, "MQTT5-3.1.2-12"},
    {"connect_3_1_1_password_without_user_name", v3_1_1, R"(
      10 0F 0004 "MQTT" 04 42 000A 0001 "a" 0000)",
     malformed_packet, "MQTT311-3.1.2-22"},
    {"connect_3_1_password_without_user_name", v3_1, R"(
      10 13 0006 "MQIsdp" 03 42 003C 0003 "c31" 0000)",
     malformed_packet, "MQTT311-3.1.2-22"},
    {"connect_3_1_1_empty_client_id_without_clean_session", v3_1_1, R"(
      10 0C 0004 "MQTT" 04 00 000A 0000)",
     client_identifier_not_valid, "MQTT311-3.1.3-8"},
    {"connect_3_1_1_client_id_not_utf8", v3_1_1, R"(
      10 0E 0004 "MQTT" 04 02 000A 0002 C328)",
     malformed_packet, "MQTT311-1.5.3-1"},
    {"connect_5_client_id_not_utf8", v5, R"(
      10 10 0004 "MQTT" 05 02 000A 00 0003 EDA080  # U+D800)",
     malformed_packet, "MQTT5-1.5.4-1"},
    {"connect_5_client_id_with_null", v5, R"(
      10 0F 0004 "MQTT" 05 02 000A 00 0002 "a" 00)",
     malformed_packet, "MQTT5-1.5.4-2"},
    {"connect_3_1_1_user_name_with_null", v3_1_1, R"(
      10 10 0004 "MQTT" 04 82 000A 0001 "a" 0001 00)",
     malformed_packet, "MQTT311-1.5.3-2"},
    {"connect_5_user_name_not_utf8", v5, R"(
      10 11 0004 "MQTT" 05 82 000A 00 0001 "a" 0001 FF)",
     malformed_packet, "MQTT5-1.5.4-1"},
    {"connect_3_1_1_will_topic_with_wildcard", v3_1_1, R"(
      10 13 0004 "MQTT" 04 06 000A 0001 "a" 0002 "w+" 0000)",
     topic_name_invalid, "MQTT5-4.7.0-1"},
    {"connect_5_empty_will_topic", v5, R"(
      10 13 0004 "MQTT" 05 06 000A 00 0001 "a" 00 0000 0000)",
     topic_name_invalid, "MQTT5-4.7.3-1"},
    {"connect_5_will_topic_not_utf8", v5, R"(
      10 14 0004 "MQTT" 05 06 000A 00 0001 "a" 00 0001 80 0000)",
     malformed_packet, "MQTT5-1.5.4-1"},
    {"connect_3_1_1_missing_user_name", v3_1_1, R"(
      10 0D 0004 "MQTT" 04 82 000A 0001 "a")",
     malformed_packet, "MQTT311-4.8.0-1"},
    {"connect_3_1_1_missing_password", v3_1_1, R"(
      10 10 0004 "MQTT" 04 C2 000A 0001 "a" 0001 "u")",
     malformed_packet, "MQTT311-4.8.0-1"},
    {"connect_3_1_1_user_name_without_flag", v3_1_1, R"(
      10 10 0004 "MQTT" 04 02 000A 0001 "a" 0001 "u")",
     malformed_packet, "MQTT311-4.8.0-1"},
    {"connect_5_trailing_byte", v5, R"(
      10 0F 0004 "MQTT" 05 02 000A 00 0001 "a" 00)",
     malformed_packet, "MQTT5 §1.2"},
    {"connect_5_properties_run_past_the_packet", v5, R"(
      10 0E 0004 "MQTT" 05 02 000A 7F 0001 "a")",
     malformed_packet, "MQTT5 §1.2"},
    {"connect_5_property_runs_past_its_section", v5, R"(
      10 11 0004 "MQTT" 05 02 000A
      03 11 0000        # a session expiry interval takes four bytes
      0001 "a")",
     malformed_packet, "MQTT5 §1.2"},
    {"connect_5_overlong_property_length", v5, R"(
      10 0F 0004 "MQTT" 05 02 000A 8000 0001 "a")",
     malformed_packet, "MQTT5-1.5.5-1"},
    {"connect_5_property_length_of_five_bytes", v5, R"(
      10 12 0004 "MQTT" 05 02 000A 8080808001 0001 "a")",
     malformed_packet, "MQTT5 §1.5.5"},
    {"connect_5_receive_maximum_0", v5, R"(
      10 11 0004 "MQTT" 05 02 000A 03 21 0000 0001 "a")",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"connect_5_maximum_packet_size_0", v5, R"(
      10 13 0004 "MQTT" 05 02 000A 05 27 00000000 0001 "a")",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"connect_5_request_problem_information_2", v5, R"(
      10 10 0004 "MQTT" 05 02 000A 02 17 02 0001 "a")",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"connect_5_request_response_information_2", v5, R"(
      10 10 0004 "MQTT" 05 02 000A 02 19 02 0001 "a")",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"connect_5_session_expiry_interval_twice", v5, R"(
      10 18 0004 "MQTT" 05 02 000A 0A 11 00000001 11 00000001 0001 "a")",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"connect_5_authentication_data_without_method", v5, R"(
      10 12 0004 "MQTT" 05 02 000A 04 16 0001 FF 0001 "a")",
     protocol_error, "MQTT5 §3.1.2.11.10"},
    {"connect_5_empty_authentication_data_without_method", v5, R"(
      10 11 0004 "MQTT" 05 02 000A 03 16 0000 0001 "a")",
     protocol_error, "MQTT5 §3.1.2.11.10"},
    {"connect_5_user_property_value_not_utf8", v5, R"(
      10 15 0004 "MQTT" 05 02 000A 07 26 0001 "k" 0001 FF 0001 "a")",
     malformed_packet, "MQTT5-1.5.4-1"},
    {"connect_5_topic_alias", v5, R"(
      10 11 0004 "MQTT" 05 02 000A 03 23 0001 0001 "a")",
     malformed_packet, "MQTT5 §2.2.2.2"},
    {"connect_5_will_response_topic_with_wildcard", v5, R"(
      10 18 0004 "MQTT" 05 06 000A 00 0001 "a" 04 08 0001 "#" 0001 "w" 0000)",
     protocol_error, "MQTT5-3.3.2-14"},

    // CONNACK
    {"connack_3_1", v3_1, R"(20 02 00 00)"},
    {"connack_3_1_reserved_byte", v3_1, R"(20 02 01 05)"},
    {"connack_3_1_1", v3_1_1, R"(20 02 01 00  # session present)"},
    {"connack_3_1_1_refused", v3_1_1, R"(20 02 00 05  # not authorized)"},
    {"connack_5", v5, R"(20 03 00 00 00)"},
    {"connack_5_refused", v5, R"(20 03 00 87 00)"},
    {"connack_5_with_all_properties", v5, R"(
      20 52 01 00
      4F                # property length
      11 0000003C       # session expiry interval
      21 0014           # receive maximum
      24 01             # maximum QoS
      25 00             # retain available
      27 00010000       # maximum packet size
      12 0003 "new"     # assigned client identifier
      22 000A           # topic alias maximum
      1F 0002 "ok"      # reason string
      26 0001 "k" 0001 "v"
      28 01             # wildcard subscription available
      29 00             # subscription identifiers available
      2A 01             # shared subscription available
      13 001E           # server keep alive
      1A 0003 "res"     # response information
      1C 0005 "other"   # server reference
      15 0004 "PLAY"    # authentication method
      16 0001 00        # authentication data
      26 0001 "k" 0001 "w")"},
    {"connack_3_1_1_reserved_flags", v3_1_1, R"(20 02 02 00)", malformed_packet,
     "MQTT311 §3.2.2.1"},
    {"connack_5_reserved_flags", v5, R"(20 03 80 00 00)", malformed_packet, "MQTT5-3.2.2-1"},
    {"connack_3_1_1_return_code_6", v3_1_1, R"(20 02 00 06)", protocol_error, "MQTT311 §3.2.2.3"},
    {"connack_5_code_of_another_packet", v5, R"(20 03 00 8E 00)", protocol_error, "MQTT5-3.2.2-8"},
    {"connack_3_1_1_session_present_in_refusal", v3_1_1, R"(20 02 01 05)", protocol_error,
     "MQTT311-3.2.2-4"},
    {"connack_5_session_present_in_refusal", v5, R"(20 03 01 87 00)", protocol_error,
     "MQTT5-3.2.2-6"},
    {"connack_3_1_1_too_long", v3_1_1, R"(20 03 00 00 00)", malformed_packet, "MQTT311-4.8.0-1"},
    {"connack_5_without_properties", v5, R"(20 02 00 00)", malformed_packet, "MQTT5 §1.2"},
    {"connack_5_maximum_qos_2", v5, R"(20 05 00 00 02 24 02)", protocol_error, "MQTT5 §2.2.2.2"},

    // PUBLISH
    {"publish_3_1_qos_0", v3_1, R"(
      30 06 0003 "a/b" "x")"},
    {"publish_3_1_1_qos_0", v3_1_1, R"(
      30 06 0003 "a/b" "x")"},
    {"publish_3_1_1_empty_payload", v3_1_1, R"(
      31 05 0003 "a/b"  # RETAIN: clears the retained message)"},
    {"publish_3_1_1_qos_1", v3_1_1, R"(
      33 0A 0003 "a/b" 000A "abc")"},
    {"publish_3_1_1_qos_2_dup", v3_1_1, R"(
      3C 08 0003 "a/b" FFFF 00)"},
    {"publish_3_1_1_topic_beyond_ascii", v3_1_1, R"(
      30 0B 0008 "t/" C3A4 F09F8EAD "p"  # two and four byte characters)"},
    {"publish_3_1_1_topic_with_byte_order_mark", v3_1_1, R"(
      30 06 0004 EFBBBF "a"  # [MQTT5-1.5.4-3])"},
    {"publish_5_qos_0", v5, R"(
      30 07 0003 "a/b" 00 "x")"},
    {"publish_5_qos_1", v5, R"(
      32 0A 0003 "a/b" 0001 00 "hi")"},
    {"publish_5_qos_2_dup_retain", v5, R"(
      3D 09 0003 "a/b" 0100 00 "x")"},
    {"publish_5_alias_instead_of_topic", v5, R"(
      30 07 0000 03 23 000A "x")"},
    {"publish_5_with_all_properties", v5, R"(
      32 3F 0003 "a/b" 0001
      35                # property length
      01 01             # payload format indicator
      02 0000003C       # message expiry interval
      23 0001           # topic alias
      08 0003 "r/t"     # response topic
      09 0002 00FF      # correlation data
      26 0001 "k" 0001 "v"
      26 0001 "k" 0000
      03 0010 "application/json"
      "{}")"},
    {"publish_5_with_long_properties", v5, R"(
      30 9901 0003 "a/b"
      8A01              # property length 138
      26 0001 "k" 0084
        "0123456789012345678901234567890123456789012345678901234567890123456789"
        "01234567890123456789012345678901234567890123456789012345678901"
      "payload" 00)"},
    {"publish_5_subscription_identifier_cut_off", v5, R"(
      30 10 0003 "a/b"
      08                # property length
      0B 01             # subscription identifier 1
      0B 01             # … of two subscriptions
      0B FFFFFF7F       # 268,435,455 does not fit into the section any more
      "x")",
     malformed_packet, "MQTT5 §1.2", role::client},
    {"publish_5_subscription_identifiers_from_the_server",
     v5,
     R"(
      30 10 0003 "a/b"
      09 0B 01 0B 01 0B FFFFFF7F "x")",
     success,
     {},
     role::client},
    {"publish_qos_3", v3_1_1, R"(36 08 0003 "a/b" 0001 "x")", malformed_packet, "MQTT5-3.3.1-4"},
    {"publish_5_qos_3", v5, R"(36 09 0003 "a/b" 0001 00 "x")", malformed_packet, "MQTT5-3.3.1-4"},
    {"publish_dup_with_qos_0", v3_1_1, R"(38 06 0003 "a/b" "x")", malformed_packet,
     "MQTT5-3.3.1-2"},
    {"publish_3_1_1_packet_id_0", v3_1_1, R"(32 08 0003 "a/b" 0000 "x")", protocol_error,
     "MQTT311-2.3.1-1"},
    {"publish_5_packet_id_0", v5, R"(32 09 0003 "a/b" 0000 00 "x")", protocol_error,
     "MQTT5-2.2.1-3"},
    {"publish_3_1_1_plus_in_topic", v3_1_1, R"(30 06 0003 "a/+" "x")", topic_name_invalid,
     "MQTT311-3.3.2-2"},
    {"publish_5_hash_in_topic", v5, R"(30 07 0003 "a/#" 00 "x")", topic_name_invalid,
     "MQTT5-3.3.2-2"},
    {"publish_3_1_1_empty_topic", v3_1_1, R"(30 03 0000 "x")", topic_name_invalid,
     "MQTT311-3.3.2-2"},
    {"publish_5_empty_topic_without_alias", v5, R"(30 04 0000 00 "x")", protocol_error,
     "MQTT5 §3.3.2.1"},
    {"publish_5_empty_topic_without_alias_among_properties", v5, R"(30 06 0000 02 0101 "x")",
     protocol_error, "MQTT5 §3.3.2.1"},
    {"publish_3_1_1_topic_not_utf8", v3_1_1, R"(30 05 0002 C0AF "x"  # overlong '/')",
     malformed_packet, "MQTT311-3.3.2-1"},
    {"publish_5_topic_not_utf8", v5, R"(30 08 0004 F4908080 00 "x"  # above U+10FFFF)",
     malformed_packet, "MQTT5-3.3.2-1"},
    {"publish_5_topic_with_null", v5, R"(30 07 0003 "a" 00 "b" 00 "x")", malformed_packet,
     "MQTT5-3.3.2-1"},
    {"publish_3_1_1_without_topic", v3_1_1, R"(30 01 00)", malformed_packet, "MQTT311-4.8.0-1"},
    {"publish_3_1_1_topic_runs_past_the_packet", v3_1_1, R"(30 05 0004 "a/b")", malformed_packet,
     "MQTT311-4.8.0-1"},
    {"publish_3_1_1_without_packet_id", v3_1_1, R"(32 06 0003 "a/b" 01)", malformed_packet,
     "MQTT311-4.8.0-1"},
    {"publish_5_without_property_length", v5, R"(30 05 0003 "a/b")", malformed_packet,
     "MQTT5 §1.2"},
    {"publish_5_properties_run_past_the_packet", v5, R"(30 08 0003 "a/b" 03 2300)",
     malformed_packet, "MQTT5 §1.2"},
    {"publish_5_topic_alias_0", v5, R"(30 09 0003 "a/b" 03 23 0000)", topic_alias_invalid,
     "MQTT5-3.3.2-8"},
    {"publish_5_topic_alias_twice", v5, R"(30 0C 0003 "a/b" 06 23 0001 23 0001)", protocol_error,
     "MQTT5 §2.2.2.2"},
    {"publish_5_payload_format_indicator_2", v5, R"(30 08 0003 "a/b" 02 01 02)", protocol_error,
     "MQTT5 §2.2.2.2"},
    {"publish_5_response_topic_with_wildcard", v5, R"(30 0C 0003 "a/b" 06 08 0003 "a/+")",
     protocol_error, "MQTT5-3.3.2-14"},
    {"publish_5_response_topic_not_utf8", v5, R"(30 0A 0003 "a/b" 04 08 0001 80)", malformed_packet,
     "MQTT5-1.5.4-1"},
    {"publish_5_content_type_with_null", v5, R"(30 0A 0003 "a/b" 04 03 0001 00)", malformed_packet,
     "MQTT5-1.5.4-2"},
    {"publish_5_subscription_identifier_from_a_client", v5, R"(30 08 0003 "a/b" 02 0B 01)",
     protocol_error, "MQTT5-3.3.4-6"},
    {"publish_5_subscription_identifier_0", v5, R"(30 08 0003 "a/b" 02 0B 00)", protocol_error,
     "MQTT5 §2.2.2.2", role::client},
    {"publish_5_unknown_property", v5, R"(30 08 0003 "a/b" 02 04 00)", malformed_packet,
     "MQTT5 §2.2.2.2"},
    {"publish_5_property_identifier_of_two_bytes", v5, R"(30 09 0003 "a/b" 03 8102 00)",
     malformed_packet, "MQTT5 §2.2.2.2"},
    {"publish_5_reason_string", v5, R"(30 09 0003 "a/b" 03 1F 0000)", malformed_packet,
     "MQTT5 §2.2.2.2"},

    // PUBACK, PUBREC, PUBREL and PUBCOMP
    {"puback_3_1", v3_1, R"(40 02 0001)"},
    {"puback_3_1_1", v3_1_1, R"(40 02 FFFF)"},
    {"pubrec_3_1_1", v3_1_1, R"(50 02 0001)"},
    {"pubrel_3_1_1", v3_1_1, R"(62 02 0001)"},
    {"pubcomp_3_1_1", v3_1_1, R"(70 02 0001)"},
    {"puback_5", v5, R"(40 02 0001)"},
    {"puback_5_with_code", v5, R"(40 03 0001 10  # no matching subscribers)"},
    {"puback_5_with_empty_properties", v5, R"(40 04 0001 00 00)"},
    {"puback_5_with_properties", v5, R"(
      40 16 0001 97     # quota exceeded
      12                # property length
      26 0001 "k" 0001 "v"
      1F 0001 "r"       # between two user properties
      26 0001 "k" 0001 "w")"},
    {"pubrec_5_with_code", v5, R"(50 03 0001 91)"},
    {"pubrel_5_with_code", v5, R"(62 03 0001 92)"},
    {"pubcomp_5_with_code", v5, R"(70 03 0001 92)"},
    {"puback_flags", v5, R"(41 02 0001)", malformed_packet, "MQTT5-2.1.3-1"},
    {"pubrec_flags", v5, R"(52 02 0001)", malformed_packet, "MQTT5-2.1.3-1"},
    {"pubrel_flags", v5, R"(60 02 0001)", malformed_packet, "MQTT5-3.6.1-1"},
    {"pubrel_dup_flag", v3_1_1, R"(6A 02 0001)", malformed_packet, "MQTT5-3.6.1-1"},
    {"pubcomp_flags", v5, R"(78 02 0001)", malformed_packet, "MQTT5-2.1.3-1"},
    {"puback_3_1_1_packet_id_0", v3_1_1, R"(40 02 0000)", protocol_error, "MQTT311-2.3.1-1"},
    {"puback_5_packet_id_0", v5, R"(40 02 0000)", protocol_error, "MQTT5-2.2.1-3"},
    {"puback_3_1_1_with_code", v3_1_1, R"(40 03 0001 00)", malformed_packet, "MQTT311-4.8.0-1"},
    {"puback_3_1_1_too_short", v3_1_1, R"(40 01 01)", malformed_packet, "MQTT311-4.8.0-1"},
    {"puback_5_too_short", v5, R"(40 01 01)", malformed_packet, "MQTT5 §1.2"},
    {"puback_5_code_of_pubrel", v5, R"(40 03 0001 92)", protocol_error, "MQTT5-3.4.2-1"},
    {"pubrec_5_code_of_disconnect", v5, R"(50 03 0001 8E)", protocol_error, "MQTT5-3.5.2-1"},
    {"pubrel_5_code_of_puback", v5, R"(62 03 0001 10)", protocol_error, "MQTT5-3.6.2-1"},
    {"pubcomp_5_code_of_puback", v5, R"(70 03 0001 80)", protocol_error, "MQTT5-3.7.2-1"},
    {"puback_5_trailing_byte", v5, R"(40 05 0001 00 00 00)", malformed_packet, "MQTT5 §1.2"},
    {"puback_5_reason_string_twice", v5, R"(40 0A 0001 00 06 1F 0000 1F 0000)", protocol_error,
     "MQTT5 §2.2.2.2"},

    // SUBSCRIBE
    {"subscribe_3_1", v3_1, R"(82 08 0001 0003 "a/b" 01)"},
    {"subscribe_3_1_1", v3_1_1, R"(
      82 0E 000A
      0003 "a/b" 01
      0003 "c/#" 02)"},
    {"subscribe_5", v5, R"(
      82 0F 000A
      00                # no properties
      0003 "a/b" 01
      0003 "c/#" 2E     # QoS 2, no local, retain as published, retain handling 2)"},
    {"subscribe_5_with_properties", v5, R"(
      82 23 000A
      13                # property length
      26 0001 "k" 0001 "v"
      0B FFFFFF7F       # subscription identifier 268,435,455
      26 0001 "k" 0001 "w"
      000A "$share/g/a" 00)"},
    {"subscribe_5_with_bad_filter_syntax", v5, R"(
      82 08 0001 00 0002 "#a" 00  # is refused in SUBACK, not here)"},
    {"subscribe_flags", v3_1_1, R"(80 08 0001 0003 "a/b" 01)", malformed_packet, "MQTT5-3.8.1-1"},
    {"subscribe_dup_flag", v3_1_1, R"(8A 08 0001 0003 "a/b" 01)", malformed_packet,
     "MQTT5-3.8.1-1"},
    {"subscribe_3_1_1_packet_id_0", v3_1_1, R"(82 08 0000 0003 "a/b" 01)", protocol_error,
     "MQTT311-2.3.1-1"},
    {"subscribe_3_1_1_without_filter", v3_1_1, R"(82 02 0001)", protocol_error, "MQTT311-3.8.3-3"},
    {"subscribe_5_without_filter", v5, R"(82 03 0001 00)", protocol_error, "MQTT5-3.8.3-2"},
    {"subscribe_3_1_1_qos_3", v3_1_1, R"(82 08 0001 0003 "a/b" 03)", malformed_packet,
     "MQTT311-3.8.3-4"},
    {"subscribe_3_1_1_reserved_bits", v3_1_1, R"(82 08 0001 0003 "a/b" 05)", malformed_packet,
     "MQTT311-3.8.3-4"},
    {"subscribe_3_1_reserved_bits", v3_1, R"(82 08 0001 0003 "a/b" 81)", malformed_packet,
     "MQTT311-3.8.3-4"},
    {"subscribe_5_qos_3", v5, R"(82 09 0001 00 0003 "a/b" 03)", protocol_error, "MQTT5 §3.8.3.1"},
    {"subscribe_5_retain_handling_3", v5, R"(82 09 0001 00 0003 "a/b" 30)", protocol_error,
     "MQTT5 §3.8.3.1"},
    {"subscribe_5_reserved_bit_6", v5, R"(82 09 0001 00 0003 "a/b" 40)", malformed_packet,
     "MQTT5-3.8.3-5"},
    {"subscribe_5_reserved_bit_7", v5, R"(82 09 0001 00 0003 "a/b" 81)", malformed_packet,
     "MQTT5-3.8.3-5"},
    {"subscribe_5_no_local_on_shared_subscription", v5, R"(
      82 10 0001 00 000A "$share/g/a" 04)",
     protocol_error, "MQTT5-3.8.3-4"},
    {"subscribe_5_filter_not_utf8", v5, R"(82 08 0001 00 0002 61FF 00)", malformed_packet,
     "MQTT5-1.5.4-1"},
    {"subscribe_3_1_1_filter_with_null", v3_1_1, R"(82 07 0001 0002 6100 00)", malformed_packet,
     "MQTT311-1.5.3-2"},
    {"subscribe_3_1_1_without_options", v3_1_1, R"(82 07 0001 0003 "a/b")", malformed_packet,
     "MQTT311-4.8.0-1"},
    {"subscribe_5_without_options", v5, R"(82 08 0001 00 0003 "a/b")", malformed_packet,
     "MQTT5 §1.2"},
    {"subscribe_5_subscription_identifier_0", v5, R"(82 0B 0001 02 0B00 0003 "a/b" 00)",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"subscribe_5_subscription_identifier_twice", v5, R"(
      82 0D 0001 04 0B01 0B02 0003 "a/b" 00)",
     protocol_error, "MQTT5 §2.2.2.2"},
    {"subscribe_5_overlong_subscription_identifier", v5, R"(
      82 0C 0001 03 0B8100 0003 "a/b" 00)",
     malformed_packet, "MQTT5-1.5.5-1"},

    // SUBACK
    {"suback_3_1_1", v3_1_1, R"(90 06 0001 00 01 02 80)"},
    {"suback_5", v5, R"(90 05 0001 00 02 A2)"},
    {"suback_5_with_properties", v5, R"(
      90 0E 0001
      0A 1F 0000 26 0001 "k" 0001 "v"
      87)"},
    {"suback_3_1_1_code_of_5", v3_1_1, R"(90 03 0001 87)", protocol_error, "MQTT311-3.9.3-2"},
    {"suback_5_code_of_unsuback", v5, R"(90 04 0001 00 11)", protocol_error, "MQTT5-3.9.3-2"},
    {"suback_5_without_code", v5, R"(90 03 0001 00)", protocol_error, "MQTT5-3.9.3-2"},
    {"suback_flags", v5, R"(92 04 0001 00 00)", malformed_packet, "MQTT5-2.1.3-1"},

    // UNSUBSCRIBE
    {"unsubscribe_3_1_1", v3_1_1, R"(A2 09 0001 0003 "a/b" 0000)"},
    {"unsubscribe_5", v5, R"(A2 08 0001 00 0003 "a/b")"},
    {"unsubscribe_5_with_properties", v5, R"(
      A2 0F 0001 07 26 0001 "k" 0001 "v" 0003 "a/b")"},
    {"unsubscribe_flags", v3_1_1, R"(A0 07 0001 0003 "a/b")", malformed_packet, "MQTT5-3.10.1-1"},
    {"unsubscribe_5_packet_id_0", v5, R"(A2 08 0000 00 0003 "a/b")", protocol_error,
     "MQTT5-2.2.1-3"},
    {"unsubscribe_3_1_1_without_filter", v3_1_1, R"(A2 02 0001)", protocol_error,
     "MQTT311-3.10.3-2"},
    {"unsubscribe_5_without_filter", v5, R"(A2 03 0001 00)", protocol_error, "MQTT5-3.10.3-2"},
    {"unsubscribe_5_filter_not_utf8", v5, R"(A2 06 0001 00 0001 80)", malformed_packet,
     "MQTT5-1.5.4-1"},
    {"unsubscribe_5_subscription_identifier", v5, R"(A2 0A 0001 02 0B01 0003 "a/b")",
     malformed_packet, "MQTT5 §2.2.2.2"},
    {"unsubscribe_3_1_1_filter_runs_past_the_packet", v3_1_1, R"(A2 06 0001 0003 "a/")",
     malformed_packet, "MQTT311-4.8.0-1"},

    // UNSUBACK
    {"unsuback_3_1_1", v3_1_1, R"(B0 02 0001)"},
    {"unsuback_5", v5, R"(B0 05 0001 00 00 11)"},
    {"unsuback_5_with_properties", v5, R"(
      B0 0F 0001 0B 1F 0001 "r" 26 0001 "k" 0001 "v" 8F)"},
    {"unsuback_3_1_1_with_code", v3_1_1, R"(B0 03 0001 00)", malformed_packet, "MQTT311-4.8.0-1"},
    {"unsuback_5_code_of_suback", v5, R"(B0 04 0001 00 01)", protocol_error, "MQTT5-3.11.3-2"},
    {"unsuback_5_without_code", v5, R"(B0 03 0001 00)", protocol_error, "MQTT5-3.11.3-2"},

    // PINGREQ and PINGRESP
    {"pingreq", v3_1_1, R"(C0 00)"},
    {"pingresp", v5, R"(D0 00)"},
    {"pingreq_flags", v3_1_1, R"(C1 00)", malformed_packet, "MQTT5-2.1.3-1"},
    {"pingreq_with_body", v5, R"(C0 01 00)", malformed_packet, "MQTT5 §3.12.1"},
    {"pingresp_with_body", v3_1_1, R"(D0 01 00)", malformed_packet, "MQTT5 §3.12.1"},

    // DISCONNECT
    {"disconnect_3_1", v3_1, R"(E0 00)"},
    {"disconnect_3_1_1", v3_1_1, R"(E0 00)"},
    {"disconnect_5", v5, R"(E0 00)"},
    {"disconnect_5_with_code", v5, R"(E0 01 04)"},
    {"disconnect_5_with_empty_properties", v5, R"(E0 02 00 00)"},
    {"disconnect_5_with_properties", v5, R"(
      E0 1B 9D          # server moved
      19                # property length
      11 00000000       # session expiry interval 0
      1F 0003 "bye"
      26 0001 "k" 0001 "v"
      1C 0004 "to:1"    # server reference)"},
    {"disconnect_flags", v3_1_1, R"(E1 00)", malformed_packet, "MQTT5-3.14.1-1"},
    {"disconnect_3_1_1_with_body", v3_1_1, R"(E0 01 00)", malformed_packet, "MQTT311-4.8.0-1"},
    {"disconnect_5_code_of_connack", v5, R"(E0 01 85)", protocol_error, "MQTT5-3.14.2-1"},
    {"disconnect_5_trailing_byte", v5, R"(E0 03 00 00 00)", malformed_packet, "MQTT5 §1.2"},

    // AUTH
    {"auth_5_success", v5, R"(F0 00)"},
    {"auth_5_with_method", v5, R"(
      F0 0F 18          # continue authentication
      0D 15 0004 "PLAY" 16 0003 000102)"},
    {"auth_5_with_all_properties", v5, R"(
      F0 15 19          # re-authenticate
      13 15 0000 16 0000 1F 0003 "why" 26 0001 "k" 0001 "v")"},
    {"auth_flags", v5, R"(F1 00)", malformed_packet, "MQTT5-3.15.1-1"},
    {"auth_5_code_of_connack", v5, R"(F0 05 87 03 15 0000)", protocol_error, "MQTT5-3.15.2-1"},
    {"auth_5_without_property_length", v5, R"(F0 01 18)", malformed_packet, "MQTT5 §1.2"},
    {"auth_5_without_method", v5, R"(F0 02 18 00)", protocol_error, "MQTT5 §3.15.2.2.2"},
    {"auth_5_data_without_method", v5, R"(F0 06 18 04 16 0001 00)", protocol_error,
     "MQTT5 §3.15.2.2.2"},
    {"auth_3_1_1", v3_1_1, R"(F0 00)", malformed_packet, "MQTT311 §2.2.1"},

    // fixed header
    {"packet_type_0", v5, R"(00 00)", malformed_packet, "MQTT5 §2.1.2"},
    {"remaining_length_of_five_bytes", v5, R"(30 FFFFFFFF 01)", malformed_packet, "MQTT5 §2.1.4"},
};

}  // namespace

std::span<const sample> samples() noexcept { return table; }

std::string bytes_of(std::string_view wire) {
  std::string bytes;
  int digits = 0;
  int value = 0;
  for (std::size_t i = 0; i != wire.size(); ++i) {
    const char c = wire[i];
    if (c == '#') {
      i = std::min(wire.find('\n', i), wire.size()) - 1;
    } else if (c == '"') {
      const std::size_t end = wire.find('"', i + 1);
      assert(digits == 0 && end != std::string_view::npos);
      bytes += wire.substr(i + 1, end - i - 1);
      i = end;
    } else if (std::isxdigit(static_cast<unsigned char>(c)) != 0) {
      value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      if (++digits == 2) {
        bytes += static_cast<char>(value);
        digits = value = 0;
      }
    }
  }
  assert(digits == 0);
  return bytes;
}

}  // namespace troupe::test
