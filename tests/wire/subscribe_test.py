"""SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (sections 3.8 to 3.11) and topics (4.7) of MQTT 5.0 and 3.1.1."""

from case import proves, table, version_311, version_5, wire_test
from wire import V5, ack, options, publish, subscribe, unsubscribe


class subscribe_base(wire_test):
    @proves("MQTT5-3.8.4-1", "MQTT5-3.8.4-2", "MQTT5-2.2.1-6", "MQTT311-3.8.4-1", "MQTT311-3.8.4-2",
            "MQTT311-2.3.1-7")
    def test_suback_has_the_identifier_of_its_subscribe(self):
        one = self.client()
        for id in (1, 65535, 77):
            one.send(subscribe(id, (self.name("t"), 0), version=self.version)).expect("suback", id=id, codes=[0])

    @proves("MQTT5-3.8.4-5", "MQTT5-3.8.4-6", "MQTT5-3.8.4-7", "MQTT5-3.9.3-1", "MQTT5-3.9.3-2", "MQTT311-3.8.4-4",
            "MQTT311-3.8.4-5", "MQTT311-3.9.3-1", "MQTT311-3.9.3-2")
    def test_several_filters_get_one_suback_with_a_code_each_in_order(self):
        asked = [2, 0, 1, 1, 0, 2, 2]
        one = self.client().send(subscribe(5, *((self.name(f"t{n}"), qos) for n, qos in enumerate(asked)),
                                           version=self.version))
        one.expect("suback", id=5, codes=asked)
        pub = self.client("p")
        for number, qos in enumerate(asked):
            pub.publish(self.name(f"t{number}"), b"x", qos=2)
            one.message(topic=self.name(f"t{number}"), qos=qos)

    @proves("MQTT5-3.8.4-5", "MQTT5-3.8.4-3", "MQTT311-3.8.4-4", "MQTT311-3.8.4-3")
    def test_the_last_of_equal_filters_in_one_subscribe_counts(self):
        one = self.client()
        one.send(subscribe(5, (self.name("t"), 2), (self.name("t"), 0), (self.name("t"), 1), version=self.version))
        one.expect("suback", codes=[2, 0, 1])
        self.client("p").publish(self.name("t"), b"x", qos=2)
        one.message(qos=1)
        one.expect_nothing()

    @proves("MQTT5-3.8.4-3", "MQTT311-3.8.4-3")
    def test_subscribing_again_replaces_the_subscription(self):
        one = self.client()
        pub = self.client("p")
        for qos in (0, 2, 1):
            one.subscribe((self.name("t"), qos))
            pub.publish(self.name("t"), b"x", qos=2)
            one.message(qos=qos)
            one.expect_nothing()

    @proves("MQTT5-3.8.4-4", "MQTT311-3.8.4-3")
    def test_no_message_is_lost_while_a_subscription_is_replaced(self):
        one = self.client().subscribe((self.name("t"), 1))
        pub = self.client("p")
        count = 60
        for number in range(count):
            pub.send(publish(self.name("t"), b"%d" % number, qos=1, id=number + 1, version=self.version))
            one.send(subscribe(100 + number, (self.name("t"), 1), version=self.version))
        got = []
        while len(got) < count:
            one.receive()
            if one.last.kind == "publish":
                got.append(int(one.last.payload))
                one.acknowledge(one.last)
        self.assertEqual(got, list(range(count)))

    @proves("MQTT5-3.10.4-4", "MQTT5-3.10.4-5", "MQTT5-2.2.1-6", "MQTT311-3.10.4-4", "MQTT311-3.10.4-5",
            "MQTT311-2.3.1-7")
    def test_unsuback_has_the_identifier_even_when_nothing_is_deleted(self):
        one = self.client().subscribe(self.name("t"))
        one.send(unsubscribe(77, self.name("t"), version=self.version)).expect("unsuback", id=77)
        one.send(unsubscribe(78, self.name("t"), version=self.version)).expect("unsuback", id=78)
        one.send(unsubscribe(79, "never/subscribed", version=self.version)).expect("unsuback", id=79)

    @proves("MQTT5-3.10.4-1", "MQTT5-3.10.4-2", "MQTT311-3.10.4-1", "MQTT311-3.10.4-2")
    def test_unsubscribe_ends_the_delivery(self):
        one = self.client().subscribe((self.name("t"), 1))
        pub = self.client("p").publish(self.name("t"), b"1", qos=1)
        one.message(payload=b"1")
        one.unsubscribe(self.name("t"))
        pub.publish(self.name("t"), b"2", qos=1)
        one.expect_nothing()

    @proves("MQTT5-3.10.4-1", "MQTT311-3.10.4-1")
    def test_unsubscribe_compares_character_by_character(self):
        one = self.client().subscribe((self.name("t/+"), 1))
        one.unsubscribe(self.name("t/#"), self.name("t/a"), self.name("T/+"), self.name("t/+/"), self.name("+/+"), "#")
        self.client("p").publish(self.name("t/a"), b"x", qos=1)
        one.message(payload=b"x")
        one.unsubscribe(self.name("t/+"))
        self.client("q").publish(self.name("t/a"), b"x", qos=1)
        one.expect_nothing()

    @proves("MQTT5-3.10.4-6", "MQTT311-3.10.4-6")
    def test_several_filters_are_unsubscribed_with_one_unsuback(self):
        one = self.client().subscribe((self.name("a"), 1), (self.name("b"), 1), (self.name("c"), 1))
        one.send(unsubscribe(9, self.name("a"), self.name("c"), version=self.version)).expect("unsuback", id=9)
        pub = self.client("p")
        for topic in ("a", "b", "c"):
            pub.publish(self.name(topic), qos=1)
        one.message(topic=self.name("b"))
        one.expect_nothing()

    @proves("MQTT5-3.10.4-3", "MQTT311-3.10.4-3")
    def test_deliveries_that_have_begun_are_completed_after_unsubscribe(self):
        one = self.durable().subscribe((self.name("t"), 2))
        pub = self.client("p").publish(self.name("t"), b"1", qos=1).publish(self.name("t"), b"2", qos=2)
        first = one.expect("publish", payload=b"1").last
        second = one.expect("publish", payload=b"2").last
        one.unsubscribe(self.name("t"))
        one.send(ack("pubrec", second.id)).expect("pubrel", id=second.id).disconnect()
        again = self.resumed()
        again.expect("publish", id=first.id, payload=b"1", dup=True).expect("pubrel", id=second.id)
        again.send(ack("puback", first.id), ack("pubcomp", second.id)).expect_nothing()

    def publish_dollar(self, topic, **fields):
        """Whether the broker takes the message; it should not let clients talk over such topics (§4.7.2)."""
        one = self.client("p").send(publish(topic, b"x", qos=1, id=1, version=self.version, **fields))
        got = one.receive("PUBACK or the end of the connection")
        return got is not None and got.kind == "puback" and got.code < 0x80

    def expect_no_dollar(self, one):
        try:
            while True:
                got = one.inbox.pop(0) if one.inbox else one.read(0.2)
                self.assertFalse(got.topic.startswith("$"), got)
        except TimeoutError:
            pass

    @proves("MQTT5-4.7.2-1", "MQTT311-4.7.2-1")
    def test_wildcards_do_not_reach_topics_that_begin_with_dollar(self):
        topic = "$" + self.name("x/y")
        wild = self.client("w")
        for filter in ("#", "+/x/y", "+/#"):
            wild.subscribe((filter, 0))
        exact = self.client("e").subscribe((topic, 0))
        inner = self.client("i").subscribe(("$" + self.name("#"), 0))
        if self.publish_dollar(topic):
            exact.message(payload=b"x")
            inner.message(payload=b"x")
        self.expect_no_dollar(wild)

    @proves("MQTT5-4.7.2-1", "MQTT311-4.7.2-1")
    def test_retained_dollar_topics_do_not_reach_wildcards(self):
        topic = "$" + self.name("t")
        if self.publish_dollar(topic, retain=True):
            self.client("e").subscribe(topic).message(topic=topic, retain=True)
        one = self.client("w")
        for filter in ("+/t", "#"):
            one.subscribe(filter)
        self.expect_no_dollar(one)

    @proves("MQTT5-4.7.3-4", "MQTT311-4.7.3-4")
    def test_matching_does_not_normalise(self):
        composed, decomposed = "\u00e9", "e\u0301"
        pairs = {suffix: self.client(f"s{number}").subscribe((self.name(suffix), 0))
                 for number, suffix in enumerate((composed, decomposed, "A", "a", "a/", "/a", "//a", "a b", "a%20b"))}
        pub = self.client("p")
        for suffix in pairs:
            pub.publish(self.name(suffix), suffix, qos=1)
        for suffix, sub in pairs.items():
            sub.message(topic=self.name(suffix), payload=suffix)
        for sub in pairs.values():
            sub.expect_nothing(0.05)

    def test_messages_before_suback_are_allowed_after_unsuback_not(self):
        one = self.client()
        pub = self.client("p")
        for round in range(10):
            one.subscribe((self.name("t"), 0))
            pub.publish(self.name("t"), b"%d" % round, qos=1)
            one.message(payload=b"%d" % round)
            one.unsubscribe(self.name("t"))
            pub.publish(self.name("t"), b"lost", qos=1)
        one.expect_nothing()


