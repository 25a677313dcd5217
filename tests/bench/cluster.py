#!/usr/bin/env python3
"""What a hop between two nodes gives and costs: `troupe-bench` with its subscribers at the publishers' node and at
another one, in turns; and how soon many filters of one node are known at the other. Prints a table of medians.

    tests/bench/cluster.py [--rounds 3] [--seconds 3] [--filters 100000] [--tls]

Both brokers run with one worker. The load generator has core 1; broker a core 0, broker b both. With --tls a second pair,
which has certificates, takes its turn.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/release/bin"
sys.path.insert(1, str(ROOT / "tests/cluster"))

import certificates


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class pair:
    """Two linked nodes. `authority`: of their certificates; None: plain TCP."""

    def __init__(self, authority=None):
        self.authority = authority

    def __enter__(self):
        seed = free_port()
        self.ports = [free_port(), free_port()]
        self.processes = [self._start("a", "0", self.ports[0], seed, seed),
                          self._start("b", "0,1", self.ports[1], free_port(), seed)]
        for process in self.processes:
            for line in process.stdout:
                if "event=node_up" in line:
                    break
            else:
                raise RuntimeError("a broker ended")
            threading.Thread(target=process.stdout.read, daemon=True).start()
        return self

    def _start(self, name, cores, port, cluster_port, seed):
        command = ["taskset", "-c", cores, BIN / "troupe", "-l", f"tcp://127.0.0.1:{port}"]
        tls = self.authority.options(name) if self.authority else []
        for option in (*tls, "scheduler.workers=1", f"node.name={name}", f"cluster.listen=127.0.0.1:{cluster_port}",
                       f"cluster.seeds=127.0.0.1:{seed}", "cluster.secret=benchmark-secret",
                       "limits.max-subscriptions-per-session=0"):
            command += ["--set", option]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(10)


def load(nodes, is_remote, arguments):
    command = ["taskset", "-c", "1", BIN / "troupe-bench", *arguments, "--json", "--quiet", "--port", str(nodes.ports[0])]
    if is_remote:
        command += ["--subscriber-port", str(nodes.ports[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def connect(port, client_id):
    one = socket.create_connection(("127.0.0.1", port))
    body = b"\0\4MQTT\4\2\0\0" + struct.pack(">H", len(client_id)) + client_id
    one.sendall(b"\x10" + bytes([len(body)]) + body)
    assert one.recv(4) == b"\x20\x02\0\0"
    return one


def length(number):
    out = bytearray()
    while True:
        number, low = divmod(number, 128)
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def text(value):
    return struct.pack(">H", len(value)) + value


def time_of_filters(nodes, count, at_once=1000):
    """Seconds from the first SUBSCRIBE at a until all are acknowledged and a message from b for the last one is here."""
    topics = [b"filter/%d/x" % number for number in range(count)]
    packets = []
    for first in range(0, count, at_once):
        body = struct.pack(">H", first // at_once + 1) + b"".join(text(each) + b"\0" for each in topics[first:first + at_once])
        packets.append(b"\x82" + length(len(body)) + body)
    with connect(nodes.ports[0], b"subscriber") as subscriber, connect(nodes.ports[1], b"publisher") as publisher:
        subscriber.settimeout(60)
        begin = time.monotonic()
        threading.Thread(target=lambda: subscriber.sendall(b"".join(packets)), daemon=True).start()
        left = sum(1 + len(length(2 + min(at_once, count - first))) + 2 + min(at_once, count - first)
                   for first in range(0, count, at_once))
        while left > 0:
            left -= len(subscriber.recv(min(left, 1 << 16)))
        body = text(topics[-1]) + b"x"
        publisher.sendall(b"\x30" + length(len(body)) + body)
        subscriber.recv(1)
        return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--filters", type=int, default=100000)
    parser.add_argument("--tls", action="store_true")
    wanted = parser.parse_args()
    rows = {f"50 pairs, QoS {qos}, messages/s": ("delivered_per_second", ("pairs", "--qos", str(qos))) for qos in (0, 1, 2)}
    rows["5,000 msg/s, QoS 0: latency p50, µs"] = ("p50", ("latency", "--rate", "5000"))
    rows["… p99, µs"] = ("p99", None)
    filters = []
    with contextlib.ExitStack() as ending:
        nodes = ending.enter_context(pair())
        ways = {"one node": (nodes, False), "from a to b": (nodes, True)}
        if wanted.tls:
            authority = certificates.authority(ending.enter_context(tempfile.TemporaryDirectory()))
            ways["from a to b, TLS"] = (ending.enter_context(pair(authority)), True)
        figures = {(name, way): [] for name in rows for way in ways}
        for _ in range(wanted.rounds):
            for way, (where, is_remote) in ways.items():
                for name, (_, arguments) in rows.items():
                    if arguments is not None:
                        done = load(where, is_remote, (*arguments, "--duration", str(wanted.seconds)))
                        if done["lost"] or done["duplicates"] or done["out_of_order"]:
                            raise RuntimeError(f"{name}: {done}")
                    kind = rows[name][0]
                    value = done[kind] if kind in done else done["latency_us"][kind]
                    figures[name, way].append(value)
            filters.append(time_of_filters(nodes, wanted.filters))
            time.sleep(0.5)
    print(f"{os.cpu_count()} cores, medians of {wanted.rounds} interleaved rounds of {wanted.seconds:g} s\n")
    print("| |" + "".join(f" {way} |" for way in ways))
    print("|---|" + "---|" * len(ways))
    for name in rows:
        print(f"| {name} |" + "".join(f" {statistics.median(figures[name, way]):,.0f} |" for way in ways))
    print(f"| {wanted.filters:,} filters subscribed at a, acknowledged and known at b, s | | {statistics.median(filters):.2f} |"
          + " |" * (len(ways) - 2))


if __name__ == "__main__":
    main()
