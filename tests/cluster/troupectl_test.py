"""troupectl cluster: what it says of the nodes, and nodes that join and leave while they run."""

import json
import os
import pathlib
import subprocess

from clients import traffic
from cluster_case import TIMEOUT, cluster_test, until
from nodes import ROOT

BROKER = os.environ.get("TROUPE_BIN", str(ROOT / "build/release/bin/troupe"))
TROUPECTL = pathlib.Path(BROKER).with_name("troupectl")


class troupectl_base(cluster_test):
    def run_cluster(self, node, *arguments):
        return subprocess.run([TROUPECTL, "cluster", *arguments, "--data-dir", "data"], capture_output=True, text=True,
                              cwd=self.cluster[node].directory, timeout=TIMEOUT)

    def ask(self, node, *arguments):
        """What it prints when all goes well."""
        done = self.run_cluster(node, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def fails(self, node, *arguments):
        """The one line that it says about what went wrong."""
        done = self.run_cluster(node, *arguments)
        self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (1, "", 1), done)
        return done.stderr

    def status(self, node, *command):
        return json.loads(self.ask(node, *(command or ["status"]), "--json"))

    def member(self, node, of):
        return next(one for one in self.status(node)["members"] if one["name"] == of)

    def states(self, node):
        return {one["name"]: one["state"] for one in self.status(node)["members"]}

    def wait_for_states(self, node, **states):
        until(lambda: self.states(node) == states, TIMEOUT, lambda: f"{states} at {node}, but {self.states(node)}")

    def check_traffic(self, names):
        """Each of these to each other one and to itself, and to no other node."""
        topic = self.name("t")
        subscribers = {one.name: self.client(one).subscribe(topic) for one in self.cluster}
        publishers = [self.client(name) for name in names]
        for publisher in publishers:
            for name in names:
                self.wait_for_route(publisher, subscribers[name], topic)
        for publisher in publishers:
            publisher.publish(topic, publisher.node.name.encode(), 2)

        def got(name):
            return sorted(one.decode() for one in subscribers[name].payloads() if not one.startswith(b"probe"))
        for name in names:
            until(lambda: len(got(name)) >= len(names), TIMEOUT, lambda: f"{names} at {name}, but {got(name)}")
        self.quiet(*subscribers.values())
        for name, one in subscribers.items():
            if name not in names:
                self.assertEqual(one.messages, [], name)
            else:
                self.assertEqual(got(name), sorted(names), name)
            one.disconnect()


