"""mosquitto_pub and mosquitto_sub, in MQTT 3.1, 3.1.1 and 5.0."""

import os
import queue
import subprocess
import tempfile
import threading
import unittest

from case import TIMEOUT, interop_test
from runner import proves


class subscriber:
    """A running mosquitto_sub, whose output arrives as a queue of lines."""

    def __init__(self, command):
        self.process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip(b"\n").decode(errors="replace"))
        self.lines.put(None)

    def line(self):
        """The next line; None when the program ended."""
        return self.lines.get(timeout=TIMEOUT)

    def rest(self):
        """All lines until the program ends."""
        return list(iter(self.line, None))

    def subscribed(self):
        """Waits for SUBACK, which `-d` reports."""
        while True:
            line = self.line()
            if line is None or line.startswith("Subscribed (mid:"):
                return self

    def message(self):
        """The next line that is not a report of `-d`."""
        while True:
            line = self.line()
            if line is None or line.startswith("> "):
                return line and line[2:]

    def stop(self, hard=False):
        if self.process.poll() is None:
            self.process.kill() if hard else self.process.terminate()
        self.process.wait(TIMEOUT)
        self.reader.join(TIMEOUT)
        self.process.stdout.close()


@unittest.skipUnless(os.path.exists("/usr/bin/mosquitto_pub"), "mosquitto-clients is not installed")
class tools_base(interop_test):
    version = None

    def setUp(self):
        self.subscribers = []

    def tearDown(self):
        for one in self.subscribers:
            one.stop(hard=True)
        super().tearDown()

    def arguments(self):
        return ["-h", "127.0.0.1", "-p", str(self.broker.port), "-V", self.version]

    def pub(self, topic, *options, message=None, **run):
        text = ["-m", message] if message is not None else []
        return self.run_program("mosquitto_pub", *self.arguments(), "-t", topic, *text, *options, **run)

    def sub(self, *options, format="> %t %q %r %p"):
        """A subscriber that has its SUBACK; messages print as `> topic qos retain payload`."""
        one = subscriber(["mosquitto_sub", *self.arguments(), "-d", "-F", format, *options])
        self.subscribers.append(one)
        return one.subscribed()

    def received(self, *options, seconds=2):
        """What a subscriber gets within `seconds`, for what ends earlier see `-C`."""
        out = self.run_program("mosquitto_sub", *self.arguments(), "-W", str(seconds), "-F", "%t %q %r %p", *options,
                               expect=None)
        return out.decode().splitlines()

    @proves("MQTT311-7.0.0-2")
    def test_each_qos(self):
        topic = self.name("t")
        for granted in (0, 1, 2):
            sub = self.sub("-t", topic, "-q", str(granted))
            for published in (0, 1, 2):
                self.pub(topic, "-q", str(published), message=f"m{published}")
                self.assertEqual(sub.message(), f"{topic} {min(granted, published)} 0 m{published}")
            sub.stop()

    def test_retained_message_is_set_replaced_and_cleared(self):
        topic = self.name("t")
        for text in ("one", "two"):
            self.pub(topic, "-q", "1", "-r", message=text)
            self.assertEqual(self.received("-t", topic, "-q", "1", "-C", "1"), [f"{topic} 1 1 {text}"])
        self.pub(topic, "-q", "1", "-r", "-n")
        self.assertEqual(self.received("-t", topic, seconds=1), [])

    def test_wildcards(self):
        sub = self.sub("-t", self.name("+/b"), "-t", self.name("deep/#"), "-q", "1")
        for topic in ("a/b", "a/c", "deep", "deep/x/y", "x/b"):
            self.pub(self.name(topic), "-q", "1", message=topic)
        got = [sub.message().split()[-1] for _ in range(4)]
        self.assertEqual(sorted(got), ["a/b", "deep", "deep/x/y", "x/b"])

    def test_will_is_published_when_the_client_is_killed(self):
        watch = self.sub("-t", self.name("will"), "-q", "1")
        one = self.sub("-t", self.name("t"), "--will-topic", self.name("will"), "--will-payload", "gone",
                       "--will-qos", "1")
        one.stop(hard=True)
        self.assertEqual(watch.message(), f"{self.name('will')} 1 0 gone")

    def test_will_is_not_published_after_disconnect(self):
        watch = self.sub("-t", self.name("#"), "-q", "1")
        self.pub(self.name("t"), "--will-topic", self.name("will"), "--will-payload", "gone", message="x", *("-q", "1"))
        self.pub(self.name("end"), "-q", "1", message="end")
        self.assertEqual([watch.message().split()[-1] for _ in range(2)], ["x", "end"])

    def test_messages_wait_for_a_persistent_session(self):
        # MQTT 3.1 knows client identifiers of 23 characters at most.
        durable = ["-i", f"durable-{self.version}", "-c", "-t", self.name("t"), "-q", "2"]
        if self.version == "mqttv5":
            durable += ["-x", "300"]
        self.sub(*durable).stop()
        for number in range(10):
            self.pub(self.name("t"), "-q", str(1 + number % 2), message=str(number))
        got = self.received(*durable, "-C", "10", seconds=TIMEOUT)
        got = [line.split() for line in got]
        for qos in (1, 2):  # a QoS 2 message is printed at PUBREL, so only each QoS has an order
            self.assertEqual([line[3] for line in got if line[1] == str(qos)], [str(n) for n in range(qos - 1, 10, 2)])

    def test_big_payload_from_a_file(self):
        sub = self.sub("-t", self.name("t"), "-q", "1", "-C", "1", format="> %l %p")
        text = "0123456789abcdef" * 65536
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            self.pub(self.name("t"), "-q", "1", "-f", file.name)
        self.assertEqual(sub.message(), f"{len(text)} {text}")

    def test_many_lines_from_standard_input_keep_their_order(self):
        sub = self.sub("-t", self.name("t"), "-q", "1")
        lines = [f"line {number}" for number in range(500)]
        self.pub(self.name("t"), "-q", "1", "-l", input="\n".join(lines).encode() + b"\n")
        self.assertEqual([" ".join(sub.message().split()[3:]) for _ in lines], lines)

    def test_unsubscribe_of_a_persistent_session(self):
        durable = ["-i", f"unsub-{self.version}", "-c", "-q", "1", *(["-x", "300"] if self.version == "mqttv5" else [])]
        self.sub(*durable, "-t", self.name("a"), "-t", self.name("b")).stop()
        self.received(*durable, "-U", self.name("a"), "-t", self.name("c"), "-E", seconds=2)
        for topic in ("a", "b", "c"):
            self.pub(self.name(topic), "-q", "1", message=topic)
        got = self.received(*durable, "-t", self.name("c"), "-C", "2", seconds=TIMEOUT)
        self.assertEqual(sorted(line.split()[-1] for line in got), ["b", "c"])


