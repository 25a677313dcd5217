"""Brokers that are a cluster, each a process with its own log, on loopback or in a network of their own.

TROUPE_BIN    the binary (default: build/release/bin/troupe of this repository)
"""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import wires
from node import steady_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = "0123456789abcdef"
START_SECONDS = 30
LINK_SECONDS = 15
STOP_SECONDS = 10
POLL = 0.01

# The classes run in forked processes, which are not to try the same ports.
os.register_at_fork(after_in_child=random.seed)

LINK_EVENT = re.compile(r" event=node_(up|down) node=(\S+)")


def until(holds, seconds, what):
    """Waits until `holds()` is true, and returns what it returned; an AssertionError names what did not happen.
    `what`: text, or a function that makes it."""
    deadline = time.monotonic() + seconds
    while True:
        result = holds()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what if isinstance(what, str) else what()}")
        time.sleep(POLL)


class node:
    """`tcp_port` is None for one in a network of its own, which is reached through a UNIX socket."""

    def __init__(self, directory, name, address, number=0, network=None, listeners=1):
        self.name = name
        self.number = number
        self.address = address  # of the cluster port
        self.network = network
        self.directory = os.path.join(directory, f"{name}-{address.replace(':', '-')}")
        os.mkdir(self.directory)
        self.binary = None  # another one than of the others
        self.seeds = []
        self.options = []
        self.log_level = "debug"
        self.launcher = []  # what stands before the command, such as taskset and its arguments
        self.tcp_ports = [] if network else [steady_port() for _ in range(listeners)]
        self.tcp_port = None if network else self.tcp_ports[0]
        self.process = None
        self.started_at = 0   # in the log
        self.stopped = False  # with SIGSTOP

    # -- the process

    def spawn(self):
        binary = self.binary or os.environ.get("TROUPE_BIN", str(ROOT / "build/release/bin/troupe"))
        command = [*self.launcher, binary, "--log-level", self.log_level]
        for address in [f"tcp://127.0.0.1:{port}" for port in self.tcp_ports] or [f"unix://{self._socket_path()}"]:
            command += ["--listen", address]
        options = [f"node.name={self.name}", f"cluster.listen={self.address}", *self.options]
        if self.seeds:
            options.append(f"cluster.seeds={','.join(self.seeds)}")
        if not any(option.startswith("cluster.secret=") for option in options):
            options.append(f"cluster.secret={SECRET}")
        for option in options:
            command += ["--set", option]
        if self.network:
            command = self.network.enter(self.number) + command
            if os.path.exists(self._socket_path()):
                os.unlink(self._socket_path())
        with open(self._log_path(), "ab") as log:
            self.started_at = log.tell()
            self.process = subprocess.Popen(command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, preexec_fn=wires.die_with_parent)
        self.stopped = False
        return self

    def start(self):
        self.spawn()
        until(self.serves, START_SECONDS, lambda: f"{self.name} serves clients\n{self.log()[-2000:]}")
        return self

    def serves(self):
        if not self.alive():
            raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{self.log()[-2000:]}")
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    def kill(self):
        """As a crash."""
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """SIGTERM; raises if that does not end it as it should."""
        if not self.alive():
            return
        if self.stopped:
            self.resume()
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {STOP_SECONDS} s of SIGTERM\n{self.log()[-2000:]}")
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}\n{self.log()[-2000:]}")

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    # -- how to reach it

    def _socket_path(self):
        return os.path.join(self.directory, "mqtt")

    def connect(self):
        """A connection to its MQTT listener."""
        if self.tcp_port:
            one = socket.create_connection(("127.0.0.1", self.tcp_port), timeout=5)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return one
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(5)
        try:
            one.connect(self._socket_path())
        except OSError:
            one.close()
            raise
        return one

    def connect_as_node(self):
        """A connection to its cluster port; on loopback only."""
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=5)

    # -- what it says

    def _log_path(self):
        return os.path.join(self.directory, "log")

    def log(self):
        """Of the present life."""
        with open(self._log_path(), "rb") as log:
            log.seek(self.started_at)
            return log.read().decode(errors="replace")

    def mark(self):
        """A place in the log, for `lines`."""
        return os.path.getsize(self._log_path())

    def lines(self, pattern, since=None):
        with open(self._log_path(), "rb") as log:
            log.seek(self.started_at if since is None else since)
            return [line for line in log.read().decode(errors="replace").splitlines() if re.search(pattern, line)]

    def says(self, pattern, since=None, within=LINK_SECONDS):
        """Waits for a line; returns it."""
        return until(lambda: self.lines(pattern, since), within,
                     lambda: f"{self.name} logs {pattern!r}\n{self.log()[-2000:]}")[0]

    def links(self):
        """The names of the nodes that it has a link with, as it says."""
        state = {}
        for what, name in LINK_EVENT.findall(self.log()):
            state[name] = what == "up"
        return {name for name, is_up in state.items() if is_up}


