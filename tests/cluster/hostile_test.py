"""Strangers at the cluster port, who do not know the secret."""

import contextlib
import json
import random
import re
import socket
import struct
import threading
import time

import wire
from cluster_case import until
from strangers import SLACK_MIB, strangers_case
from troupectl_test import troupectl_base

SERVER_HANDSHAKE, CLIENT_HANDSHAKE, DIRECT_MESSAGE, ROUTED_MESSAGE, MONITOR, DOWN, HEARTBEAT = range(7)


def header(operation, length=0, data=0, source=0, target=0, flags=0):
    """Of BASP, CAF's protocol: 32 bytes."""
    return struct.pack("!BBBBIQQQ", operation, 0, 0, flags, length, data, source, target)


def text(content):
    return bytes([len(content)]) + content


class guest:
    """Somebody whom CAF takes for a process, as it has introduced itself, and who knows no secret."""

    def __init__(self, connection, node=None):
        self.connection = connection
        self.connection.settimeout(5)
        length = struct.unpack("!BBBBIQQQ", self.read(32))[4]
        introduction = self.read(length)
        self.other = introduction[:32]
        self.actor = struct.unpack("!Q", introduction[-9:-1])[0]  # what is published at the port
        self.own = node or introduction[:8] + struct.pack("!I", 4242) + bytes(range(20))
        self.connection.sendall(header(CLIENT_HANDSHAKE, len(self.own), flags=2 if node else 0) + self.own)

    def read(self, size):
        content = b""
        while len(content) < size:
            more = self.connection.recv(size - len(content))
            assert more, "closed"
            content += more
        return content

    def send(self, content, number=1 << 60):
        """As what the published actor has sent itself."""
        body = self.other + self.other + b"\0" + content
        self.connection.sendall(header(ROUTED_MESSAGE, len(body), number, self.actor, self.actor) + body)


