"""A node that is drained: its clients go to others, and nodes are exchanged one by one."""

import concurrent.futures
import threading
import time

import wire
from clients import V311, client
from cluster_case import TIMEOUT, until
from rolling_load import load
from troupectl_test import troupectl_base

USE_ANOTHER_SERVER = 0x9C
SERVER_MOVED = 0x9D
SERVER_UNAVAILABLE_V3 = 3
FOREVER = 0xFFFFFFFF


class drain_base(troupectl_base):
    def start(self, names="abc"):
        """Nodes that say where clients reach them."""
        self.make(names, start=False, data=True)
        for one in self.cluster:
            one.options.append(f"cluster.client-address={self.place(one.name)}")
        self.cluster.start()
        self.cluster.wait_for_links()

    def place(self, name):
        return f"127.0.0.1:{self.cluster[name].tcp_port}"

    def script(self, node, version=wire.V5):
        one = wire.client(0, version, self.cluster[node].connect())
        self.addCleanup(one.close)
        return one

    def wait_for_addresses(self):
        """They come by gossip, which may be behind the link."""
        for node in self.cluster:
            until(lambda: all(one["client_address"] for one in self.status(node.name)["members"]), TIMEOUT,
                  f"{node.name} knows where clients reach the others")

    def places_in(self, packet):
        return sorted((packet.server_reference or "").split())


class draining(drain_base):
    def test_clients_are_told_where_to_go(self):
        self.start()
        self.wait_for_addresses()
        clients = [self.script("a").connect(f"v5 {number}") for number in range(20)]
        self.ask("a", "drain")
        first = set()
        for one in clients:
            one.expect_close(USE_ANOTHER_SERVER)
        for number in range(20):
            one = self.script("a").send(wire.connect(f"v5 {number}"))
            one.expect_refusal(USE_ANOTHER_SERVER)
            self.assertEqual(self.places_in(one.last), sorted(map(self.place, "bc")))
            first.add(one.last.server_reference.split()[0])
        self.assertEqual(first, set(map(self.place, "bc")))  # not all to the same one

    def test_disconnect_names_the_servers(self):
        self.start()
        self.wait_for_addresses()
        one = self.script("a").connect("named")
        self.ask("a", "drain", "--for-good")
        got = one.receive()
        self.assertEqual((got.kind, got.code, self.places_in(got)),
                         ("disconnect", SERVER_MOVED, sorted(map(self.place, "bc"))))
        one.expect_close()

    def test_reference_that_makes_the_packet_too_large_is_left_out(self):
        self.start()
        self.wait_for_addresses()
        one = self.script("a").connect("small", maximum_packet_size=20)
        self.ask("a", "drain")
        got = one.receive()
        self.assertEqual((got.kind, got.code, got.server_reference), ("disconnect", USE_ANOTHER_SERVER, None))

    def test_clients_of_3_1_1_are_closed_and_refused(self):
        self.start("ab")
        one = self.script("a", V311).connect("old")
        self.ask("a", "drain")
        one.expect_close()
        self.script("a", V311).send(wire.connect("old", version=V311)).expect_refusal(SERVER_UNAVAILABLE_V3)

    def test_who_is_drained_as_well_is_not_named(self):
        self.start()
        self.wait_for_addresses()
        self.ask("a", "drain")
        until(lambda: self.member("b", "a")["draining"], TIMEOUT, "b knows that a is drained")
        one = self.script("b").connect("last")
        self.ask("b", "drain")
        got = one.receive()
        self.assertEqual((got.kind, self.places_in(got)), ("disconnect", [self.place("c")]))

    def test_it_waits_until_all_have_gone_and_says_so(self):
        self.start("ab")
        clients = [self.script("a").connect(f"many {number}") for number in range(300)]
        found = self.status("a", "drain")
        self.assertEqual((found["draining"], found["clients"]), (True, 0))
        for one in clients:
            one.expect_close(USE_ANOTHER_SERVER)
        self.assertIn("; it is drained, and has 0 clients and 0 sessions", self.ask("a", "status"))

    def test_it_waits_until_what_a_session_left_is_read(self):
        count = 60
        self.start("ab")
        here = self.script("a").connect("slow", session_expiry_interval=100)
        here.subscribe((self.name("t"), 1))
        here.disconnect()
        writer = self.script("a").connect("writer")
        for number in range(count):
            writer.publish(self.name("t"), str(number).encode(), 1)
        there = self.script("b").connect("slow", session_present=True, clean=False, session_expiry_interval=100,
                                         receive_maximum=1)
        with concurrent.futures.ThreadPoolExecutor() as worker:
            drained = worker.submit(self.status, "a", "drain")
            for number in range(count):
                got = there.receive()
                self.assertEqual(got.payload, str(number).encode())
                time.sleep(0.05)  # three seconds in all: without a session to read the command ends after two
                self.assertFalse(drained.done(), f"{number} messages of {count} are read")
                there.acknowledge(got)
            self.assertEqual(drained.result()["unread_sessions"], 0)

    def test_join_ends_it(self):
        self.start("ab")
        self.ask("a", "drain")
        self.ask("a", "join")
        self.script("a").connect("again").expect_nothing()
        until(lambda: not self.member("b", "a")["draining"], TIMEOUT, "b knows")

    def test_start_ends_it(self):
        self.start("ab")
        self.ask("a", "drain")
        self.cluster["a"].terminate()
        self.cluster["a"].start()
        self.script("a").connect("again").expect_nothing()
        until(lambda: not self.member("b", "a")["draining"], TIMEOUT, "b knows")

    def test_will_is_published_and_the_session_follows(self):
        self.start("ab")
        watcher = self.client("b").subscribe(self.name("will"))
        one = self.script("a").connect("leaving", session_expiry_interval=100,
                                       will=wire.will(self.name("will"), b"gone", 1))
        one.subscribe((self.name("t"), 1))
        found = self.status("a", "drain")
        self.assertEqual((found["clients"], found["unread_sessions"]), (0, 0))
        watcher.wait_for(1)
        self.script("b").connect("leaving", session_present=True, clean=False, session_expiry_interval=100)


