"""Wills of clients whose node dies are published once, by another node."""

import time

import wire
from cluster_case import TIMEOUT, cluster_test, until


class will_base(cluster_test):
    options = (*cluster_test.options, "cluster.dead-after=2s", "cluster.heartbeat=100")

    def client_with_will(self, node, name, clean=True, delay=0, retain=False, expiry=0):
        one = wire.client(0, wire.V5, self.cluster[node].connect())
        self.addCleanup(one.close)
        values = {"will_delay_interval": delay} if delay else {}
        return one.connect(name, clean=clean, session_expiry_interval=expiry,
                           will=wire.will(self.name(name), b"gone", 1, retain, **values))

    def watch(self, *nodes):
        return [self.client(node).subscribe(self.name("#")) for node in nodes]

    def quiet_while_it_is_declared_dead(self, *watchers):
        self.quiet(*watchers, seconds=4)

    def kill(self, name, *others):
        """And wait until others take it for dead."""
        marks = {other: self.cluster[other].mark() for other in others}
        self.cluster[name].kill()
        for other, mark in marks.items():
            self.cluster[other].says(f"event=node_dead node={name}", mark)


class dying(will_base):
    def test_wills_of_a_killed_node_come_once_at_each_node(self):
        self.make()
        watchers = self.watch("b", "c")
        names = [f"client {number}" for number in range(20)]
        for name in names:
            self.client_with_will("a", name)
        time.sleep(0.5)  # others hear of wills behind CONNACK
        self.quiet(*watchers)
        self.kill("a", "b", "c")
        for one in watchers:
            one.wait_for(len(names))
        self.quiet_while_it_is_declared_dead(*watchers)
        for one in watchers:
            self.assertEqual(sorted(each.topic for each in one.messages), sorted(self.name(name) for name in names))

    def test_who_said_goodbye_left_no_will(self):
        self.make()
        watchers = self.watch("b", "c")
        self.client_with_will("a", "polite").disconnect()
        time.sleep(0.5)
        self.kill("a", "b", "c")
        self.quiet_while_it_is_declared_dead(*watchers)

    def test_guardian_that_dies_too_is_no_loss(self):
        self.make("abcd")
        watchers = self.watch("d")
        for number in range(12):
            self.client_with_will("a", f"client {number}")
        time.sleep(0.5)
        self.cluster["b"].kill()
        self.kill("a", "c", "d")
        until(lambda: len({each.topic for each in watchers[0].messages}) == 12, TIMEOUT, "all wills")
        self.quiet_while_it_is_declared_dead(*watchers)
        self.assertEqual(len(watchers[0].messages), 12)

    def test_retained_will_is_retained(self):
        self.make("ab")
        self.client_with_will("a", "kept", retain=True)
        time.sleep(0.5)
        self.kill("a", "b")
        watcher = self.client("b")
        watcher.subscribe(self.name("#"))
        watcher.wait_for(1)

    def test_client_that_is_back_before_the_delay_is_over_has_none_published(self):
        self.make("ab", data=True)
        watchers = self.watch("b")
        self.client_with_will("a", "back", clean=False, delay=3, expiry=100)
        time.sleep(0.5)
        self.kill("a", "b")
        again = wire.client(0, wire.V5, self.cluster["b"].connect())
        self.addCleanup(again.close)
        again.connect("back", clean=False, session_expiry_interval=100)
        self.quiet(*watchers, seconds=6)


class returning(will_base):
    def test_node_that_comes_back_at_once_publishes_itself(self):
        self.make("ab", data=True)
        watchers = self.watch("b")
        self.client_with_will("a", "c", expiry=100)
        time.sleep(0.5)
        self.cluster["a"].kill()
        self.cluster["a"].start()
        watchers[0].wait_for(1)
        self.quiet(*watchers, seconds=4)

    def test_node_that_comes_back_late_publishes_nothing(self):
        self.make("ab", data=True)
        watchers = self.watch("b")
        self.client_with_will("a", "c", expiry=100)
        time.sleep(0.5)
        self.kill("a", "b")
        watchers[0].wait_for(1)
        self.cluster["a"].start()
        self.quiet(*watchers, seconds=4)

    def test_node_without_a_disk_that_comes_back_at_once_has_it_published(self):
        self.make("ab")
        watchers = self.watch("b")
        self.client_with_will("a", "c", expiry=100)
        time.sleep(0.5)
        self.cluster["a"].kill()
        self.cluster["a"].start()
        watchers[0].wait_for(1)
        self.quiet(*watchers, seconds=4)

    def test_node_that_is_stopped_publishes_itself(self):
        self.make("ab")
        watchers = self.watch("b")
        self.client_with_will("a", "c")
        time.sleep(0.5)
        self.cluster["a"].terminate()
        watchers[0].wait_for(1)
        self.quiet_while_it_is_declared_dead(*watchers)