class subscribe_5(version_5, subscribe_base):
    @proves("MQTT5-3.11.3-1", "MQTT5-3.11.3-2")
    def test_unsuback_has_a_code_for_each_filter_in_order(self):
        one = self.client().subscribe(self.name("a"), self.name("b"))
        one.send(unsubscribe(9, self.name("x"), self.name("a"), self.name("y"), self.name("b"), self.name("a")))
        one.expect("unsuback", id=9, codes=[0x11, 0, 0x11, 0, 0x11])

    @proves("MQTT5-3.8.3-3")
    def test_no_local_keeps_own_messages_away(self):
        one = self.client("a").subscribe((self.name("t"), options(1, no_local=True)))
        one.publish(self.name("t"), b"own", qos=1)
        self.client("b").publish(self.name("t"), b"other", qos=1)
        one.message(payload=b"other")
        one.expect_nothing()

    @proves("MQTT5-3.8.3-3")
    def test_no_local_is_about_the_client_identifier_not_the_connection(self):
        one = self.durable("a").subscribe((self.name("t"), options(1, no_local=True)))
        one.publish(self.name("t"), b"own", qos=1).disconnect()
        self.durable("a", session_present=True).expect_nothing()

    @proves("MQTT5-3.8.3-3", "MQTT5-3.3.4-2")
    def test_no_local_removes_one_subscription_not_the_message(self):
        one = self.client("a").subscribe((self.name("t"), options(2, no_local=True)), subscription_identifier=1)
        one.subscribe((self.name("+"), options(1)), subscription_identifier=2)
        one.publish(self.name("t"), b"own", qos=2)
        got = one.wait_for("publish")
        self.assertEqual((got.payload, got.qos, got.subscription_identifier), (b"own", 1, [2]))
        one.acknowledge(got)
        one.expect_nothing()

    @proves("MQTT5-3.3.4-3", "MQTT5-3.3.4-4", "MQTT5-3.3.4-2")
    def test_overlapping_subscriptions_deliver_once_at_the_highest_qos_with_all_identifiers(self):
        one = self.client()
        one.subscribe((self.name("t"), 1), subscription_identifier=1)
        one.subscribe((self.name("+"), 2), subscription_identifier=200)
        one.subscribe((self.name("#"), 0), subscription_identifier=268435455)
        one.subscribe((self.name("t/#"), 0))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        got = one.message(payload=b"x", qos=2)
        self.assertEqual(sorted(got.subscription_identifier), [1, 200, 268435455])
        one.expect_nothing()

    @proves("MQTT5-3.3.4-3")
    def test_subscription_identifier_comes_with_live_and_queued_messages(self):
        one = self.durable().subscribe((self.name("t"), 1), subscription_identifier=300)
        pub = self.client("p").publish(self.name("t"), b"live", qos=1)
        one.message(payload=b"live", subscription_identifier=[300])
        one.disconnect()
        pub.publish(self.name("t"), b"queued", qos=1)
        self.resumed().message(payload=b"queued", subscription_identifier=[300])

    @proves("MQTT5-3.8.4-3", "MQTT5-3.3.4-3")
    def test_replacing_a_subscription_replaces_its_identifier(self):
        one = self.client().subscribe((self.name("t"), 1), subscription_identifier=1)
        one.subscribe((self.name("t"), 1), subscription_identifier=2)
        pub = self.client("p").publish(self.name("t"), qos=1)
        one.message(subscription_identifier=[2])
        one.subscribe((self.name("t"), 1))
        pub.publish(self.name("t"), qos=1)
        one.message(subscription_identifier=None)

    @proves("MQTT5-3.3.4-3")
    def test_one_identifier_serves_all_filters_of_its_subscribe(self):
        one = self.client().subscribe((self.name("a"), 0), (self.name("b"), 0), subscription_identifier=5)
        pub = self.client("p")
        for topic in ("a", "b"):
            pub.publish(self.name(topic), qos=1)
            one.message(topic=self.name(topic), subscription_identifier=[5])

    @proves("MQTT5-3.1.2-29")
    def test_no_problem_information_when_it_was_not_asked_for(self):
        one = self.client("a", request_problem_information=0)
        one.send(subscribe(1, (self.name("a"), 0)), unsubscribe(2, "unknown"), ack("pubrel", 3), ack("pubrec", 4))
        for _ in range(4):
            one.receive("an answer")
        one.expect_nothing()


