"""Who gets what of whom: routes are there when SUBACK comes, and only as long as somebody subscribes."""

import threading
import time

from clients import V311, V5
from cluster_case import cluster_test, until

PAYLOAD = bytes(1000)


class suback(cluster_test):
    """Whoever has got SUBACK misses nothing that is published anywhere after it."""

    shared = True
    seconds = 8

    def check(self, qos, filter_of, topic_of, version=V5):
        subscriber = self.client("b", version=version)
        publishers = [self.client(node) for node in "ac"]
        for number in range(200):
            subscriber.subscribe((filter_of(number), qos))
            publishers[number % 2].publish(topic_of(number), b"%d" % number, qos)
        subscriber.wait_for(200)
        self.assertEqual(sorted(int(one.payload) for one in subscriber.messages), list(range(200)))

    def test_exact_filter_is_known_at_every_node_200_times(self):
        self.check(1, lambda n: self.name(f"{n}"), lambda n: self.name(f"{n}"))

    def test_exact_filter_of_qos0_is_known_at_every_node_200_times(self):
        self.check(0, lambda n: self.name(f"{n}"), lambda n: self.name(f"{n}"))

    def test_wildcard_filter_is_known_at_every_node_200_times(self):
        self.check(2, lambda n: self.name(f"{n}/+/#"), lambda n: self.name(f"{n}/x/y"), V311)

    def test_first_qos1_subscription_beside_qos0_ones_is_known_at_every_node(self):
        low, high = self.client("b"), self.client("b")
        publishers = [self.client(node) for node in "ac"]
        for number in range(100):
            topic = self.name(f"{number}")
            low.subscribe((topic, 0))
            high.subscribe((topic, 1))
            publishers[number % 2].publish(topic, b"x", 1)
        self.assertEqual({one.qos for one in high.wait_for(100)}, {1})
        self.assertEqual({one.qos for one in low.wait_for(100)}, {0})

    def test_qos0_subscription_still_gets_everything_when_the_qos1_one_beside_it_goes(self):
        low, high = self.client("b").subscribe((self.name("t"), 0)), self.client("b").subscribe((self.name("t"), 1))
        publisher = self.client("a")
        publisher.publish(self.name("t"), b"0", 1)
        high.wait_for(1)
        high.unsubscribe(self.name("t"))
        for number in range(1, 50):
            publisher.publish(self.name("t"), b"%d" % number, 1)
        self.check_numbers(low, self.name("t"), 50)
        self.assertEqual(len(high.messages), 1)

    def test_many_subscribe_at_once(self):
        """20 clients at each node subscribe side by side; what is published at SUBACK arrives."""
        publishers = {node: self.client(node) for node in "abc"}
        wrong = []

        def one_client(node, number):
            try:
                one = self.client(node)
                for turn in range(10):
                    topic = self.name(f"{node}/{number}/{turn}")
                    one.subscribe((topic, 1))
                    for publisher in publishers.values():
                        publisher.publish(topic, publisher.node.name, 1)
                    one.wait_for(3 * (turn + 1))
            except AssertionError as error:
                wrong.append(str(error))
        threads = [threading.Thread(target=one_client, args=(node, number)) for node in "abc" for number in range(7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_repeated_subscribe_and_unsubscribe_ends_as_the_last_said(self):
        subscriber, publisher = self.client("b"), self.client("a")
        topic = self.name("t")
        for turn in range(50):
            subscriber.subscribe((topic, turn % 3))
            subscriber.unsubscribe(topic)
            subscriber.subscribe((topic, 1))
            publisher.publish(topic, b"%d" % turn, 1)
            subscriber.wait_for_numbers(topic, turn + 1)
            subscriber.unsubscribe(topic)
        publisher.publish(topic, b"late", 1)
        self.quiet(subscriber)

    def test_ten_thousand_filters_in_one_go(self):
        subscriber = self.client("b")
        for first in range(0, 10_000, 500):
            subscriber.subscribe(*((self.name(f"{n}"), 1) for n in range(first, first + 500)))
        publisher = self.client("a")
        publisher.finish([publisher.paho.publish(self.name(f"{n}"), b"%d" % n, 1) for n in range(10_000)])
        subscriber.wait_for(10_000, 60)
        self.assertEqual(sorted(int(one.payload) for one in subscriber.messages), list(range(10_000)))


class traffic_goes_only_where_it_is_wanted(cluster_test):
    """Measured in bytes on the wire between two nodes: heartbeats, gossip and acknowledgements are some kilobytes."""

    shared = True
    network = True
    seconds = 5

    def sent(self, source, target, action):
        between = self.cluster.numbers(source, target)
        before = self.cluster.network.sent(*between)
        action()
        return self.cluster.network.sent(*between) - before

    def publish_200(self, topic, watcher=None, qos=1):
        """200 kB; they have been routed when the watcher, a client of another node, has them."""
        publisher = self.client("a")
        before = len(watcher.messages) if watcher else 0
        publisher.finish([publisher.paho.publish(topic, PAYLOAD, qos) for _ in range(200)])
        if watcher:
            watcher.wait_for(before + 200)

    def test_node_without_a_match_gets_nothing_of_it(self):
        watcher = self.client("b").subscribe(self.name("wanted"))
        self.client("c").subscribe(self.name("other"), self.name("wanted/not"), self.name("+/+"))
        for qos in (0, 1, 2):
            spent = self.sent("a", "c", lambda: self.publish_200(self.name("wanted"), watcher, qos))
            self.assertLess(spent, 30_000)

    def test_node_with_a_match_gets_one_copy_for_all_its_subscribers(self):
        watchers = [self.client("b").subscribe(self.name("t"), self.name("#")) for _ in range(5)]
        spent = self.sent("a", "b", lambda: self.publish_200(self.name("t"), watchers[0]))
        self.assertGreater(spent, 200_000)
        self.assertLess(spent, 300_000)

    def test_nothing_comes_back_and_nothing_is_passed_on(self):
        watchers = [self.client(node).subscribe(self.name("t")) for node in "abc"]

        def publish():
            self.publish_200(self.name("t"), watchers[1])
            for one in watchers:
                one.wait_for(200)
        for way in ("ba", "bc", "cb", "ca"):
            self.assertLess(self.sent(*way, publish), 50_000, way)
            for one in watchers:
                one.forget()

    def test_unsubscribe_withdraws_the_route(self):
        leaving = self.client("c").subscribe(self.name("t"))
        watcher = self.client("b").subscribe(self.name("t"))
        self.publish_200(self.name("t"), watcher)
        leaving.wait_for(200)
        leaving.unsubscribe(self.name("t"))
        self.wait_until_nothing_goes_to_c(watcher)

    def test_end_of_a_clean_session_withdraws_its_routes(self):
        leaving = self.client("c").subscribe(self.name("t"), self.name("+"))
        watcher = self.client("b").subscribe(self.name("t"))
        self.publish_200(self.name("t"), watcher)
        leaving.disconnect()
        self.wait_until_nothing_goes_to_c(watcher)

    def test_session_that_follows_its_client_withdraws_its_routes(self):
        self.client("c", "follower", session_expiry=100).subscribe(self.name("t"), self.name("+")).disconnect()
        watcher = self.client("b", "follower", clean=False, session_expiry=100)
        self.publish_200(self.name("t"), watcher)
        self.wait_until_nothing_goes_to_c(watcher)

    def test_route_stays_as_long_as_somebody_wants_it(self):
        leaving, staying = (self.client("c").subscribe(self.name("t")) for _ in range(2))
        watcher = self.client("b").subscribe(self.name("t"))
        leaving.unsubscribe(self.name("t"))
        self.publish_200(self.name("t"), watcher)
        staying.wait_for(200)

    def wait_until_nothing_goes_to_c(self, watcher):
        until(lambda: self.sent("a", "c", lambda: self.publish_200(self.name("t"), watcher)) < 30_000, 10,
              "messages no longer go where nobody wants them")

    def test_routes_of_an_earlier_life_are_gone(self):
        watcher = self.client("b").subscribe(self.name("t"))
        self.client("c").subscribe(self.name("t"), self.name("+"))
        self.cluster["c"].kill()
        self.cluster.start("c")
        self.wait_until_nothing_goes_to_c(watcher)

    def test_idle_links_cost_next_to_nothing(self):
        spent = self.sent("a", "b", lambda: time.sleep(3))
        self.assertLess(spent, 20_000)