class strangers(strangers_case):
    seconds = 20

    def test_garbage_is_turned_away(self):
        chance = random.Random(1)
        sent = [self.connect(chance.randbytes(chance.choice((33, 100, 5000)))) for _ in range(100)]
        self.expect_closed(sent)
        self.check_unharmed()

    def test_http_request_is_turned_away(self):
        self.expect_closed([self.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: none\r\n\r\n")])
        self.check_unharmed()

    def test_mqtt_connect_is_turned_away(self):
        self.expect_closed([self.connect(wire.connect("lost client " + "x" * 20))])
        self.check_unharmed()

    def test_half_a_header_and_half_a_handshake_hold_nothing_up(self):
        for length in range(1, 32):
            self.connect(header(CLIENT_HANDSHAKE, 100)[:length])
        for _ in range(20):
            self.connect(header(CLIENT_HANDSHAKE, 100) + b"half")
        self.check_unharmed()

    def test_length_of_a_gigabyte_takes_no_memory(self):
        sent = [self.connect(header(CLIENT_HANDSHAKE, 1 << 30))]
        self.slowly_check_memory()
        self.expect_closed(sent)

    def test_length_of_100_megabytes_twenty_times_takes_no_memory(self):
        sent = [self.connect(header(CLIENT_HANDSHAKE, 100 << 20) + bytes(1000)) for _ in range(20)]
        self.slowly_check_memory()
        self.expect_closed(sent)

    def slowly_check_memory(self):
        """At its worst within two seconds."""
        worst = 0
        end = time.monotonic() + 2
        while time.monotonic() < end:
            self.assertTrue(self.cluster["a"].alive(), self.cluster["a"].log()[-2000:])
            worst = max(worst, self.cluster["a"].rss_mib() - self.memory["a"])
            time.sleep(0.05)
        self.assertLess(worst, SLACK_MIB, "MiB more for a header alone")
        self.check_unharmed()

    def test_no_operation_before_the_handshake_does_harm(self):
        for operation in (*range(1, 16), 0x7F, 0xFF):
            for length in (0, 20):
                self.connect(header(operation, length, 1, 1, 1) + bytes(length))
        self.check_unharmed()

    def test_header_of_ones_is_turned_away(self):
        self.expect_closed([self.connect(b"\xff" * 32), self.connect(b"\xff" * 4000), self.connect(bytes(4000))])
        self.check_unharmed()

    def test_200_idle_connections_change_nothing(self):
        descriptors = self.cluster["a"].descriptors()
        idle = [self.connect() for _ in range(200)]
        for one in self.cluster:
            one_late = self.client(one)
            one_late.publish(self.name("x"), b"x", 1)
        self.check_unharmed()
        for one in idle:
            one.close()
        until(lambda: self.cluster["a"].descriptors() < descriptors + 20, 10,
              lambda: f"descriptors are given back: {descriptors} before, {self.cluster['a'].descriptors()} after")

    def test_strangers_are_closed_when_they_have_not_become_a_node_for_20_seconds(self):
        sayings = {"nothing": b"", "half a header": header(CLIENT_HANDSHAKE, 100)[:16],
                   "half a handshake": header(CLIENT_HANDSHAKE, 100) + b"half", "a heartbeat": header(HEARTBEAT)}
        all_of_them = {what: self.connect(said) for what, said in sayings.items()}
        end = time.monotonic() + 20
        still_open = dict(all_of_them)
        while still_open and time.monotonic() < end:
            still_open = {what: one for what, one in still_open.items() if not self.is_closed(one)}
            time.sleep(0.05)
        self.assertEqual(sorted(still_open), [], "still open")
        self.check_unharmed()

    def test_1000_connections_that_come_say_something_random_and_go_leave_nothing(self):
        chance = random.Random(1)
        descriptors = self.cluster["a"].descriptors()
        for number in range(1000):
            one = self.cluster["a"].connect_as_node()
            if number % 2:
                with contextlib.suppress(OSError):
                    one.sendall(chance.randbytes(40))
            if number % 3 == 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
        until(lambda: self.cluster["a"].descriptors() < descriptors + 20, 10, "descriptors are given back")
        self.check_unharmed()

    def test_stranger_that_does_not_read_holds_nothing_up(self):
        for _ in range(20):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            host, port = self.cluster["a"].address.rsplit(":", 1)
            one.connect((host, int(port)))
            self.connections.append(one)
        self.check_unharmed()


class forgers(strangers_case):
    """Strangers who have CAF believe that they are somebody else."""

    def make_cluster_of_test(self):
        self.make(data=True)

    def links(self):
        """How many the cluster actor of a describes, which asks its peers."""
        done = troupectl_base.run_cluster(self, "a", "status", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return sum(one["link"] is not None for one in json.loads(done.stdout)["members"])

    def test_their_messages_end_no_actor(self):
        one = guest(self.connect())
        system = int.from_bytes(one.other[:8], "big")
        one.send(b"\0\0" + text(b"@<>+@error") + b"\1" + struct.pack("!Q", system) + b"\0\0" + text(b"@<>"))
        one.send(b"\0\0" + text(b"@<>+@i32") + struct.pack("!I", 7))
        self.check_unharmed()
        self.assertEqual(self.links(), 2)

    def test_their_answers_are_none(self):
        one = guest(self.connect())
        packet = b"\0\0" + text(b"@<>+troupe-link-packet") + text(b"") + text(b"")
        stop = threading.Event()

        def flood():
            with contextlib.suppress(OSError):
                while not stop.is_set():
                    for number in range(1, 200):
                        one.send(packet, 0x9000000000000000 + number)
        forger = threading.Thread(target=flood)
        forger.start()
        try:
            for _ in range(10):
                self.assertEqual(self.links(), 2)
        finally:
            stop.set()
            forger.join()
        self.check_unharmed()

    def test_nobody_is_taken_for_a_node_that_is_linked(self):
        other = self.cluster["b"].connect_as_node()
        self.connections.append(other)
        node = guest(other).other
        false = self.connect()
        guest(false, node)
        self.expect_closed([false])
        self.check_unharmed()


class counted(strangers_case):
    seconds = 16

    def make_cluster_of_test(self):
        self.make(options=("sys.interval=1s",))

    def expect_logged_and_counted(self, reason, count, within):
        watcher = self.client("a").subscribe("$SYS/broker/cluster/links/refused")
        until(lambda: watcher.payloads()[-1:] == [b"%d" % count], within,
              lambda: f"{count} are counted: {watcher.payloads()[-3:]}")
        lines = self.cluster["a"].lines("event=stranger_refused", self.marks["a"])
        self.assertEqual(sum(int(re.search(r" connections=(\d+) ", line)[1]) for line in lines), count, lines)
        self.assertTrue(all(f'reason="{reason}"' in line for line in lines), lines)
        self.assertLess(len(lines), 5, "lines, of which a second has one")

    def test_garbage_is_logged_and_counted(self):
        chance = random.Random(1)
        sent = [self.connect(chance.randbytes(100)) for _ in range(30)]
        sent.append(self.connect(b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: none\r\n\r\n"))
        self.expect_closed(sent)
        self.expect_logged_and_counted("it is no node", 31, 5)
        self.check_unharmed()

    def test_who_says_nothing_is_logged_and_counted(self):
        self.expect_closed([self.connect() for _ in range(7)])
        self.expect_logged_and_counted("no handshake", 7, 5)
        self.check_unharmed()
