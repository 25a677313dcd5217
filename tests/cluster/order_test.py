"""Order and exactly once, under load, with three nodes that all publish and all subscribe."""

import time

from clients import VERSIONS, client
from cluster_case import cluster_test, long


class three_publishers(cluster_test):
    shared = True
    seconds = 8

    def check(self, qos, count, filling=0, window=100):
        subscribers = [self.client(node, version=version, window=window).subscribe(self.name("#"))
                       for node in "abc" for version in VERSIONS]
        publishers = [self.client(node, version=VERSIONS[number % 2], window=window)
                      for number, node in enumerate("abc")]
        under_way = []
        for first in range(0, count, 50):
            for one in publishers:
                under_way += one.publish_numbers(self.name(one.node.name), range(first, first + 50), qos, filling)
        client.finish(under_way, 120)
        for one in subscribers:
            for node in "abc":
                self.check_numbers(one, self.name(node), count, 120)
        self.quiet(*subscribers)

    def test_qos0_comes_once_and_in_order(self):
        self.check(0, 500)

    def test_qos1_comes_once_and_in_order(self):
        self.check(1, 1000)

    def test_qos2_comes_once_and_in_order(self):
        self.check(2, 500)

    @long
    def test_qos1_comes_once_and_in_order_for_long(self):
        self.check(1, 10_000, 200)

    @long
    def test_qos2_comes_once_and_in_order_for_long(self):
        self.check(2, 10_000, 200)

    def test_mixed_qos_on_one_topic_keeps_the_order_of_each(self):
        subscribers = [self.client(node).subscribe(self.name("t")) for node in "bc"]
        publisher = self.client("a")
        publisher.finish([publisher.paho.publish(self.name("t"), b"%d" % number, number % 3)
                          for number in range(900)])
        for one in subscribers:
            got = one.wait_for(900)
            for qos in (0, 1, 2):
                self.assertEqual([int(each.payload) for each in got if each.qos == qos], list(range(qos, 900, 3)))

    def test_topics_of_one_publisher_each_keep_their_order(self):
        subscriber = self.client("c").subscribe(self.name("#"))
        publisher = self.client("a")
        publisher.finish([one for number in range(100) for topic in range(20)
                          for one in publisher.publish_numbers(self.name(f"{topic}"), [number], 1)])
        for topic in range(20):
            self.check_numbers(subscriber, self.name(f"{topic}"), 100)

    def test_slow_subscriber_at_another_node_loses_no_qos1(self):
        """It takes one message after the other, 2 MB in all, while a fast one beside it has them at once."""
        slow, fast = (self.client("c") for _ in range(2))
        slow.paho.max_inflight_messages_set(1)
        take = slow.paho.on_message

        def slowly(*arguments):
            time.sleep(0.002)
            take(*arguments)
        slow.paho.on_message = slowly
        for one in (slow, fast):
            one.subscribe((self.name("t"), 1))
        publisher = self.client("a")
        publisher.finish(publisher.publish_numbers(self.name("t"), range(1000), 1, 2000))
        for one in (fast, slow):
            self.check_numbers(one, self.name("t"), 1000)
