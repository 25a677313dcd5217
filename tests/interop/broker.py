"""One broker process on an ephemeral port, for tests.

TROUPE_BIN    the binary (default: build/release/bin/troupe of this repository)
BROKER        "mosquitto" runs /usr/sbin/mosquitto instead, to develop the suites themselves
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
IS_MOSQUITTO = os.environ.get("BROKER") == "mosquitto"
STOP_SECONDS = 5
START_SECONDS = 10

# What the tests may ask for, and how each broker is told. None: mosquitto cannot, and the tests that ask are skipped;
# empty: mosquitto cannot, and it does not matter.
SETTINGS = {
    "receive_maximum": ("session.receive-maximum={}", "max_inflight_messages {}"),
    "maximum_packet_size": ("limits.max-packet-size={}", "max_packet_size {}"),
    "topic_alias_maximum": ("session.topic-alias-maximum={}", None),
    "maximum_keep_alive": ("session.max-keep-alive={}s", "max_keepalive {}"),
    "maximum_qos": ("features.max-qos={}", "max_qos {}"),
    "retain_available": ("features.retain-available={}", "retain_available {}"),
    "wildcard_subscriptions": ("features.wildcard-subscriptions={}", None),
    "shared_subscriptions": ("features.shared-subscriptions={}", None),
    "subscription_identifiers": ("features.subscription-identifiers={}", None),
    "response_information": ("features.response-information-prefix={}", None),
    "connect_timeout": ("limits.connect-timeout={}s", ""),
    "maximum_sessions": ("limits.max-sessions={}", None),
    "maximum_subscriptions": ("limits.max-subscriptions-per-session={}", ""),
    "maximum_queued_bytes": ("session.max-queued-bytes={}", "max_queued_bytes {}"),
    "output_buffer": ("limits.output-buffer={}", None),
    "delivery_credit": ("limits.delivery-credit={}", None),
    "publish_credit": ("limits.publish-credit={}", ""),
    "retained_bytes": ("limits.retained-bytes={}", None),
    "sys_interval": ("sys.interval={}s", "sys_interval {}"),
    "batch_bytes": ("scheduler.batch-bytes={}", ""),
    "batch_messages": ("scheduler.batch-messages={}", ""),
    "workers": ("scheduler.workers={}", ""),
    "stream": ("stream.0.filter={}", None),
    "stream_bytes": ("stream.0.max-bytes={}", None),
    "trim_interval": ("store.trim-interval={}s", None),
    "maximum_replays": ("limits.max-replays-per-session={}", None),
    "data_dir": ("node.data-dir={}", "persistence true\npersistence_location {}/"),
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class broker:
    """`start()` returns when the broker accepts connections, `stop()` when it has ended as it should.

    `open_files`: how many descriptors the process may have; None: as many as this one.
    """

    def __init__(self, websocket=False, log_level="warn", open_files=None, **settings):
        self.settings = settings
        self.websocket = websocket
        self.log_level = log_level
        self.open_files = open_files
        self.directory = None
        self.process = None
        self.port = self.websocket_port = None

    def start(self):
        for attempt in range(3):
            self.directory = self.directory or tempfile.mkdtemp(prefix="broker-test-")
            self.port = free_port()
            self.websocket_port = free_port() if self.websocket else None
            with open(os.path.join(self.directory, "log"), "ab") as log:
                command = self._command()
                if self.open_files:
                    command = ["sh", "-c", f'ulimit -n {self.open_files} && exec "$@"', "sh", *command]
                self.process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL,
                                                stdout=log, stderr=subprocess.STDOUT)
            if self._accepts():
                return self
            # Another process may have taken the port between the probe and the start.
            self.process.kill()
            self.process.wait()
        raise RuntimeError(f"the broker did not start: {' '.join(self._command())}\n{self.log()}")

    def _command(self):
        if IS_MOSQUITTO:
            path = os.path.join(self.directory, "mosquitto.conf")
            lines = ["log_type error", "log_type warning", "max_queued_messages 0", f"listener {self.port} 127.0.0.1",
                     "allow_anonymous true", "set_tcp_nodelay true"]
            if self.websocket:
                lines += [f"listener {self.websocket_port} 127.0.0.1", "protocol websockets"]
            for name, value in self.settings.items():
                if SETTINGS[name][1]:
                    lines.insert(0, SETTINGS[name][1].format(value))
            with open(path, "w") as config:
                config.write("\n".join(lines) + "\n")
            return ["/usr/sbin/mosquitto", "-c", path]
        binary = os.environ.get("TROUPE_BIN", str(ROOT / "build/release/bin/troupe"))
        command = [binary, "--listen", f"tcp://127.0.0.1:{self.port}", "--log-level", self.log_level]
        if self.websocket:
            command += ["--listen", f"ws://127.0.0.1:{self.websocket_port}"]
        for name, value in self.settings.items():
            command += ["--set", SETTINGS[name][0].format(value)]
        return command

    def _accepts(self):
        deadline = time.monotonic() + START_SECONDS
        ports = [port for port in (self.port, self.websocket_port) if port]
        while ports and time.monotonic() < deadline and self.alive():
            try:
                socket.create_connection(("127.0.0.1", ports[0]), timeout=1).close()
                ports.pop(0)
            except OSError:
                time.sleep(0.01)
        return not ports

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        if not self.directory:
            return ""
        try:
            with open(os.path.join(self.directory, "log"), errors="replace") as log:
                return log.read()[-4000:]
        except OSError:
            return ""

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def paused(self):
        """The broker stands still within, so that what clients do meanwhile meets it all at once."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def terminate(self):
        """SIGTERM; returns (exit code or None, seconds it took)."""
        begin = time.monotonic()
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
            self.process.kill()
            self.process.wait()
        return code, time.monotonic() - begin

    def kill(self):
        """As a crash: nothing is flushed. `start()` again resumes on the same directory and a new port."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        code, seconds = self.terminate()
        log = self.log()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = None
        if code is None:
            raise AssertionError(f"the broker did not end within {STOP_SECONDS} s of SIGTERM\n{log}")
        if code != 0:
            raise AssertionError(f"the broker ended with {code} after {seconds:.1f} s\n{log}")


def class_broker(test_class, websocket=False, **settings):
    """Gives a TestCase class a broker of its own as `cls.broker`; called from setUpClass."""
    test_class.broker = broker(websocket, **settings).start()
    test_class.addClassCleanup(lambda: test_class.broker.stop())
