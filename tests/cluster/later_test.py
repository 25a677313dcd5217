"""Nodes of a later build, as in the middle of an upgrade: `later_node.cpp` plays one that says more than this build knows."""

import os
import pathlib
import subprocess
import threading
import time
import unittest

import nodes
import wires
from clients import VERSIONS
from cluster_case import TIMEOUT, cluster_test, until

TROUPE = pathlib.Path(os.environ.get("TROUPE_BIN", nodes.ROOT / "build/release/bin/troupe"))
LATER_NODE = pathlib.Path(os.environ.get("LATER_NODE", TROUPE.parent / "later_node"))
HEARTBEATS_SECONDS = 3  # longer than a link without heartbeats lasts


class later_node:
    """The program, its lines and its end."""

    def __init__(self, name, oldest, newest):
        self.name = name
        self.process = subprocess.Popen([str(LATER_NODE), name, nodes.SECRET, str(oldest), str(newest)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        preexec_fn=wires.die_with_parent)
        self.said = []
        self.changed = threading.Condition()
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        self.address = self.expect("listening ").split()[1]

    def _listen(self):
        for line in self.process.stdout:
            with self.changed:
                self.said.append(line.rstrip("\n"))
                self.changed.notify_all()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def lines(self, begin):
        return [line for line in self.said if line.startswith(begin)]

    def expect(self, begin, count=1):
        """Waits for so many lines that begin so; returns the last."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.lines(begin)) >= count, TIMEOUT):
                raise AssertionError(f"{self.name} does not say {count} times {begin!r}: {self.said}")
            return self.lines(begin)[count - 1]

    def close(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.listener.join()
        self.process.stdout.close()


@unittest.skipUnless(LATER_NODE.exists(), "later_node is not built")
class later_version(cluster_test):
    seconds = 20

    def later(self, name="later", oldest=1, newest=2):
        one = later_node(name, oldest, newest)
        self.addCleanup(one.close)
        return one

    def join(self, later):
        """It knows one node, to which it says hello twice, as if the answer took long; the others hear of it by gossip, and
        connect to it."""
        later.tell(f"join-twice {self.cluster['a'].address}")
        for one in self.cluster:
            one.says(f"event=node_up node={later.name}")
            later.expect(f"linked {one.name} 1")

    def test_node_that_says_more_is_a_member_and_served(self):
        self.make()
        later = self.later()
        later.tell("subscribe in/#")
        self.join(later)
        for one in self.cluster:
            later.expect(f"installed {one.name}")
        # Its clients get what is published here.
        for one in self.cluster:
            for qos in (0, 1, 2):
                self.client(one).publish("in/t", f"{one.name}{qos}", qos)
                later.expect(f"got {one.name} {qos} in/t {one.name}{qos}")
        # Clients here get what is published there; the SUBACK waits for its word that it knows.
        subscribers = [self.client(one, version=version) for one in self.cluster for version in VERSIONS]
        for each in subscribers:
            each.subscribe("out/#")
        for one in self.cluster:
            later.expect(f"wanted {one.name} out/#")
        for qos in (0, 1, 2):
            later.tell(f"publish {qos} out/t {qos}")
        for each in subscribers:
            self.assertEqual([(m.qos, m.payload) for m in each.wait_for(3)], [(qos, b"%d" % qos) for qos in (0, 1, 2)])
        # Nobody minds what it says besides, for as long as it lasts.
        time.sleep(HEARTBEATS_SECONDS)
        later.tell("publish 1 out/t last")
        for each in subscribers:
            each.wait_for(4)
        self.quiet(*subscribers)
        self.check_traffic()
        self.assertEqual(later.lines("lost") + later.lines("refused"), [])
        for one in self.cluster:
            self.assertEqual(one.lines("event=(node_down|link_refused|bad_)"), [], one.name)
            self.assertEqual(len(one.lines("event=node_up node=later")), 1)

    def test_clients_log_in_at_once_wherever_the_home_of_their_identifier_is(self):
        self.make("ab")
        self.join(self.later())
        begin = time.monotonic()
        for number in range(30):
            self.client("ab"[number % 2], f"someone {number}")
        self.assertLess(time.monotonic() - begin, 5)  # a home that does not answer costs a second

    def test_node_without_a_common_version_is_refused_and_both_say_why(self):
        self.make("ab", options=("sys.interval=1s",))
        watcher = self.client("a").subscribe("$SYS/broker/cluster/links/refused")
        later = self.later(oldest=2, newest=2)
        marks = {one.name: one.mark() for one in self.cluster}
        descriptors = self.cluster["a"].descriptors()
        later.tell(f"join {self.cluster['a'].address}")
        reason = "the nodes speak no common version: 2 to 2 there, 1 to 1 here"
        self.assertEqual(later.expect("refused"), f"refused {reason}")
        self.cluster["a"].says(f'event=link_refused reason="{reason}"', marks["a"])
        until(lambda: watcher.payloads()[-1:] == [b"1"], TIMEOUT, lambda: f"it is counted: {watcher.payloads()}")
        until(lambda: self.cluster["a"].descriptors() <= descriptors, TIMEOUT, "its connection is closed")
        self.assertEqual(watcher.payloads()[-1], b"1")
        self.check_traffic()
        for one in self.cluster:
            self.assertEqual(one.lines("event=node_(up|down|joined)", marks[one.name]), [])
            self.assertEqual(len(one.lines("event=link_refused", marks[one.name])), 1 if one.name == "a" else 0)

    def test_node_that_connects_to_one_without_a_common_version_says_why(self):
        self.make("ab", start=False)
        later = self.later(oldest=2, newest=2)
        self.cluster["a"].seeds.append(later.address)
        self.cluster.start()
        self.cluster["a"].says(f"event=link_refused address={later.address} "
                               'reason="the other side refused: the nodes speak no common version"')
        self.check_traffic()
        self.assertEqual(self.cluster["a"].lines("event=node_joined node=later"), [])
