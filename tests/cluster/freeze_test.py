"""A node that stands still (SIGSTOP): its connections stay, and it says nothing."""

import time

from clients import traffic
from cluster_case import cluster_test, long

FREEZE_SECONDS = 4


class frozen(cluster_test):
    seconds = 12

    def freeze(self, name, seconds):
        """Returns when, after SIGSTOP, others gave up the link, and after SIGCONT, had it again."""
        others = [one for one in self.cluster if one.name != name]
        marks = {one: one.mark() for one in others}
        begin = time.monotonic()
        self.cluster[name].pause()
        for one in others:
            one.says(f"event=node_down node={name}", marks[one], within=10)
        given_up = time.monotonic() - begin
        time.sleep(max(begin + seconds - time.monotonic(), 0))
        marks = {one: one.mark() for one in others}
        begin = time.monotonic()
        self.cluster[name].resume()
        for one in others:
            one.says(f"event=node_up node={name}", marks[one], within=15)
        return given_up, time.monotonic() - begin

    def test_link_is_given_up_and_comes_back_and_others_notice_nothing(self):
        self.check_that_others_notice_nothing(FREEZE_SECONDS)

    @long
    def test_ten_seconds_and_others_notice_nothing(self):
        """That long it counts as dead, or nearly."""
        self.check_that_others_notice_nothing(10)

    def check_that_others_notice_nothing(self, seconds):
        self.make()
        subscribers = {node: self.client(node).subscribe(self.name("#")) for node in "abc"}
        local, across = self.client("a"), self.client("b")
        slowest = 0
        load = [traffic(local, self.name("1"), 1, 100), traffic(across, self.name("2"), 2, 100)]
        given_up, back = self.freeze("c", seconds)
        counts = [one.end() for one in load]
        for one, count in zip(load, counts):
            for node in "abc":
                self.check_numbers(subscribers[node], one.topic, count)
        arrivals = subscribers["a"].arrivals
        slowest = max(later - earlier for earlier, later in zip(arrivals, arrivals[1:]))
        self.assertLess(slowest, 1, "seconds without a message at a, where 200/s came")
        self.assertLess(given_up, 4)
        self.assertGreater(given_up, 1.5)
        self.assertLess(back, 5)
        self.quiet(*subscribers.values())

    def test_subscribing_elsewhere_waits_no_longer_than_it_may_for_a_frozen_node(self):
        self.make(options=("cluster.subscribe-wait=100",))
        self.cluster["c"].pause()
        subscriber, publisher = self.client("a"), self.client("b")
        begin = time.monotonic()
        subscriber.subscribe((self.name("t"), 1))
        self.assertLess(time.monotonic() - begin, 2)
        publisher.publish(self.name("t"), b"x", 1)
        subscriber.wait_for(1)
        self.cluster["c"].resume()
        late = self.client("c")
        self.wait_for_route(late, subscriber, self.name("t"))

    def test_frozen_publisher_node_hands_on_what_it_had_taken(self):
        self.make("ab")
        subscriber = self.client("b").subscribe(self.name("t"))
        load = traffic(self.client("a"), self.name("t"), 2, 500)
        subscriber.wait_for(20)
        self.freeze("a", FREEZE_SECONDS)
        count = load.end()
        self.check_numbers(subscriber, self.name("t"), count)
        self.quiet(subscriber)

    def test_pauses_shorter_than_the_patience_break_nothing(self):
        self.make("ab")
        subscriber = self.client("b").subscribe(self.name("t"))
        load = traffic(self.client("a"), self.name("t"), 1, 500)
        mark = self.cluster["a"].mark()
        for _ in range(3):
            self.cluster["b"].pause()
            time.sleep(1)
            self.cluster["b"].resume()
            subscriber.wait_for(len(subscriber.messages) + 100)
        self.check_numbers(subscriber, self.name("t"), load.end())
        self.assertEqual(self.cluster["a"].lines("event=node_down", mark), [])

    @long
    def test_node_frozen_longer_than_it_takes_to_be_dead_comes_back(self):
        self.make(options=("cluster.dead-after=3s",))
        subscribers = {node: self.client(node).subscribe(self.name("t")) for node in "abc"}
        mark = self.cluster["a"].mark()
        self.freeze("c", 9)
        self.cluster["a"].says("event=node_dead node=c", mark)
        publisher = self.client("c")
        for node in "ab":
            self.wait_for_route(publisher, subscribers[node], self.name("t"))
        self.wait_for_route(self.client("a"), subscribers["c"], self.name("t"))

    @long
    def test_everybody_frozen_in_turn_with_traffic(self):
        self.make()
        subscribers = {node: self.client(node).subscribe(self.name("#")) for node in "abc"}
        load = [traffic(self.client(node), self.name(node), 2, 100) for node in "abc"]
        for name in "abcabc":
            self.freeze(name, 3.5)
        counts = [one.end() for one in load]
        for one, count in zip(load, counts):
            for node in "abc":
                self.check_numbers(subscribers[node], one.topic, count)