class cluster:
    """Nodes by name, of which none is started. `seeds`: for each name those of others (default: of all others).
    `log_level`: what is not logged is not found in the logs; links are logged at "info". `listeners`: TCP ports of each.

    In a `network` names are numbered in the order given, for its `cut`.
    """

    def __init__(self, names="abc", network=False, data=False, seeds=None, options=(), log_level="debug",
                 listeners=1):
        self.directory = tempfile.mkdtemp(prefix=f"cluster-{os.getpid()}-")
        self.network = None
        self.nodes = {}
        self.others = []  # started by `intruder`
        try:
            if network:
                self.network = wires.network(len(names))
            for number, name in enumerate(names):
                at = f"{wires.address(number)}:18900" if network else f"127.0.0.1:{steady_port()}"
                made = self.nodes[name] = node(self.directory, name, at, number, self.network, listeners)
                made.options = list(options)
                made.log_level = log_level
                if data:
                    os.mkdir(os.path.join(made.directory, "data"))
                    made.options.append("node.data-dir=data")
            for name, one in self.nodes.items():
                chosen = names if seeds is None else seeds.get(name, "")
                one.seeds = [self.nodes[other].address for other in chosen if other != name]
        except BaseException:
            self.remove()
            raise

    def __getitem__(self, name):
        return self.nodes[name]

    def __iter__(self):
        return iter(self.nodes.values())

    def numbers(self, *names):
        return [self.nodes[name].number for name in names]

    def start(self, *names):
        """These, or all, one after the other, and waits until those that run are linked."""
        for name in names or self.nodes:
            self.nodes[name].start()
            self.wait_for_links()
        return self

    def start_at_once(self):
        """All at the same moment, so that they connect to each other from both sides."""
        for one in self:
            one.spawn()
        for one in self:
            until(one.serves, START_SECONDS, lambda: f"{one.name} serves clients\n{one.log()[-2000:]}")
        return self.wait_for_links()

    def wait_for_links(self, *names, within=LINK_SECONDS):
        """Until each of these, or of all that run, has a link with each other one."""
        names = set(names or (one.name for one in self if one.alive()))
        for name in names:
            one = self.nodes[name]
            until(lambda: names - {name} <= one.links(), within,
                  lambda: f"{name} has links with all of {sorted(names)}\n{one.log()[-2000:]}")
        return self

    def cut(self, *pairs):
        """Breaks the wire between two nodes, given as "ab"."""
        self.network.cut(*(self.numbers(*pair) for pair in pairs))

    def isolate(self, name):
        self.cut(*(name + other for other in self.nodes if other != name))

    def heal(self):
        self.network.heal()

    def intruder(self, name, seeds, *options):
        """A node that is not one of the cluster's own; on loopback."""
        one = node(self.directory, name, f"127.0.0.1:{steady_port()}")
        one.seeds = [self.nodes[seed].address for seed in seeds]
        one.options = list(options)
        self.others.append(one)
        return one.start()

    def log(self):
        return "\n".join(f"--- {one.name}\n{one.log()[-2500:]}" for one in (*self, *self.others)
                         if os.path.exists(one._log_path()))

    def complaints(self):
        """What a node should never have to say."""
        return [f"{one.name}: {line}" for one in (*self, *self.others) if os.path.exists(one._log_path())
                for line in one.lines(" (error|critical) ", since=0)]

    def stop(self):
        """Ends all; returns what went wrong with that."""
        wrong = []
        try:
            for one in (*self.others, *self):
                try:
                    one.terminate()
                except AssertionError as error:
                    wrong.append(str(error))
            wrong += self.complaints()
        finally:
            self.remove()
        return wrong

    def remove(self):
        for one in (*self.others, *self):
            if one.alive():
                one.kill()
        if self.network:
            self.network.close()
        if not os.environ.get("CLUSTER_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)
