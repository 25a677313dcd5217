"""Nodes are ended and started again one by one under load, as this build and as another one.

TROUPE_EARLIER_BIN    `troupe` of an earlier build, for the tests that have both in one cluster
"""

import itertools
import os
import unittest

from cluster_case import TIMEOUT, cluster_test, until
from rolling_load import load

EARLIER = os.environ.get("TROUPE_EARLIER_BIN")


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
            self.cluster[name].binary = then
            what.start_again(self.cluster, self.cluster[name])
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
