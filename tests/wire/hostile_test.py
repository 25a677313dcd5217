"""Clients that mean harm, or do it by accident. After each: a normal client is served, and memory is bounded."""

import contextlib
import os
import random
import resource
import select
import socket
import struct
import time

from case import brokers, proves, version_5, wire_test
from wire import (PINGREQ, V311, V5, ack, client, connect, disconnect, options, publish, subscribe, unsubscribe, vbi,
                  will)

MIB = 1024
SEED = int(os.environ.get("TEST_SEED", random.SystemRandom().randrange(1 << 32)))


class hostile_base(version_5, wire_test):
    """Checks in tearDown that the broker serves and has not grown by more than `allowance` KiB."""

    allowance = 32 * MIB
    factor = float(os.environ.get("RSS_FACTOR", "1"))  # for builds with sanitizers

    def setUp(self):
        super().setUp()
        self.serves()
        self.before = self.broker.rss_kib()
        self.sockets = []

    def tearDown(self):
        self.serves()
        grown = self.broker.rss_kib() - self.before
        for one in self.sockets:
            one.close()
        super().tearDown()
        self.assertLess(grown, self.allowance * self.factor, f"memory grew by {grown} KiB")

    def serves(self):
        """A normal client gets its messages within the usual time."""
        with contextlib.closing(client(self.broker.port)) as one:
            one.connect(f"normal-{time.monotonic_ns()}")
            topic = self.name(f"normal/{time.monotonic_ns()}")
            one.subscribe((topic, 2))
            for qos in (0, 1, 2):
                one.publish(topic, b"%d" % qos, qos=qos)
                self.assertEqual(one.take()[0].payload, b"%d" % qos)

    def raw(self, data=b"", timeout=5):
        one = socket.create_connection(("127.0.0.1", self.broker.port), timeout=timeout)
        self.sockets.append(one)
        if data:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                one.sendall(data)
        return one

    def closes(self, one, within=5):
        """Reads until the broker ends the connection."""
        deadline = time.monotonic() + within
        with contextlib.suppress(ConnectionResetError):
            while True:
                one.settimeout(max(deadline - time.monotonic(), 0.001))
                if not one.recv(65536):
                    return


