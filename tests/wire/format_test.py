"""MQTT 5.0 sections 1.5 and 2, and the fixed headers of section 3: how packets are written."""

from case import proves, table, version_5, wire_test
from wire import (PINGREQ, ack, auth, binary, connect, disconnect, options, packet, publish, subscribe, unsubscribe,
                  vbi, will)

MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID = 0x81, 0x82, 0x90

OVERLONG = b"a\xc0\xafb"
SURROGATE = b"a\xed\xa0\x80b"
BEYOND_UNICODE = b"a\xf4\x90\x80\x80b"
TRUNCATED = b"a\xe2\x82"
NUL = b"a\0b"


@table(
    # name, tags, first byte and body or whole packets, reason codes
    ("packet_type_0", "MQTT5-4.13.1-1", "00 00", MALFORMED, PROTOCOL_ERROR),
    ("connack_from_a_client", "MQTT5-4.13.1-1", "20 03 00 00 00", MALFORMED, PROTOCOL_ERROR),
    ("suback_from_a_client", "MQTT5-4.13.1-1", "90 04 00 01 00 00", MALFORMED, PROTOCOL_ERROR),
    ("unsuback_from_a_client", "MQTT5-4.13.1-1", "B0 04 00 01 00 00", MALFORMED, PROTOCOL_ERROR),
    ("pingresp_from_a_client", "MQTT5-4.13.1-1", "D0 00", MALFORMED, PROTOCOL_ERROR),
    ("puback_with_flags", "MQTT5-2.1.3-1", "41 02 00 01", MALFORMED),
    ("pubrec_with_flags", "MQTT5-2.1.3-1", "52 02 00 01", MALFORMED),
    ("pubrel_with_flags_0", "MQTT5-2.1.3-1 MQTT5-3.6.1-1", "60 02 00 01", MALFORMED),
    ("pubrel_with_flags_3", "MQTT5-2.1.3-1 MQTT5-3.6.1-1", "63 02 00 01", MALFORMED),
    ("pubrel_with_flags_10", "MQTT5-2.1.3-1 MQTT5-3.6.1-1", "6A 02 00 01", MALFORMED),
    ("pubcomp_with_flags", "MQTT5-2.1.3-1", "72 02 00 01", MALFORMED),
    ("subscribe_with_flags_0", "MQTT5-2.1.3-1 MQTT5-3.8.1-1", "80 07 00 01 00 00 01 61 00", MALFORMED),
    ("subscribe_with_flags_3", "MQTT5-2.1.3-1 MQTT5-3.8.1-1", "83 07 00 01 00 00 01 61 00", MALFORMED),
    ("unsubscribe_with_flags_0", "MQTT5-2.1.3-1 MQTT5-3.10.1-1", "A0 06 00 01 00 00 01 61", MALFORMED),
    ("unsubscribe_with_flags_15", "MQTT5-2.1.3-1 MQTT5-3.10.1-1", "AF 06 00 01 00 00 01 61", MALFORMED),
    ("pingreq_with_flags", "MQTT5-2.1.3-1", "C1 00", MALFORMED),
    ("disconnect_with_flags", "MQTT5-2.1.3-1 MQTT5-3.14.1-1", "E1 00", MALFORMED),
    ("auth_with_flags", "MQTT5-2.1.3-1 MQTT5-3.15.1-1", "F2 00", MALFORMED, PROTOCOL_ERROR),
    ("remaining_length_of_five_bytes", "MQTT5-4.13.1-1", "30 FF FF FF FF 01", MALFORMED),
    ("property_length_of_five_bytes", "MQTT5-4.13.1-1", packet(0x30, binary("a") + b"\x80\x80\x80\x80\x01"), MALFORMED),
    ("pingreq_with_a_body", "MQTT5-4.13.1-1", "C0 01 00", MALFORMED),
    ("puback_of_one_byte", "MQTT5-4.13.1-1", "40 01 00", MALFORMED),
    ("puback_without_its_property", "MQTT5-4.13.1-1", "40 06 00 01 00 05 1F 00", MALFORMED),
    ("pubrel_with_trailing_bytes", "MQTT5-4.13.1-1", "62 06 00 01 00 00 AA BB", MALFORMED),
    ("publish_qos_3", "MQTT5-3.3.1-4", packet(0x36, binary("a") + b"\0\x01\0"), MALFORMED),
    ("publish_qos_0_with_dup", "MQTT5-3.3.1-2", publish("a", dup=True), MALFORMED, PROTOCOL_ERROR),
    ("publish_without_packet_identifier", "MQTT5-2.2.1-3", packet(0x32, binary("a")), MALFORMED),
    ("publish_with_packet_identifier_0", "MQTT5-2.2.1-3", publish("a", qos=1, id=0), MALFORMED, PROTOCOL_ERROR),
    ("subscribe_with_packet_identifier_0", "MQTT5-2.2.1-3", subscribe(0, ("a", 0)), MALFORMED, PROTOCOL_ERROR),
    ("unsubscribe_with_packet_identifier_0", "MQTT5-2.2.1-3", unsubscribe(0, "a"), MALFORMED, PROTOCOL_ERROR),
    ("publish_that_ends_in_its_topic", "MQTT5-3.3.2-1", packet(0x30, b"\0\x05ab"), MALFORMED),
    ("publish_that_ends_in_its_properties", "MQTT5-2.2.2-1", packet(0x30, binary("a") + b"\x07\x01\x01"), MALFORMED),
    ("publish_without_property_length", "MQTT5-2.2.2-1", packet(0x30, binary("a")), MALFORMED),
    ("subscribe_without_filters", "MQTT5-3.8.3-2", subscribe(1), MALFORMED, PROTOCOL_ERROR),
    ("subscribe_without_options", "MQTT5-3.8.3-2", packet(0x82, b"\0\x01\0" + binary("a")), MALFORMED),
    ("subscribe_with_reserved_option_6", "MQTT5-3.8.3-5", subscribe(1, ("a", 0x40)), MALFORMED),
    ("subscribe_with_reserved_option_7", "MQTT5-3.8.3-5", subscribe(1, ("a", 0x81)), MALFORMED),
    ("subscribe_with_qos_3", "MQTT5-3.8.3-5", subscribe(1, ("a", 3)), MALFORMED, PROTOCOL_ERROR),
    ("subscribe_with_retain_handling_3", "MQTT5-3.8.3-5", subscribe(1, ("a", 0x30)), MALFORMED, PROTOCOL_ERROR),
    ("subscribe_no_local_to_a_shared_subscription", "MQTT5-3.8.3-4",
     subscribe(1, ("$share/g/a", options(no_local=True))), PROTOCOL_ERROR),
    ("subscription_identifier_0", "MQTT5-4.13.1-1", subscribe(1, ("a", 0), subscription_identifier=0), PROTOCOL_ERROR),
    ("subscription_identifier_twice", "MQTT5-4.13.1-1", subscribe(1, ("a", 0), subscription_identifier=[1, 2]),
     PROTOCOL_ERROR),
    ("subscription_identifier_in_a_clients_publish", "MQTT5-3.3.4-6", publish("a", subscription_identifier=[1]),
     PROTOCOL_ERROR, MALFORMED),
    ("unsubscribe_without_filters", "MQTT5-3.10.3-2", unsubscribe(1), MALFORMED, PROTOCOL_ERROR),
    ("property_unknown", "MQTT5-4.13.1-1", publish("a", raw=b"\x7f\0"), MALFORMED),
    ("property_of_another_packet", "MQTT5-4.13.1-1", publish("a", receive_maximum=5), MALFORMED, PROTOCOL_ERROR),
    ("property_of_another_packet_in_subscribe", "MQTT5-4.13.1-1", subscribe(1, ("a", 0), content_type="x"), MALFORMED,
     PROTOCOL_ERROR),
    ("property_twice", "MQTT5-4.13.1-1", publish("a", content_type=["x", "y"]), PROTOCOL_ERROR, MALFORMED),
    ("payload_format_indicator_2", "MQTT5-4.13.1-1", publish("a", payload_format_indicator=2), MALFORMED,
     PROTOCOL_ERROR),
    ("topic_alias_0", "MQTT5-3.3.2-8", publish("a", topic_alias=0), 0x94),
    ("topic_empty_without_alias", "MQTT5-4.7.3-1", publish(""), PROTOCOL_ERROR, MALFORMED, TOPIC_NAME_INVALID),
    ("topic_empty_with_unknown_alias", "MQTT5-4.13.1-1", publish("", topic_alias=1), PROTOCOL_ERROR, 0x94),
    ("topic_with_hash", "MQTT5-3.3.2-2 MQTT5-4.7.0-1", publish("a/#"), MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID),
    ("topic_with_plus", "MQTT5-3.3.2-2 MQTT5-4.7.0-1", publish("a/+/b"), MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID),
    ("response_topic_with_wildcard", "MQTT5-3.3.2-14", publish("a", response_topic="r/#"), MALFORMED, PROTOCOL_ERROR,
     TOPIC_NAME_INVALID),
    ("topic_with_overlong_utf8", "MQTT5-1.5.4-1 MQTT5-3.3.2-1", publish(OVERLONG), MALFORMED, TOPIC_NAME_INVALID),
    ("topic_with_surrogate", "MQTT5-1.5.4-1 MQTT5-3.3.2-1", publish(SURROGATE), MALFORMED, TOPIC_NAME_INVALID),
    ("topic_beyond_unicode", "MQTT5-1.5.4-1 MQTT5-3.3.2-1", publish(BEYOND_UNICODE), MALFORMED, TOPIC_NAME_INVALID),
    ("topic_with_truncated_character", "MQTT5-1.5.4-1 MQTT5-3.3.2-1", publish(TRUNCATED), MALFORMED,
     TOPIC_NAME_INVALID),
    ("topic_with_nul", "MQTT5-1.5.4-2 MQTT5-4.7.3-2", publish(NUL), MALFORMED, TOPIC_NAME_INVALID),
    ("filter_with_surrogate", "MQTT5-1.5.4-1 MQTT5-3.8.3-1", subscribe(1, (SURROGATE, 0)), MALFORMED, 0x8F),
    ("filter_with_nul", "MQTT5-1.5.4-2 MQTT5-4.7.3-2", subscribe(1, (NUL, 0)), MALFORMED, 0x8F),
    ("unsubscribe_with_overlong_utf8", "MQTT5-1.5.4-1 MQTT5-3.10.3-1", unsubscribe(1, OVERLONG), MALFORMED, 0x8F),
    ("content_type_ill_formed", "MQTT5-1.5.4-1 MQTT5-3.3.2-19", publish("a", content_type=SURROGATE), MALFORMED),
    ("response_topic_ill_formed", "MQTT5-1.5.4-1 MQTT5-3.3.2-13", publish("a", response_topic=OVERLONG), MALFORMED,
     TOPIC_NAME_INVALID),
    ("user_property_name_ill_formed", "MQTT5-1.5.7-1", publish("a", user_property=[(OVERLONG, "v")]), MALFORMED),
    ("user_property_value_ill_formed", "MQTT5-1.5.7-1", publish("a", user_property=[("n", SURROGATE)]), MALFORMED),
    ("user_property_with_nul", "MQTT5-1.5.4-2 MQTT5-1.5.7-1", publish("a", user_property=[("n", NUL)]), MALFORMED),
    ("user_property_without_value", "MQTT5-1.5.7-1", publish("a", raw=b"\x26" + binary("n")), MALFORMED),
    ("reason_string_ill_formed", "MQTT5-1.5.4-1", ack("puback", 1, 0x80, reason_string=TRUNCATED), MALFORMED),
    ("auth_without_authentication_method", "MQTT5-4.12.0-7 MQTT5-4.12.1-2", auth(0x19), PROTOCOL_ERROR, MALFORMED),
    ("auth_with_a_method_that_connect_did_not_name", "MQTT5-4.12.0-7 MQTT5-4.12.1-2",
     auth(0x19, authentication_method="x"), PROTOCOL_ERROR, 0x8C),
    ("disconnect_with_an_undefined_code", "MQTT5-3.14.2-1", disconnect(0x05), MALFORMED, PROTOCOL_ERROR),
    ("disconnect_with_an_expiry_after_connect_had_none", "MQTT5-4.13.1-1", disconnect(0, session_expiry_interval=10),
     PROTOCOL_ERROR),
)
class malformed_packets(version_5, wire_test):
    """After CONNACK: DISCONNECT with the reason, then close [MQTT5-4.13.2-1]."""

    def check(self, data, *codes):
        one = self.client()
        one.send(data).expect_close(*codes)


