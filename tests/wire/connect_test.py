"""CONNECT and CONNACK: MQTT 5.0 and 3.1.1 sections 3.1 and 3.2, and enhanced authentication (4.12)."""

import time

from case import proves, table, version_311, version_5, wire_test
from wire import PINGREQ, V31, V311, V5, connect, disconnect, packet, publish, subscribe, will


class connect_base(wire_test):
    """What both versions say alike."""

    @proves("MQTT5-3.1.4-5", "MQTT5-3.2.2-1", "MQTT5-3.2.2-2", "MQTT311-3.1.4-4", "MQTT311-3.2.2-1", "MQTT311-3.2.0-1")
    def test_accepted_connect_gets_connack_0_first(self):
        self.open().connect(self.name("a"), session_present=False)

    @proves("MQTT5-3.1.0-2", "MQTT311-3.1.0-2")
    def test_second_connect_is_a_protocol_error(self):
        one = self.client()
        one.send(connect(self.name("client"), version=self.version)).expect_close(0x82)

    @proves("MQTT5-3.1.0-2", "MQTT5-3.2.0-2", "MQTT311-3.1.0-2")
    def test_two_connects_in_one_segment_get_one_connack(self):
        twice = connect(self.name("a"), version=self.version) * 2
        self.open().send(twice).expect("connack", code=0).expect_close(0x82)

    @proves("MQTT5-3.1.2-6", "MQTT5-3.2.2-3", "MQTT5-3.1.4-4", "MQTT311-3.1.2-4", "MQTT311-3.2.2-3",
            "MQTT311-3.1.4-3")
    def test_no_session_to_resume_means_a_new_one(self):
        self.durable(session_present=False)

    @proves("MQTT5-3.1.2-5", "MQTT5-3.1.2-23", "MQTT5-3.2.2-3", "MQTT5-3.1.3-2", "MQTT311-3.1.2-4", "MQTT311-3.2.2-2",
            "MQTT311-3.1.3-2", "MQTT311-4.1.0-1")
    def test_session_is_resumed_with_its_subscriptions(self):
        self.durable().subscribe((self.name("t"), 1)).disconnect()
        again = self.resumed()
        self.client("p").publish(self.name("t"), b"x", qos=1)
        again.expect("publish", topic=self.name("t"), payload=b"x", qos=1)

    @proves("MQTT5-3.1.2-23", "MQTT311-3.1.2-5", "MQTT5-4.5.0-1", "MQTT311-4.5.0-1")
    def test_messages_for_an_absent_session_are_kept(self):
        self.durable().subscribe((self.name("t"), 2)).disconnect()
        pub = self.client("p")
        pub.publish(self.name("t"), b"one", qos=1).publish(self.name("t"), b"two", qos=2)
        again = self.resumed()
        again.message(payload=b"one", qos=1, dup=False)
        again.message(payload=b"two", qos=2, dup=False)
        again.expect_nothing()

    @proves("MQTT5-3.1.2-4", "MQTT5-3.2.2-2", "MQTT311-3.1.2-6", "MQTT311-3.2.2-1")
    def test_clean_start_discards_the_session(self):
        self.durable().subscribe((self.name("t"), 1)).disconnect()
        pub = self.client("p").publish(self.name("t"), b"queued", qos=1)
        fresh = self.durable(clean=True, session_present=False)
        pub.publish(self.name("t"), b"live", qos=1)
        fresh.expect_nothing()

    @proves("MQTT5-3.1.2-4", "MQTT311-3.1.2-6", "MQTT5-4.1.0-2")
    def test_session_without_expiry_ends_with_its_connection(self):
        self.client("a", clean=True).subscribe((self.name("t"), 1)).disconnect()
        self.client("p").publish(self.name("t"), b"x", qos=1)
        self.durable("a", session_present=False).expect_nothing()

    @proves("MQTT311-3.1.2-6")
    def test_clean_session_leaves_nothing_behind_for_a_later_one(self):
        self.durable().disconnect()
        self.durable(clean=True, session_present=False).disconnect(
            **({"session_expiry_interval": 0} if self.version == V5 else {}))
        self.durable(session_present=False)

    @proves("MQTT311-3.1.2-7")
    def test_retained_messages_survive_the_session_of_their_publisher(self):
        self.client("p").publish(self.name("t"), b"kept", qos=1, retain=True).disconnect()
        self.client("s").subscribe(self.name("t")).expect("publish", payload=b"kept", retain=True)

    @proves("MQTT5-3.1.4-3", "MQTT311-3.1.4-2")
    def test_second_connection_takes_the_client_identifier_over(self):
        first = self.client("same")
        second = self.client("same")
        first.expect_close(0x8E)
        second.expect_nothing()

    @proves("MQTT5-3.1.4-3", "MQTT5-4.1.0-1", "MQTT311-3.1.4-2", "MQTT311-4.1.0-2")
    def test_take_over_keeps_the_session(self):
        first = self.durable().subscribe((self.name("t"), 1))
        second = self.resumed()
        first.expect_close(0x8E)
        self.client("p").publish(self.name("t"), b"x", qos=1)
        second.message(payload=b"x")

    @proves("MQTT5-3.1.3-5", "MQTT311-3.1.3-5")
    def test_client_identifiers_of_1_to_23_letters_and_digits_are_taken(self):
        letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        for client_id in ("Z", letters[:23], letters[23:46], letters[39:]):
            self.open().connect(client_id).disconnect()

    @proves("MQTT311-3.1.3-5", "MQTT5-3.1.3-5")
    def test_longer_and_stranger_client_identifiers_are_taken(self):
        for client_id in ("x" * 200, "a b/c#+é", "$share/x"):
            self.open().connect(client_id).disconnect()

    @proves("MQTT5-3.1.3-2", "MQTT311-3.1.3-2")
    def test_client_identifiers_differ_in_case(self):
        one, other = self.client("id"), self.client("ID")
        one.expect_nothing()
        other.expect_nothing()

    @proves("MQTT5-3.1.3-6", "MQTT311-3.1.3-6")
    def test_empty_client_identifiers_are_different_clients(self):
        one, other = self.open().connect("", clean=True), self.open().connect("", clean=True)
        one.expect_nothing()
        other.expect_nothing()

    @proves("MQTT5-3.2.0-1", "MQTT311-3.2.0-1")
    def test_connack_comes_before_what_waits_for_the_session(self):
        self.durable().subscribe((self.name("t"), 1)).disconnect()
        self.client("p").publish(self.name("t"), b"x", qos=1)
        again = self.open().send(connect(self.name("durable"), version=self.version, clean=False,
                                         **({"session_expiry_interval": 300} if self.version == V5 else {})),
                                 subscribe(9, (self.name("u"), 0), version=self.version), PINGREQ)
        again.expect("connack", code=0, session_present=True)
        again.wait_for("publish", payload=b"x")
        again.wait_for("suback", id=9)

    @proves("MQTT5-3.1.3-1", "MQTT311-3.1.3-1", "MQTT5-3.1.2-17", "MQTT5-3.1.2-19", "MQTT311-3.1.2-19",
            "MQTT311-3.1.2-21", "MQTT311-3.1.2-9", "MQTT5-3.1.2-9")
    def test_payload_fields_are_read_in_their_order(self):
        watch = self.client("w").subscribe(self.name("will"))
        one = self.client("a", will=will(self.name("will"), b"bye"), user_name="user", password=b"\0\xff")
        one.close()
        watch.expect("publish", payload=b"bye")

    @proves("MQTT5-3.1.4-6", "MQTT311-3.1.4-5")
    def test_what_follows_a_refused_connect_is_not_processed(self):
        watch = self.client("w").subscribe(self.name("t"))
        refused = connect(self.name("a"), version=self.version, flags=0x03)
        one = self.open().send(refused, publish(self.name("t"), b"x", retain=True, version=self.version))
        while one.receive("the end of the connection") is not None:
            self.assertIn(one.last.kind, ("connack",))
            self.assertNotEqual(one.last.code, 0)
        watch.expect_nothing()

    @proves("MQTT5-3.12.4-1", "MQTT311-3.12.4-1")
    def test_pingreq_is_answered(self):
        one = self.client()
        for _ in range(3):
            one.send(PINGREQ).expect("pingresp")
        one.send(PINGREQ * 20)
        for _ in range(20):
            one.expect("pingresp")

    @proves("MQTT5-3.14.4-1", "MQTT5-3.14.4-2", "MQTT311-3.14.4-2")
    def test_disconnect_closes_and_what_follows_is_not_processed(self):
        watch = self.client("w").subscribe(self.name("t"))
        one = self.client("a").send(disconnect(version=self.version), publish(self.name("t"), version=self.version))
        one.expect_close()
        watch.expect_nothing()


