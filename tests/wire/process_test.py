"""The broker as a process: how it ends, what it does without descriptors, what it writes into its log."""

import contextlib
import re
import socket
import threading
import time
import unittest

from case import brokers
from wire import PINGREQ, V5, client, connect, publish, subscribe


@unittest.skipIf(brokers.IS_MOSQUITTO, "about processes of this broker")
class process_base(unittest.TestCase):
    """Each test starts a broker of its own."""

    def start(self, **settings):
        one = brokers.broker(**settings).start()
        self.addCleanup(lambda: one.directory and one.stop())
        return one

    def client(self, broker, *arguments, version=V5, **fields):
        one = client(broker.port, version)
        self.addCleanup(one.close)
        return one.connect(*arguments, **fields)

    def raw(self, broker, data=b""):
        one = socket.create_connection(("127.0.0.1", broker.port), timeout=5)
        self.addCleanup(one.close)
        one.sendall(data)
        return one


class termination(process_base):
    seconds = 6

    def ends_well(self, broker):
        code, seconds = broker.terminate()
        self.assertEqual(code, 0, f"after {seconds:.1f} s\n{broker.log()}")
        self.assertLess(seconds, brokers.STOP_SECONDS)

    def test_idle_and_half_done_handshakes_do_not_hold_it_up(self):
        broker = self.start()
        for data in (b"", connect("half")[:9]):
            self.raw(broker, data)
        self.client(broker, "idle")
        self.ends_well(broker)

    def test_clients_in_the_middle_of_everything_do_not_hold_it_up(self):
        broker = self.start()
        for number in range(20):
            self.client(broker, f"c{number}", session_expiry_interval=60 * (number % 2)).send(
                subscribe(1, ("#", 1)), *(publish(f"t/{number}", bytes(1000), qos=1, id=n + 1) for n in range(100)))
        self.ends_well(broker)

    def test_storm_of_connections(self):
        for attempt in range(3):
            broker = self.start(log_level="off")
            stop = threading.Event()

            def storm(number):
                turn = 0
                while not stop.is_set():
                    with contextlib.suppress(OSError), contextlib.ExitStack() as closing:
                        for _ in range(20):
                            turn += 1
                            one = closing.enter_context(socket.create_connection(("127.0.0.1", broker.port), timeout=1))
                            one.sendall(connect(f"c{number}-{turn}"))
                    time.sleep(0.001)

            threads = [threading.Thread(target=storm, args=(number,)) for number in range(3)]
            for one in threads:
                one.start()
            try:
                time.sleep(0.3 + 0.05 * attempt)
                self.ends_well(broker)
            finally:
                stop.set()
                for one in threads:
                    one.join()


class descriptors(process_base):
    seconds = 4

    def test_a_broker_that_has_none_left_serves_whom_it_has_and_others_later(self):
        broker = self.start(open_files=64)
        early = self.client(broker, "early").subscribe(("t", 1))
        crowd = [self.raw(broker, connect(f"c{number}")) for number in range(90)]
        time.sleep(0.3)
        busy, begin = broker.cpu_seconds(), time.monotonic()
        while time.monotonic() - begin < 1:
            early.publish("t", b"x", qos=1).take()
            time.sleep(0.1)
        self.assertLess(broker.cpu_seconds() - busy, 0.5, "it spins")
        self.assertLess(broker.log().count("\n"), 50, "it repeats itself in the log")
        for one in crowd:
            one.close()
        late = self.client(broker, "late")
        late.send(PINGREQ).expect("pingresp")
        early.send(PINGREQ).wait_for("pingresp")


class log_lines(process_base):
    """What a client says of itself stands in the log; it must not be able to write lines or commands for a terminal."""

    def lines_after(self, client_id, **settings):
        broker = self.start(log_level="info", **settings)
        first = self.client(broker, client_id)
        self.client(broker, client_id)  # logs a take-over as well
        first.expect_close(0x8E)
        self.raw(broker, connect(client_id, authentication_method="refused")).recv(100)
        broker.terminate()
        with open(f"{broker.directory}/log", "rb") as log:
            text = re.search(rb"^\d{4}-.*", log.read(), re.MULTILINE | re.DOTALL).group()  # behind the greeting
        self.assertIn(b"evil", text)
        return text

    def test_line_feed_begins_no_line(self):
        text = self.lines_after("evil\n2026-01-01T00:00:00.000 info event=connected client=admin\r\nx")
        for line in text.splitlines():
            self.assertRegex(line, rb"^\d{4}-\d\d-\d\dT[\d:.]+ \w+ event=")
            self.assertEqual(line.count(b"event="), 1 + (b"evil" in line), line)

    def test_control_characters_are_escaped(self):
        text = self.lines_after("evil\x1b[2J\x07\x08\x7f\tx")
        self.assertNotRegex(text, rb"[\x00-\x09\x0b-\x1f\x7f]")

    def test_control_characters_beyond_ascii_are_escaped(self):
        text = self.lines_after("evil\u009b2J\u0085x").decode()
        self.assertNotRegex(text, "[\u0080-\u009f]")
