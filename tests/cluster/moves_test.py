"""What is published while a session moves comes once at QoS 2, whatever happens to the nodes meanwhile."""

import os
import random
import time

import wire
from clients import traffic
from cluster_case import TIMEOUT
from one_client_test import scripts
from troupectl_test import troupectl_base


class wanderer:
    """A client that goes from node to node, and keeps what MQTT asks it to: which exchanges at QoS 2 it is in."""

    def __init__(self, test):
        self.test = test
        self.one = None
        self.got = {}  # topic: numbers as they came, without those that were sent again
        self.under_way = set()  # packet identifiers at QoS 2
        self.subscribed = set()  # packet identifiers of SUBACK

    def go(self, node):
        """Without a word to the node where it was."""
        if self.one and not self.one.closed:
            self.take(0)
            self.one.close()
        self.one = self.test.login(node)
        return self

    def take(self, seconds, is_enough=lambda: False):
        """Takes what comes until nothing has for so long, or it is enough."""
        deadline = time.monotonic() + seconds
        while not is_enough():
            try:
                packet = self.one.inbox.pop(0) if self.one.inbox else self.one.read(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                return self
            if packet is None:
                return self
            self._answer(packet)
        return self

    def _answer(self, packet):
        if packet.kind == "publish":
            seen = self.got.setdefault(packet.topic, [])
            number = int(packet.payload)
            is_again = packet.qos == 1 and packet.dup and number in seen or packet.qos == 2 and packet.id in self.under_way
            if not is_again:
                seen.append(number)
            if packet.qos == 2:
                self.under_way.add(packet.id)
            self.one.send(wire.ack("puback" if packet.qos == 1 else "pubrec", packet.id))
        elif packet.kind == "pubrel":
            self.under_way.discard(packet.id)
            self.one.send(wire.ack("pubcomp", packet.id))
        elif packet.kind == "suback":
            self.subscribed.add(packet.id)

    def wait_for(self, counts, seconds=TIMEOUT):
        """`counts`: by topic, how many numbers there are."""
        deadline = time.monotonic() + seconds

        def has_all():
            return all(len(set(self.got.get(topic, ()))) >= count for topic, count in counts.items())
        while not has_all() and time.monotonic() < deadline and not self.one.closed:
            self.take(0.2, has_all)
        return self.take(0.5)


class moves_base(scripts):
    def setUp(self):
        self.seed = int(os.environ.get("TEST_SEED", random.randrange(1 << 30)))
        self.random = random.Random(self.seed)

    def load(self, qos, per_second=150):
        """A publisher at each node."""
        return [traffic(self.client(node), self.name(f"{node}/{qos}"), qos, per_second) for node in "abc"]

    def check(self, who, counts, levels=(2,), in_order=True):
        """All of it; at QoS of these `levels` once."""
        for topic, count in counts.items():
            got = who.got.get(topic, [])
            where = f"{topic}, TEST_SEED={self.seed}"
            missing = sorted(set(range(count)) - set(got))
            self.assertFalse(missing, f"{where}: {len(missing)} of {count} missing: {missing[:20]}")
            if int(topic[-1]) not in levels:
                continue
            doubled = sorted(n for n in set(got) if got.count(n) > 1)
            self.assertFalse(doubled, f"{where}: {len(doubled)} doubled: {doubled[:20]}")
            if in_order:
                self.assertTrue(got == sorted(got), f"{where}: out of order")


class moves(moves_base):
    def test_under_load_nothing_is_doubled_or_lost(self):
        self.make(data=True)
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("#"), 2))
        load = self.load(1) + self.load(2)
        for _ in range(14):
            who.take(self.random.uniform(0.02, 0.4))
            who.go(self.random.choice("abc"))
        counts = {one.topic: one.end() for one in load}
        self.check(who.wait_for(counts), counts, levels=(1, 2))

    def test_what_is_subscribed_behind_a_move_comes_whole(self):
        """The end has nothing of it."""
        self.make(data=True)
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("old 2"), 2))
        load = traffic(self.client("c"), self.name("old 2"), 2)
        counts = {}
        for number, node in enumerate("bcabc"):
            topic = self.name(f"new {number} 2")
            who.go(node)
            who.one.send(wire.subscribe(1000 + number, (topic, 2)))
            who.take(TIMEOUT, lambda: 1000 + number in who.subscribed)
            self.send("c", *range(5), qos=2, topic=topic)
            counts[topic] = 5
            who.take(0.1)
        old = load.end()
        self.check(who.wait_for({**counts, self.name("old 2"): old}), counts)

    def crash(self, role, seconds):
        """Kills the node that the client goes to, or that it comes from, in the middle of the move."""
        self.make(data=True)
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("#"), 2))
        load = [traffic(self.client("c"), self.name("c/2"), 2)]
        place = "a"
        for _ in range(5):
            goal = "b" if place == "a" else "a"
            who.take(self.random.uniform(0.05, 0.3))
            who.go(goal)
            time.sleep(self.random.uniform(0, seconds))
            victim = goal if role == "new" else place
            who.one.close()
            self.cluster[victim].kill()
            self.cluster[victim].start()
            self.cluster.wait_for_links()
            who.go(goal)
            place = goal
        counts = {one.topic: one.end() for one in load}
        # What an old node has follows when it is back.
        self.check(who.wait_for(counts), counts, in_order=role == "new")

    def test_new_node_killed_in_the_middle(self):
        self.crash("new", 0.03)

    def test_old_node_killed_in_the_middle(self):
        self.crash("old", 0.03)

    def test_client_is_back_before_the_nodes_are_linked(self):
        """What it is sent then goes by no identifier that the end has used."""
        self.make(data=True)
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("#"), 2))
        topic, own = self.name("2"), self.name("own 2")
        who.one.close()
        publisher = self.client("a")
        publisher.finish(publisher.publish_numbers(topic, range(300), 2))
        who.go("b").take(TIMEOUT, lambda: len(who.under_way) >= 20)
        self.cluster["b"].kill()
        self.assertTrue(who.under_way)
        self.cluster["a"].pause()
        self.cluster["b"].start()
        who.go("b")
        publisher = self.client("b")
        publisher.finish(publisher.publish_numbers(own, range(300), 2))
        who.wait_for({own: 300})
        self.cluster["a"].resume()
        counts = {topic: 300, own: 300}
        self.check(who.wait_for(counts), counts)


