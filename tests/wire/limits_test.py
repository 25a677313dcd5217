"""Limits that are reached: what a limit refuses leaves nothing wrong behind."""

from case import version_5, wire_test
from wire import options, publish, subscribe


class retained_bytes(version_5, wire_test):
    settings = {"retained_bytes": 20000}

    def test_value_that_is_refused_does_not_leave_the_old_one_as_if_current(self):
        pub = self.client("p").publish(self.name("t"), b"old", qos=1, retain=True)
        self.client("before").subscribe(self.name("t")).expect("publish", payload=b"old", retain=True)
        pub.send(publish(self.name("t"), bytes(40000), qos=1, id=7, retain=True)).expect("puback", id=7)
        late = self.client("after").subscribe(self.name("t"))
        late.expect_nothing()
        pub.publish(self.name("t"), b"new", qos=1, retain=True)
        late.message(payload=b"new")
        self.client("last").subscribe(self.name("t")).expect("publish", payload=b"new", retain=True)

    def test_other_topics_keep_theirs(self):
        pub = self.client("p").publish(self.name("a"), b"old", qos=1, retain=True)
        pub.send(publish(self.name("b"), bytes(40000), qos=1, id=7, retain=True)).expect("puback", id=7)
        one = self.client("s").subscribe(self.name("#"))
        one.expect("publish", payload=b"old", retain=True).expect_nothing()


class many_filters(version_5, wire_test):
    """More filters in one SUBSCRIBE than a 16-bit number counts."""

    settings = {"maximum_subscriptions": 0}
    count = 70000
    seconds = 3

    def test_each_is_granted_and_gets_its_retained_message(self):
        # Counted in 16 bits, filter 66000 is filter 464 over again.
        kept = {464, 465, 66000, 69999}
        pub = self.client("p")
        for number in sorted(kept):
            pub.publish(f"many/{number}", b"%d" % number, qos=1, retain=True)

        def wish(number):
            return options(qos=number % 3, retain_handling=2 if number == 464 else 0)

        one = self.client("s")
        one.send(subscribe(1, *((f"many/{number}", wish(number)) for number in range(self.count))))
        # Retained messages may come before it (MQTT5 §3.8.4).
        codes = one.wait_for("suback", id=1).codes
        self.assertEqual(codes, [number % 3 for number in range(self.count)])
        got = sorted(int(message.payload) for message in one.take(3))
        self.assertEqual(got, sorted(kept - {464}))
        one.expect_nothing()
        pub.publish("many/68001", b"live", qos=1)
        one.message(payload=b"live")