class tools_3_1(tools_base):
    version = "mqttv31"


class tools_3_1_1(tools_base):
    version = "mqttv311"


class tools_5(tools_base):
    version = "mqttv5"
    seconds = 15

    def test_properties_come_through(self):
        sub = self.sub("-t", self.name("t"), "-q", "1", format="> %C|%F|%R|%D|%P|%p")
        self.pub(self.name("t"), "-q", "1",
                 "-D", "publish", "content-type", "text/plain",
                 "-D", "publish", "payload-format-indicator", "1",
                 "-D", "publish", "response-topic", "answer",
                 "-D", "publish", "correlation-data", "id-7",
                 "-D", "publish", "user-property", "b", "2",
                 "-D", "publish", "user-property", "a", "1", message="x")
        self.assertEqual(sub.message(), "text/plain|1|answer|id-7|b:2 a:1|x")

    def test_message_expiry_passes_on_what_is_left(self):
        sub = self.sub("-t", self.name("t"), "-q", "1", format="> %E")
        self.pub(self.name("t"), "-q", "1", "-D", "publish", "message-expiry-interval", "100", message="x")
        self.assertIn(sub.message(), ("99", "100"))

    def test_expired_message_does_not_wait_for_a_session(self):
        durable = ["-i", "expiry", "-c", "-x", "300", "-q", "1", "-t", self.name("t")]
        self.sub(*durable).stop()
        self.pub(self.name("t"), "-q", "1", "-D", "publish", "message-expiry-interval", "1", message="short")
        self.pub(self.name("t"), "-q", "1", message="long")
        # Time has to pass here: a subscriber that waits two seconds for something else.
        self.received("-t", self.name("nothing"), seconds=2)
        self.assertEqual([line.split()[-1] for line in self.received(*durable, "-C", "1", seconds=TIMEOUT)], ["long"])

    def test_session_expires(self):
        durable = ["-i", "session", "-c", "-x", "1", "-q", "1", "-t", self.name("t")]
        self.sub(*durable).stop()
        self.received("-t", self.name("nothing"), seconds=3)
        self.pub(self.name("t"), "-q", "1", message="lost")
        self.assertEqual(self.received(*durable, seconds=1), [])

    def test_request_and_response(self):
        responder = self.sub("-t", self.name("request"), "-q", "1", "-C", "1", format="> %R|%p")
        requester = subscriber(["mosquitto_rr", *self.arguments(), "-t", self.name("request"), "-e",
                                self.name("answer"), "-m", "question", "-q", "1", "-F", "> %p", "-W", str(TIMEOUT)])
        self.subscribers.append(requester)
        answer_topic, question = responder.message().split("|")
        self.assertEqual((answer_topic, question), (self.name("answer"), "question"))
        self.pub(answer_topic, "-q", "1", message="forty-two")
        self.assertEqual(requester.message(), "forty-two")

    def test_retain_as_published(self):
        sub = self.sub("-t", self.name("t"), "-q", "1", "--retain-as-published")
        self.pub(self.name("t"), "-q", "1", "-r", message="x")
        self.assertEqual(sub.message(), f"{self.name('t')} 1 1 x")

    def test_topic_alias_of_the_publisher(self):
        sub = self.sub("-t", self.name("t"), "-q", "1")
        self.pub(self.name("t"), "-q", "1", "-D", "publish", "topic-alias", "1", "-l", input=b"a\nb\nc\n")
        self.assertEqual([sub.message() for _ in range(3)], [f"{self.name('t')} 1 0 {text}" for text in "abc"])

    def test_shared_subscription(self):
        one = self.sub("-t", f"$share/g/{self.name('t')}", "-q", "1")
        two = self.sub("-t", f"$share/g/{self.name('t')}", "-q", "1")
        self.pub(self.name("t"), "-q", "1", "-l", input=b"".join(b"%d\n" % number for number in range(20)))
        one.stop()
        two.stop()
        got = [int(line.split()[-1]) for sub in (one, two) for line in sub.rest() if line.startswith("> ")]
        self.assertEqual(sorted(got), list(range(20)))