class connect_5(version_5, connect_base):
    @proves("MQTT5-3.1.3-6", "MQTT5-3.1.3-7", "MQTT5-3.2.2-16")
    def test_empty_client_identifier_is_assigned_and_can_be_used(self):
        names = set()
        for _ in range(20):
            one = self.open().connect("")
            names.add(one.connack.assigned_client_identifier)
        self.assertNotIn(None, names)
        self.assertEqual(len(names), 20)
        own = one.connack.assigned_client_identifier
        other = self.open().connect(own)
        one.expect_close(0x8E)
        other.expect_nothing()

    @proves("MQTT5-3.1.3-7")
    def test_assigned_client_identifier_names_a_session_to_resume(self):
        one = self.open().connect("", session_expiry_interval=60)
        own = one.connack.assigned_client_identifier
        one.subscribe((self.name("t"), 1)).disconnect()
        self.open().connect(own, clean=False, session_expiry_interval=60, session_present=True)

    @proves("MQTT5-3.1.3-7")
    def test_client_identifier_of_the_client_is_not_returned(self):
        self.assertIsNone(self.client().connack.assigned_client_identifier)

    @proves("MQTT5-3.1.2-19")
    def test_password_needs_no_user_name(self):
        self.client("a", password=b"secret")

    @proves("MQTT5-3.1.2-28")
    def test_response_information_is_not_given_unasked(self):
        self.assertIsNone(self.client("a").connack.response_information)
        self.assertIsNone(self.client("b", request_response_information=0).connack.response_information)

    @proves("MQTT5-4.12.0-6")
    def test_no_authentication_method_in_connack_without_one_in_connect(self):
        one = self.client()
        self.assertIsNone(one.connack.authentication_method)
        self.assertIsNone(one.connack.authentication_data)

    @proves("MQTT5-3.2.2-8")
    def test_refusals_use_the_codes_of_connack(self):
        for bad in (connect("c", level=9), connect("c", flags=3), connect("c", receive_maximum=0),
                    connect("c", authentication_method="no-such-method")):
            self.open().send(bad).expect("connack", session_present=False)

    @proves("MQTT5-3.2.2-6", "MQTT5-3.2.2-7", "MQTT5-4.13.2-1")
    def test_refusing_connack_has_no_session_present_and_closes(self):
        self.durable().disconnect()
        one = self.open().send(connect(self.name("durable"), clean=False, receive_maximum=0))
        one.expect_refusal(0x82)
        self.assertFalse(one.last.session_present)
        self.resumed()

    @proves("MQTT5-3.2.2-9", "MQTT5-3.2.2-12", "MQTT5-3.2.2-13")
    def test_connack_that_names_no_limit_means_that_everything_works(self):
        watch = self.client("w").subscribe((self.name("#"), 2))
        ack = self.client("a", will=will(self.name("t"), b"x", qos=2, retain=True))
        for name, default in (("maximum_qos", None), ("retain_available", 1), ("wildcard_subscription_available", 1),
                              ("subscription_identifier_available", 1), ("shared_subscription_available", 1)):
            self.assertIn(getattr(ack.connack, name), (None, default), name)
        ack.publish(self.name("t"), b"y", qos=2, retain=True)
        watch.message(payload=b"y", qos=2)
        ack.close()
        watch.message(payload=b"x", qos=2)

    @proves("MQTT5-3.2.2-19", "MQTT5-3.2.2-20", "MQTT5-3.1.2-24")
    def test_small_maximum_packet_size_holds_for_every_answer(self):
        one = self.client("small", maximum_packet_size=60)
        one.send(subscribe(1, (self.name("t"), 0), ("bad/#/filter", 0)))
        if one.receive().kind == "suback":  # a broker may also treat the filter as an error of the connection
            one.send(packet(0xA2, b"\0\x02\0\0\x01x")).expect("unsuback", id=2)
            one.send("62 02 00 09").expect("pubcomp", id=9)
            one.send("E0 01 05").expect_close(0x81, 0x82)

    @proves("MQTT5-3.2.2-19", "MQTT5-3.1.2-24")
    def test_refusing_connack_gives_no_reason_that_the_client_cannot_take(self):
        one = self.open()
        one.maximum_packet_size = 20
        one.send(connect("c", maximum_packet_size=20, authentication_method="no-such-method"))
        one.expect_refusal(0x8C, 0x87)

    def test_connect_tells_the_expiry_the_broker_uses_when_it_differs(self):
        one = self.client("a", session_expiry_interval=77)
        self.assertIn(one.connack.session_expiry_interval, (None, 77))


