"""Nodes that come, go, crash and come back, and some that are not welcome."""

import threading

from clients import traffic
from cluster_case import cluster_test, long, until
from node import steady_port


class joining(cluster_test):
    seconds = 6

    def test_one_seed_is_enough_to_find_all(self):
        self.make("abcde", seeds={"b": "a", "c": "b", "d": "c", "e": "d"})
        subscribers = [self.client(node).subscribe(self.name("t")) for node in "abcde"]
        for node in "abcde":
            self.client(node).publish(self.name("t"), node, 1)
        for one in subscribers:
            self.assertEqual(sorted(one.wait_for(5) and one.payloads()), [b"a", b"b", b"c", b"d", b"e"])
        self.quiet(*subscribers)

    def test_seed_that_is_not_there_yet_is_tried_again(self):
        self.make("ab", start=False, seeds={"b": "a"})
        self.cluster.start("b")
        self.cluster["b"].says("event=connect_failed")
        self.cluster.start("a")

    def test_own_address_among_the_seeds_does_no_harm(self):
        self.make("ab", start=False)
        one = self.cluster["a"]
        port = one.address.rsplit(":", 1)[1]
        one.seeds += [one.address, f"localhost:{port}"]
        self.cluster.start()
        self.client("b").subscribe(self.name("t"))
        self.assertEqual(len(one.lines("event=node_up")), 1)
        self.assertEqual(one.lines("event=node_(up|joined) node=a"), [])

    def test_seed_without_a_host_of_that_name_does_no_harm(self):
        self.make("ab", start=False)
        self.cluster["a"].seeds.insert(0, "no-such-host.invalid:1")
        self.cluster.start()

    def test_nodes_whose_seeds_are_all_away_find_each_other_after_a_restart(self):
        self.make("abcd", data=True, seeds={"b": "a", "c": "a", "d": "a"})
        for stop in ("kill", "terminate"):
            for one in self.cluster:
                getattr(one, stop)()
            self.cluster.start("b", "c", "d")
            self.cluster["a"].start()  # and it has no seeds at all
            self.cluster.wait_for_links()

    def test_node_that_has_moved_is_found_by_those_who_remember_it_elsewhere(self):
        self.make("ab", data=True, seeds={"b": "a"})
        for one in self.cluster:
            one.terminate()
        moved = self.cluster["a"]
        moved.address = f"127.0.0.1:{steady_port()}"
        self.cluster["b"].seeds.clear()
        self.cluster.start("b", "a")

    def test_later_node_learns_all_routes_with_the_link(self):
        self.make("abc", start=False)
        self.cluster.start("a", "b")
        filters = [self.name(f"{number}/+") for number in range(3000)]
        subscriber = self.client("a")
        for first in range(0, len(filters), 500):
            subscriber.subscribe(*((one, 1) for one in filters[first:first + 500]))
        self.client("b").subscribe((self.name("b"), 0))
        self.cluster.start("c")
        publisher = self.client("c")
        self.wait_for_route(publisher, subscriber, self.name("2999/x"))
        publisher.finish([publisher.paho.publish(self.name(f"{n}/x"), b"%d" % n, 1) for n in range(3000)])
        subscriber.wait_for(3000)
        self.assertEqual(sorted(int(one.payload) for one in subscriber.messages), list(range(3000)))

    def test_subscriptions_made_while_a_node_joins_are_known_there(self):
        """Changes while the snapshot is on its way."""
        self.make("ab", start=False)
        self.cluster.start("a")
        subscriber = self.client("a").subscribe(self.name("probe"))
        for first in range(0, 3000, 500):
            subscriber.subscribe(*((self.name(f"old/{n}"), 1) for n in range(first, first + 500)))
        self.cluster["b"].spawn()
        made, ending = [], threading.Event()

        def go_on():
            while not ending.is_set():
                subscriber.subscribe((self.name(f"new/{len(made)}"), 1))
                if len(made) % 2:
                    subscriber.unsubscribe(self.name(f"old/{len(made)}"))
                made.append(len(made))
        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            self.cluster.wait_for_links("a", "b")
            until(self.cluster["b"].serves, 10, "b serves")
            publisher = self.client("b")
            while not subscriber.payloads():
                publisher.publish(self.name("probe"), b"x")
        finally:
            ending.set()
            thread.join()
        self.wait_for_route(publisher, subscriber, self.name("probe"))
        expected = [self.name(f"new/{n}") for n in made]
        expected += [self.name(f"old/{n}") for n in range(3000) if not (n % 2 and n < len(made))]
        publisher.finish([publisher.paho.publish(self.name(f"{kind}/{n}"), b"x", 1)
                          for kind in ("new", "old") for n in range(max(3000, len(made)))])
        subscriber.wait_for(len(expected))
        self.quiet(subscriber)
        self.assertEqual(sorted(one.topic for one in subscriber.messages), sorted(expected))

    def test_all_at_once_end_in_one_mesh_where_each_knows_the_routes_of_each(self):
        self.make("abcde", start=False)
        for turn in range(5):
            self.cluster.start_at_once()
            subscribers = [self.client(one).subscribe(self.name(f"{turn}")) for one in self.cluster]
            for one in self.cluster:
                self.client(one).publish(self.name(f"{turn}"), one.name, 1)
            for one in subscribers:
                one.wait_for(5)
            for one in self.cluster:
                one.kill()


