"""A client identifier has one session in the whole cluster, which follows its client from node to node."""

import concurrent.futures
import contextlib
import time

import wire
from clients import V5, V311, client, traffic
from cluster_case import TIMEOUT, cluster_test, until

TAKEN_OVER = 0x8E
UNAVAILABLE = 0x88
FOREVER = {"session_expiry_interval": 0xFFFFFFFF}


class scripts(cluster_test):
    """With clients that read as scripts."""

    def script(self, node, version=V5):
        one = wire.client(0, version, self.cluster[node].connect())
        self.addCleanup(one.close)
        return one

    def login(self, node, clean=False, present=None, client_id=None, version=V5, **fields):
        """A client of the test's own identifier whose session lasts."""
        if version == V5:
            fields = {**FOREVER, **fields}
        return self.script(node, version).connect(client_id or self.client_id(), present, clean=clean, **fields)

    def client_id(self):
        return self._testMethodName.removeprefix("test_")

    def send(self, node, *numbers, qos=1, topic=None):
        publisher = self.client(node)
        for number in numbers:
            publisher.publish(topic or self.name("t"), b"%d" % number, qos)

    def expect_numbers(self, one, *numbers):
        """These come, in this order."""
        self.assertEqual([int(message.payload) for message in one.take(len(numbers))], list(numbers))

    @staticmethod
    def follow(one, is_enough):
        """Answers whatever comes, in whatever order, until enough numbers did; returns them."""
        seen = set()
        while not is_enough(seen):
            got = one.receive()
            if got.kind == "publish":
                seen.add(int(got.payload))
                one.send(wire.ack("puback" if got.qos == 1 else "pubrec", got.id))
            elif got.kind == "pubrel":
                one.send(wire.ack("pubcomp", got.id))
        return seen


