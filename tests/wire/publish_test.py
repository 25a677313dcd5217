"""PUBLISH: MQTT 5.0 and 3.1.1 section 3.3, with topic aliases, properties and retained messages."""

import time

from case import proves, table, version_311, version_5, wire_test
from wire import PINGREQ, V5, ack, binary, options, packet, publish


class delivery_base(wire_test):
    @proves("MQTT5-3.3.4-1", "MQTT5-2.2.1-5", "MQTT5-4.3.2-4", "MQTT5-4.3.3-8", "MQTT5-4.3.3-11", "MQTT5-3.4.2-1",
            "MQTT5-3.5.2-1", "MQTT5-3.7.2-1", "MQTT311-3.3.4-1", "MQTT311-2.3.1-6", "MQTT311-4.3.2-2",
            "MQTT311-4.3.3-2")
    def test_each_qos_gets_its_answer(self):
        one = self.client()
        one.send(publish(self.name("t"), b"x", version=self.version)).expect_nothing()
        one.send(publish(self.name("t"), b"x", qos=1, id=7, version=self.version)).expect("puback", id=7)
        one.send(publish(self.name("t"), b"x", qos=2, id=65535, version=self.version)).expect("pubrec", id=65535)
        one.send(ack("pubrel", 65535)).expect("pubcomp", id=65535, code=0)

    @proves("MQTT5-3.8.4-8", "MQTT311-3.8.4-6", "MQTT5-4.3.1-1", "MQTT5-4.3.2-2", "MQTT5-4.3.3-2", "MQTT311-4.3.1-1",
            "MQTT311-4.3.2-1", "MQTT311-4.3.3-1", "MQTT5-3.3.1-3", "MQTT311-3.3.1-3")
    def test_delivery_qos_is_the_lower_of_published_and_granted(self):
        subs = [self.client(f"s{qos}").subscribe((self.name("t"), qos)) for qos in (0, 1, 2)]
        pub = self.client("p")
        for published in (0, 1, 2):
            pub.publish(self.name("t"), b"%d" % published, qos=published)
            for granted, sub in enumerate(subs):
                sub.message(payload=b"%d" % published, qos=min(published, granted), dup=False, retain=False)

    @proves("MQTT5-3.3.1-3", "MQTT5-3.3.1-1", "MQTT311-3.3.1-3")
    def test_dup_of_the_publisher_is_not_passed_on(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        pub = self.client("p")
        pub.send(publish(self.name("t"), b"1", qos=1, id=1, dup=True, version=self.version)).expect("puback", id=1)
        pub.send(publish(self.name("t"), b"2", qos=2, id=2, dup=True, version=self.version)).expect("pubrec", id=2)
        pub.send(ack("pubrel", 2)).expect("pubcomp", id=2)
        sub.message(payload=b"1", dup=False)
        sub.message(payload=b"2", dup=False)

    @proves("MQTT5-3.3.1-2", "MQTT311-3.3.1-2", "MQTT311-2.3.1-5")
    def test_qos_0_delivery_has_no_dup_and_no_identifier(self):
        sub = self.client("s").subscribe((self.name("t"), 0))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        sub.message(qos=0, dup=False, id=None, payload=b"x")

    @proves("MQTT5-3.3.2-3", "MQTT311-3.3.2-3")
    def test_topic_is_that_of_the_publisher_and_matches_the_filter(self):
        sub = self.client("s").subscribe(self.name("+/x/#"))
        pub = self.client("p")
        for topic in ("a/x", "b/y", "c/x/d/e", "x"):
            pub.publish(self.name(topic), topic, qos=1)
        sub.message(topic=self.name("a/x"), payload=b"a/x")
        sub.message(topic=self.name("c/x/d/e"), payload=b"c/x/d/e")
        sub.expect_nothing()

    @proves("MQTT5-4.5.0-1", "MQTT311-4.5.0-1")
    def test_every_subscriber_gets_the_message(self):
        subs = [self.client(f"s{number}").subscribe((self.name("t"), 1)) for number in range(30)]
        self.client("p").publish(self.name("t"), b"x", qos=1)
        for sub in subs:
            sub.message(payload=b"x")

    def test_own_messages_come_back(self):
        one = self.client().subscribe((self.name("t"), 1))
        one.publish(self.name("t"), b"x", qos=1)
        self.assertEqual(one.take()[0].payload, b"x")

    def test_empty_and_large_payloads_come_through(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        pub = self.client("p")
        for payload in (b"", b"\0", bytes(range(256)) * 4096):
            pub.publish(self.name("t"), payload, qos=1)
            sub.message(payload=payload)

    @proves("MQTT5-4.6.0-5", "MQTT5-4.6.0-6", "MQTT311-4.6.0-5", "MQTT311-4.6.0-6")
    def test_order_of_one_publisher_is_kept_per_qos(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        pub = self.client("p")
        for qos, count in ((0, 200), (1, 20), (2, 20)):
            pub.send(*(publish(self.name("t"), b"%d" % n, qos=qos, id=n + 1 if qos else None, version=self.version)
                       for n in range(count)))
            for n in range(count if qos else 0):
                pub.wait_for("puback" if qos == 1 else "pubrec", id=n + 1)
            if qos == 2:
                pub.send(*(ack("pubrel", n + 1) for n in range(count)))
                for n in range(count):
                    pub.wait_for("pubcomp", id=n + 1)
            self.assertEqual([int(one.payload) for one in sub.take(count)], list(range(count)))

    @proves("MQTT5-4.6.0-6", "MQTT311-4.6.0-6")
    def test_order_is_kept_for_a_wildcard_subscriber_per_topic(self):
        sub = self.client("s").subscribe((self.name("#"), 0))
        pub = self.client("p")
        pub.send(*(publish(self.name(f"t{n % 5}"), b"%d" % n, version=self.version) for n in range(100)))
        seen = {}
        for one in sub.take(100):
            seen.setdefault(one.topic, []).append(int(one.payload))
        for numbers in seen.values():
            self.assertEqual(numbers, sorted(numbers))

    @proves("MQTT5-4.3.2-5", "MQTT311-4.3.2-2")
    def test_packet_identifier_of_qos_1_is_free_after_puback_even_with_dup(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        pub = self.client("p")
        for payload, dup in ((b"1", False), (b"2", False), (b"3", True)):
            pub.send(publish(self.name("t"), payload, qos=1, id=5, dup=dup, version=self.version))
            pub.expect("puback", id=5)
            sub.message(payload=payload)

    @proves("MQTT311-3.3.5-2")
    def test_publish_that_is_not_allowed_goes_nowhere_and_harms_nobody(self):
        watch = self.client("w").subscribe(("$SYS/refused", 2))
        one = self.client("p")
        for qos, answer in ((1, "puback"), (2, "pubrec")):
            one.send(publish("$SYS/refused", b"x", qos=qos, id=qos, version=self.version))
            one.expect(answer, id=qos, code=0x87 if self.version == V5 else 0)
        if self.version != V5:
            one.send(ack("pubrel", 2)).expect("pubcomp", id=2)
        watch.expect_nothing()
        one.expect_nothing()


class delivery_5(version_5, delivery_base):
    @proves("MQTT5-4.3.3-9")
    def test_identifier_of_a_refused_qos_2_publish_means_a_new_message(self):
        watch = self.client("w").subscribe((self.name("t"), 2))
        one = self.client("p").send(publish("$SYS/refused", b"x", qos=2, id=7)).expect("pubrec", id=7, code=0x87)
        one.send(publish(self.name("t"), b"y", qos=2, id=7)).expect("pubrec", id=7, code=0)
        one.send(ack("pubrel", 7)).expect("pubcomp", id=7, code=0)
        watch.message(payload=b"y", qos=2)

    @proves("MQTT5-3.3.2-4", "MQTT5-3.3.2-15", "MQTT5-3.3.2-16", "MQTT5-3.3.2-17", "MQTT5-3.3.2-18", "MQTT5-3.3.2-20")
    def test_properties_come_through_unaltered_and_in_order(self):
        said = {"payload_format_indicator": 1, "content_type": "text/é", "response_topic": "answer/to/me",
                "correlation_data": b"\0\x01\xff", "user_property": [("b", "2"), ("a", "1"), ("b", "3"), ("", "")]}
        subs = [self.client(f"s{qos}").subscribe((self.name("t"), qos)) for qos in (0, 1, 2)]
        pub = self.client("p")
        for qos in (0, 1, 2):
            pub.publish(self.name("t"), b"text", qos=qos, **said)
            for sub in subs:
                sub.message(payload=b"text", properties=said)

    @proves("MQTT5-3.3.2-4")
    def test_payload_format_indicator_0_stays_or_means_absent(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), b"\xff", qos=1, payload_format_indicator=0)
        self.assertIn(sub.message().payload_format_indicator, (None, 0))

    @proves("MQTT5-3.3.2-17", "MQTT5-3.3.2-18")
    def test_many_user_properties_come_through(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        said = [(f"name {n % 7}", "value " * n) for n in range(100)]
        self.client("p").publish(self.name("t"), qos=1, user_property=said)
        sub.message(user_property=said)

    @proves("MQTT5-3.4.2-1", "MQTT5-3.5.2-1")
    def test_publish_without_subscribers_is_accepted(self):
        one = self.client()
        one.send(publish(self.name("t"), qos=1, id=1)).expect("puback", id=1)
        self.assertIn(one.last.code, (0x00, 0x10))
        one.send(publish(self.name("t"), qos=2, id=2)).expect("pubrec", id=2)
        self.assertIn(one.last.code, (0x00, 0x10))

    @proves("MQTT5-3.1.2-27", "MQTT5-3.3.2-11")
    def test_no_topic_alias_to_a_client_that_takes_none(self):
        subs = [self.client("a").subscribe(self.name("t")),
                self.client("b", topic_alias_maximum=0).subscribe(self.name("t"))]
        pub = self.client("p")
        for _ in range(10):
            pub.publish(self.name("t"), qos=1)
            for sub in subs:
                sub.message(topic=self.name("t"), topic_alias=None)

    @proves("MQTT5-3.1.2-26", "MQTT5-3.3.2-11", "MQTT5-3.3.2-8")
    def test_topic_aliases_of_the_broker_stay_within_the_clients_maximum_and_resolve(self):
        sub = self.client("s", topic_alias_maximum=2).subscribe((self.name("#"), 1))
        pub = self.client("p")
        known = {}
        for number in range(20):
            topic = self.name(f"t{number % 4}")
            pub.publish(topic, topic, qos=1)
            got = sub.message()
            if got.topic_alias is not None:
                self.assertIn(got.topic_alias, (1, 2))
                if got.topic:
                    known[got.topic_alias] = got.topic
                got.topic = known[got.topic_alias]
            self.assertEqual((got.topic, got.payload), (topic, topic.encode()))

    @proves("MQTT5-3.1.2-26", "MQTT5-3.3.2-7")
    def test_topic_aliases_of_the_broker_do_not_outlive_the_connection(self):
        sub = self.durable("s", topic_alias_maximum=5).subscribe((self.name("t"), 1))
        pub = self.client("p")
        for _ in range(3):
            pub.publish(self.name("t"), qos=1)
            sub.message()
        sub.disconnect()
        pub.publish(self.name("t"), b"later", qos=1)
        self.durable("s", topic_alias_maximum=5).message(topic=self.name("t"), payload=b"later")


class retained_base(wire_test):
    def keep(self, payload, topic="t", qos=1):
        self.client("keeper").publish(self.name(topic), payload, qos=qos, retain=True).disconnect()

    @proves("MQTT5-3.3.1-5", "MQTT5-3.3.1-9", "MQTT311-3.3.1-5", "MQTT311-3.3.1-6", "MQTT311-3.3.1-8")
    def test_retained_message_goes_to_later_subscribers_with_retain_set(self):
        self.keep(b"one")
        for suffix in ("a", "b"):
            self.client(suffix).subscribe((self.name("t"), 2)).message(payload=b"one", retain=True, qos=1, dup=False)

    @proves("MQTT5-3.3.1-5", "MQTT311-3.3.1-5", "MQTT311-3.3.1-7")
    def test_retained_message_is_replaced(self):
        for payload, qos in ((b"one", 1), (b"two", 2), (b"three", 1)):
            self.keep(payload, qos=qos)
        self.client("s").subscribe((self.name("t"), 2)).message(payload=b"three", retain=True, qos=1)

    @proves("MQTT311-3.3.1-7", "MQTT5-3.3.1-5")
    def test_qos_0_replaces_the_retained_message_too(self):
        self.keep(b"old")
        live = self.client("live").subscribe(self.name("t"))
        live.message(payload=b"old", retain=True)
        self.client("p").publish(self.name("t"), b"new", retain=True)
        live.message(payload=b"new")
        late = self.client("late").subscribe(self.name("t"))
        late.message(payload=b"new", retain=True)

    @proves("MQTT5-3.3.1-6", "MQTT5-3.3.1-7", "MQTT311-3.3.1-10", "MQTT311-3.3.1-11")
    def test_empty_retained_message_clears_and_is_delivered(self):
        self.keep(b"one")
        live = self.client("live").subscribe((self.name("t"), 1))
        live.message(payload=b"one", retain=True)
        self.keep(b"")
        live.message(payload=b"")
        self.client("late").subscribe(self.name("t")).expect_nothing()

    @proves("MQTT5-3.3.1-7", "MQTT311-3.3.1-11")
    def test_empty_retained_message_on_a_topic_without_one_is_not_kept(self):
        self.keep(b"")
        self.client("s").subscribe(self.name("t")).expect_nothing()

    @proves("MQTT5-3.3.1-8", "MQTT311-3.3.1-12")
    def test_message_without_retain_changes_nothing_retained(self):
        self.keep(b"kept")
        pub = self.client("p")
        pub.publish(self.name("t"), b"passing", qos=1).publish(self.name("t"), b"", qos=1)
        pub.publish(self.name("u"), b"passing", qos=1)
        self.client("s").subscribe(self.name("#")).message(topic=self.name("t"), payload=b"kept", retain=True)
        self.client("n").subscribe(self.name("u")).expect_nothing()

    @proves("MQTT5-3.3.1-12", "MQTT311-3.3.1-9")
    def test_live_message_has_retain_0(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        self.keep(b"x")
        sub.message(payload=b"x", retain=False)

    @proves("MQTT5-3.3.1-9", "MQTT311-3.3.1-6")
    def test_wildcard_subscriber_gets_every_matching_retained_message_once(self):
        for topic in ("a", "a/b", "a/b/c", "d"):
            self.keep(topic, topic)
        got = self.client("s").subscribe((self.name("a/#"), 1)).take(3)
        self.assertEqual(sorted(one.topic for one in got), [self.name(t) for t in ("a", "a/b", "a/b/c")])
        self.assertTrue(all(one.retain for one in got))
        got = self.client("u").subscribe((self.name("+"), 1)).take(2)
        self.assertEqual(sorted(one.payload for one in got), [b"a", b"d"])

    @proves("MQTT5-3.8.4-8", "MQTT311-3.8.4-6")
    def test_retained_message_is_sent_at_the_lower_qos(self):
        self.keep(b"x", qos=2)
        for qos in (0, 1, 2):
            self.client(f"s{qos}").subscribe((self.name("t"), qos)).message(qos=qos, retain=True)

    @proves("MQTT5-3.8.4-4", "MQTT311-3.8.4-3")
    def test_subscribing_again_sends_the_retained_message_again(self):
        self.keep(b"x")
        one = self.client("s")
        for _ in range(3):
            one.subscribe((self.name("t"), 1)).message(payload=b"x", retain=True)

    def test_retained_messages_are_more_than_one_window(self):
        one = self.client("p")
        for number in range(100):
            one.publish(self.name(f"many/{number}"), b"%d" % number, qos=1, retain=True)
        fields = {"receive_maximum": 3} if self.version == V5 else {}
        got = self.client("s", **fields).subscribe((self.name("many/+"), 1)).take(100)
        self.assertEqual(sorted(int(m.payload) for m in got), list(range(100)))


class retained_5(version_5, retained_base):
    @proves("MQTT5-3.3.1-13")
    def test_retain_as_published_keeps_the_flag(self):
        sub = self.client("s").subscribe((self.name("t"), options(1, retain_as_published=True)))
        pub = self.client("p")
        pub.publish(self.name("t"), b"1", qos=1, retain=True).publish(self.name("t"), b"2", qos=1)
        sub.message(payload=b"1", retain=True)
        sub.message(payload=b"2", retain=False)

    @proves("MQTT5-3.3.1-12", "MQTT5-3.3.1-9")
    def test_retain_as_published_0_does_not_touch_what_a_subscribe_fetches(self):
        self.keep(b"x")
        sub = self.client("s").subscribe((self.name("t"), options(1)))
        sub.message(payload=b"x", retain=True)

    @proves("MQTT5-3.3.1-10")
    def test_retain_handling_1_sends_only_for_a_new_subscription(self):
        self.keep(b"x")
        one = self.client("s")
        one.subscribe((self.name("t"), options(1, retain_handling=1))).message(payload=b"x", retain=True)
        one.subscribe((self.name("t"), options(1, retain_handling=1))).expect_nothing()
        one.subscribe((self.name("t"), options(2, retain_handling=1))).expect_nothing()
        one.unsubscribe(self.name("t"))
        one.subscribe((self.name("t"), options(1, retain_handling=1))).message(payload=b"x", retain=True)

    @proves("MQTT5-3.3.1-10")
    def test_retain_handling_1_counts_a_resumed_subscription_as_existing(self):
        self.keep(b"x")
        self.durable().subscribe((self.name("t"), options(1, retain_handling=2))).disconnect()
        self.resumed().subscribe((self.name("t"), options(1, retain_handling=1))).expect_nothing()

    @proves("MQTT5-3.3.1-11")
    def test_retain_handling_2_sends_nothing(self):
        self.keep(b"x")
        one = self.client("s").subscribe((self.name("t"), options(1, retain_handling=2))).expect_nothing()
        one.subscribe((self.name("t"), options(1, retain_handling=2))).expect_nothing()

    @proves("MQTT5-3.3.2-4", "MQTT5-3.3.2-15", "MQTT5-3.3.2-16", "MQTT5-3.3.2-17", "MQTT5-3.3.2-18", "MQTT5-3.3.2-20")
    def test_retained_message_keeps_its_properties(self):
        said = {"payload_format_indicator": 1, "content_type": "c", "response_topic": "r", "correlation_data": b"d",
                "user_property": [("b", "2"), ("a", "1"), ("b", "2")]}
        self.client("p").publish(self.name("t"), b"x", qos=1, retain=True, **said)
        self.client("s").subscribe(self.name("t")).message(properties=said)

    @proves("MQTT5-3.3.4-3")
    def test_retained_message_carries_the_subscription_identifier(self):
        self.keep(b"x")
        self.client("s").subscribe(self.name("t"), subscription_identifier=9).message(subscription_identifier=[9])


class retained_311(version_311, retained_base):
    pass


class delivery_311(version_311, delivery_base):
    pass


class topic_aliases(version_5, wire_test):
    def setUp(self):
        super().setUp()
        self.pub = self.client("p")
        self.maximum = self.pub.connack.topic_alias_maximum
        self.assertTrue(self.maximum)

    @proves("MQTT5-3.3.2-12")
    def test_every_alias_up_to_the_maximum_is_accepted(self):
        sub = self.client("s").subscribe((self.name("#"), 1))
        for alias in range(1, self.maximum + 1):
            self.pub.send(publish(self.name(f"t{alias}"), b"set", topic_alias=alias))
            sub.message(topic=self.name(f"t{alias}"), payload=b"set")
        for alias in range(self.maximum, 0, -1):
            self.pub.send(publish("", b"use", topic_alias=alias))
            sub.message(topic=self.name(f"t{alias}"), payload=b"use", topic_alias=None)

    @proves("MQTT5-3.3.2-12")
    def test_alias_can_be_given_to_another_topic(self):
        sub = self.client("s").subscribe((self.name("#"), 1))
        self.pub.send(publish(self.name("a"), b"1", topic_alias=1), publish("", b"2", topic_alias=1),
                      publish(self.name("b"), b"3", topic_alias=1), publish("", b"4", topic_alias=1))
        got = sorted((one.payload, one.topic) for one in sub.take(4))
        self.assertEqual(got, [(b"1", self.name("a")), (b"2", self.name("a")), (b"3", self.name("b")),
                               (b"4", self.name("b"))])

    @proves("MQTT5-3.3.2-12")
    def test_alias_serves_qos_1_and_2_too(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        self.pub.publish(self.name("t"), b"1", qos=1, topic_alias=3)
        self.pub.publish("", b"2", qos=2, topic_alias=3)
        sub.message(payload=b"1", topic=self.name("t"))
        sub.message(payload=b"2", topic=self.name("t"))

    @proves("MQTT5-3.3.2-9", "MQTT5-3.2.2-17", "MQTT5-3.2.2-18")
    def test_alias_above_the_maximum_is_refused(self):
        self.pub.send(publish("t", topic_alias=self.maximum + 1)).expect_close(0x94)

    @proves("MQTT5-3.3.2-7")
    def test_alias_does_not_outlive_the_connection(self):
        one = self.durable("d")
        one.publish(self.name("t"), qos=1, topic_alias=1).disconnect()
        self.resumed("d").send(publish("", topic_alias=1)).expect_close(0x82, 0x94)

    @proves("MQTT5-3.3.2-7")
    def test_alias_belongs_to_one_connection_only(self):
        self.pub.publish(self.name("t"), qos=1, topic_alias=1)
        self.client("q").send(publish("", topic_alias=1)).expect_close(0x82, 0x94)


class message_expiry(version_5, wire_test):
    seconds = 11

    @proves("MQTT5-3.3.2-6")
    def test_live_message_keeps_its_interval(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), qos=1, message_expiry_interval=100)
        self.assertIn(sub.message().message_expiry_interval, (99, 100))

    @proves("MQTT5-3.3.2-6")
    def test_interval_is_less_the_time_waited(self):
        self.durable().subscribe((self.name("t"), 1)).disconnect()
        self.client("p").publish(self.name("t"), qos=1, message_expiry_interval=100)
        self.client("r").publish(self.name("kept"), b"x", qos=1, retain=True, message_expiry_interval=100)
        time.sleep(2.1)
        self.assertIn(self.resumed().message().message_expiry_interval, (97, 98))
        self.assertIn(self.client("s").subscribe(self.name("kept")).message().message_expiry_interval, (97, 98))

    @proves("MQTT5-3.3.2-5")
    def test_expired_message_is_not_delivered(self):
        self.durable().subscribe((self.name("t"), 1), (self.name("u"), 2)).disconnect()
        pub = self.client("p").publish(self.name("t"), b"short", qos=1, message_expiry_interval=1)
        pub.publish(self.name("u"), b"short", qos=2, message_expiry_interval=1)
        pub.publish(self.name("t"), b"long", qos=1, message_expiry_interval=100)
        time.sleep(2.1)
        self.resumed().message(payload=b"long")

    @proves("MQTT5-3.3.2-5")
    def test_expired_retained_message_is_not_delivered(self):
        self.client("p").publish(self.name("t"), b"x", qos=1, retain=True, message_expiry_interval=1)
        time.sleep(2.1)
        self.client("s").subscribe(self.name("t")).expect_nothing()

    @proves("MQTT5-3.3.2-5")
    def test_message_that_waits_for_the_window_expires_as_well(self):
        sub = self.client("s", receive_maximum=1).subscribe((self.name("t"), 1))
        pub = self.client("p").publish(self.name("t"), b"first", qos=1)
        first = sub.expect("publish", payload=b"first").last
        pub.publish(self.name("t"), b"short", qos=1, message_expiry_interval=1)
        pub.publish(self.name("t"), b"last", qos=1)
        time.sleep(2.1)
        sub.acknowledge(first)
        sub.message(payload=b"last")

    @proves("MQTT5-4.3.3-7")
    def test_message_that_was_sent_does_not_expire(self):
        sub = self.durable().subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"x", qos=2, message_expiry_interval=1)
        first = sub.expect("publish", payload=b"x", qos=2).last
        sub.disconnect()
        time.sleep(2.1)
        self.resumed().message(payload=b"x", qos=2, id=first.id, dup=True)

    @proves("MQTT5-4.3.3-13")
    def test_expiry_does_not_break_the_exchange_with_the_publisher(self):
        pub = self.client("p").send(publish(self.name("t"), qos=2, id=1, message_expiry_interval=1))
        pub.expect("pubrec", id=1)
        time.sleep(1.5)
        pub.send(ack("pubrel", 1)).expect("pubcomp", id=1, code=0)


@table(
    ("pubrel_with_flags_0", "MQTT311-2.2.2-2 MQTT311-3.6.1-1", "60 02 00 01"),
    ("pubrel_with_flags_10", "MQTT311-2.2.2-2 MQTT311-3.6.1-1", "6A 02 00 01"),
    ("puback_with_flags", "MQTT311-2.2.2-2", "41 02 00 01"),
    ("subscribe_with_flags_0", "MQTT311-2.2.2-2 MQTT311-3.8.1-1", "80 06 00 01 00 01 61 00"),
    ("unsubscribe_with_flags_0", "MQTT311-2.2.2-2 MQTT311-3.10.1-1", "A0 05 00 01 00 01 61"),
    ("pingreq_with_flags", "MQTT311-2.2.2-2", "C1 00"),
    ("disconnect_with_flags", "MQTT311-2.2.2-2 MQTT311-3.14.1-1", "E1 00"),
    ("packet_type_0", "MQTT311-4.8.0-1", "00 00"),
    ("packet_type_15", "MQTT311-4.8.0-1", "F0 00"),
    ("connack_from_a_client", "MQTT311-4.8.0-1", "20 02 00 00"),
    ("pingresp_from_a_client", "MQTT311-4.8.0-1", "D0 00"),
    ("remaining_length_of_five_bytes", "MQTT311-4.8.0-1", "30 FF FF FF FF 01"),
    ("publish_qos_3", "MQTT311-3.3.1-4", "36 05 00 01 61 00 01"),
    ("publish_qos_0_with_dup", "MQTT311-3.3.1-2", "38 03 00 01 61"),
    ("publish_without_identifier", "MQTT311-2.3.1-1", "32 03 00 01 61"),
    ("publish_with_identifier_0", "MQTT311-2.3.1-1", "32 05 00 01 61 00 00"),
    ("subscribe_with_identifier_0", "MQTT311-2.3.1-1", "82 06 00 00 00 01 61 00"),
    ("unsubscribe_with_identifier_0", "MQTT311-2.3.1-1", "A2 05 00 00 00 01 61"),
    ("publish_that_ends_in_its_topic", "MQTT311-3.3.2-1", "30 03 00 05 61"),
    ("publish_to_a_wildcard", "MQTT311-3.3.2-2 MQTT311-4.7.1-1", packet(0x30, binary("a/#"))),
    ("publish_to_a_plus", "MQTT311-3.3.2-2 MQTT311-4.7.1-1", packet(0x30, binary("+"))),
    ("publish_to_an_empty_topic", "MQTT311-4.7.3-1", packet(0x30, binary(""))),
    ("publish_to_an_ill_formed_topic", "MQTT311-1.5.3-1 MQTT311-3.3.2-1", packet(0x30, binary(b"a\xc0\xaf"))),
    ("publish_to_a_topic_with_surrogate", "MQTT311-1.5.3-1", packet(0x30, binary(b"a\xed\xa0\x80"))),
    ("publish_to_a_topic_with_nul", "MQTT311-1.5.3-2 MQTT311-4.7.3-2", packet(0x30, binary(b"a\0"))),
    ("subscribe_without_filters", "MQTT311-3.8.3-3", "82 02 00 01"),
    ("subscribe_without_qos", "MQTT311-3.8.3-3", "82 05 00 01 00 01 61"),
    ("subscribe_with_qos_3", "MQTT311-3.8.3-4", "82 06 00 01 00 01 61 03"),
    ("subscribe_with_reserved_bits", "MQTT311-3.8.3-4", "82 06 00 01 00 01 61 04"),
    ("subscribe_to_an_ill_formed_filter", "MQTT311-3.8.3-1", packet(0x82, b"\0\x01" + binary(b"a\xff") + b"\0")),
    ("unsubscribe_without_filters", "MQTT311-3.10.3-2", "A2 02 00 01"),
    ("unsubscribe_from_an_ill_formed_filter", "MQTT311-3.10.3-1", packet(0xA2, b"\0\x01" + binary(b"a\xff"))),
    ("puback_of_three_bytes", "MQTT311-4.8.0-1", "40 03 00 01 00"),
    ("pingreq_with_a_body", "MQTT311-4.8.0-1", "C0 01 00"),
)
class malformed_packets_311(version_311, wire_test):
    """Closed without a word [MQTT311-4.8.0-1]."""

    def check(self, data):
        self.client().send(data).expect_close()


@table(
    ("publish", "MQTT311-3.1.0-1", "30 03 00 01 61"),
    ("subscribe", "MQTT311-3.1.0-1", "82 06 00 01 00 01 61 00"),
    ("pingreq", "MQTT311-3.1.0-1", PINGREQ),
    ("disconnect", "MQTT311-3.1.0-1", "E0 00"),
)
class first_packet_311(version_311, wire_test):
    def check(self, data):
        self.open().send(data).expect_close()


class format_311(version_311, wire_test):
    @proves("MQTT311-1.5.3-3", "MQTT311-4.7.3-4")
    def test_byte_order_mark_is_a_character_like_others(self):
        topic = b"\xef\xbb\xbf" + self.name("t").encode()
        with_mark = self.client("a").subscribe((topic, 0))
        without = self.client("b").subscribe((topic[3:], 0))
        self.client("p").publish(topic, b"x", qos=1)
        with_mark.expect("publish", topic=topic.decode(), payload=b"x")
        without.expect_nothing()

    @proves("MQTT311-3.3.5-1")
    def test_overlapping_subscriptions_deliver_at_the_highest_qos(self):
        sub = self.client("s").subscribe((self.name("t"), 1), (self.name("+"), 2), (self.name("#"), 0))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        sub.message(payload=b"x", qos=2)
        sub.expect_nothing()

    @proves("MQTT311-4.7.3-3")
    def test_topic_of_65535_bytes_is_a_topic(self):
        topic = self.name("t").ljust(65535, "x")
        sub = self.client("a").subscribe(topic)
        self.client("p").publish(topic, b"x", qos=1)
        sub.expect("publish", topic=topic)

    @proves("MQTT311-7.1.1-1")
    def test_packets_may_arrive_byte_by_byte(self):
        one = self.open()
        for byte in bytes.fromhex("10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 61 82 06 00 01 00 01 61 00"):
            one.send(bytes([byte]))
        one.expect("connack", code=0).expect("suback", id=1, codes=[0])
