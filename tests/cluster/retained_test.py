"""Retained messages are the same on all nodes: from before the link, after partitions, restarts and crashes."""

import os
import shutil
import time

from clients import client
from cluster_case import cluster_test, until
from network_test import wire_base


class same_everywhere:
    """For tests of either kind of cluster."""

    def retained_at(self, node, count):
        """What a new subscriber gets, until it has so many or nothing more comes; payloads by topic."""
        one = self.client(node).subscribe(self.name("#"))
        begin = time.monotonic()
        until(lambda: len(one.messages) >= count or
              time.monotonic() - max([begin, *one.arrivals[-1:]]) > 1, 60, "an end of what is retained")
        got = {message.topic.removeprefix(self.name() + "/"): message.payload for message in list(one.messages)}
        one.close()
        self.clients.remove(one)
        return got

    def check_retained(self, nodes, expected, within=20):
        for node in nodes:
            last = {}

            def is_there():
                last.clear()
                last.update(self.retained_at(node, len(expected)))
                return last == expected
            until(is_there, within, lambda: f"{node} has what is retained: {len(last)} of {len(expected)}, e.g. "
                  f"{sorted(set(last.items()) ^ set(expected.items()))[:5]}\n{self.cluster[node].log()[-1500:]}")

    def set(self, node, topic, payload, qos=1, **values):
        one = self.client(node).publish(self.name(topic), payload, qos, retain=True, **values)
        one.disconnect()
        self.clients.remove(one)


class late_links(same_everywhere, cluster_test):
    def test_what_was_retained_before_the_link_is_on_both_sides(self):
        self.make("ab", start=False)
        self.cluster["a"].start()
        for number in range(20):
            self.set("a", f"a{number}", b"%d" % number, number % 3)
        self.cluster["b"].start()
        self.set("b", "b", b"of b")
        self.cluster.wait_for_links()
        self.check_retained("ab", {**{f"a{number}": b"%d" % number for number in range(20)}, "b": b"of b"})

    def test_subscribers_do_not_get_it_as_a_live_message(self):
        self.make("ab", start=False)
        self.cluster["a"].start()
        self.set("a", "t", b"old")
        self.cluster["b"].start()
        one = self.client("b").subscribe(self.name("#"))
        self.cluster.wait_for_links()
        self.check_retained("ab", {"t": b"old"})
        one_more = self.client("b").subscribe(self.name("#"))
        one_more.wait_for(1)
        self.assertTrue(one_more.messages[0].retain)
        # The first one subscribed when nothing was there, or when it was: then it is a retained message.
        self.assertTrue(all(message.retain for message in one.messages))

    def test_node_with_an_empty_data_directory_gets_everything(self):
        self.make("abc", data=True)
        for number in range(30):
            self.set("abc"[number % 3], f"t{number}", b"%d" % number)
        expected = {f"t{number}": b"%d" % number for number in range(30)}
        self.cluster["c"].terminate()
        shutil.rmtree(os.path.join(self.cluster["c"].directory, "data"))
        os.mkdir(os.path.join(self.cluster["c"].directory, "data"))
        self.cluster["c"].start()
        self.cluster.wait_for_links()
        self.check_retained("abc", expected)

    def test_cleared_while_the_other_node_is_away_stays_cleared(self):
        self.make("ab", data=True)
        self.set("a", "gone", b"1")
        self.set("a", "stays", b"2")
        self.check_retained("ab", {"gone": b"1", "stays": b"2"})
        self.cluster["b"].kill()
        self.set("a", "gone", b"")
        self.cluster["a"].terminate()  # what was cleared is known from the disk
        self.cluster.start("b", "a")
        self.check_retained("ab", {"stays": b"2"})

    def test_changed_while_the_other_node_is_away_is_changed_there(self):
        self.make("ab", data=True)
        self.set("a", "t", b"old")
        self.check_retained("ab", {"t": b"old"})
        self.cluster["b"].terminate()
        self.set("a", "t", b"new")
        self.cluster.start("b")
        self.check_retained("ab", {"t": b"new"})

    def test_expiry_goes_on_at_the_node_that_gets_it_later(self):
        self.make("ab", start=False)
        self.cluster["a"].start()
        self.set("a", "t", b"x", MessageExpiryInterval=1000)
        time.sleep(1.1)
        self.cluster["b"].start()
        self.cluster.wait_for_links()
        self.check_retained("ab", {"t": b"x"})
        one = self.client("b").subscribe(self.name("t"))
        self.assertLess(one.wait_for(1)[0].properties.MessageExpiryInterval, 1000)

    def test_node_that_was_killed_while_it_got_10000_has_them_all_after_its_return(self):
        self.make("ab", start=False, data=True)
        self.cluster["a"].start()
        publisher = self.client("a", window=1000)
        client.finish([publisher.paho.publish(self.name(f"t{number}"), b"%d" % number, 1, True)
                       for number in range(10_000)])
        expected = {f"t{number}": b"%d" % number for number in range(10_000)}
        self.cluster["b"].start()
        self.cluster.wait_for_links()
        self.cluster["b"].kill()
        self.cluster["b"].start()
        self.cluster.wait_for_links()
        until(lambda: len(self.retained_at("b", 100)) >= 100, 20, "b has some of it")
        self.cluster["b"].kill()
        self.cluster.start("b")
        self.check_retained("b", expected, 60)
        # It is on the disk of b.
        self.cluster["a"].kill()
        self.cluster["b"].kill()
        self.cluster["b"].start()
        self.check_retained("b", expected, 60)


class partitions(same_everywhere, wire_base):
    def test_later_change_of_two_sides_holds_everywhere(self):
        self.make("abc")
        self.set("a", "t", b"before")
        self.check_retained("abc", {"t": b"before"})
        self.links_break("ac", "bc")
        self.set("c", "t", b"first")
        self.set("a", "u", b"first")
        time.sleep(0.1)  # of the calendar, which the stamps follow
        self.set("b", "t", b"second")
        self.set("c", "u", b"second")
        self.links_heal()
        self.check_retained("abc", {"t": b"second", "u": b"second"})

    def test_cleared_on_one_side_and_set_earlier_on_the_other_stays_cleared(self):
        self.make("ab")
        self.set("a", "t", b"x")
        self.set("a", "stays", b"x")
        self.check_retained("ab", {"t": b"x", "stays": b"x"})
        self.links_break("ab")
        self.set("b", "t", b"y")
        time.sleep(0.1)
        self.set("a", "t", b"")
        self.links_heal()
        self.check_retained("ab", {"stays": b"x"})

    def test_many_changes_on_both_sides_end_alike(self):
        self.make("abc", data=True)
        expected = {}
        for name, sides in (("before", "abc"), ("meanwhile", "abc")):
            if name == "meanwhile":
                self.links_break("ab", "bc", "ac")
            for number in range(200):
                side = sides[number % 3]
                own = f"{number % 100}"
                self.set(side, own, b"%s %d" % (name.encode(), number), number % 2)
                expected[own] = b"%s %d" % (name.encode(), number)
            time.sleep(0.1)
        self.links_heal()
        self.check_retained("abc", expected, 40)