class leaving(cluster_test):
    seconds = 10

    def check_traffic(self):
        """Each node to each other."""
        nodes = [one for one in self.cluster if one.alive()]
        for target in nodes:
            for source in nodes:
                if source is not target:
                    topic = self.name(f"{source.name}-to-{target.name}")
                    subscriber = self.client(target).subscribe(topic)
                    self.client(source).publish(topic, b"x", 1)
                    subscriber.wait_for(1)

    def test_sigterm_is_noticed_at_once_and_the_node_may_return(self):
        for data in (False, True):
            self.make("abc", data=data)
            for _ in range(2):
                marks = {name: self.cluster[name].mark() for name in "ab"}
                self.cluster["c"].terminate()
                for name in "ab":
                    self.cluster[name].says("event=node_down node=c", marks[name], within=5)
                self.check_traffic()
                self.cluster.start("c")
                self.check_traffic()
            self.assertEqual([line for one in self.cluster for line in one.lines("link_refused", 0)], [])

    def test_kill_is_noticed_at_once_and_what_changed_meanwhile_is_known_after_the_return(self):
        for data in (False, True):
            self.make("abc", data=data)
            staying, going = (self.client("a") for _ in range(2))
            staying.subscribe(self.name("staying"))
            going.subscribe(self.name("going"))
            marks = {name: self.cluster[name].mark() for name in "ab"}
            self.cluster["c"].kill()
            for name in "ab":
                self.cluster[name].says("event=node_down node=c", marks[name], within=5)
            going.unsubscribe(self.name("going"))
            late = self.client("b").subscribe(self.name("late/+"))
            self.cluster.start("c")
            publisher = self.client("c")
            self.wait_for_route(publisher, staying, self.name("staying"))
            self.wait_for_route(publisher, late, self.name("late/x"))
            for topic in ("going", "staying", "late/y"):
                publisher.publish(self.name(topic), b"x", 2)
            staying.wait_for(1)
            late.wait_for(1)
            self.quiet(staying, going, late)
            self.assertEqual((len(staying.messages), len(late.messages), len(going.messages)), (1, 1, 0))

    def test_traffic_of_others_is_complete_while_a_node_is_killed_and_returns_again_and_again(self):
        self.make("abc")
        self.client("c").subscribe(self.name("#"))
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "ab"]
        load = [traffic(self.client(node), self.name(f"{node}{qos}"), qos) for node in "ab" for qos in (1, 2)]
        for _ in range(4):
            self.cluster["c"].kill()
            self.cluster.start("c")
            self.client("c").subscribe(self.name("#"))
        for one in load:
            count = one.end()
            for subscriber in subscribers:
                self.check_numbers(subscriber, one.topic, count)
        self.quiet(*subscribers)

    def test_session_in_the_data_directory_wants_its_messages_again_after_a_kill(self):
        self.make("ab", data=True)
        self.client("b", "lasting", session_expiry=300).subscribe((self.name("t"), 1)).disconnect()
        publisher = self.client("a")
        publisher.finish(publisher.publish_numbers(self.name("t"), range(100), 1))
        probe = self.client("b").subscribe(self.name("probe"))
        self.wait_for_route(publisher, probe, self.name("probe"))  # what came before is at b
        self.cluster["b"].kill()
        self.cluster.start("b")
        probe = self.client("b").subscribe(self.name("probe"))
        self.wait_for_route(publisher, probe, self.name("probe"))
        publisher.finish(publisher.publish_numbers(self.name("t"), range(100, 200), 1))
        back = self.client("b", "lasting", clean=False, session_expiry=300)
        back.wait_for_numbers(self.name("t"), 200)
        self.assertEqual(sorted(set(back.numbers(self.name("t")))), list(range(200)))

    def test_node_that_returns_does_not_pass_on_what_it_had_from_others(self):
        self.make(data=True)
        for node in "ab":
            self.client(node, f"lasting at {node}", session_expiry=1000).subscribe(self.name("t"))
        publisher = self.client("c")
        publisher.finish(publisher.publish_numbers(self.name("t"), range(20), 1))
        at_b = self.clients[1]
        at_b.wait_for(20)
        for end in (self.cluster["a"].terminate, self.cluster["a"].kill):
            end()
            self.cluster["a"].start()
            self.cluster.wait_for_links()
            self.client("a").publish(self.name("t"), b"20", 1)
            at_b.wait_for(21)
            self.quiet(at_b)
            at_b.messages.pop()
        self.check_numbers(at_b, self.name("t"), 20)

    def test_all_terminated_at_once_end_in_time(self):
        self.make("abc")
        for one in self.cluster:
            self.client(one).subscribe(self.name("#"))
        for one in self.cluster:
            one.process.terminate()
        for one in self.cluster:
            self.assertEqual(one.process.wait(10), 0)

    def test_node_that_is_ended_hands_on_what_it_has_accepted(self):
        self.make("ab", options=("cluster.credit=65536", "cluster.missed-heartbeats=20"))
        subscriber = self.client("b").subscribe((self.name("t"), 1))
        publisher = self.client("a")
        mark = self.cluster["a"].mark()
        self.cluster["b"].pause()
        # More than the link takes: the rest waits in the node.
        publisher.finish(publisher.publish_numbers(self.name("t"), range(300), 1, filling=1000))
        self.cluster["a"].process.terminate()
        self.cluster["b"].resume()
        self.assertEqual(self.cluster["a"].process.wait(10), 0)
        self.assertEqual(self.cluster["a"].lines("shutdown_incomplete", mark), [])
        self.check_numbers(subscriber, self.name("t"), 300)

    def test_node_without_its_secret_ends_and_says_why(self):
        self.make("a", start=False, data=True)
        one = self.cluster["a"]
        one.options += ["cluster.secret=", "cluster.secret-file=missing"]
        one.spawn()
        self.assertNotEqual(one.process.wait(10), 0)
        one.says("cannot read a secret from missing")

    @long
    def test_rolling_restarts_with_traffic_between_the_others(self):
        self.make("abcd")
        for turn in range(8):
            down = self.cluster["abcd"[turn % 4]]
            up = [one for one in self.cluster if one is not down]
            topic = self.name(f"{turn}")
            subscribers = [self.client(one).subscribe(topic) for one in up]
            load = traffic(self.client(up[0]), topic, 2)
            (down.kill if turn % 2 else down.terminate)()
            self.cluster.start(down.name)
            count = load.end()
            for one in subscribers:
                self.check_numbers(one, topic, count)
                one.close()