class subscribe_311(version_311, subscribe_base):
    pass


class topics_base(wire_test):
    """Each row: a filter, a topic, whether they match."""

    rows = [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/tennis/player1/#", "sport/tennis/player2", False),
        ("sport/#", "sport", True),
        ("sport/#", "sport/", True),
        ("sport/#", "sports", False),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/finance", "x/finance", True),
        ("+/+", "a/b", True),
        ("+/+", "/b", True),
        ("+/+", "a/", True),
        ("+/+", "a", False),
        ("a//b", "a//b", True),
        ("a//b", "a/b", False),
        ("a/+/b", "a//b", True),
        ("a/+/+/b", "a///b", True),
        ("a/+/#", "a", False),
        ("a/+/#", "a/b", True),
        ("a/+/#", "a//", True),
        ("a/b", "a/b/", False),
        ("a/b/", "a/b", False),
        ("A", "a", False),
        ("a b", "a b", True),
        ("+/b/+/d/#", "a/b/c/d", True),
        ("+/b/+/d/#", "a/b/c/d/e/f", True),
        ("+/b/+/d/#", "a/b/d", False),
        ("a/$x", "a/$x", True),
        ("a/#", "a/$x", True),
        ("a/+", "a/$x", True),
    ]

    @proves("MQTT5-4.7.1-1", "MQTT5-4.7.1-2", "MQTT5-4.7.3-4", "MQTT5-3.3.2-3", "MQTT311-4.7.1-2", "MQTT311-4.7.1-3",
            "MQTT311-4.7.3-4", "MQTT311-3.3.2-3")
    def test_filters_match_as_the_specification_says(self):
        pub = self.client("p")
        for number, (filter, topic, expected) in enumerate(self.rows):
            with self.subTest(filter=filter, topic=topic):
                prefix = self.name(str(number))
                sub = self.client(f"s{number}").subscribe(f"{prefix}/{filter}", f"{prefix}end")
                pub.publish(f"{prefix}/{topic}", b"x", qos=1)
                if expected:
                    sub.message(topic=f"{prefix}/{topic}", payload=b"x")
                else:
                    sub.expect_nothing(0.03)

    @proves("MQTT5-4.7.1-1", "MQTT5-4.7.1-2", "MQTT311-4.7.1-2", "MQTT311-4.7.1-3")
    def test_retained_messages_match_in_the_same_way(self):
        pub = self.client("p")
        for number, (filter, topic, expected) in enumerate(self.rows):
            with self.subTest(filter=filter, topic=topic):
                prefix = self.name(str(number))
                pub.publish(f"{prefix}/{topic}", b"x", qos=1, retain=True)
                sub = self.client(f"s{number}").subscribe(f"{prefix}/{filter}")
                if expected:
                    sub.message(topic=f"{prefix}/{topic}", payload=b"x", retain=True)
                else:
                    sub.expect_nothing(0.03)

    @proves("MQTT5-4.7.1-1", "MQTT311-4.7.1-2")
    def test_hash_alone_matches_everything(self):
        sub = self.client("s").subscribe("#")
        pub = self.client("p")
        for topic in ("/", "//", self.name("a/b"), " "):
            pub.publish(topic, topic, qos=1)
            while sub.wait_for("publish").topic != topic:
                pass