@table(
    ("protocol_name_wrong", "MQTT5-3.1.2-1", connect("c", name="MQTX"), None, 0x01, 0x84, MALFORMED, PROTOCOL_ERROR),
    ("protocol_name_in_lower_case", "MQTT5-3.1.2-1", connect("c", name="mqtt"), None, 0x01, 0x84, MALFORMED,
     PROTOCOL_ERROR),
    ("protocol_version_6", "MQTT5-3.1.2-2", connect("c", level=6), None, 0x84, 0x01),
    ("protocol_version_0", "MQTT5-3.1.2-2", connect("c", level=0), None, 0x84, 0x01),
    ("protocol_version_255", "MQTT5-3.1.2-2", connect("c", level=255), None, 0x84, 0x01),
    ("connect_fixed_header_flags", "MQTT5-2.1.3-1 MQTT5-3.1.4-1", b"\x11" + connect("c")[1:], None, MALFORMED),
    ("connect_reserved_flag", "MQTT5-3.1.2-3", connect("c", flags=0x03), MALFORMED, PROTOCOL_ERROR),
    ("will_qos_without_will", "MQTT5-3.1.2-11", connect("c", flags=0x0A), MALFORMED, PROTOCOL_ERROR),
    ("will_retain_without_will", "MQTT5-3.1.2-13", connect("c", flags=0x22), MALFORMED, PROTOCOL_ERROR),
    ("will_qos_3", "MQTT5-3.1.2-12", connect("c", will=will("w"), flags=0x1E), MALFORMED, PROTOCOL_ERROR),
    ("will_missing", "MQTT5-3.1.2-9", connect("c", flags=0x06), MALFORMED),
    ("will_payload_missing", "MQTT5-3.1.2-9", packet(0x10, connect("c", flags=0x06)[2:] + b"\0" + binary("w")),
     MALFORMED),
    ("will_present_without_its_flag", "MQTT5-3.1.4-1", connect("c", will=will("w", "p"), flags=0x02), MALFORMED,
     PROTOCOL_ERROR),
    ("user_name_missing", "MQTT5-3.1.2-17", connect("c", flags=0x82), MALFORMED),
    ("user_name_present_without_its_flag", "MQTT5-3.1.2-16", connect("c", user_name="u", flags=0x02), MALFORMED,
     PROTOCOL_ERROR),
    ("password_missing", "MQTT5-3.1.2-19", connect("c", user_name="u", flags=0xC2), MALFORMED),
    ("password_present_without_its_flag", "MQTT5-3.1.2-18", connect("c", user_name="u", password="p", flags=0x82),
     MALFORMED, PROTOCOL_ERROR),
    ("client_identifier_missing", "MQTT5-3.1.3-3", packet(0x10, binary("MQTT") + b"\x05\x02\0\x3c\0"), MALFORMED),
    ("client_identifier_ill_formed", "MQTT5-1.5.4-1 MQTT5-3.1.3-4", connect(SURROGATE), MALFORMED, 0x85),
    ("client_identifier_with_nul", "MQTT5-1.5.4-2 MQTT5-3.1.3-4", connect(NUL), MALFORMED, 0x85),
    ("user_name_ill_formed", "MQTT5-1.5.4-1 MQTT5-3.1.3-12", connect("c", user_name=OVERLONG), MALFORMED, 0x86),
    ("will_topic_ill_formed", "MQTT5-1.5.4-1 MQTT5-3.1.3-11", connect("c", will=will(SURROGATE)), MALFORMED,
     TOPIC_NAME_INVALID),
    ("will_topic_with_nul", "MQTT5-1.5.4-2 MQTT5-4.7.3-2", connect("c", will=will(NUL)), MALFORMED, TOPIC_NAME_INVALID),
    ("will_topic_with_wildcard", "MQTT5-4.7.0-1", connect("c", will=will("a/#")), MALFORMED, PROTOCOL_ERROR,
     TOPIC_NAME_INVALID),
    ("will_topic_empty", "MQTT5-4.7.3-1", connect("c", will=will("")), MALFORMED, PROTOCOL_ERROR, TOPIC_NAME_INVALID),
    ("will_user_property_ill_formed", "MQTT5-1.5.7-1", connect("c", will=will("w", user_property=[("n", TRUNCATED)])),
     MALFORMED),
    ("connect_that_ends_too_early", "MQTT5-3.1.4-1", packet(0x10, connect("client")[2:-3]), MALFORMED),
    ("connect_with_trailing_bytes", "MQTT5-3.1.4-1", packet(0x10, connect("c")[2:] + b"xyz"), MALFORMED),
    ("connect_property_unknown", "MQTT5-3.1.4-1", connect("c", raw=b"\x7f\0"), MALFORMED, PROTOCOL_ERROR),
    ("connect_property_of_connack", "MQTT5-3.1.4-1", connect("c", server_keep_alive=5), MALFORMED, PROTOCOL_ERROR),
    ("connect_property_twice", "MQTT5-3.1.4-1", connect("c", receive_maximum=[5, 6]), PROTOCOL_ERROR, MALFORMED),
    ("receive_maximum_0", "MQTT5-3.1.4-1", connect("c", receive_maximum=0), PROTOCOL_ERROR),
    ("maximum_packet_size_0", "MQTT5-3.1.4-1", connect("c", maximum_packet_size=0), PROTOCOL_ERROR),
    ("request_problem_information_2", "MQTT5-3.1.4-1", connect("c", request_problem_information=2), PROTOCOL_ERROR,
     MALFORMED),
    ("request_response_information_2", "MQTT5-3.1.4-1", connect("c", request_response_information=2), PROTOCOL_ERROR,
     MALFORMED),
    ("authentication_data_without_method", "MQTT5-3.1.4-1", connect("c", authentication_data=b"x"), PROTOCOL_ERROR),
    ("authentication_method_unknown", "MQTT5-4.12.0-1 MQTT5-4.12.0-4 MQTT5-3.1.4-2",
     connect("c", authentication_method="no-such-method"), 0x8C, 0x87),
    ("will_payload_format_indicator_2", "MQTT5-3.1.4-1", connect("c", will=will("w", payload_format_indicator=2)),
     MALFORMED, PROTOCOL_ERROR),
)
class refused_connects(version_5, wire_test):
    """CONNACK with the reason, then close [MQTT5-3.2.2-7] [MQTT5-4.13.2-1]; never a DISCONNECT [MQTT5-3.14.0-1].

    With None among the codes a close without CONNACK will do as well.
    """

    def check(self, data, *codes):
        one = self.open().send(data)
        got = one.receive()
        if got is None and None in codes:
            return
        codes = [code for code in codes if code is not None]
        self.assertIsNotNone(got, f"closed without the expected CONNACK {[hex(code) for code in codes]}")
        one.inbox.append(got)
        one.expect_refusal(*codes)