class displacing(scripts):
    shared = True

    def test_login_at_another_node_forces_the_first_off(self):
        for first, second in ("ab", "bc", "ca"):
            one = self.login(first, clean=True, client_id=f"forced {first}")
            self.login(second, clean=True, client_id=f"forced {first}")
            one.expect_close(TAKEN_OVER)

    def test_client_of_3_1_1_is_closed(self):
        one = self.login("a", clean=True, version=V311)
        self.login("b", clean=True, version=V311)
        one.expect_close()

    def test_session_without_expiry_ends_with_its_connection(self):
        one = self.login("a", clean=True, session_expiry_interval=0).subscribe((self.name("t"), 1))
        two = self.login("b", present=False, session_expiry_interval=0)
        one.expect_close(TAKEN_OVER)
        self.send("c", 1)
        two.expect_nothing()

    def test_clean_start_elsewhere_ends_the_session(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        two = self.login("b", clean=True, present=False)
        self.send("c", 1)
        two.expect_nothing()
        two.disconnect()
        self.login("a", present=True).expect_nothing()

    def test_will_is_published_when_its_client_is_forced_off(self):
        watcher = self.client("c").subscribe(self.name("will"))
        self.login("a", clean=True, will=wire.will(self.name("will"), b"gone", 1))
        self.login("b", clean=True)
        watcher.wait_for(1)
        self.quiet(watcher)

    def test_will_with_a_delay_is_not_published_when_the_session_goes_on(self):
        watcher = self.client("c").subscribe(self.name("will"))
        will = wire.will(self.name("will"), b"gone", 1, will_delay_interval=1)
        self.login("a", will=will)
        two = self.login("b", present=True)
        self.quiet(watcher, seconds=2)
        two.close()

    def test_will_with_a_delay_is_published_when_the_session_ends(self):
        watcher = self.client("c").subscribe(self.name("will"))
        self.login("a", will=wire.will(self.name("will"), b"gone", 1, will_delay_interval=1000))
        self.login("b", clean=True)
        watcher.wait_for(1)
        self.quiet(watcher)

    def test_of_many_logins_at_once_one_is_left(self):
        counts = {"connected": 0}

        def log_in(number):
            one = wire.client(0, V5, self.cluster["abc"[number % 3]].connect())
            one.send(wire.connect(self.client_id(), clean=True))
            return one

        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            all_clients = list(pool.map(log_in, range(100)))
        time.sleep(3)  # claims that were not answered are decided after a second
        alive = []
        for one in all_clients:
            self.addCleanup(one.close)
            try:
                kinds = []
                while (got := one.read(0.3)) is not None:
                    kinds.append(got.kind)
            except TimeoutError:
                alive.append(one)
        print(f"{self.id()}: {len(all_clients)} logins of one identifier at 3 nodes, {len(alive)} left")
        self.assertEqual(len(alive), 1)
        alive[0].send(wire.PINGREQ).expect("pingresp")


class moving_in_memory(scripts):
    """Nothing is kept on a disk."""

    data = False

    def setUp(self):
        self.make(data=self.data)

    def expect_numbers_of_a_move(self, one, *numbers):
        """These come, in this order, and nothing else: some twice if no log says which they are."""
        if self.data:
            self.expect_numbers(one, *numbers)
            return one.expect_nothing()
        seen = {}
        with contextlib.suppress(TimeoutError):
            while True:
                patience = TIMEOUT if len(seen) < len(numbers) else wire.QUIET
                got = one.inbox.pop(0) if one.inbox else one.read(patience)
                one.acknowledge(got)
                seen[int(got.payload)] = None
        self.assertEqual(list(seen), list(numbers))

    def test_subscriptions_follow(self):
        self.login("a").subscribe((self.name("t"), 1), (self.name("w/#"), 2)).disconnect()
        two = self.login("b", present=True)
        self.cluster["a"].says("event=session_left")
        for node in "abc":
            self.client(node).publish(self.name("t"), node, 1)
            self.client(node).publish(self.name("w/x"), node, 2)
        got = sorted((one.topic, one.payload, one.qos) for one in two.take(6))
        self.assertEqual(got, sorted((self.name(t), node.encode(), q) for t, q in (("t", 1), ("w/x", 2))
                                     for node in "abc"))
        two.expect_nothing()

    def test_what_waited_follows(self):
        for qos in (1, 2):
            with self.subTest(qos=qos):
                topic, who = self.name(f"q{qos}"), f"waiting {qos}"
                self.login("a", client_id=who).subscribe((topic, qos)).disconnect()
                self.send("b", *range(300), qos=qos, topic=topic)
                two = self.login("c", client_id=who, present=True)
                self.expect_numbers(two, *range(300))
                self.send("a", *range(300, 310), qos=qos, topic=topic)
                self.expect_numbers(two, *range(300, 310))
                two.expect_nothing()

    def test_what_comes_meanwhile_is_behind_what_waited(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        self.send("b", *range(50))
        two = self.login("c", present=True, receive_maximum=5)
        first = [two.wait_for("publish") for _ in range(5)]
        self.send("a", *range(50, 60))
        for one in first:
            two.acknowledge(one)
        self.assertEqual([int(one.payload) for one in first], list(range(5)))
        self.expect_numbers_of_a_move(two, *range(5, 60))

    def test_what_was_in_flight_is_sent_again_with_its_identifier(self):
        one = self.login("a").subscribe((self.name("t"), 2))
        self.send("b", 1, 2, 3, qos=2)
        first, second, third = (one.wait_for("publish") for _ in range(3))
        one.send(wire.ack("pubrec", first.id)).expect("pubrel", id=first.id)
        one.close()
        two = self.login("c", present=True)
        two.expect("pubrel", id=first.id).send(wire.ack("pubcomp", first.id))
        self.assertEqual([int(two.message(id=each.id, dup=True).payload) for each in (second, third)], [2, 3])
        self.send("b", 4, qos=2)
        self.expect_numbers(two, 4)

    def test_client_that_is_forced_off_gets_the_rest_at_the_other_node(self):
        one = self.login("a", receive_maximum=3).subscribe((self.name("t"), 1))
        self.send("b", *range(10))
        self.expect_numbers(one, 0, 1)
        two = self.login("b", present=True)
        seen = [int(each.payload) for each in two.take(8)]
        self.assertEqual(seen, list(range(2, 10)))
        two.expect_nothing()

    def test_received_qos2_is_not_routed_again(self):
        watcher = self.client("b").subscribe(self.name("t"))
        one = self.login("a")
        one.send(wire.publish(self.name("t"), b"once", qos=2, id=7)).expect("pubrec", id=7)
        one.close()
        two = self.login("c", present=True)
        two.send(wire.publish(self.name("t"), b"once", qos=2, id=7, dup=True)).expect("pubrec", id=7, code=0)
        two.send(wire.ack("pubrel", 7)).expect("pubcomp", id=7, code=0)
        watcher.wait_for(1)
        two.publish(self.name("t"), b"last", 1)
        watcher.wait_for(2)
        self.assertEqual(watcher.payloads(), [b"once", b"last"])

    def test_unsubscribing_at_the_new_node_ends_it(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        two = self.login("b", present=True)
        two.unsubscribe(self.name("t"))
        self.send("a", 1)
        self.send("c", 2)
        two.expect_nothing()
        two.disconnect()
        self.login("a", present=True).expect_nothing()

    def test_client_that_goes_round_and_back_gets_everything_in_order(self):
        one = self.login("a").subscribe((self.name("t"), 1))
        one.close()
        number = 0
        for node in "bcabca":
            self.send("abc"[number % 3], *range(number, number + 10))
            number += 10
            one = self.login(node, present=True, receive_maximum=4)
            self.assertEqual(int(one.wait_for("publish").payload), 0)  # and none is acknowledged
            one.close()
        last = self.login("b", present=True)
        self.expect_numbers_of_a_move(last, *range(number))
        self.send("c", number)
        self.expect_numbers(last, number)
        last.expect_nothing()

    def test_client_of_3_1_1_moves(self):
        one = self.login("a", version=V311).subscribe((self.name("t"), 1))
        one.close()
        self.send("b", *range(20))
        two = self.login("c", version=V311, present=True)
        self.expect_numbers(two, *range(20))
        self.send("b", 20)
        self.expect_numbers(two, 20)

    def test_shared_subscription_follows(self):
        share = f"$share/g/{self.name('t')}"
        self.login("a").subscribe((share, 1)).disconnect()
        two = self.login("b", present=True)
        self.cluster["a"].says("event=session_left")
        self.send("b", 1)
        self.expect_numbers(two, 1)

    def test_large_messages_are_relayed(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        publisher = self.client("b")
        payloads = [bytes([65 + number]) * 100_000 for number in range(20)]
        for each in payloads:
            publisher.publish(self.name("t"), each, 1)
        two = self.login("c", present=True)
        self.assertEqual([each.payload for each in two.take(len(payloads))], payloads)

    def test_moving_under_load_loses_nothing(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        load = traffic(self.client("b"), self.name("t"), 1, 300)
        got = []
        for node in "bcabcabc":
            one = client(self.cluster[node], self.client_id(), clean=False, session_expiry=1000)
            time.sleep(0.5)
            one.disconnect()
            got += one.numbers(self.name("t"))
        count = load.end()
        last = client(self.cluster["a"], self.client_id(), clean=False, session_expiry=1000)
        self.clients.append(last)
        until(lambda: set(range(count)) <= set(got + last.numbers(self.name("t"))), TIMEOUT,
              lambda: f"{len(set(range(count)) - set(got + last.numbers(self.name('t'))))} of {count} are missing")


class moving(moving_in_memory):
    """Sessions, and what they wait for, are on the disk."""

    data = True

    def test_old_node_away_the_rest_follows_when_it_is_back(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        self.send("b", *range(20))
        self.cluster["a"].kill()
        self.cluster["b"].says("event=node_down node=a")
        begin = time.monotonic()
        two = self.login("b", present=False)
        self.assertLess(time.monotonic() - begin, 2)
        self.cluster["a"].start()
        self.expect_numbers(two, *range(20))
        self.send("c", 20)
        self.expect_numbers(two, 20)
        two.expect_nothing()

    def test_old_node_that_crashes_while_it_is_read_loses_nothing(self):
        self.login("a").subscribe((self.name("t"), 2)).disconnect()
        self.send("b", *range(100), qos=2)
        two = self.login("c", present=True, receive_maximum=10)
        self.expect_numbers(two, *range(20))
        mark = self.cluster["c"].mark()
        self.cluster["a"].kill()
        self.cluster["c"].says("event=node_down node=a", mark)
        self.cluster["a"].start()
        self.assertEqual(self.follow(two, lambda seen: 99 in seen), set(range(20, 100)))

    def test_new_node_that_crashes_goes_on_reading(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        self.send("b", *range(100))
        two = self.login("c", present=True, receive_maximum=10)
        self.expect_numbers(two, *range(20))
        self.cluster["c"].kill()
        self.cluster["c"].start()
        self.cluster.wait_for_links()
        again = self.login("c", present=True)
        self.send("b", 100)
        seen = self.follow(again, lambda seen: 100 in seen)
        self.assertEqual(seen, set(range(min(seen), 101)))
        self.assertLessEqual(min(seen), 20)

    def test_session_that_was_kept_is_found_at_another_node(self):
        self.login("a").subscribe((self.name("t"), 1)).disconnect()
        self.send("b", 1)
        for one in self.cluster:
            one.terminate()
        self.cluster.start()
        two = self.login("b", present=True)
        self.expect_numbers(two, 1)
        two.expect_nothing()


class partition(scripts):
    """Both sides take a client; when they meet the later login has it."""

    network = True

    def test_later_login_wins_and_gets_what_the_other_side_has(self):
        self.make("ab", data=True)
        one = self.login("a").subscribe((self.name("t"), 1))
        self.cluster.cut("ab")
        for node, other in ("ab", "ba"):
            self.cluster[node].says(f"event=node_down node={other}")
        two = self.login("b", present=False).subscribe((self.name("u"), 1))
        one.send(wire.PINGREQ).expect("pingresp")
        self.send("a", *range(5))
        first = [one.wait_for("publish") for _ in range(5)]
        self.assertEqual(len(first), 5)
        self.cluster.heal()
        one.expect_close(TAKEN_OVER, within=30)
        two.last = None
        seen = [int(two.wait_for("publish").payload)]
        two.inbox.insert(0, two.last)
        self.expect_numbers(two, *range(5))
        self.assertEqual(seen, [0])
        self.send("a", 7)
        self.expect_numbers(two, 7)