class connect_311(version_311, connect_base):
    @proves("MQTT311-3.1.3-7", "MQTT311-3.1.3-8", "MQTT311-3.1.3-9", "MQTT311-3.2.2-4", "MQTT311-3.2.2-5")
    def test_empty_client_identifier_without_clean_session_is_refused(self):
        self.open().send(connect("", version=V311, clean=False)).expect_refusal(2)

    @proves("MQTT311-3.1.2-2", "MQTT311-3.2.2-5")
    def test_unknown_protocol_level_is_refused(self):
        for level in (0, 6, 7, 100):
            self.open().send(connect("c", version=V311, level=level)).expect_refusal(0x01, 0x84)

    @proves("MQTT311-3.1.2-1")
    def test_wrong_protocol_name_is_not_processed_further(self):
        one = self.open().send(connect("c", version=V311, name="MQTX"))
        got = one.receive("the end of the connection")
        if got is not None:
            self.assertNotEqual(got.code, 0)
            one.expect_close()

    def test_mqtt_3_1_is_served(self):
        sub = self.client("s", version=V31).subscribe((self.name("t"), 2))
        pub = self.client("p", version=V31)
        for qos in (0, 1, 2):
            pub.publish(self.name("t"), b"%d" % qos, qos=qos)
            sub.message(payload=b"%d" % qos, qos=qos)

    def test_versions_share_topics(self):
        subs = [self.client(f"s{version}", version=version).subscribe((self.name("t"), 1))
                for version in (V31, V311, V5)]
        for version in (V31, V311, V5):
            self.client(f"p{version}", version=version).publish(self.name("t"), b"%d" % version, qos=1)
            for sub in subs:
                sub.message(payload=b"%d" % version, topic=self.name("t"))

    def test_session_can_be_resumed_by_another_version(self):
        self.durable("a", version=V5).subscribe((self.name("t"), 1)).disconnect()
        self.client("p").publish(self.name("t"), b"x", qos=1)
        self.durable("a", version=V311, session_present=True).message(payload=b"x")


