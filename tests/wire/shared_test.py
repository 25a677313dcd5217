"""Shared subscriptions: MQTT 5.0 section 4.8.2."""

from case import proves, version_5, wire_test
from wire import ack, options, publish, subscribe


class shared_subscriptions(version_5, wire_test):
    def filter(self, group="g", topic="t"):
        return f"$share/{group}/{self.name(topic)}"

    def members(self, count, qos=1, **fields):
        return [self.client(f"m{number}", **fields).subscribe((self.filter(), qos)) for number in range(count)]

    def receiver(self, members):
        """The one member that gets the next message, and the message; no other gets one."""
        got = []
        for one in members:
            try:
                got.append((one, one.read(0.3)))
            except TimeoutError:
                pass
        self.assertEqual(len(got), 1, got)
        self.assertEqual(got[0][1].kind, "publish")
        return got[0]

    def collect(self, members, count):
        """The payloads that each member gets, `count` in all, acknowledged."""
        got = {one: [] for one in members}
        for _ in range(200):
            if sum(map(len, got.values())) >= count:
                break
            for one in members:
                try:
                    while True:
                        message = one.read(0.02)
                        one.acknowledge(message)
                        got[one].append(message.payload)
                except TimeoutError:
                    pass
        self.assertEqual(sum(map(len, got.values())), count)
        for one in members:
            one.expect_nothing()
        return list(got.values())

    @proves("MQTT5-4.8.2-1", "MQTT5-4.8.2-2")
    def test_each_message_goes_to_exactly_one_member(self):
        members = self.members(3)
        pub = self.client("p")
        for number in range(60):
            pub.publish(self.name("t"), b"%d" % number, qos=1)
        got = self.collect(members, 60)
        self.assertEqual(sorted(int(one) for each in got for one in each), list(range(60)))
        self.assertTrue(all(got), "one member got everything")

    def test_groups_and_ordinary_subscribers_each_get_the_message(self):
        first = self.client("a").subscribe((self.filter("one"), 1))
        second = self.client("b").subscribe((self.filter("two"), 1))
        plain = self.client("c").subscribe((self.name("t"), 1))
        both = self.client("d").subscribe((self.filter("three"), 1), (self.name("t"), 0))
        self.client("p").publish(self.name("t"), b"x", qos=1)
        for one in (first, second, plain):
            one.message(payload=b"x", qos=1)
        self.assertEqual(sorted(one.qos for one in both.take(2)), [0, 1])

    def test_groups_with_equal_names_and_other_filters_are_other_groups(self):
        a = self.client("a").subscribe((f"$share/g/{self.name('t')}", 0))
        b = self.client("b").subscribe((f"$share/g/{self.name('+')}", 0))
        self.client("p").publish(self.name("t"), b"x", qos=1)
        a.message(payload=b"x")
        b.message(payload=b"x")

    def test_share_names_may_hold_any_other_character(self):
        one = self.client("a").subscribe((f"$share/$é g!/{self.name('t/#')}", 0))
        self.client("p").publish(self.name("t/u"), b"x", qos=1)
        one.message(topic=self.name("t/u"))

    @proves("MQTT5-4.8.2-3", "MQTT5-3.8.4-8")
    def test_member_gets_its_own_granted_qos(self):
        for qos in (0, 1, 2):
            one = self.client(f"m{qos}").subscribe((self.filter(f"g{qos}"), qos))
            self.client(f"p{qos}").publish(self.name("t"), b"%d" % qos, qos=2)
            one.message(payload=b"%d" % qos, qos=qos)
            one.disconnect()

    def test_shared_subscription_gets_no_retained_messages(self):
        self.client("p").publish(self.name("t"), b"kept", qos=1, retain=True)
        self.client("m").subscribe((self.filter(), 1)).expect_nothing()

    def test_member_that_unsubscribes_gets_nothing_more(self):
        stays, leaves = self.members(2)
        leaves.unsubscribe(self.filter())
        pub = self.client("p")
        for number in range(10):
            pub.publish(self.name("t"), b"%d" % number, qos=1)
        self.assertEqual([int(one.payload) for one in stays.take(10)], list(range(10)))
        leaves.expect_nothing()

    def test_members_that_leave_and_join_are_noticed(self):
        first = self.members(1)[0]
        pub = self.client("p").publish(self.name("t"), b"1", qos=1)
        first.message(payload=b"1")
        second = self.client("late").subscribe((self.filter(), 1))
        first.disconnect()
        pub.publish(self.name("t"), b"2", qos=1)
        second.message(payload=b"2")

    @proves("MQTT5-3.3.4-3")
    def test_shared_subscription_carries_its_identifier(self):
        one = self.client("m").subscribe((self.filter(), 1), subscription_identifier=12)
        self.client("p").publish(self.name("t"), b"x", qos=1)
        one.message(subscription_identifier=[12])

    @proves("MQTT5-3.3.4-5")
    def test_copies_of_a_shared_and_an_ordinary_subscription_carry_the_identifier_of_theirs(self):
        one = self.client("m").subscribe((self.filter(), 1), subscription_identifier=12)
        one.subscribe((self.name("t"), 1), subscription_identifier=13)
        self.client("p").publish(self.name("t"), b"x", qos=1)
        self.assertEqual(sorted(copy.subscription_identifier for copy in one.take(2)), [[12], [13]])
        one.expect_nothing()

    @proves("MQTT5-4.8.2-4")
    def test_qos_2_delivery_that_began_is_completed_with_the_same_member(self):
        members = [self.durable(f"m{number}").subscribe((self.filter(), 2)) for number in range(2)]
        self.client("p").publish(self.name("t"), b"x", qos=2)
        one, message = self.receiver(members)
        other = members[1 - members.index(one)]
        one.disconnect()
        other.expect_nothing(0.5)
        again = self.resumed(f"m{members.index(one)}")
        again.message(payload=b"x", qos=2, id=message.id, dup=True)
        other.expect_nothing()

    @proves("MQTT5-4.8.2-5")
    def test_qos_2_delivery_that_began_ends_with_the_session_of_its_member(self):
        members = self.members(2, qos=2)
        self.client("p").publish(self.name("t"), b"x", qos=2)
        one, _ = self.receiver(members)
        other = members[1 - members.index(one)]
        one.disconnect()
        other.expect_nothing(0.5)

    def test_qos_1_delivery_of_a_member_whose_session_ends_goes_to_another(self):
        members = self.members(2)
        self.client("p").publish(self.name("t"), b"x", qos=1)
        one, _ = self.receiver(members)
        one.disconnect()
        members[1 - members.index(one)].message(payload=b"x", qos=1)

    @proves("MQTT5-4.8.2-6")
    def test_refused_delivery_goes_to_no_other_member(self):
        for qos, answer in ((1, "puback"), (2, "pubrec")):
            members = [self.client(f"m{qos}{n}").subscribe((self.filter(), qos)) for n in range(2)]
            self.client(f"p{qos}").publish(self.name("t"), b"x", qos=qos)
            one, message = self.receiver(members)
            one.send(ack(answer, message.id, 0x83))
            for member in members:
                member.expect_nothing(0.3)
                member.disconnect()

    @proves("MQTT5-3.8.3-4")
    def test_no_local_on_a_shared_subscription_is_a_protocol_error(self):
        self.client().send(subscribe(1, (self.filter(), options(no_local=True)))).expect_close(0x82)

    def test_order_of_one_publisher_is_kept_at_each_member(self):
        members = self.members(2)
        self.client("p").send(*(publish(self.name("t"), b"%d" % n, qos=1, id=n + 1) for n in range(100)))
        for each in self.collect(members, 100):
            numbers = [int(one) for one in each]
            self.assertEqual(numbers, sorted(numbers))