class hostile_starts(hostile_base):
    settings = {"connect_timeout": 2}
    seconds = 12

    def test_half_open_connects_wait_without_harm(self):
        whole = connect(self.name("never"))
        for length in range(1, len(whole)):
            self.raw(whole[:length])

    def test_end_of_the_stream_is_noticed_wherever_it_comes(self):
        whole = connect(self.name("a"))
        for pieces in ((whole[:9],), (whole[:9], whole[9:15]), (whole, PINGREQ), (whole, b"\x30\x20\0"), (whole,), ()):
            for _ in range(40):
                one = self.raw()
                for piece in pieces:
                    one.sendall(piece)
                one.shutdown(socket.SHUT_WR)
                self.closes(one, 2)

    @proves("MQTT5-3.1.0-1")
    def test_connection_without_connect_is_closed_in_time(self):
        silent, half = self.raw(), self.raw(connect("half")[:10])
        if brokers.IS_MOSQUITTO:
            self.skipTest("the time of mosquitto cannot be set")
        begin = time.monotonic()
        self.closes(silent, 6)
        self.closes(half, 6)
        self.assertGreater(time.monotonic() - begin, 1)

    def test_connect_byte_by_byte_does_not_prolong_the_time(self):
        if brokers.IS_MOSQUITTO:
            self.skipTest("the time of mosquitto cannot be set")
        one = self.raw()
        begin = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in b"\x10\xff\xff\x03\0\x04MQTT\x05\x02\0\0\0\xff\xff" + bytes(65536):
                one.sendall(bytes([byte]))
                if select.select([one], [], [], 0.2)[0]:
                    break
        self.closes(one, 6)
        self.assertLess(time.monotonic() - begin, 8)

    def test_1000_connections_without_connect(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < 2200:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
        for _ in range(1000):
            self.raw(timeout=10)
        self.serves()

    def test_huge_remaining_length_is_not_allocated(self):
        for number in range(50):
            self.raw(b"\x10\xff\xff\xff\x7f\0\x04MQTT\x05")
            self.client(f"c{number}").send(b"\x30\xff\xff\xff\x7f\0\x01a\0")

    def test_endless_connect(self):
        one = self.raw(b"\x10\xff\xff\xff\x7f\0\x04MQTT\x05\x02\0\x3c\0\xff\xff")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
            for _ in range(1000):
                one.sendall(bytes(65536))

    def test_garbage(self):
        random_source = random.Random(SEED)
        for number in range(200):
            one = self.raw(random_source.randbytes(random_source.randrange(1, 2000)))
            if number % 20:
                one.close()

    def test_connections_that_come_and_go(self):
        for number in range(500):
            one = socket.create_connection(("127.0.0.1", self.broker.port), timeout=5)
            if number % 3 == 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if number % 2:
                one.sendall(connect(self.name(str(number % 10))))
            one.close()


class hostile_clients(hostile_base):
    seconds = 15

    def test_take_over_storm(self):
        for _ in range(300):
            one = self.raw(connect(self.name("same"), session_expiry_interval=60, clean=False))
            one.sendall(subscribe(1, (self.name("t"), 1)) + publish(self.name("t"), b"x", qos=1, id=1))
        self.client("other").publish(self.name("t"), b"y", qos=1)

    def test_packets_byte_by_byte(self):
        data = connect(self.name("slow")) + publish(self.name("t"), bytes(500)) * 3
        one = self.raw()
        for byte in data:
            one.sendall(bytes([byte]))

    def test_deep_topics_and_many_levels(self):
        one = self.client()
        for depth in (100, 1000, 30000):
            one.send(subscribe(1, ("/" * depth + "#", 0)), publish("/" * depth, b"x"),
                     subscribe(2, ("+/" * depth, 0)), unsubscribe(3, "+/" * depth))
        with contextlib.suppress(TimeoutError):
            while one.read(0.5) is not None:
                pass

    def test_many_subscriptions(self):
        one = self.client()
        for number in range(5000):
            one.send(subscribe(1 + number, (self.name(f"{number}/+/#"), 1)))
        with contextlib.suppress(AssertionError):
            one.wait_for("suback", id=5000)

    def test_slow_subscriber_does_not_slow_the_publisher_nor_grow_the_broker(self):
        self.allowance = 160 * MIB
        lazy = [self.client(f"lazy{qos}", receive_maximum=65535) for qos in (0, 1)]
        for qos, one in enumerate(lazy):
            one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.subscribe((self.name("flood/+"), qos))
        good = self.client("good").subscribe((self.name("flood/end"), 1))
        pub = self.client("p")
        block = publish(self.name("flood/x"), bytes(10000)) * 10
        begin = time.monotonic()
        for _ in range(3000):
            pub.send(block)
        pub.publish(self.name("flood/end"), b"end", qos=1)
        good.message(payload=b"end")
        self.assertLess(time.monotonic() - begin, 20)

    def test_client_that_never_reads_its_answers(self):
        one = self.client("deaf")
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.socket.settimeout(0.5)
        flood = PINGREQ * 5000 + publish(self.name("t"), qos=1, id=1) * 2000 + subscribe(1, (self.name("u"), 0)) * 1000
        with contextlib.suppress(TimeoutError, BrokenPipeError, ConnectionResetError):
            for _ in range(200):
                one.socket.sendall(flood)

    def test_queue_of_an_absent_session_is_bounded(self):
        self.allowance = 128 * MIB
        self.durable("absent").subscribe((self.name("t"), 1)).disconnect()
        pub = self.client("p")
        payload = bytes(10000)
        for number in range(0, 16000, 20):
            pub.send(*(publish(self.name("t"), payload, qos=1, id=1 + n) for n in range(number, number + 20)))
            for _ in range(20):
                pub.expect("puback")

    def test_publisher_that_leaves_at_once_is_still_heard(self):
        sub = self.client("s").subscribe((self.name("t"), 0))
        for number in range(50):
            one = self.raw(connect(self.name(f"c{number}")) + publish(self.name("t"), b"%d" % number) + disconnect())
            one.close()
        self.assertEqual(sorted(int(one.payload) for one in sub.take(50)), list(range(50)))


class fuzzed_streams(hostile_base):
    """Valid streams with mistakes: the seed is printed with a failure and taken from `run.py --seed`."""

    seconds = 15
    rounds = 1500

    def packets(self, source, version):
        """A plausible conversation of one client."""
        topic = lambda: source.choice(("a", "a/b", "$SYS/x", "/", "a" * 200))
        props = (lambda **values: values) if version == V5 else (lambda **values: {})
        yield connect(source.choice(("", "fuzz", "fuzz2")), version=version, clean=source.random() < 0.7,
                      keep_alive=source.choice((0, 1, 60)),
                      will=source.choice((None, will("w", b"x", source.randrange(3),
                                                     **props(will_delay_interval=source.randrange(3))))),
                      user_name=source.choice((None, "user")), **props(session_expiry_interval=source.randrange(3)))
        for _ in range(source.randrange(30)):
            id = source.randrange(1, 5)
            yield source.choice((
                lambda: publish(topic(), source.randbytes(source.randrange(50)), version=version,
                                retain=source.random() < 0.2, **props(user_property=[("a", "b")], content_type="x")),
                lambda: publish(topic(), b"x", qos=1, id=id, version=version, dup=source.random() < 0.3),
                lambda: publish(topic(), b"y", qos=2, id=id, version=version, dup=source.random() < 0.3),
                lambda: publish(topic(), b"z", version=version, **props(topic_alias=source.randrange(5))),
                lambda: ack(source.choice(("puback", "pubrec", "pubrel", "pubcomp")), id),
                lambda: subscribe(id, (source.choice(("#", "a/+", "a", "$share/g/a", "$SYS/#")),
                                       source.randrange(3) if version == V311 else options(
                                           source.randrange(3), retain_handling=source.randrange(3))), version=version),
                lambda: unsubscribe(id, source.choice(("#", "a/+", "a", "$share/g/a")), version=version),
                lambda: PINGREQ,
            ))()
        if source.random() < 0.5:
            yield disconnect(version=version)

    def mutate(self, source, packets):
        """Bytes flipped, lost, doubled or inserted; packets swapped, repeated or cut; lengths spoilt."""
        packets = list(packets)
        for _ in range(source.randrange(0, 4)):
            at = source.randrange(len(packets))
            one = bytearray(packets[at])
            kind = source.randrange(8)
            place = source.randrange(len(one)) if one else 0
            if kind == 0 and one:
                one[place] ^= 1 << source.randrange(8)
            elif kind == 1 and one:
                one[place] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
            elif kind == 2 and one:
                del one[place]
            elif kind == 3:
                one[place:place] = source.randbytes(source.randrange(1, 9))
            elif kind == 4:
                one = one[:place]
            elif kind == 5 and len(one) > 1:
                one[1:2] = vbi(source.choice((0, 1, 126, 200, 20000, 3000000)))
            elif kind == 6:
                other = source.randrange(len(packets))
                packets[at], packets[other] = packets[other], packets[at]
                continue
            else:
                one *= 2
            packets[at] = bytes(one)
        return b"".join(packets)

    def test_no_stream_harms_the_broker(self):
        source = random.Random(SEED)
        for number in range(self.rounds):
            version = source.choice((V311, V5))
            stream = self.mutate(source, self.packets(source, version))
            one = socket.create_connection(("127.0.0.1", self.broker.port), timeout=5)
            cut = source.randrange(len(stream) + 1)
            try:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    one.sendall(stream[:cut])
                    one.sendall(stream[cut:])
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_WR)
                self.closes(one)
                self.assertTrue(self.broker.alive(), "the broker died")
            except (AssertionError, TimeoutError) as error:
                self.fail(f"{error!r} with --seed {SEED}, round {number}, "
                          f"stream {stream[:cut].hex()} {stream[cut:].hex()}")
            finally:
                one.close()