@table(
    ("fixed_header_flags", "MQTT311-2.2.2-2 MQTT311-2.2.2-1 MQTT311-3.1.4-1",
     b"\x11" + connect("c", version=V311)[1:]),
    ("reserved_flag", "MQTT311-3.1.2-3 MQTT311-3.2.2-6", connect("c", version=V311, flags=0x03)),
    ("will_qos_without_will", "MQTT311-3.1.2-11 MQTT311-3.1.2-13", connect("c", version=V311, flags=0x0A)),
    ("will_retain_without_will", "MQTT311-3.1.2-11 MQTT311-3.1.2-15", connect("c", version=V311, flags=0x22)),
    ("will_qos_3", "MQTT311-3.1.2-14", connect("c", version=V311, will=will("w"), flags=0x1E)),
    ("will_missing", "MQTT311-3.1.2-9", connect("c", version=V311, flags=0x06)),
    ("will_message_missing", "MQTT311-3.1.2-9",
     packet(0x10, connect("c", version=V311, flags=0x06)[2:] + b"\0\x01w")),
    ("will_present_without_its_flag", "MQTT311-3.1.2-11 MQTT311-3.1.4-1",
     connect("c", version=V311, will=will("w", "p"), flags=0x02)),
    ("user_name_missing", "MQTT311-3.1.2-19", connect("c", version=V311, flags=0x82)),
    ("user_name_without_its_flag", "MQTT311-3.1.2-18", connect("c", version=V311, user_name="u", flags=0x02)),
    ("password_missing", "MQTT311-3.1.2-21", connect("c", version=V311, user_name="u", flags=0xC2)),
    ("password_without_its_flag", "MQTT311-3.1.2-20",
     connect("c", version=V311, user_name="u", password="p", flags=0x82)),
    ("password_without_user_name", "MQTT311-3.1.2-22", connect("c", version=V311, password="p")),
    ("client_identifier_missing", "MQTT311-3.1.3-3", packet(0x10, b"\0\x04MQTT\x04\x02\0\x3c")),
    ("client_identifier_ill_formed", "MQTT311-1.5.3-1 MQTT311-3.1.3-4", connect(b"a\xc0\xaf", version=V311)),
    ("client_identifier_with_nul", "MQTT311-1.5.3-2 MQTT311-3.1.3-4", connect(b"a\0b", version=V311)),
    ("user_name_ill_formed", "MQTT311-1.5.3-1 MQTT311-3.1.3-11",
     connect("c", version=V311, user_name=b"a\xed\xa0\x80")),
    ("will_topic_ill_formed", "MQTT311-1.5.3-1 MQTT311-3.1.3-10", connect("c", version=V311, will=will(b"a\xff"))),
    ("will_topic_with_nul", "MQTT311-1.5.3-2 MQTT311-4.7.3-2", connect("c", version=V311, will=will(b"a\0"))),
    ("ends_too_early", "MQTT311-3.1.4-1", packet(0x10, connect("client", version=V311)[2:-3])),
    ("trailing_bytes", "MQTT311-3.1.4-1", packet(0x10, connect("c", version=V311)[2:] + b"xyz")),
)
class malformed_connects_311(version_311, wire_test):
    """Closed without CONNACK [MQTT311-3.1.4-1] [MQTT311-3.2.2-6]."""

    def check(self, data):
        self.open().send(data).expect_close()


