"""troupectl against a broker that runs, one that ended and one that was killed."""

import json
import os
import socket
import stat
import subprocess
import threading
import unittest

from case import brokers
from durable_test import durable_base
from process_test import process_base
from wire import V311, TIMEOUT

TROUPECTL = os.path.join(os.path.dirname(brokers.broker(data_dir="")._command()[0]), "troupectl")


class troupectl_base(durable_base):
    def start(self, **settings):
        return process_base.start(self, **{"data_dir": "data", "stream": "s/#", **settings})

    def run_log(self, broker, *arguments, data_dir="data"):
        return subprocess.run([TROUPECTL, "log", "--data-dir", data_dir, *arguments], cwd=broker.directory,
                              capture_output=True, text=True, timeout=10 * TIMEOUT)

    def log(self, broker, *arguments, **more):
        """What `troupectl log` prints when all goes well."""
        done = self.run_log(broker, *arguments, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def fails(self, broker, *arguments, code=1, **more):
        """The one line that it says about what went wrong."""
        done = self.run_log(broker, *arguments, **more)
        self.assertEqual(done.returncode, code, done)
        if code == 1:
            self.assertEqual(len(done.stderr.splitlines()), 1, done)
        return done.stderr

    def messages(self, broker, *arguments, **more):
        return [json.loads(line) for line in self.log(broker, "read", *arguments, **more).splitlines()]

    def status(self, broker, **more):
        return json.loads(self.log(broker, "status", "--json", **more))

    def control(self, broker):
        return os.path.join(broker.directory, "data", "control")

    def files(self, broker):
        """The files of the store, with their contents."""
        found = {}
        for folder, _, names in os.walk(os.path.join(broker.directory, "data", "store")):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found[os.path.join(folder, name)] = file.read()
        return found

    def fill(self, broker):
        """Five messages in the stream, one beside it for a session that is away, a retained one."""
        self.client(broker, "away", clean=False, session_expiry_interval=300).subscribe(("q", 1)).disconnect()
        one = self.client(broker, "publisher")
        for number in range(4):
            one.publish(f"s/{number % 2}", b"%d" % number, qos=1)
        one.publish("s/full", b"\xff\x00", qos=2, content_type="text/plain", response_topic="answers",
                    correlation_data=b"\x01\x02", user_property=[("a", "1"), ("a", "2")], message_expiry_interval=600,
                    payload_format_indicator=0)
        one.publish("q", b"waits", qos=1)
        one.publish("r", "ü".encode(), qos=1, retain=True)
        one.disconnect()

    def check_filled(self, broker, **more):
        """Everything that `fill` has left behind is told."""
        status = self.status(broker, **more)
        self.assertEqual(status["messages"], 6)
        self.assertEqual(status["retained"], 1)
        self.assertEqual(status["sessions"], 1)
        streams = {one["filter"]: one["messages"] for one in status["streams"]}
        self.assertEqual(streams, {"s/#": 5, None: 1})
        table = self.log(broker, "status", **more)
        for text in ("6 messages", "s/#", "(for sessions)", "retained messages 1, sessions 1"):
            self.assertIn(text, table)

        everything = self.messages(broker, "#", **more)
        self.assertEqual([one["topic"] for one in everything], ["s/0", "s/1", "s/0", "s/1", "s/full", "q"])
        self.assertEqual([one.get("payload") for one in everything], ["0", "1", "2", "3", None, "waits"])
        self.assertEqual([one["payload"] for one in self.messages(broker, "s/1", **more)], ["1", "3"])
        self.assertEqual([one["payload"] for one in self.messages(broker, "s/+", "--limit", "2", **more)], ["0", "1"])
        second, fourth = (everything[at]["offset"] for at in (1, 3))
        middle = self.messages(broker, "#", "--from", str(second), "--to", str(fourth), **more)
        self.assertEqual(middle, everything[1:4])
        self.assertEqual(self.messages(broker, "#", "--from", "-1h", "--to", "2200-01-01T00:00:00Z", **more), everything)
        self.assertEqual(self.messages(broker, "#", "--to", "-1h", **more), [])

        full = everything[4]
        self.assertEqual(json.loads(self.log(broker, "get", str(full["offset"]), **more)), full)
        self.assertRegex(full.pop("timestamp"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(full, {
            "offset": status["head"] - 1, "topic": "s/full", "publisher": "publisher", "qos": 2, "retain": False,
            "protocol": 5, "expiry_seconds": 600, "content_type": "text/plain", "response_topic": "answers",
            "correlation_data_base64": "AQI=", "payload_format": 0, "user_properties": [["a", "1"], ["a", "2"]],
            "payload_base64": "/wA="})
        self.assertIn("there is no message at offset 12345678", self.fails(broker, "get", "12345678", **more))
        self.assertIn("6 messages in 6 records", self.log(broker, "verify", **more))


class commands(troupectl_base):
    def test_they_tell_the_same_of_a_broker_that_runs_and_of_what_it_leaves(self):
        broker = self.start()
        self.fill(broker)
        self.check_filled(broker)
        code, _ = broker.terminate()
        self.assertEqual(code, 0)
        self.assertFalse(os.path.exists(self.control(broker)))
        before = self.files(broker)
        self.check_filled(broker)
        self.log(broker, "backup", "copy")
        self.check_filled(broker, data_dir="copy")
        self.assertEqual(self.files(broker), before)

    def test_they_look_at_what_a_killed_broker_left_and_leave_it_as_it_is(self):
        broker = self.start()
        self.fill(broker)
        broker.kill()
        self.assertTrue(stat.S_ISSOCK(os.stat(self.control(broker)).st_mode))
        before = self.files(broker)
        self.check_filled(broker)
        self.assertEqual(self.files(broker), before)
        broker.start()
        self.check_filled(broker)

    def test_wrong_use_is_told(self):
        broker = self.start()
        for arguments in ([], ["get"], ["get", "x"], ["read"], ["read", "#", "--limit", "-1"], ["backup"], ["what"]):
            self.assertTrue(self.fails(broker, *arguments, code=2))
        for arguments in (["read", "a/#/b"], ["read", "#", "--from", "yesterday"], ["read", "#", "--to", "1/2"]):
            self.assertTrue(self.fails(broker, *arguments))
        self.assertIn("No such file or directory", self.fails(broker, "status", data_dir="none"))
        os.mkdir(os.path.join(broker.directory, "empty"))
        self.assertIn("there is no store in empty", self.fails(broker, "status", data_dir="empty"))


class backups(troupectl_base):
    def test_a_broker_started_on_one_has_everything(self):
        broker = self.start()
        self.fill(broker)
        stop = threading.Event()
        published = []

        def load():
            one = self.client(broker, "load")
            while not stop.is_set():
                one.publish("s/load", b"%d" % len(published), qos=1)
                published.append(len(published))

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for name in ("copy", os.path.join(broker.directory, "second")):
                at_least = len(published)
                self.log(broker, "backup", name)
                self.assertIn(": good", self.log(broker, "verify"))
                got = [int(one["payload"]) for one in self.messages(broker, "s/load")]
                self.assertEqual(got, list(range(len(got))))
                self.assertGreaterEqual(len(got), at_least)
        finally:
            stop.set()
            thread.join()
        broker.terminate()
        self.assertEqual([int(one["payload"]) for one in self.messages(broker, "s/load")], published)
        self.assertIn(": good", self.log(broker, "verify", data_dir="copy"))

        copy = self.start(data_dir=os.path.join(broker.directory, "second"))
        got = [int(one["payload"]) for one in self.messages(broker, "s/load", data_dir="second")]
        self.assertEqual(got, list(range(len(got))))
        self.assertGreaterEqual(len(got), at_least)
        self.assertEqual(self.payloads(copy, 1), {"r": "ü".encode()})
        away = self.client(copy, "away", clean=False, session_present=True, session_expiry_interval=300)
        away.message(topic="q", payload=b"waits", qos=1)
        # Nothing that the original may have handed out is used again.
        head = self.status(broker)["head"]
        self.client(copy, "publisher").publish("s/new", b"new", qos=1)
        self.assertGreater(self.status(broker, data_dir="second")["head"], head)
        self.assertIn(": good", self.log(broker, "verify", data_dir="second"))

    def test_nothing_that_is_there_is_touched(self):
        broker = self.start()
        self.fill(broker)
        os.mkdir(os.path.join(broker.directory, "full"))
        with open(os.path.join(broker.directory, "full", "mine"), "w") as file:
            file.write("mine")
        for target in ("full", "data", "full/mine", "none/copy"):
            self.assertTrue(self.fails(broker, "backup", target))
        self.assertEqual(os.listdir(os.path.join(broker.directory, "full")), ["mine"])
        os.mkdir(os.path.join(broker.directory, "empty"))
        self.log(broker, "backup", "empty")
        self.check_filled(broker, data_dir="empty")


class damage(troupectl_base):
    def test_it_is_told_and_only_a_broker_repairs_it(self):
        broker = self.start()
        self.fill(broker)
        broker.kill()
        os.remove(os.path.join(broker.directory, "data", "store", "CURRENT"))
        before = self.files(broker)
        for command in (["status"], ["verify"], ["backup", "copy"]):
            self.assertIn("a broker that starts on it repairs it", self.fails(broker, *command))
        self.assertEqual(self.files(broker), before)
        broker.start()
        self.assertIn(": good", self.log(broker, "verify"))

    def test_unreadable_end_is_told_and_what_is_whole_is_shown(self):
        broker = self.start()
        self.fill(broker)
        broker.kill()
        name = max((name for name in self.files(broker) if name.endswith(".log")), key=os.path.getsize)
        with open(name, "r+b") as file:
            file.seek(file.read().index(b"text/plain"))  # inside of a record, not in its length
            file.write(b"\xff")
        done = self.run_log(broker, "status", "--json")
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("cannot be read and are left out", done.stderr)
        self.assertLess(json.loads(done.stdout)["messages"], 6)
        broker.start()
        self.assertEqual(self.status(broker)["messages"], json.loads(done.stdout)["messages"])
        self.assertIn(": good", self.log(broker, "verify"))


class control_socket(troupectl_base):
    def raw_control(self, broker, data):
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(TIMEOUT)
            one.connect(os.path.relpath(self.control(broker)))
            one.sendall(data)
            got = b""
            while piece := one.recv(65536):
                got += piece
            return got

    def test_it_is_for_the_brokers_own_user(self):
        broker = self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.control(broker)).st_mode), 0o600)

    def test_garbage_is_answered_and_does_no_harm(self):
        broker = self.start()
        self.fill(broker)
        for data in (b"\n", b"garbage\n", b"\xff\x00\n", b"{}\n", b"[" * 60000 + b"\n", b'{"command":"log"}\n',
                     b'{"command":"log get","offset":1e99}\n', b'{"command":"log read","filter":"\\ud800"}\n'):
            answer = [json.loads(line) for line in self.raw_control(broker, data).splitlines()]
            self.assertEqual(len(answer), 1, data)
            self.assertFalse(answer[0]["ok"])
        self.check_filled(broker)

    def test_silent_clients_do_not_hold_up_the_end(self):
        broker = self.start()
        silent = [socket.socket(socket.AF_UNIX) for _ in range(10)]
        for one in silent:
            self.addCleanup(one.close)
            one.connect(os.path.relpath(self.control(broker)))
        self.assertIn("too many connections", self.fails(broker, "status"))
        code, seconds = broker.terminate()
        self.assertEqual(code, 0)
        self.assertLess(seconds, brokers.STOP_SECONDS)

    def test_broker_runs_without_it_where_it_cannot_be(self):
        broker = self.start()
        broker.terminate()
        with open(self.control(broker), "w") as file:
            file.write("mine")
        broker.start()
        self.assertIn("event=control_unavailable", broker.log())
        self.assertIn("another process uses the data directory", self.fails(broker, "status"))
        code, _ = broker.terminate()
        self.assertEqual(code, 0)
        self.assertTrue(os.path.isfile(self.control(broker)))

    def test_path_may_be_long(self):
        name = "d" * 150
        broker = self.start(data_dir=name)
        self.client(broker, "old", version=V311).publish("s/1", b"x", qos=1)
        self.assertEqual(self.status(broker, data_dir=name)["messages"], 1)
        broker.terminate()
        self.assertEqual(self.status(broker, data_dir=name)["messages"], 1)


if __name__ == "__main__":
    unittest.main()
