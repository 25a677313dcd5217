"""Streams and `$replay/…`: what is kept of a topic, read over plain MQTT."""

import datetime
import subprocess
import threading
import time
import unittest

from durable_test import durable_base
from wire import V5, V311, ack, options, publish, subscribe

PUBLISHED = 300


class replay_base(durable_base):
    def start(self, **settings):
        return super().start(stream="s/#", **settings)

    def lasting(self, broker, client_id="reader", version=V5, **fields):
        if version == V5:
            fields.setdefault("session_expiry_interval", 100)
        return self.client(broker, client_id, version=version, clean=False, **fields)

    def fill(self, broker, begin, end, qos=1):
        """Publishes the numbers from `begin` to below `end`, on three topics."""
        one = self.client(broker, "filler")
        self.publish_numbers(one, "s/{}", begin, end, qos)
        one.disconnect()

    def publish_numbers(self, one, topic, begin, end, qos):
        for start in range(begin, end, 50):
            batch = range(start, min(start + 50, end))
            one.send(*(publish(topic.format(number % 3), b"%d" % number, qos=qos, id=number + 1 if qos else None,
                               version=one.version) for number in batch))
            for number in batch:
                if qos == 1:
                    one.wait_for("puback", id=number + 1)
                elif qos == 2:
                    one.wait_for("pubrec", id=number + 1)
                    one.send(ack("pubrel", number + 1)).wait_for("pubcomp", id=number + 1)

    def assert_all(self, messages, expected):
        """These numbers, each once, and those of each topic in order; by offset, where messages say it."""
        self.assertEqual(sorted(numbers(messages)), list(expected))
        for topic in {message.topic for message in messages}:
            of_topic = [int(message.payload) for message in messages if message.topic == topic]
            self.assertEqual(of_topic, sorted(of_topic))
        offsets = [place(message)[0] for message in messages if message.user_property]
        self.assertEqual(offsets, sorted(set(offsets)))

    def refusal(self, one, filter):
        """The SUBACK of a replay that is refused."""
        one.send(subscribe(one.fresh_id(), (filter, 1), version=one.version))
        got = one.wait_for("suback")
        self.assertEqual(len(got.codes), 1)
        self.assertGreaterEqual(got.codes[0], 0x80, filter)
        return got


def numbers(messages):
    return [int(one.payload) for one in messages]


def place(message):
    """The offset and the time that came with a message."""
    said = dict(message.user_property)
    return int(said["offset"]), said["timestamp"]


class exactly_once:
    """The receiver's side of QoS 2, over as many connections as it takes."""

    def __init__(self):
        self.messages = []
        self.unreleased = set()

    def step(self, one):
        got = one.receive("a message or its release")
        if got is None:
            raise AssertionError("the broker closed the connection")
        if got.kind == "publish":
            if got.id not in self.unreleased:
                self.messages.append(got)
            self.unreleased.add(got.id)
            one.send(ack("pubrec", got.id))
        elif got.kind == "pubrel":
            self.unreleased.discard(got.id)
            one.send(ack("pubcomp", got.id))
        else:
            raise AssertionError(f"expected a message or its release, got {got}")

    def take(self, one, count):
        """Until there are so many messages, and all of them are released."""
        while len(self.messages) < count or self.unreleased:
            self.step(one)