class status(troupectl_base):
    def test_it_names_all_nodes_and_what_went_over_the_links(self):
        self.make("abc", data=True)
        subscriber = self.client("b").subscribe(self.name("t"), self.name("other/#"))
        publisher = self.client("a")
        for _ in range(3):
            publisher.publish(self.name("t"), b"x", 1)
        subscriber.wait_for(3)
        # b says only now and then what it has handled.
        until(lambda: self.member("a", "b")["link"]["unhandled_bytes"] == 0, 10, "b has handled everything")
        found = self.status("a")
        self.assertEqual((found["node"], found["left"]), ("a", False))
        itself, at_b, at_c = found["members"]
        for one in found["members"]:
            self.assertEqual((one.pop("client_address"), one.pop("draining")), ("", False))
            self.assertRegex(one.pop("since"), r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(itself, {"name": "a", "state": "self", "address": self.cluster["a"].address, "incarnation": 1,
                                  "link": None})
        self.assertEqual(at_b, {"name": "b", "state": "linked", "address": self.cluster["b"].address, "incarnation": 1,
                                "link": {"routes": 2, "messages_forwarded": 3, "messages_received": 0,
                                         "messages_dropped": 0, "unhandled_bytes": 0}})
        self.assertEqual(at_c["link"]["routes"], 0)
        self.assertEqual(at_c["link"]["messages_forwarded"], 0)
        self.assertEqual(self.member("b", "a")["link"]["messages_received"], 3)
        table = self.ask("a", "status").splitlines()
        self.assertEqual(table[0], "node a: 2 other members, 2 linked")
        self.assertEqual([line.split()[:2] for line in table[2:]],
                         [["NODE", "STATE"], ["a", "self"], ["b", "linked"], ["c", "linked"]])

    def test_node_that_is_gone_is_unlinked_then_dead_and_linked_in_its_next_life(self):
        self.make("ab", data=True, options=("cluster.dead-after=2s",))
        self.cluster["b"].kill()
        self.wait_for_states("a", a="self", b="unlinked")
        self.wait_for_states("a", a="self", b="dead")
        self.cluster.start("b")
        self.wait_for_states("a", a="self", b="linked")
        self.assertEqual(self.member("a", "b")["incarnation"], 2)

    def test_what_cannot_be_answered_is_told_in_a_sentence(self):
        self.make("ab", data=True)
        for address in ("b", "b:x", "b:0", "b:99999", ":1", "x" * 300 + ":1"):
            self.assertTrue(self.fails("a", "join", address))
        self.assertEqual(self.run_cluster("a", "what").returncode, 2)
        self.cluster["a"].terminate()
        self.assertIn("no broker runs on data", self.fails("a", "status"))
        self.cluster["a"].options.append("cluster.listen=")
        self.cluster["a"].seeds.clear()
        self.cluster["a"].start()
        for command in ("status", "join", "leave"):
            self.assertIn("this node takes part in no cluster", self.fails("a", command))


class leaving_and_joining(troupectl_base):
    seconds = 10

    def test_node_that_leaves_goes_on_alone_until_it_joins_again(self):
        self.make("abc", data=True)
        self.check_traffic("abc")
        for turn in range(3):
            marks = {one.name: one.mark() for one in self.cluster}
            left = self.status("c", "leave")
            self.assertTrue(left["left"])
            self.assertEqual([one["state"] for one in left["members"]], ["unlinked", "unlinked", "self"])
            self.assertEqual([one["link"]["routes"] for one in left["members"][:2]], [0, 0])
            for name in "ab":
                self.cluster[name].says("event=node_left node=c", marks[name], within=5)
                self.wait_for_states(name, a="self" if name == "a" else "linked", b="self" if name == "b" else "linked",
                                     c="left")
                self.assertEqual(self.member(name, "c")["link"]["routes"], 0)
            self.assertIn("it has left the cluster", self.ask("c", "status"))
            self.check_traffic("ab")
            self.check_traffic("c")
            if turn == 0:
                self.quiet(seconds=3)
            for name in "abc":
                self.assertEqual(self.cluster[name].lines("event=node_up", marks[name]), [])

            self.assertFalse(self.status("c", "join")["left"])
            self.cluster.wait_for_links()
            self.wait_for_states("a", a="self", b="linked", c="linked")
            self.check_traffic("abc")

    def test_node_without_seeds_joins_at_run_time_and_finds_all(self):
        self.make("abc", data=True, start=False, seeds={"b": "a"})
        self.cluster.start("a", "b")
        self.cluster["c"].start()
        self.assertEqual(self.states("c"), {"c": "self"})
        self.ask("c", "join", self.cluster["b"].address)
        self.cluster.wait_for_links()
        self.check_traffic("abc")

    def test_address_that_is_joined_is_tried_until_somebody_is_there(self):
        self.make("ab", data=True, start=False, seeds={})
        self.cluster["a"].start()
        self.ask("a", "join", self.cluster["b"].address)
        self.cluster["a"].says("event=connect_failed")
        self.cluster["b"].start()
        self.cluster.wait_for_links()

    def test_node_that_was_frozen_meanwhile_is_told_later_that_one_has_left(self):
        self.make("abc", data=True, options=("cluster.missed-heartbeats=2",))
        self.cluster["b"].pause()
        self.cluster["a"].says("event=node_down node=b")
        self.ask("c", "leave")
        self.wait_for_states("a", a="self", b="unlinked", c="left")
        self.cluster["b"].resume()
        self.wait_for_states("b", a="linked", b="self", c="left")
        mark = self.cluster["b"].mark()
        self.quiet(seconds=3)
        self.assertEqual(self.cluster["b"].lines("event=node_up", mark), [])
        self.check_traffic("ab")
        self.ask("c", "join")
        self.cluster.wait_for_links()
        self.check_traffic("abc")

    def test_node_that_has_left_takes_part_again_when_it_is_started_again(self):
        self.make("ab", data=True)
        self.ask("b", "leave")
        self.cluster["b"].terminate()
        self.cluster.start("b")
        self.check_traffic("ab")

    def test_nothing_is_kept_for_a_node_that_has_left_nor_for_those_it_left(self):
        self.make("ab", data=True)
        durable = {node: self.client(node, f"lasting-{node}", session_expiry=300).subscribe((self.name("t"), 1))
                   for node in "ab"}
        publishers = {node: self.client(node) for node in "ab"}
        self.ask("b", "leave")
        self.wait_for_states("a", a="self", b="left")
        for node, publisher in publishers.items():
            publisher.publish(self.name("t"), f"alone at {node}".encode(), 1)
        self.ask("b", "join")
        self.cluster.wait_for_links()
        probes = {node: self.client(node).subscribe(self.name("probe")) for node in "ab"}
        self.wait_for_route(publishers["a"], probes["b"], self.name("probe"))
        self.wait_for_route(publishers["b"], probes["a"], self.name("probe"))
        for node, publisher in publishers.items():
            publisher.publish(self.name("t"), f"together from {node}".encode(), 1)
        for node, one in durable.items():
            one.wait_for(3)
            self.quiet(one)
            self.assertEqual(sorted(one.payloads()), sorted([f"alone at {node}".encode(), b"together from a",
                                                             b"together from b"]))

    def test_traffic_of_others_is_complete_while_a_node_leaves_and_joins_again_and_again(self):
        self.make("abc", data=True)
        self.client("c").subscribe(self.name("#"))
        subscribers = [self.client(node).subscribe(self.name("#")) for node in "ab"]
        load = [traffic(self.client(node), self.name(f"{node}{qos}"), qos) for node in "ab" for qos in (1, 2)]
        for _ in range(3):
            self.ask("c", "leave")
            self.wait_for_states("a", a="self", b="linked", c="left")
            self.ask("c", "join")
            self.cluster.wait_for_links()
        for one in load:
            count = one.end()
            for subscriber in subscribers:
                self.check_numbers(subscriber, one.topic, count)
        self.quiet(*subscribers)


class forgetting(troupectl_base):
    seconds = 10

    def make_with_a_dead_node(self):
        """c is dead, and a has messages for a session that it has. Returns their number."""
        self.make("abc", data=True, options=("cluster.dead-after=1s", "store.trim-interval=1s"))
        self.client("c", "lasting", session_expiry=300).subscribe((self.name("t"), 1)).disconnect()
        publisher = self.client("a")
        publisher.publish(self.name("t"), b"early", 1)
        until(lambda: self.member("a", "c")["link"]["unhandled_bytes"] == 0, 10, "c has it")
        self.cluster["c"].kill()
        self.wait_for_states("a", a="self", b="linked", c="dead")
        self.wait_for_states("b", a="linked", b="self", c="dead")
        publisher.finish(publisher.publish_numbers(self.name("t"), range(20), 1))

    def kept_messages(self, node):
        done = subprocess.run([TROUPECTL, "log", "status", "--json", "--data-dir", "data"], capture_output=True, text=True,
                              cwd=self.cluster[node].directory, timeout=TIMEOUT, check=True)
        return json.loads(done.stdout)["messages"]

    def test_dead_node_is_taken_out_on_all_nodes_and_nothing_is_kept_for_it_any_more(self):
        self.make_with_a_dead_node()
        self.assertGreaterEqual(self.kept_messages("a"), 20)
        mark = self.cluster["b"].mark()
        forgotten = self.status("a", "forget", "c")
        self.assertEqual({one["name"]: one["state"] for one in forgotten["members"]},
                         {"a": "self", "b": "linked", "c": "left"})
        self.cluster["a"].says("event=node_forgotten node=c")
        self.cluster["b"].says("event=node_left node=c", mark)
        self.wait_for_states("b", a="linked", b="self", c="left")
        until(lambda: self.kept_messages("a") == 0, TIMEOUT, lambda: f"a has {self.kept_messages('a')} messages still")
        self.ask("b", "forget", "c")  # it is already
        for one in "ab":
            self.cluster[one].kill()
        self.cluster.start("a", "b")
        self.wait_for_states("a", a="self", b="linked", c="left")
        self.wait_for_states("b", a="linked", b="self", c="left")

    def test_node_that_was_forgotten_comes_back_as_a_newcomer_with_what_it_has_itself(self):
        self.make_with_a_dead_node()
        self.ask("b", "forget", "c")
        self.wait_for_states("a", a="self", b="linked", c="left")
        marks = {name: self.cluster[name].mark() for name in "ab"}
        self.cluster.start("c")
        for name, mark in marks.items():
            self.cluster[name].says("event=node_joined node=c", mark)
        self.wait_for_states("a", a="self", b="linked", c="linked")
        self.wait_for_states("c", a="linked", b="linked", c="self")
        back = self.client("c", "lasting", clean=False, session_expiry=300)
        probe = self.client("c").subscribe(self.name("probe"))
        publisher = self.client("a")
        self.wait_for_route(publisher, probe, self.name("probe"))
        publisher.publish(self.name("t"), b"late", 1)
        until(lambda: b"late" in back.payloads(), TIMEOUT, "what comes now")
        self.assertEqual(back.payloads(), [b"early", b"late"])
        self.check_traffic("abc")

    def test_node_that_was_only_cut_off_joins_again_in_the_same_life(self):
        self.make("abc", data=True, options=("cluster.dead-after=1s", "cluster.missed-heartbeats=2"))
        self.cluster["c"].pause()
        self.wait_for_states("a", a="self", b="linked", c="dead")
        self.ask("a", "forget", "c")
        self.wait_for_states("b", a="linked", b="self", c="left")
        self.cluster["c"].resume()
        for one in "ab":
            until(lambda: self.states(one)["c"] == "linked", TIMEOUT, lambda: f"c is a member at {one}: {self.states(one)}")
        self.check_traffic("abc")

    def test_who_cannot_be_forgotten_is_told_in_a_sentence(self):
        self.make("abc", data=True)
        self.assertIn("a: that is the node that is asked", self.fails("a", "forget", "a"))
        self.assertIn("b: it is linked with this node or another one", self.fails("a", "forget", "b"))
        self.assertIn("x: no member has that name", self.fails("a", "forget", "x"))
        self.assertIn("that is no name of a node", self.fails("a", "forget", "x y"))
        self.assertEqual(self.run_cluster("a", "forget").returncode, 2)
        self.cluster["c"].kill()
        self.wait_for_states("a", a="self", b="linked", c="unlinked")
        self.assertIn("c: it is not dead yet", self.fails("a", "forget", "c"))


class figures(troupectl_base):
    def test_sys_topics_tell_of_the_cluster(self):
        self.make("abc", data=True, options=("sys.interval=1s",))
        watcher = self.client("a").subscribe("$SYS/broker/cluster/#")
        receiver = self.client("b").subscribe(self.name("t"))
        publisher = self.client("a")
        for _ in range(5):
            publisher.publish(self.name("t"), b"x", 1)
        receiver.wait_for(5)

        def last():
            root = "$SYS/broker/cluster/"
            return {one.topic.removeprefix(root): int(one.payload) for one in list(watcher.messages)
                    if not one.topic.startswith(root + "total/")}
        wanted = {"nodes/known": 2, "nodes/linked": 2, "messages/forwarded": 5, "messages/received": 0,
                  "messages/dropped": 0, "announcements/late": 0, "links/refused": 0, "inspections/refused": 0,
                  "retained/refused": 0, "retained/forgotten": 0}
        until(lambda: last() == wanted, TIMEOUT, lambda: f"{wanted}, but {last()}")
        self.cluster["c"].kill()
        until(lambda: (last()["nodes/known"], last()["nodes/linked"]) == (2, 1), TIMEOUT, "a node is gone")
        self.ask("b", "leave")
        until(lambda: (last()["nodes/known"], last()["nodes/linked"]) == (1, 0), TIMEOUT, "another one has left")

    def test_sys_topics_sum_up_the_cluster(self):
        self.make("abc", options=("sys.interval=1s",))
        for node in "abbccc":
            self.client(node).subscribe(self.name(node))
        watchers = [self.client(node).subscribe("$SYS/broker/cluster/total/#") for node in "abc"]

        def last(watcher, topic):
            root = "$SYS/broker/cluster/total/"
            return [one.payload for one in list(watcher.messages) if one.topic == root + topic][-1:]
        for watcher in watchers:
            for topic, value in (("nodes", b"3"), ("clients/connected", b"9")):
                until(lambda: last(watcher, topic) == [value], TIMEOUT, lambda: f"{topic}: {last(watcher, topic)}")
        self.cluster["c"].kill()
        until(lambda: last(watchers[0], "nodes") == [b"2"], TIMEOUT, "a node is gone")
        self.assertEqual(last(watchers[0], "clients/connected"), [b"5"])