@table(
    ("publish", "MQTT5-3.1.0-1 MQTT5-3.14.0-1", publish("a")),
    ("publish_qos_1", "MQTT5-3.1.0-1 MQTT5-3.14.0-1", publish("a", qos=1, id=1)),
    ("puback", "MQTT5-3.1.0-1", ack("puback", 1)),
    ("pubrel", "MQTT5-3.1.0-1", ack("pubrel", 1)),
    ("subscribe", "MQTT5-3.1.0-1 MQTT5-3.14.0-1", subscribe(1, ("a", 0))),
    ("unsubscribe", "MQTT5-3.1.0-1", unsubscribe(1, "a")),
    ("pingreq", "MQTT5-3.1.0-1 MQTT5-3.14.0-1", PINGREQ),
    ("disconnect", "MQTT5-3.1.0-1", disconnect()),
    ("auth", "MQTT5-3.1.0-1 MQTT5-4.12.0-6", auth(0x18, authentication_method="x")),
    ("packet_type_0", "MQTT5-3.1.0-1", b"\0\0"),
    ("http", "MQTT5-3.1.0-1", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
)
class first_packet_that_is_not_connect(version_5, wire_test):
    """Closed without an answer."""

    def check(self, data):
        self.open().send(data).expect_close()


class encodings(version_5, wire_test):
    @proves("MQTT5-1.5.4-3", "MQTT5-4.7.3-4")
    def test_byte_order_mark_is_a_character_like_others(self):
        topic = b"\xef\xbb\xbf" + self.name("t").encode()
        with_mark = self.client("a").subscribe((topic, 0))
        without = self.client("b").subscribe((topic[3:], 0))
        self.client("p").publish(topic, b"x", qos=1)
        with_mark.expect("publish", topic=topic.decode(), payload=b"x")
        without.expect_nothing()

    @proves("MQTT5-1.5.4-1")
    def test_all_planes_of_unicode_come_through(self):
        topic = self.name("ä€𝄞\U0010FFFD\u200d\uFFFD")
        sub = self.client("a").subscribe(topic)
        self.client("p").publish(topic, b"x", qos=1, user_property=[("ключ", "値")], content_type="é")
        sub.expect("publish", topic=topic, user_property=[("ключ", "値")], content_type="é")

    @proves("MQTT5-1.5.5-1")
    def test_lengths_are_written_in_the_fewest_bytes(self):
        sub = self.client("a").subscribe(self.name("t"))
        pub = self.client("p")
        fixed = len(publish(self.name("t"))) - 2
        for length in (127, 128, 16383, 16384, 2097151, 2097152):
            payload = bytes(length - fixed)
            pub.publish(self.name("t"), payload, qos=1)
            sub.expect("publish", payload=payload)
            self.assertEqual(sub.last.size, 1 + len(vbi(length)) + length)

    @proves("MQTT5-1.5.5-1")
    def test_property_lengths_are_written_in_the_fewest_bytes(self):
        sub = self.client("a").subscribe(self.name("t"))
        pub = self.client("p")
        for length in (120, 121, 122, 123, 124, 125, 16376, 16380):
            pub.publish(self.name("t"), b"x", qos=1, user_property=[("n", "v" * length)])
            sub.expect("publish", payload=b"x", user_property=[("n", "v" * length)])

    @proves("MQTT5-2.2.1-2", "MQTT5-2.2.2-1")
    def test_qos_0_publish_is_topic_properties_payload_and_nothing_else(self):
        sub = self.client("a").subscribe(self.name("t"))
        self.client("p").publish(self.name("t"), b"\0\x01payload")
        sub.expect("publish", qos=0, id=None, payload=b"\0\x01payload", properties={})

    @proves("MQTT5-4.2.0-1")
    def test_packets_may_arrive_byte_by_byte(self):
        one = self.open()
        for byte in connect(self.name("a")) + subscribe(1, (self.name("t"), 1)):
            one.send(bytes([byte]))
        one.expect("connack", code=0).expect("suback", codes=[1])
        for byte in publish(self.name("t"), b"xyz") + PINGREQ:
            one.send(bytes([byte]))
        one.wait_for("publish", payload=b"xyz")
        one.wait_for("pingresp")

    @proves("MQTT5-4.2.0-1")
    def test_many_packets_may_arrive_in_one_segment(self):
        sub = self.client("s").subscribe(self.name("t"))
        one = self.open().send(
            connect(self.name("a")), subscribe(1, (self.name("u"), 0)),
            *(publish(self.name("t"), b"%d" % number, qos=1, id=number + 1) for number in range(50)), PINGREQ)
        one.expect("connack", code=0)
        for kind in ("suback", "pingresp", *["puback"] * 50):
            one.wait_for(kind)
        self.assertEqual([got.payload for got in sub.take(50)], [b"%d" % number for number in range(50)])

    @proves("MQTT5-2.1.3-1")
    def test_dup_qos_and_retain_of_publish_are_no_reserved_flags(self):
        one = self.client()
        for flags in (0x0, 0x1, 0x2, 0x3, 0xA, 0xB, 0x4, 0x5, 0xC, 0xD):
            qos = flags >> 1 & 3
            one.send(publish(self.name("t"), qos=qos, id=flags + 1 if qos else None, retain=flags & 1,
                             dup=flags >> 3))
            if qos:
                one.expect("puback" if qos == 1 else "pubrec", id=flags + 1)
        one.expect_nothing()

    @proves("MQTT5-4.7.3-3")
    def test_topic_of_65535_bytes_is_a_topic(self):
        topic = self.name("t").ljust(65535, "x")
        sub = self.client("a").subscribe(topic)
        self.client("p").publish(topic, b"x", qos=1)
        sub.expect("publish", topic=topic)