class keep_alive_base(wire_test):
    seconds = 12

    @proves("MQTT5-3.1.2-22", "MQTT5-3.2.2-22", "MQTT311-3.1.2-24")
    def test_silent_client_is_closed_after_one_and_a_half_keep_alives(self):
        watch = self.client("w").subscribe(self.name("will"))
        one = self.client("a", keep_alive=1, will=will(self.name("will"), b"gone"))
        if self.version == V5:
            self.assertIsNone(one.connack.server_keep_alive)
        begin = time.monotonic()
        one.expect_close(0x8D, within=6)
        took = time.monotonic() - begin
        self.assertGreater(took, 1.2)
        self.assertLess(took, 3)
        watch.expect("publish", payload=b"gone")

    @proves("MQTT5-3.1.2-22", "MQTT311-3.1.2-24")
    def test_any_packet_counts_as_a_sign_of_life(self):
        one = self.client("a", keep_alive=1)
        for data in (PINGREQ, publish(self.name("t"), version=self.version), PINGREQ):
            time.sleep(0.9)
            one.send(data)
        while one.receive().kind != "pingresp":
            pass

    @proves("MQTT5-3.1.2-22", "MQTT311-3.1.2-24")
    def test_part_of_a_packet_is_no_sign_of_life(self):
        one = self.client("a", keep_alive=1)
        one.send("30")
        time.sleep(0.8)
        one.send("7F")
        one.expect_close(0x8D, within=6)

    @proves("MQTT5-3.1.2-22", "MQTT311-3.1.2-24")
    def test_keep_alive_0_never_times_out(self):
        one = self.client("a", keep_alive=0)
        with self.assertRaises(TimeoutError):
            one.read(3)
        one.expect_nothing()


class keep_alive_5(version_5, keep_alive_base):
    pass


class keep_alive_311(version_311, keep_alive_base):
    pass


