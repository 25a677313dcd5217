"""The broker's process: killed and started again on the same port and data directory."""

import fcntl
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time

import broker as brokers

START_SECONDS = 30


given = {}  # by steady_port: the lock of each, held until the process ends


def steady_port():
    """A free port that is not given to outgoing connections.

    One of those could take the port while the broker is down: even a reconnecting client's own, which would then be
    connected to itself. Nor is it given to another process of tests, which would find it free until it is bound, and
    while the broker is down.
    """
    locks = pathlib.Path(tempfile.gettempdir(), f"troupe-test-ports-{os.getuid()}")
    locks.mkdir(exist_ok=True)
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        low, high = map(int, file.read().split())
    steady = [port for port in range(10000, 65536) if not low <= port <= high]
    while True:
        port = random.choice(steady) if steady else brokers.free_port()
        if port in given:
            continue
        lock = open(locks / str(port), "w")
        with socket.socket() as probe:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                probe.bind(("127.0.0.1", port))
                given[port] = lock
                return port
            except OSError:
                lock.close()


class node(brokers.broker):
    """`spawn()` and `kill()` instead of `start()`: nothing here waits until the broker listens."""

    def __init__(self, options):
        super().__init__(data_dir="data")
        self.options = options
        self.port = steady_port()
        self.directory = tempfile.mkdtemp(prefix="soak-")
        os.mkdir(os.path.join(self.directory, "data"))
        self.down_since = None
        self.outages = []  # seconds until the broker listened: from the first start, then from each kill

    def spawn(self):
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(self._command(), cwd=self.directory, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)
        self.down_since = self.down_since or time.monotonic()

    def _command(self):
        command = super()._command()
        if brokers.IS_MOSQUITTO:
            return command
        # A limit would drop messages of a subscriber that is away for long, and rightly so.
        for option in ("session.max-queued-messages=0", "session.max-queued-bytes=0", *self.options):
            command += ["--set", option]
        return command

    def kill(self):
        self.down_since = time.monotonic()
        super().kill()

    def watch(self, now):
        """Notes when the broker listens; a RuntimeError says that it ended by itself or takes too long."""
        if not self.alive():
            raise RuntimeError(f"the broker ended by itself with {self.process.returncode}")
        if self.down_since is None:
            return
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            if now - self.down_since > START_SECONDS:
                raise RuntimeError(f"the broker does not listen {START_SECONDS} s after its start") from None
            return
        self.outages.append(time.monotonic() - self.down_since)
        self.down_since = None

    def stop_in_order(self):
        code, seconds = self.terminate()
        if code != 0:
            raise RuntimeError(f"SIGTERM ended the broker with {code} after {seconds:.1f} s")

    def end(self, keep):
        """Ends what still runs, without asking, and removes what it wrote."""
        if self.alive():
            super().kill()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
