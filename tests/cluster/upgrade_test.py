"""Nodes are ended and started again one by one under load, as this build and as another one.

TROUPE_EARLIER_BIN    `troupe` of an earlier build, for the tests that have both in one cluster

The clients are those of tests/soak, which are what MQTT asks a client to be.
"""

import itertools
import os
import selectors
import time
import unittest

import publisher
import subscriber
import wire
from cluster_case import TIMEOUT, cluster_test, until
from ledger import ledger

EARLIER = os.environ.get("TROUPE_EARLIER_BIN")
SHUTTING_DOWN = 0x8B
QUIET_SECONDS = 1


class told_of_the_end:
    """Its broker may end in order."""

    def on_disconnect(self, packet):
        if packet.code != SHUTTING_DOWN:
            super().on_disconnect(packet)


class steady_publisher(told_of_the_end, publisher.publisher):
    pass


class steady_subscriber(told_of_the_end, subscriber.subscriber):
    pass


class load:
    """At each node a publisher and a subscriber, of all that is published: each client stays at its node, and its
    session lasts."""

    def __init__(self, nodes):
        self.book = ledger()
        self.selector = selectors.DefaultSelector()
        topics = [f"load/{number}" for number in range(3)]
        self.publishers, self.subscribers = [], []
        for number, node in enumerate(nodes):
            version = (wire.V5, wire.V311)[number % 2]
            common = version, node.tcp_port, self.selector, self.book, 1
            self.publishers.append(steady_publisher(f"publisher-{node.name}", *common, topics=topics, window=20, rate=200))
            self.subscribers.append(steady_subscriber(f"subscriber-{node.name}", *common, filters=["load/#"], qos=2))
        self.clients = self.publishers + self.subscribers

    def go_on(self, seconds, holds=lambda: False):
        """Everybody plays, until something holds; returns whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not holds():
            for key, _ in self.selector.select(0.002):
                key.data.readable()
            now = time.monotonic()
            for one in self.clients:
                one.turn(now)
        return holds()

    def start(self):
        assert self.go_on(TIMEOUT, lambda: all(one.ready for one in self.clients)), "all are served"
        for one in self.publishers:
            one.publishing = True

    def end(self):
        for one in self.publishers:
            one.publishing = False

        def is_over():
            return (all(one.ready for one in self.clients) and all(one.idle() for one in self.publishers)
                    and not any(self.book.missing(one.account) for one in self.subscribers)
                    and time.monotonic() - max(one.news_at for one in self.subscribers) > QUIET_SECONDS)
        self.go_on(TIMEOUT, is_over)
        for one in self.clients:
            if one.socket:
                one.close()

    def doubled(self):
        return sum(len(one.account.doubled()) for one in self.subscribers)

    def summary(self):
        accounts = [one.account for one in self.subscribers]
        return (f"{len(self.book.messages())} messages to each of {len(accounts)} subscribers: "
                f"{sum(len(self.book.missing(one)) for one in accounts)} lost, {self.doubled()} doubled at QoS 2, "
                f"{sum(len(one.overtaken) for one in accounts)} out of order, "
                f"{sum(len(one.again) for one in accounts) - self.doubled()} again at QoS 1")


class rolling_base(cluster_test):
    def exchange(self, first, then, order):
        """The nodes in this order, from one build (None: this one) to another, under load."""
        self.make(start=False, data=True)
        for one in self.cluster:
            one.binary = first
        self.cluster.start()
        self.client("a").publish(self.name("retained"), b"from before", 1, retain=True)
        what = load(self.cluster)
        what.start()
        for name in order:
            what.go_on(0.5)
            node = self.cluster[name]
            what.book.strike("end")
            node.process.terminate()
            what.go_on(TIMEOUT, lambda: not node.alive())
            self.assertEqual(node.process.returncode, 0, f"{name} ends in order")
            node.binary = then
            node.spawn()
            linked = set(self.cluster.nodes)
            what.go_on(TIMEOUT, lambda: all(linked - {one.name} <= one.links() for one in self.cluster))
        what.go_on(0.5)
        what.end()
        print(f"{'earlier' if first else 'this'} build to {'earlier' if then else 'this'} build, nodes {order}: "
              f"{what.summary()}")
        for node in "abc":
            late = self.client(node).subscribe(self.name("retained"))
            self.assertEqual(late.wait_for(1)[0].payload, b"from before")
        return what


class restarts(rolling_base):
    seconds = 7

    def test_nodes_started_again_one_by_one_lose_double_and_swap_nothing(self):
        self.assertEqual(self.exchange(None, None, "abcabc").book.findings(), [])


@unittest.skipUnless(EARLIER, "TROUPE_EARLIER_BIN names no earlier build")
class upgrades(rolling_base):
    seconds = 20

    def make_mixed(self, *earlier):
        """These nodes have the earlier build, the others this one."""
        self.make(start=False, data=True)
        for name in earlier:
            self.cluster[name].binary = EARLIER
        self.cluster.start()

    def check_pairs(self):
        """Each node to each, at each QoS; and what is retained at one is at all."""
        for source, target, qos in itertools.product("abc", "abc", (0, 1, 2)):
            topic = self.name(f"{source}{target}{qos}")
            subscriber = self.client(target).subscribe(topic)
            self.client(source).publish(topic, b"x", qos)
            self.assertEqual(subscriber.wait_for(1)[0].qos, qos)
        for source, target in itertools.product("abc", "abc"):
            topic = self.name(f"retained/{source}{target}")
            self.client(source).publish(topic, b"kept", 1, retain=True)
            until(lambda: self.is_retained(target, topic), TIMEOUT, f"{topic} is retained at {target}")

    def is_retained(self, node, topic):
        """A new subscription gets a retained message at once or not at all."""
        one = self.client(node).subscribe(topic, topic + "/end")
        self.client(node).publish(topic + "/end", b"end")
        one.wait_for_topic(topic + "/end")
        return any(each.topic == topic for each in one.messages)

    def check_logs(self):
        for one in self.cluster:
            self.assertEqual(one.lines("event=(link_refused|bad_)", since=0), [], one.name)

    def test_one_earlier_node_among_two_of_this_build(self):
        self.make_mixed("b")
        self.check_pairs()
        self.check_logs()

    def test_one_node_of_this_build_among_two_earlier_ones(self):
        self.make_mixed("a", "c")
        self.check_pairs()
        self.check_logs()

    def test_all_nodes_are_upgraded_under_load(self):
        what = self.exchange(EARLIER, None, "abc")
        self.assertEqual(sum(len(what.book.missing(one.account)) for one in what.subscribers), 0)
        self.check_pairs()
        self.check_logs()