class server_keep_alive(version_5, wire_test):
    settings = {"maximum_keep_alive": 10}

    @proves("MQTT5-3.2.2-22")
    def test_keep_alive_above_the_brokers_bound_is_lowered_in_connack(self):
        self.assertEqual(self.client("a", keep_alive=1000).connack.server_keep_alive, 10)
        self.assertEqual(self.client("b", keep_alive=0).connack.server_keep_alive, 10)
        self.assertIn(self.client("c", keep_alive=5).connack.server_keep_alive, (None, 5))


class limited_features(version_5, wire_test):
    """A broker that was told to do less says so and holds to it."""

    settings = {"maximum_qos": 1, "retain_available": "false", "wildcard_subscriptions": "false",
                "shared_subscriptions": "false", "subscription_identifiers": "false"}

    @proves("MQTT5-3.2.2-9")
    def test_connack_says_what_is_missing(self):
        ack = self.client().connack
        self.assertEqual((ack.maximum_qos, ack.retain_available), (1, 0))
        self.assertEqual((ack.wildcard_subscription_available, ack.shared_subscription_available,
                          ack.subscription_identifier_available), (0, 0, 0))

    @proves("MQTT5-3.2.2-10")
    def test_subscribe_at_qos_2_is_accepted_all_the_same(self):
        one = self.client().send(subscribe(1, (self.name("a"), 0), (self.name("b"), 1), (self.name("c"), 2)))
        one.expect("suback", id=1, codes=[0, 1, 1])

    @proves("MQTT5-3.2.2-11")
    def test_publish_above_maximum_qos(self):
        self.client().send(publish("t", qos=2, id=1)).expect_close(0x9B)

    @proves("MQTT5-3.2.2-12")
    def test_will_above_maximum_qos(self):
        self.open().send(connect("c", will=will("w", qos=2))).expect_refusal(0x9B)

    @proves("MQTT5-3.2.2-13")
    def test_will_retain(self):
        self.open().send(connect("c", will=will("w", retain=True))).expect_refusal(0x9A)

    @proves("MQTT5-3.2.2-14")
    def test_retained_publish(self):
        self.client().send(publish("t", retain=True)).expect_close(0x9A)

    def refused(self, code, data):
        """SUBACK with the code, or DISCONNECT with it."""
        one = self.client().send(data)
        got = one.receive()
        if got.kind == "suback":
            self.assertEqual(got.codes, [code])
        else:
            one.inbox.append(got)
            one.expect_close(code)

    @proves("MQTT5-3.8.4-7")
    def test_wildcard_subscription(self):
        self.refused(0xA2, subscribe(1, ("a/#", 0)))

    @proves("MQTT5-3.8.4-7")
    def test_shared_subscription(self):
        self.refused(0x9E, subscribe(1, ("$share/g/a", 0)))

    @proves("MQTT5-3.8.4-7")
    def test_subscription_identifier(self):
        self.refused(0xA1, subscribe(1, ("a", 0), subscription_identifier=1))


class limited_features_311(version_311, wire_test):
    settings = {"wildcard_subscriptions": "false"}

    @proves("MQTT311-3.8.3-2")
    def test_wildcard_subscription(self):
        one = self.client().send(subscribe(1, ("a", 0), ("a/#", 0), ("+", 0), version=V311))
        one.expect("suback", codes=[0, 0x80, 0x80])


class response_information(version_5, wire_test):
    settings = {"response_information": "answers"}

    @proves("MQTT5-3.1.2-28")
    def test_response_information_is_given_when_asked(self):
        self.assertIn("answers", self.client("a", request_response_information=1).connack.response_information or "")
        self.assertIsNone(self.client("b", request_response_information=0).connack.response_information)
        self.assertIsNone(self.client("c").connack.response_information)


class full_broker(version_311, wire_test):
    settings = {"maximum_sessions": 1}

    @proves("MQTT311-4.8.0-2", "MQTT311-3.2.2-5", "MQTT311-3.1.4-5")
    def test_connect_that_finds_no_room_is_refused_and_closed(self):
        for number in range(40):  # the limit is shared out among the parts of the broker, and so not exact
            one = self.open().send(connect(self.name(str(number)), version=V311))
            if one.expect("connack").last.code:
                break
        self.assertEqual(one.last.code, 3)
        one.expect_close()
