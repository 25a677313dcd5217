#!/usr/bin/python3
"""A network of its own: a namespace for each node, and a switch in this process that connects them.

Run by `network`, which says what the switch is to do. Nothing has a name outside: the namespaces have no entry in
/run/netns, so that everything is gone with the processes in it, however they end. The switch drops and delays
packets itself, pair by pair, so that it needs neither a bridge nor `tc netem`, which not every kernel has.
"""

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME = 1 << 16
ANSWER_SECONDS = 10

libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """For `preexec_fn`: what a test has started does not outlive it, even if it is killed."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def address(number):
    return f"10.77.0.{number + 1}"


class unavailable(Exception):
    """Namespaces or network devices cannot be made here."""


class network:
    """The parent's end. `enter(n)` is the prefix of a command that is to run as number `n`, whose address is
    `address(n)`."""

    def __init__(self, size):
        self.switch = subprocess.Popen([sys.executable, __file__, str(size)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                       preexec_fn=die_with_parent)
        line = self._line()
        if not line:
            _, error = self.switch.communicate(timeout=ANSWER_SECONDS)
            raise unavailable((error.strip().splitlines() or ["no answer"])[-1])
        self.namespaces = json.loads(line)

    def _line(self):
        ready, _, _ = select.select([self.switch.stdout], [], [], ANSWER_SECONDS)
        return self.switch.stdout.readline() if ready else ""

    def enter(self, number):
        return ["nsenter", f"--net=/proc/{self.switch.pid}/fd/{self.namespaces[number]}"]

    def say(self, **what):
        self.switch.stdin.write(json.dumps(what) + "\n")
        self.switch.stdin.flush()
        return json.loads(self._line())

    def cut(self, *pairs):
        """Nothing passes between these any more, and nobody is told."""
        self.say(cut=pairs)

    def heal(self):
        self.say(heal=True)

    def disturb(self, delay=0.0, loss=0.0, seed=1):
        """Every packet comes `delay` seconds later, or with the probability `loss` not at all."""
        self.say(delay=delay, loss=loss, seed=seed)

    def sent(self, source, target):
        """Bytes so far, also those that were lost."""
        return self.say(count=True)[source][target]

    def close(self):
        self.switch.stdin.close()
        self.switch.stdout.close()
        self.switch.stderr.close()
        try:
            self.switch.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self.switch.kill()
            self.switch.wait()


# -- the switch's own process


def make_port(number, size):
    """A namespace with one device; returns (the device's end here, the namespace)."""
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"wire0", IFF_TAP | IFF_NO_PI))
    try:
        with open("/proc/sys/net/ipv6/conf/wire0/disable_ipv6", "w") as file:
            file.write("1")
    except OSError:
        pass
    # Who is where they all know: a partition is not to be prolonged by questions that got no answer.
    lines = ["link set lo up", f"link set wire0 address 02:00:00:00:00:{number:02x}",
             f"addr add {address(number)}/24 dev wire0", "link set wire0 txqueuelen 10000", "link set wire0 up"]
    lines += [f"neigh add {address(other)} lladdr 02:00:00:00:00:{other:02x} dev wire0 nud permanent"
              for other in range(size) if other != number]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True,
                   stdout=subprocess.DEVNULL)
    return tap, os.open("/proc/self/ns/net", os.O_RDONLY)


class switch:
    def __init__(self, size):
        ports = [make_port(number, size) for number in range(size)]
        self.taps = [tap for tap, _ in ports]
        self.namespaces = [namespace for _, namespace in ports]
        self.number_of = {tap: number for number, tap in enumerate(self.taps)}
        self.broken = set()
        self.delay = self.loss = 0.0
        self.chance = random.Random(1)
        self.counts = [[0] * size for _ in range(size)]
        self.under_way = []  # (when due, sequence, target, frame)
        self.sequence = 0

    def run(self):
        print(json.dumps(self.namespaces), flush=True)
        commands = b""
        while True:
            wait = max(self.under_way[0][0] - time.monotonic(), 0) if self.under_way else None
            ready, _, _ = select.select([0, *self.taps], [], [], wait)
            for one in ready:
                if one != 0:
                    self.take(one)
                    continue
                data = os.read(0, 1 << 16)
                if not data:
                    return
                commands += data
                while b"\n" in commands:
                    line, commands = commands.split(b"\n", 1)
                    print(json.dumps(self.obey(json.loads(line))), flush=True)
            self.deliver()

    def obey(self, what):
        if "cut" in what:
            self.broken |= {frozenset(pair) for pair in what["cut"]}
        if "heal" in what:
            self.broken.clear()
        if "delay" in what:
            self.delay, self.loss, self.chance = what["delay"], what["loss"], random.Random(what["seed"])
        return self.counts if "count" in what else True

    def take(self, tap):
        source = self.number_of[tap]
        for _ in range(64):
            try:
                frame = os.read(tap, FRAME)
            except BlockingIOError:
                return
            target = frame[5]
            if frame[0] & 1 or target >= len(self.taps) or target == source:
                continue
            self.counts[source][target] += len(frame)
            if frozenset((source, target)) in self.broken or (self.loss and self.chance.random() < self.loss):
                continue
            if not self.delay and not self.under_way:
                self.write(target, frame)
                continue
            self.sequence += 1
            heapq.heappush(self.under_way, (time.monotonic() + self.delay, self.sequence, target, frame))

    def deliver(self):
        now = time.monotonic()
        while self.under_way and self.under_way[0][0] <= now:
            _, _, target, frame = heapq.heappop(self.under_way)
            self.write(target, frame)

    def write(self, target, frame):
        try:
            os.write(self.taps[target], frame)
        except OSError:
            pass  # no room: as on any wire, it is lost


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal; the parent ends it
    switch(int(sys.argv[1])).run()
