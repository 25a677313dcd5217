"""Wires that break, lose, delay: each node has a network namespace, a switch of the test's own connects them."""

import time

import wires
from clients import traffic
from cluster_case import cluster_test, long


class wire_base(cluster_test):
    network = True

    def links_break(self, *pairs, within=10):
        """Cuts these, and waits until both sides have noticed."""
        ends = [(self.cluster[one], other) for pair in pairs for one, other in (pair, pair[::-1])]
        marks = [one.mark() for one, _ in ends]
        begin = time.monotonic()
        self.cluster.cut(*pairs)
        for (one, other), mark in zip(ends, marks):
            one.says(f"event=node_down node={other}", mark, within=within)
        return time.monotonic() - begin

    def links_heal(self):
        """Returns how long it took."""
        self.cluster.heal()
        begin = time.monotonic()
        self.cluster.wait_for_links()
        return time.monotonic() - begin


class partitions(wire_base):
    seconds = 14

    def check_partition(self, pairs, seconds, per_second=50):
        """Everybody publishes and subscribes; after healing each has everything once."""
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "abc"]
        load = [traffic(self.client(node), self.name(f"{node}{qos}"), qos, per_second)
                for node in "abc" for qos in (1, 2)]
        for one in subscribers:
            one.wait_for(20)
        begin = time.monotonic()
        self.assertLess(self.links_break(*pairs), 5)
        time.sleep(max(begin + seconds - time.monotonic(), 0))
        self.assertLess(self.links_heal(), 15)
        counts = [one.end() for one in load]
        for one, count in zip(load, counts):
            for subscriber in subscribers:
                self.check_numbers(subscriber, one.topic, count)
        self.quiet(*subscribers)

    def test_isolated_node_5_seconds_then_everything_once_and_in_order(self):
        self.make()
        self.check_partition(["ac", "bc"], 5)

    def test_one_wire_of_three_broken_5_seconds_then_everything_once_and_in_order(self):
        self.make()
        self.check_partition(["ab"], 5)

    def test_all_wires_broken_5_seconds_then_everything_once_and_in_order(self):
        self.make()
        self.check_partition(["ab", "bc", "ac"], 5)

    def test_subscriptions_and_withdrawals_during_a_partition_are_known_after_it(self):
        self.make("ab")
        going = self.client("a").subscribe(self.name("going"))
        self.links_break("ab")
        going.unsubscribe(self.name("going"))
        late = self.client("a").subscribe(self.name("late"))
        self.links_heal()
        publisher = self.client("b")
        self.wait_for_route(publisher, late, self.name("late"))
        publisher.publish(self.name("going"), b"x", 1)
        self.quiet(going)
        self.assertEqual(going.messages, [])

    def test_flapping_wire_loses_and_doubles_nothing(self):
        self.make("ab")
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "ab"]
        load = [traffic(self.client(node), self.name(f"{node}{qos}"), qos, 200) for node in "ab" for qos in (1, 2)]
        for _ in range(6):
            self.cluster.cut("ab")
            time.sleep(0.7)
            self.cluster.heal()
            time.sleep(0.3)
        counts = [one.end() for one in load]
        for one, count in zip(load, counts):
            for subscriber in subscribers:
                self.check_numbers(subscriber, one.topic, count, 30)

    @long
    def test_wire_that_breaks_just_long_enough_again_and_again(self):
        self.make("ab")
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "ab"]
        load = [traffic(self.client(node), self.name(f"{node}{qos}"), qos, 100) for node in "ab" for qos in (1, 2)]
        for turn in range(8):
            self.cluster.cut("ab")
            time.sleep(2.2 + turn * 0.1)
            self.cluster.heal()
            time.sleep(1 + turn * 0.1)
        counts = [one.end() for one in load]
        for one, count in zip(load, counts):
            for subscriber in subscribers:
                self.check_numbers(subscriber, one.topic, count, 30)

    @long
    def test_half_a_minute_then_everything_once_and_in_order(self):
        self.make()
        self.check_partition(["ac", "bc"], 30, 20)

    @long
    def test_node_that_is_away_long_enough_to_be_dead_is_back_with_all_routes(self):
        self.make(options=("cluster.dead-after=2s",))
        subscribers = {node: self.client(node).subscribe(self.name(node)) for node in "abc"}
        self.links_break("ac", "bc")
        self.cluster["a"].says("event=node_dead node=c")
        self.cluster["c"].says("event=node_dead node=a")
        self.links_heal()
        for source, target in ("ac", "ca", "bc", "cb", "ab"):
            self.wait_for_route(self.client(source), subscribers[target], self.name(target))