class replays(replay_base):
    def test_history_comes_over_both_versions_and_every_qos(self):
        broker = self.start()
        self.fill(broker, 0, PUBLISHED)
        for version in (V311, V5):
            for qos in (0, 1, 2):
                one = self.client(broker, f"reader-{version}-{qos}", version=version)
                one.subscribe(("$replay/earliest/s/#", qos))
                got = one.take(PUBLISHED)
                self.assert_all(got, range(PUBLISHED))
                self.assertEqual({message.qos for message in got}, {min(qos, 1)})
                one.expect_nothing().close()

    def test_publisher_at_qos_0_is_kept_as_well(self):
        broker = self.start()
        self.fill(broker, 0, 10, qos=0)
        one = self.client(broker, "reader").subscribe(("$replay/earliest/s/#", 2))
        self.assert_all(one.take(10), range(10))

    def test_each_message_says_where_and_when_it_was_received(self):
        broker = self.start()
        begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(milliseconds=2)
        self.fill(broker, 0, PUBLISHED)
        one = self.client(broker, "reader").subscribe(("$replay/earliest/s/#", 0), subscription_identifier=7)
        got = one.take(PUBLISHED)
        self.assert_all(got, range(PUBLISHED))
        for message in got:
            moment = datetime.datetime.fromisoformat(place(message)[1].replace("Z", "+00:00"))
            self.assertLess(begin, moment)
            self.assertLessEqual(moment, datetime.datetime.now(datetime.timezone.utc))
        self.assertEqual([message.subscription_identifier for message in got], [[7]] * PUBLISHED)

    def test_old_clients_get_no_properties_and_new_ones_the_publishers_first(self):
        broker = self.start()
        self.client(broker, "publisher").publish("s/0", b"x", qos=1, user_property=[("a", "1"), ("offset", "mine")],
                                                 content_type="text/plain")
        old = self.client(broker, "old", version=V311).subscribe(("$replay/1/s/0", 1))
        self.assertEqual(old.message(topic="s/0", payload=b"x", qos=1).properties, {})
        new = self.client(broker, "new").subscribe(("$replay/1/s/0", 1))
        said = new.message(topic="s/0", content_type="text/plain").user_property
        self.assertEqual(said[:2], [("a", "1"), ("offset", "mine")])
        self.assertEqual([name for name, _ in said[2:]], ["offset", "timestamp"])

    def test_each_form_of_a_start(self):
        broker = self.start()
        self.fill(broker, 0, 20)
        self.fill(broker, 20, 40)
        one = self.client(broker, "reader").subscribe(("$replay/earliest/s/#", 0))
        everything = one.take(40)
        places = {int(message.payload): place(message) for message in everything}

        def check(start, expected):
            for version in (V311, V5):
                reader = self.client(broker, f"v{version}", version=version)
                reader.subscribe((f"$replay/{start}/s/#", 1))
                self.assert_all(reader.take(len(expected)), sorted(expected))
                reader.expect_nothing().disconnect()

        check("0", list(range(40)))
        check("-1h", list(range(40)))
        check("-90", list(range(40)))
        check("1970-01-01T00:00:00Z", list(range(40)))
        last = max(offset for offset, _ in places.values())
        for offset in (places[0][0], places[7][0], last):
            check(offset, [number for number in range(40) if places[number][0] >= offset])
        check(last + 1, [])
        check("2100-01-01T00:00:00.000-12:00", [])
        for batch in (range(20), range(20, 40)):
            moment = min(places[number][1] for number in batch)
            since = [other for other in range(40) if places[other][1] >= moment]
            check(moment, since)
            there = datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).astimezone(
                datetime.timezone(datetime.timedelta(hours=5, minutes=30)))
            check(there.isoformat(timespec="milliseconds"), since)

    def test_replay_takes_what_its_filter_matches(self):
        broker = self.start()
        self.fill(broker, 0, 30)
        for filter, expected in (("s/1", range(1, 30, 3)), ("s/+", range(30)), ("#", range(30)),
                                 ("+/2", range(2, 30, 3))):
            one = self.client(broker, "reader").subscribe((f"$replay/earliest/{filter}", 0))
            self.assert_all(one.take(len(expected)), expected)
            one.expect_nothing().disconnect()
        self.client(broker, "reader").subscribe(("$replay/earliest/other/#", 0)).expect_nothing()

    def test_client_that_acknowledges_slowly_is_sent_no_more_than_it_takes(self):
        broker = self.start()
        self.fill(broker, 0, 50)
        for clean in (True, False):
            one = self.client(broker, f"slow-{clean}", clean=clean, receive_maximum=3,
                              session_expiry_interval=0 if clean else 100)
            one.subscribe(("$replay/earliest/s/#", 1))
            held = [one.wait_for("publish") for _ in range(3)]
            one.expect_nothing()
            for message in held:
                one.acknowledge(message)
            self.assert_all(held + one.take(47), range(50))
            one.expect_nothing().close()

    def test_no_local_and_retain_as_published(self):
        broker = self.start()
        self.client(broker, "other").publish("s/0", b"1", qos=1, retain=True)
        one = self.client(broker, "reader")
        one.publish("s/0", b"2", qos=1)
        one.subscribe(("$replay/earliest/s/#", options(0, no_local=True, retain_as_published=True)))
        one.message(payload=b"1", retain=True)
        one.expect_nothing()
        one = self.client(broker, "another").subscribe(("$replay/earliest/s/#", 0))
        self.assertEqual([(m.payload, m.retain) for m in one.take(2)], [(b"1", False), (b"2", False)])

    def test_unsubscribing_ends_it(self):
        broker = self.start()
        self.fill(broker, 0, 3)
        one = self.client(broker, "reader").subscribe(("$replay/earliest/s/#", 1))
        one.take(3)
        one.unsubscribe("$replay/earliest/s/#")
        self.fill(broker, 3, 6)
        one.expect_nothing()

    def test_history_goes_over_into_the_present_while_publishers_run(self):
        broker = self.start()
        self.fill(broker, 0, PUBLISHED)
        count = 600
        failures = []
        half_way = threading.Barrier(3)

        def run(name, qos):
            try:
                one = self.client(broker, name)
                self.publish_numbers(one, f"s/{name}", 0, count // 2, qos)
                half_way.wait(10)
                self.publish_numbers(one, f"s/{name}", count // 2, count, qos)
            except Exception as error:
                failures.append(error)
                half_way.abort()

        threads = [threading.Thread(target=run, args=(f"p{qos}", qos)) for qos in (1, 2)]
        for one in threads:
            one.start()
        readers = [self.client(broker, "early").subscribe(("$replay/earliest/s/#", 1))]
        half_way.wait(10)
        readers.append(self.client(broker, "late", receive_maximum=20).subscribe(("$replay/1/s/#", 2)))
        for reader in readers:
            got = reader.take(PUBLISHED + 2 * count)
            self.assert_all([message for message in got if message.topic not in ("s/p1", "s/p2")], range(PUBLISHED))
            for topic in ("s/p1", "s/p2"):
                self.assert_all([message for message in got if message.topic == topic], range(count))
            offsets = [place(message)[0] for message in got]
            self.assertEqual(offsets, sorted(set(offsets)))
            reader.expect_nothing()
        for one in threads:
            one.join()
        self.assertEqual(failures, [])

    def test_what_is_trimmed_is_left_out_and_the_client_is_told(self):
        broker = self.start(stream_bytes=1, trim_interval=1)
        published = 0
        deadline = time.monotonic() + 20
        while True:  # each turn makes something that may be trimmed
            self.assertLess(time.monotonic(), deadline, "nothing was trimmed")
            self.fill(broker, published, published + 3)
            published += 3
            one = self.client(broker, "reader")
            one.send(subscribe(1, ("$replay/2/s/#", 0))).expect("suback", codes=[0])
            if one.last.reason_string is not None:
                break
            one.close()
        self.assertIn("oldest", one.last.reason_string)
        self.fill(broker, published, published + 3)
        got = []
        while not {published, published + 1, published + 2} <= set(numbers(got)):
            got.append(one.wait_for("publish"))
        self.assertGreater(place(got[0])[0], 2)
        self.assertNotIn(0, numbers(got))
        self.assert_all(got, sorted(numbers(got)))
        earliest = self.client(broker, "earliest")
        earliest.send(subscribe(1, ("$replay/earliest/s/#", 0))).expect("suback", codes=[0], reason_string=None)


class after_a_crash(replay_base):
    def test_qos_2_replay_is_exactly_once_and_in_order_across_crashes(self):
        for version in (V5, V311):
            broker = self.start()
            self.fill(broker, 0, PUBLISHED, qos=2)
            fields = {"receive_maximum": 10} if version == V5 else {}
            one = self.lasting(broker, version=version, **fields).subscribe(("$replay/earliest/s/#", 2))
            receiver = exactly_once()
            for kill_at in (1, 30, 31, 150):
                while len(receiver.messages) < kill_at:
                    receiver.step(one)
                broker.kill()
                broker.start()
                one = self.lasting(broker, version=version, session_present=True, **fields)
            self.fill(broker, PUBLISHED, PUBLISHED + 20, qos=2)
            receiver.take(one, PUBLISHED + 20)
            self.assert_all(receiver.messages, range(PUBLISHED + 20))
            one.expect_nothing()
            broker.stop()

    def test_qos_1_replay_misses_nothing(self):
        broker = self.start()
        self.fill(broker, 0, PUBLISHED)
        one = self.lasting(broker, receive_maximum=10).subscribe(("$replay/earliest/s/#", 1))
        got = numbers(one.take(100))
        broker.kill()
        broker.start()
        one = self.lasting(broker, receive_maximum=10, session_present=True)
        while len(set(got)) != PUBLISHED:
            got += numbers(one.take())
        self.assertLessEqual(len(got), PUBLISHED + 100)
        one.expect_nothing()

    def test_stream_is_there_after_a_crash(self):
        broker = self.start()
        self.fill(broker, 0, 100)
        broker.kill()
        broker.start()
        self.fill(broker, 100, 110)
        one = self.client(broker, "reader").subscribe(("$replay/earliest/s/#", 1))
        self.assert_all(one.take(110), range(110))

    def test_replay_that_ended_stays_so(self):
        broker = self.start()
        one = self.lasting(broker).subscribe(("$replay/earliest/s/#", 1)).unsubscribe("$replay/earliest/s/#")
        self.lose(one)
        broker.kill()
        broker.start()
        self.fill(broker, 0, 3)
        self.lasting(broker, session_present=True).expect_nothing()


class refusals(replay_base):
    def test_what_is_no_replay_is_refused_with_a_reason(self):
        broker = self.start()
        for version in (V311, V5):
            one = self.client(broker, f"reader-{version}", version=version)
            for bad in ("$replay/1", "$replay/", "$replay//s", "$replay/yesterday/s", "$replay/-1x/s", "$replay/1/",
                        "$replay/1/s#", "$replay/1/$share/g/s", "$replay/1/$replay/1/s", "$replay/2026-02-30T00:00:00Z/s",
                        "$replay/18446744073709551616/s"):
                got = self.refusal(one, bad)
                self.assertEqual(got.codes, [0x8F if version == V5 else 0x80], bad)
                self.assertEqual(got.reason_string is not None, version == V5, bad)
            one.expect_nothing()

    def test_no_reason_for_who_wants_none(self):
        broker = self.start()
        one = self.client(broker, "reader", request_problem_information=0)
        self.assertEqual(self.refusal(one, "$replay/x/s").codes, [0x8F])

    def test_there_are_as_many_replays_as_configured(self):
        broker = self.start(maximum_replays=2)
        one = self.client(broker, "reader").subscribe(("$replay/1/s", 1), ("$replay/2/s", 1))
        got = self.refusal(one, "$replay/3/s")
        self.assertEqual(got.codes, [0x97])
        self.assertIsNotNone(got.reason_string)
        one.subscribe(("$replay/2/s", 1)).unsubscribe("$replay/1/s").subscribe(("$replay/3/s", 1))

    def test_without_a_data_directory_there_is_nothing_to_replay(self):
        broker = super(durable_base, self).start()
        got = self.refusal(self.client(broker, "reader"), "$replay/1/s")
        self.assertEqual(got.codes, [0x83])
        self.assertIsNotNone(got.reason_string)

    def test_streams_need_a_data_directory(self):
        broker = self.start()
        started = subprocess.run([broker._command()[0], "--listen", "tcp://127.0.0.1:0", "--set", "stream.0.filter=s/#"],
                                 cwd=broker.directory, capture_output=True, text=True, timeout=10)
        self.assertNotEqual(started.returncode, 0)
        self.assertIn("streams are kept in node.data-dir, which is empty", started.stderr)

    def test_streams_are_checked_before_anything_is_started(self):
        broker = self.start()
        for bad, what in ((["stream.0.filter=s/#/t"], "'#'"), (["stream.0.filter=$share/g/s"], "subscriptions only"),
                          (["stream.0.max-bytes=1"], "missing"),
                          (["stream.0.filter=s", "stream.1.filter=s"], "too")):
            arguments = [part for one in bad for part in ("--set", one)]
            started = subprocess.run([broker._command()[0], "--listen", "tcp://127.0.0.1:0", "--data-dir", "other",
                                      *arguments], cwd=broker.directory, capture_output=True, text=True, timeout=10)
            self.assertNotEqual(started.returncode, 0, bad)
            self.assertIn(what, started.stderr)


if __name__ == "__main__":
    unittest.main()