class unwelcome(cluster_test):
    seconds = 8

    def check_unharmed(self, marks):
        for name, mark in marks.items():
            self.assertEqual(self.cluster[name].lines("event=node_(up|down|dead)", mark), [], f"links of {name}")
        subscribers = [self.client(node).subscribe(self.name("t")) for node in marks]
        self.client("a").publish(self.name("t"), b"x", 2)
        for one in subscribers:
            one.wait_for(1)
        self.quiet(*subscribers)
        self.assertEqual([len(one.messages) for one in subscribers], [1] * len(subscribers))

    def marks(self):
        return {one.name: one.mark() for one in self.cluster}

    def test_second_node_of_a_name_is_refused_by_its_namesake(self):
        self.make("ab")
        marks = self.marks()
        second = self.cluster.intruder("a", "a")
        second.says('event=link_refused .*name')
        self.check_unharmed(marks)
        self.assertEqual(second.links(), set())

    def test_second_node_of_a_name_is_refused_by_others(self):
        self.make("abc")
        marks = self.marks()
        second = self.cluster.intruder("a", "bc")
        second.says('event=link_refused .*another node has that name')
        self.cluster["b"].says('event=link_refused .*another node has that name', marks["b"])
        self.check_unharmed(marks)
        self.assertEqual(second.links(), set())

    def test_refused_namesake_does_not_fill_the_log(self):
        self.make("ab")
        marks = self.marks()
        second = self.cluster.intruder("a", "b")
        second.says('event=link_refused')
        self.quiet(seconds=5)
        self.assertLess(len(self.cluster["b"].lines("link_refused", marks["b"])), 12)

    def test_two_of_a_name_at_once_leave_one_and_peace(self):
        self.make("bc", start=False)
        self.cluster.start("b", "c")
        pair = [self.cluster.intruder("a", seed) for seed in "bc"]
        until(lambda: sum(one.links() == {"b", "c"} for one in pair) == 1, 20, lambda: "one has links with both\n" +
              self.cluster.log())
        marks = self.marks()
        self.quiet(seconds=6)
        for name, mark in marks.items():
            self.assertEqual(self.cluster[name].lines("event=node_(up|down)", mark), [])
        self.assertEqual(sorted(len(one.links()) for one in pair), [0, 2])

    def test_name_is_free_again_when_its_node_has_gone(self):
        self.make("abc")
        self.cluster["a"].terminate()
        second = self.cluster.intruder("a", "b")
        until(lambda: second.links() == {"b", "c"}, 20, lambda: "the new a has links\n" + second.log())

    def test_wrong_secret_is_refused(self):
        self.make("ab")
        for number, secret in enumerate(("0123456789abcdeX", "0123456789abcdef0")):
            marks = self.marks()
            stranger = self.cluster.intruder(f"stranger{number}", "a", f"cluster.secret={secret}")
            self.cluster["a"].says("event=link_refused .*secret", marks["a"])
            stranger.says("event=link_refused .*secret")
            self.check_unharmed(marks)
            self.assertEqual(stranger.links(), set())
        self.assertEqual(self.cluster["a"].lines("stranger"), [])

    def test_member_that_comes_back_with_another_secret_is_refused(self):
        self.make("ab")
        self.cluster["b"].terminate()
        self.cluster["b"].options.append("cluster.secret=another-secret-here")
        mark = self.cluster["a"].mark()
        self.cluster["b"].start()
        self.cluster["a"].says("event=link_refused .*secret", mark)
        self.assertEqual(self.cluster["b"].links(), set())