class topics_5(version_5, topics_base):
    pass


class topics_311(version_311, topics_base):
    pass


BAD_FILTERS = (
    ("hash_not_last", "MQTT5-4.7.1-1 MQTT311-4.7.1-2", "a/#/b"),
    ("hash_not_alone", "MQTT5-4.7.1-1 MQTT311-4.7.1-2", "a/b#"),
    ("hash_before_text", "MQTT5-4.7.1-1 MQTT311-4.7.1-2", "a/#b"),
    ("two_hashes", "MQTT5-4.7.1-1 MQTT311-4.7.1-2", "##"),
    ("plus_not_alone", "MQTT5-4.7.1-2 MQTT311-4.7.1-3", "a/b+"),
    ("plus_before_text", "MQTT5-4.7.1-2 MQTT311-4.7.1-3", "+a/b"),
    ("two_pluses", "MQTT5-4.7.1-2 MQTT311-4.7.1-3", "a/++"),
    ("empty", "MQTT5-4.7.3-1 MQTT311-4.7.3-1", ""),
)
BAD_SHARES = (
    ("share_without_name", "MQTT5-4.8.2-1", "$share//a"),
    ("share_without_filter", "MQTT5-4.8.2-2", "$share/g"),
    ("share_with_empty_filter", "MQTT5-4.8.2-2", "$share/g/"),
    ("share_with_plus_in_its_name", "MQTT5-4.8.2-2", "$share/g+/a"),
    ("share_with_hash_in_its_name", "MQTT5-4.8.2-2", "$share/#/a"),
    ("share_with_a_bad_filter", "MQTT5-4.8.2-2", "$share/g/a/#/b"),
    ("share_alone", "MQTT5-4.8.2-2", "$share/"),
)


class bad_filters_base(wire_test):
    def check(self, filter):
        """The filter is refused in SUBACK, or the connection is closed with the same code."""
        one = self.client()
        one.send(subscribe(1, (filter, 0), version=self.version))
        got = one.receive("SUBACK or the end of the connection")
        if got is None:
            self.assertNotEqual(self.version, V5, "closed without a reason")
        elif got.kind == "suback":
            self.assertEqual(got.codes, [0x8F if self.version == V5 else 0x80])
        else:
            one.inbox.append(got)
            one.expect_close(0x8F, 0x81, 0x82)


@table(*BAD_FILTERS, *BAD_SHARES)
class bad_filters_5(version_5, bad_filters_base):
    pass


@table(*BAD_FILTERS)
class bad_filters_311(version_311, bad_filters_base):
    pass