class away(moves_base):
    """A third node is away while a session moves."""

    network = True

    def part(self, *pairs):
        ends = [(self.cluster[one], other) for pair in pairs for one, other in (pair, pair[::-1])]
        marks = [one.mark() for one, _ in ends]
        self.cluster.cut(*pairs)
        for (one, other), mark in zip(ends, marks):
            one.says(f"event=node_down node={other}", mark, within=10)

    def test_what_it_had_comes_when_it_is_back(self):
        self.make(data=True)
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("#"), 2))
        waiting = {self.name(f"waiting/{qos}"): qos for qos in (1, 2)}
        for topic, qos in waiting.items():
            self.send("c", 0, qos=qos, topic=topic)
        who.take(TIMEOUT, lambda: len(who.got) == 2)
        self.part("ac", "bc")
        for topic, qos in waiting.items():
            self.send("c", *range(1, 50), qos=qos, topic=topic)
        load = self.load(2, 50)
        who.take(0.5).go("b")
        # It is served meanwhile.
        own = self.name("b/2")
        known = len(who.got.get(own, ()))
        who.take(TIMEOUT, lambda: len(who.got.get(own, ())) > known + 20)
        self.assertGreater(len(who.got[own]), known + 20)
        self.cluster.heal()
        self.cluster.wait_for_links()
        who.take(1)
        counts = {one.topic: one.end() for one in load} | dict.fromkeys(waiting, 50)
        self.check(who.wait_for(counts), counts, levels=(1, 2))

    def test_session_that_goes_on_meanwhile_gets_it_too(self):
        """Also after a crash of the node that waits for it."""
        self.make("abcd", data=True)
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("#"), 2))
        self.send("c", 0, qos=2, topic=self.name("c/2"))
        who.take(TIMEOUT, lambda: bool(who.got))
        self.part("ac", "bc", "cd")
        self.send("c", *range(1, 50), qos=2, topic=self.name("c/2"))
        load = traffic(self.client("d"), self.name("d/2"), 2, 50)
        for node in "bdab":
            who.take(0.3).go(node)
        who.take(0.5)
        self.cluster["a"].kill()
        self.cluster["a"].start()
        self.cluster.heal()
        self.cluster.wait_for_links()
        self.send("c", *range(50, 60), qos=2, topic=self.name("c/2"))
        counts = {load.topic: load.end(), self.name("c/2"): 60}
        self.check(who.wait_for(counts), counts)


class forgotten(troupectl_base, moves_base):
    """A node that was away when a session moved does not come back."""

    seconds = 10

    def setUp(self):
        super().setUp()
        self.make(data=True, options=("cluster.dead-after=1s",))
        who = wanderer(self).go("a")
        who.one.subscribe((self.name("#"), 2))
        self.cluster["c"].kill()
        self.wait_for_states("a", a="self", b="linked", c="dead")
        self.wait_for_states("b", a="linked", b="self", c="dead")
        self.mark = self.cluster["a"].mark()
        who.go("b").take(1)
        self.send("b", 0, qos=2, topic=self.name("2"))
        who.wait_for({self.name("2"): 1})
        self.assertEqual(self.cluster["a"].lines("event=session_left", self.mark), [])

    def test_nobody_waits_for_it(self):
        self.ask("b", "forget", "c")
        self.cluster["a"].says("event=session_left", self.mark)

    def test_neither_does_who_hears_of_it_later(self):
        self.cluster["b"].kill()
        self.ask("a", "forget", "c")
        self.cluster["b"].start()
        self.cluster["a"].says("event=session_left", self.mark)
