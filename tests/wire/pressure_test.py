"""Back-pressure: what the broker holds for a client is bounded and not lost, and nobody else waits for it."""

import contextlib
import socket
import threading
import time

from case import proves, version_311, wire_test
from hostile_test import MIB, hostile_base
from wire import PINGREQ, V311, ack, connect, disconnect, publish, subscribe, unsubscribe


class held_publishes(version_311, wire_test):
    """A burst that exceeds the publisher's credit by far: most of it is held when its connection ends."""

    settings = {"publish_credit": 4096, "batch_bytes": 4096, "batch_messages": 10, "sys_interval": 1}
    seconds = 8
    count = 1000

    def burst(self, qos, dup=False):
        return [publish(self.name("t"), b"%04d" % number + bytes(200), qos=qos, id=number + 1, dup=dup, version=V311)
                for number in range(self.count)]

    def numbers(self, messages):
        return sorted(int(one.payload[:4]) for one in messages)

    def taken_over(self, first, burst):
        """The client that comes back as `p` while the burst that it sent on its first connection is on its way."""
        with self.broker.paused():
            first.send(*burst)
            second = self.open().send(connect(self.name("p"), clean=False, version=V311))
        return second.expect("connack", code=0, session_present=True)

    def complete(self, publisher):
        """The rest of a QoS 2 exchange whose PUBLISH packets may have got lost, for the whole burst."""
        publisher.send(*self.burst(2, dup=True))
        waiting = set(range(1, self.count + 1))
        while waiting:
            waiting.discard(publisher.wait_for("pubrec").id)
        publisher.send(*(ack("pubrel", id) for id in range(1, self.count + 1)))
        for id in range(1, self.count + 1):
            publisher.wait_for("pubcomp", id=id)

    @proves("MQTT311-4.3.3-2")
    def test_qos_2_burst_of_a_connection_that_closes_is_taken_up_by_the_next_one(self):
        watch = self.client("w").subscribe(self.name("t"))
        first = self.durable("p")
        with self.broker.paused():
            first.send(*self.burst(2)).close()
        self.complete(self.resumed("p"))
        self.assertEqual(self.numbers(watch.take(self.count)), list(range(self.count)))
        watch.expect_nothing()

    @proves("MQTT311-4.3.3-2", "MQTT311-3.1.4-2")
    def test_qos_2_burst_of_a_connection_that_is_taken_over_is_taken_up_by_the_next_one(self):
        watch = self.client("w").subscribe(self.name("t"))
        first = self.durable("p")
        self.complete(self.taken_over(first, self.burst(2)))
        self.assertEqual(self.numbers(watch.take(self.count)), list(range(self.count)))
        watch.expect_nothing()

    @proves("MQTT311-4.3.2-2")
    def test_qos_1_publish_that_was_acknowledged_before_a_take_over_is_delivered(self):
        watch = self.client("w").subscribe(self.name("t"))
        first = self.durable("p")
        second = self.taken_over(first, self.burst(1))
        acknowledged = set()
        while (got := first.receive("an acknowledgement or the end")) is not None:
            acknowledged.add(got.id)
        second.expect_nothing()
        delivered = set()
        with contextlib.suppress(TimeoutError):
            while True:
                delivered.add(int(watch.read(0.5).payload[:4]) + 1)
        self.assertLessEqual(acknowledged, delivered)

    def test_subscriptions_end_with_a_session_that_ends_while_its_requests_wait(self):
        watch = self.client("w").subscribe("$SYS/broker/subscriptions/count")
        watch.wait_for("publish", retain=False)  # the next report knows of this subscription
        before = watch.wait_for("publish", retain=False).payload
        ghost = self.client("ghost").subscribe(self.name("a/#"), self.name("b"))
        with self.broker.paused():
            ghost.send(*self.burst(0), disconnect(version=V311)).close()
        for _ in range(2):
            watch.wait_for("publish")  # may have been counted before the end
        self.assertEqual(watch.wait_for("publish").payload, before)


class floods(hostile_base):
    """One client sends as fast as it can and never reads; another one goes on as if alone."""

    settings = {"output_buffer": 1 << 20}
    seconds = 10
    allowance = 24 * MIB
    longest_wait = 1.5

    def flood(self, data, seconds=1.5):
        deaf = self.client("deaf", version=V311)
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.socket.settimeout(0.1)
        other = self.client("other").subscribe((self.name("echo"), 1))
        stop = threading.Event()

        def send():
            rest = memoryview(b"")
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    rest = rest or memoryview(data)
                    rest = rest[deaf.socket.send(rest):]

        sender = threading.Thread(target=send)
        sender.start()
        slowest = 0
        begin = time.monotonic()
        try:
            while time.monotonic() - begin < seconds:
                sent = time.monotonic()
                other.publish(self.name("echo"), b"x", qos=1)
                other.take()
                other.send(PINGREQ).wait_for("pingresp")
                slowest = max(slowest, time.monotonic() - sent)
        finally:
            stop.set()
            sender.join()
        self.assertLess(slowest, self.longest_wait * self.factor)

    def test_pingreq(self):
        self.flood(PINGREQ * 100000)

    def test_qos_1_publish(self):
        self.flood(publish(self.name("t"), b"x", qos=1, id=1, version=V311) * 5000)

    def test_subscribe_and_unsubscribe(self):
        self.flood((subscribe(1, (self.name("t/#"), 0), version=V311) +
                    unsubscribe(2, self.name("t/#"), version=V311)) * 2000)

    def test_subscribe_again_where_much_is_retained(self):
        pub = self.client("p")
        pub.send(*(publish(self.name(f"r/{number}"), bytes(1000), retain=True) for number in range(3000)))
        pub.expect_nothing()
        self.flood(subscribe(1, (self.name("r/#"), 0), version=V311) * 2000)
        pub.send(*(publish(self.name(f"r/{number}"), retain=True) for number in range(3000))).expect_nothing()


class slow_subscribers(hostile_base):
    """Two subscribers that do not read; the limits of what is kept for them are small, so that they show."""

    settings = {"maximum_queued_bytes": 2 << 20, "output_buffer": 1 << 20, "delivery_credit": 1 << 20,
                "sys_interval": 1}
    seconds = 6
    allowance = 24 * MIB

    def dropped(self):
        with contextlib.closing(self.client("$SYS")) as one:
            one.subscribe("$SYS/broker/publish/messages/dropped")
            one.wait_for("publish")
            return int(one.wait_for("publish", retain=False).payload)

    def test_they_cost_bounded_memory_and_no_publishers_time(self):
        lazy = [self.client(f"lazy{qos}", receive_maximum=65535) for qos in (0, 1)]
        for qos, one in enumerate(lazy):
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.subscribe((self.name("flood"), qos))
        before = self.dropped()
        pub = self.client("p", version=V311)
        block = b"".join(publish(self.name("flood"), bytes(10000), qos=1, id=1 + n, version=V311) for n in range(100))
        slowest = 0
        for _ in range(60):
            begin = time.monotonic()
            pub.send(block)
            for _ in range(100):
                pub.expect("puback")
            slowest = max(slowest, time.monotonic() - begin)
        self.assertLess(slowest, 1.5 * self.factor)
        # Of its 6,000 messages each may have some 100 per MiB waiting, in the broker and in the kernel.
        self.assertGreater(self.dropped() - before, 2 * (6000 - 1000))
