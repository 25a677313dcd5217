"""What the cluster tests have in common: a cluster per class, or per test, and clients that are closed at the end."""

import collections
import os
import pathlib
import sys
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[1:1] = [str(TESTS / "soak"), str(TESTS / "interop"), str(TESTS / "wire")]

import wires
from clients import client
from nodes import cluster, until

__all__ = ["TIMEOUT", "cluster_test", "long", "until"]

TIMEOUT = 20
QUIET = 0.3

long = unittest.skipUnless(os.environ.get("CLUSTER_LONG"), "only with --long")


class cluster_test(unittest.TestCase):
    """`shared`: the tests of a class use one cluster, `cls.cluster`, which is up; else each calls `make`."""

    shared = False
    network = False
    names = "abc"
    # A SUBACK that waits as long as it takes: the promise is tested, not the machine's speed.
    options = ("cluster.subscribe-wait=10000",)

    @classmethod
    def setUpClass(cls):
        cls.cluster = None
        if cls.shared:
            cls.cluster = cls.make_cluster(cls.names)
            cls.addClassCleanup(cls.end_cluster, cls.cluster)
            cls.cluster.start()

    @classmethod
    def make_cluster(cls, names, **settings):
        settings.setdefault("network", cls.network)
        settings["options"] = (*cls.options, *settings.get("options", ()))
        try:
            return cluster(names, **settings)
        except wires.unavailable as error:
            raise unittest.SkipTest(f"no network namespaces here: {error}") from None

    @staticmethod
    def end_cluster(which):
        wrong = which.stop()
        assert not wrong, "\n".join(wrong)

    def make(self, names="abc", start=True, **settings):
        """A cluster of this test alone."""
        made = self.cluster = self.make_cluster(names, **settings)
        self.addCleanup(self.end_cluster, made)
        return made.start() if start else made

    def run(self, result=None):
        self.clients = []
        self.counts = collections.Counter()
        self.result = result
        return super().run(result)

    def tearDown(self):
        for one in self.clients:
            one.close()
        if self.counts["expected"]:
            print("{}: {expected:,} numbers expected, {missing} missing, {doubled} doubled".format(
                self.id(), missing=self.counts["missing"], doubled=self.counts["doubled"],
                expected=self.counts["expected"]), flush=True)
        if self.cluster and self._failed():
            print(self.cluster.log(), file=sys.stderr)
        if self.shared:
            for one in self.cluster:
                self.assertTrue(one.alive(), f"{one.name} died\n{one.log()[-3000:]}")

    def _failed(self):
        return os.environ.get("CLUSTER_LOGS") and self.result.records[-1:] and \
            self.result.records[-1][:2] == (self.id(), "failed")

    def client(self, node, *arguments, **settings):
        """`node`: one, or its name."""
        one = client(self.cluster[node] if isinstance(node, str) else node, *arguments, **settings)
        self.clients.append(one)
        return one

    def name(self, suffix=""):
        """A topic of this test only."""
        own = f"{type(self).__name__}/{self._testMethodName.removeprefix('test_')}"
        return f"{own}/{suffix}" if suffix else own

    # -- checks

    def quiet(self, *watchers, seconds=QUIET):
        """Nothing more comes to these. A message that follows on the same way would come behind it, but doubles may
        take another way."""
        before = [len(one.messages) for one in watchers]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.05)
        for one, count in zip(watchers, before):
            self.assertEqual(len(one.messages), count,
                             f"at {one.node.name}: {[(m.topic, m.payload[:30]) for m in one.messages[count:][:5]]}")

    def check_numbers(self, subscriber, topic, count, timeout=TIMEOUT):
        """Exactly 0 to count - 1 have come, in order."""
        try:
            subscriber.wait_for_numbers(topic, count, timeout)
        except AssertionError:
            pass  # said better below
        got = subscriber.numbers(topic)
        where = f"{topic} at {subscriber.node.name}"
        missing = sorted(set(range(count)) - set(got))
        self.counts.update(expected=count, missing=len(missing), doubled=len(got) - len(set(got)))
        self.assertEqual(missing, [], f"{where}: {len(missing)} of {count} missing")
        self.assertEqual(len(got), len(set(got)), f"{where}: doubled {sorted(n for n in set(got) if got.count(n) > 1)[:20]}")
        self.assertEqual(got, sorted(got), f"{where}: out of order")

    def check_traffic(self):
        """Each node to each other."""
        for target in self.cluster:
            for source in self.cluster:
                topic = self.name(f"{source.name}-to-{target.name}")
                subscriber = self.client(target).subscribe(topic)
                self.client(source).publish(topic, b"x", 1)
                subscriber.wait_for(1)

    def wait_for_route(self, publisher, subscriber, topic, timeout=TIMEOUT):
        """Publishes to the topic at QoS 0 until something arrives: after a link came up, nothing says when the routes
        are known at the other side."""
        payload = b"probe %d" % time.monotonic_ns()

        def arrives():
            publisher.publish(topic, payload)
            time.sleep(0.02)
            return payload in subscriber.payloads()
        until(arrives, timeout, f"a message to {topic} from {publisher.node.name} to {subscriber.node.name}")
        # Later probes may still be under way: what comes behind them tells.
        last = payload + b" last"
        publisher.publish(topic, last, 1)
        until(lambda: last in subscriber.payloads(), timeout, f"the last probe to {topic}")
        subscriber.forget()