class bounds(wire_base):
    seconds = 12

    def test_memory_stays_bounded_while_more_is_published_than_fits(self):
        """100 MB for a node that does not answer, with windows of 16 MB."""
        self.make("ab")
        self.client("b").subscribe(self.name("t"))
        publisher = self.client("a")
        before = self.cluster["a"].rss_mib()
        self.cluster.cut("ab")
        publisher.finish([publisher.paho.publish(self.name("t"), bytes(100_000), 1) for _ in range(1000)])
        self.assertLess(self.cluster["a"].rss_mib() - before, 80)
        self.links_heal()
        late = self.client("b").subscribe(self.name("late"))
        self.wait_for_route(publisher, late, self.name("late"))

    def test_qos0_during_a_partition_is_lost_and_others_after_it_arrive(self):
        self.make("ab")
        subscriber = self.client("b").subscribe((self.name("t"), 0))
        publisher = self.client("a")
        self.links_break("ab")
        for _ in range(100):
            publisher.publish(self.name("t"), b"lost")
        self.links_heal()
        self.wait_for_route(publisher, subscriber, self.name("t"))


class bad_wires(wire_base):
    seconds = 10

    def check(self, count, **disturbance):
        self.make()
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "abc"]
        publishers = [self.client(node) for node in "abc"]
        marks = {one: one.mark() for one in self.cluster}
        self.cluster.network.disturb(**disturbance)
        load = [(one, qos, one.publish_numbers(self.name(f"{one.node.name}{qos}"), range(count), qos, 100))
                for one in publishers for qos in (1, 2)]
        for one, _, under_way in load:
            one.finish(under_way)
        for one, qos, _ in load:
            for subscriber in subscribers:
                self.check_numbers(subscriber, self.name(f"{one.node.name}{qos}"), count, 60)
        self.quiet(*subscribers)
        self.cluster.network.disturb()
        return [line for one, mark in marks.items() for line in one.lines("event=node_down", mark)]

    def test_20_ms_and_5_percent_loss_lose_double_and_swap_nothing(self):
        self.assertEqual(self.check(500, delay=0.02, loss=0.05), [], "links lost")

    @long
    def test_100_ms_and_20_percent_loss_lose_double_and_swap_nothing(self):
        self.check(300, delay=0.1, loss=0.2)

    def test_subscribing_over_a_slow_wire_is_cluster_wide_all_the_same(self):
        self.make("ab")
        self.cluster.network.disturb(delay=0.05)
        subscriber, publisher = self.client("a"), self.client("b")
        for number in range(20):
            subscriber.subscribe((self.name(f"{number}"), 1))
            publisher.publish(self.name(f"{number}"), b"%d" % number, 1)
        subscriber.wait_for(20)

    @long
    def test_large_messages_over_a_slow_wire_do_not_break_the_link(self):
        self.make("ab")
        self.cluster.network.disturb(delay=0.02, loss=0.01)
        subscriber = self.client("b").subscribe((self.name("t"), 1))
        publisher = self.client("a")
        mark = self.cluster["a"].mark()
        publisher.finish(publisher.publish_numbers(self.name("t"), range(20), 1, 1 << 20), 120)
        self.check_numbers(subscriber, self.name("t"), 20, 120)
        self.assertEqual(self.cluster["a"].lines("event=node_down", mark), [])


class black_holes(wire_base):
    """Addresses where nothing answers, not even with a refusal: machines that are gone for good."""

    seconds = 25

    def check(self, count, within):
        self.make("ab", start=False)
        for one in self.cluster:
            one.seeds = [f"{wires.address(100 + number)}:18900" for number in range(count)] + one.seeds
        for one in self.cluster:
            one.spawn()
        self.cluster.wait_for_links("a", "b", within=within)

    def test_three_seeds_that_do_not_answer_delay_the_link_by_seconds_at_most(self):
        self.check(3, 15)

    @long
    def test_eight_seeds_that_do_not_answer_do_not_keep_two_nodes_apart(self):
        self.check(8, 30)


class meetings(wire_base):
    """Two nodes that connect to each other at the same moment: a slow wire makes it likely that neither has heard of
    the other's connection yet."""

    seconds = 20

    def test_both_connect_at_once_and_each_knows_the_routes_of_the_other(self):
        self.make("ab", start=False)
        for delay in (0.005, 0.01, 0.02, 0.03, 0.04, 0.05):
            self.cluster.network.disturb(delay=delay)
            self.cluster.start_at_once()
            for source, target in ("ab", "ba"):
                topic = self.name(f"{target}{delay}")
                begin = time.monotonic()
                subscriber = self.client(target).subscribe(topic)
                self.assertLess(time.monotonic() - begin, 5, f"seconds that SUBACK took at {target}, delay {delay} s")
                self.client(source).publish(topic, b"x", 1)
                subscriber.wait_for(1)
            for one in self.cluster:
                one.kill()