class following(client):
    """Goes where it is told."""

    def __init__(self, cluster, node, name):
        self.cluster = cluster
        self.moves = 0
        self.ending = False
        super().__init__(cluster[node], name, clean=False, session_expiry=FOREVER)
        self.paho.on_disconnect = self._go
        self.paho.on_connect = lambda *_: None

    def _go(self, _, __, ___, properties=None):
        if self.ending:
            return
        self.moves += 1
        places = getattr(properties, "ServerReference", "").split() if properties else []
        threading.Thread(target=self._connect, args=(places,), daemon=True).start()

    def _connect(self, places):
        by_place = {f"127.0.0.1:{one.tcp_port}": one for one in self.cluster}
        candidates = [by_place[place] for place in places if place in by_place] or list(self.cluster)

        def is_connected():
            for one in candidates:
                self.paho.node = self.node = one
                try:
                    self.paho.reconnect()
                    return True
                except OSError:
                    candidates.append(one)
            return False
        until(is_connected, TIMEOUT, f"{self.paho._client_id} connects somewhere")
        self.paho.loop_stop()
        self.paho.loop_start()

    def close(self):
        self.ending = True
        super().close()


class exchanging(drain_base):
    def test_nodes_are_exchanged_one_by_one_under_load(self):
        self.start()
        self.wait_for_addresses()
        topics = {qos: self.name(f"q{qos}") for qos in (1, 2)}
        subscribers = [following(self.cluster, node, f"subscriber at {node}") for node in "abc"]
        publishers = [following(self.cluster, node, f"publisher at {node}") for node in "abc"]
        self.clients += subscribers + publishers
        for one in subscribers:
            one.subscribe((self.name("#"), 2))
        ending = threading.Event()
        sent = {}

        def publish(publisher, number):
            count = 0
            under_way = []
            while not ending.wait(0.02):
                for qos, topic in topics.items():
                    try:
                        under_way += publisher.publish_numbers(f"{topic}/{number}", [count], qos)
                    except OSError:
                        pass  # Paho has the message, and sends it with the next connection
                count += 1
            for each in under_way:
                each.rc = 0  # Paho sends later what was published while there was no connection
            client.finish(under_way)
            sent[number] = count
        threads = [threading.Thread(target=publish, args=(one, number)) for number, one in enumerate(publishers)]
        for one in threads:
            one.start()
        for name in "abc":
            self.ask(name, "drain")
            self.cluster[name].terminate()
            self.cluster[name].start()
            self.cluster.wait_for_links()
            self.wait_for_addresses()
        ending.set()
        for one in threads:
            one.join()
        self.assertEqual(len(sent), len(publishers), "all of them got their acknowledgements")
        self.assertGreater(min(sent.values()), 30)
        lost = doubled_at_2 = doubled_at_1 = 0
        for subscriber in subscribers:
            for number, count in sent.items():
                for qos, topic in topics.items():
                    subscriber.wait_for_topic(f"{topic}/{number}")

                    def missing():
                        return set(range(count)) - set(subscriber.numbers(f"{topic}/{number}"))
                    try:
                        until(lambda: not missing(), TIMEOUT, "all of them")
                    except AssertionError:
                        lost += len(missing())
                    got = subscriber.numbers(f"{topic}/{number}")
                    doubled = len(got) - len(set(got))
                    doubled_at_1 += doubled if qos == 1 else 0
                    doubled_at_2 += doubled if qos == 2 else 0
        print(f"{sum(sent.values())} at each QoS to each of 3 subscribers while 3 nodes were exchanged: {lost} lost, "
              f"doubled {doubled_at_2} at QoS 2, {doubled_at_1} at QoS 1; moves "
              f"{[one.moves for one in subscribers + publishers]}")
        self.assertEqual((lost, doubled_at_2), (0, 0))

    def test_what_is_exchanged_loses_doubles_and_swaps_nothing(self):
        self.start()
        self.wait_for_addresses()
        what = load(list(self.cluster), roams=True)
        what.start()
        worker = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(worker.shutdown)
        for name in "abc":
            what.go_on(0.5)
            what.book.strike("drain")
            drained = worker.submit(self.ask, name, "drain")
            self.assertTrue(what.go_on(TIMEOUT, drained.done), f"{name} is drained")
            drained.result()
            what.start_again(self.cluster, self.cluster[name])
        what.go_on(0.5)
        what.end()
        print(f"{what.summary()}; moves {[one.moves for one in what.clients]}")
        self.assertEqual(what.book.findings(), [])
        self.assertTrue(all(one.moves for one in what.clients), "everybody was at a node that was drained")
