#!/usr/bin/env python3
"""Compares Troupe with Debian's mosquitto, and a cluster of two nodes with one node, and writes docs/benchmarks.md.

Both brokers run in the same session, in turn, round by round: one broker on one core, the load
generator (`troupe-bench`) on the other. Quoted are medians over the rounds. Not a test: a missed
goal is reported, nothing fails.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import cluster
import commits
import page

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build" / "release" / "bin"
BROKER_CORE, LOAD_CORE = "0", "1"
SCALE = "Scale"  # the section that examples/scale/run.py writes


@dataclasses.dataclass
class Scenario:
    """What is run, which figure counts, and how many times mosquitto's it is to be."""

    name: str
    arguments: list
    goal: float  # ratio troupe / mosquitto; for what is better lower mosquitto / troupe; None: no goal
    figure: str = "delivered_per_second"
    lower_is_better: bool = False
    also: tuple = ()  # further figures to show: (name, goal ratio, lower is better)
    at_most: float = None  # an absolute goal for `figure`
    durable: bool = False  # the brokers keep what they have on the disk


def measured(seconds, *arguments):
    return [*arguments, "--duration", str(seconds), "--warmup", "1"]


CPU = "broker_cpu_us_per_unit"


def flat_out(name, goal, *arguments):
    """Throughput, and CPU per delivered message at most the same fraction."""
    return Scenario(name, list(arguments), goal, also=((CPU, goal, True),))


def scenarios(seconds):
    return [
        flat_out("50 pairs, QoS 0", 40, *measured(seconds, "pairs", "-q", "0")),
        flat_out("50 pairs, QoS 1, window 100", 35, *measured(seconds, "pairs", "-q", "1")),
        flat_out("50 pairs, QoS 2", 40, *measured(seconds, "pairs", "-q", "2")),
        flat_out("fan-out 1 → 500, QoS 0", 50, *measured(seconds, "fan-out", "-q", "0")),
        flat_out("fan-in 500 → 1, QoS 1", 25, *measured(seconds, "fan-in", "-q", "1")),
        flat_out("1,000 wildcard + 10 `#`, QoS 0", 55, *measured(seconds, "wildcard", "-q", "0")),
        flat_out("50 → shared subscription of 10, QoS 0", None, *measured(seconds, "shared", "-q", "0")),
        flat_out("50 → shared subscription of 10, QoS 1", None, *measured(seconds, "shared", "-q", "1")),
        flat_out("100,000 retained to one subscriber", 10, "retained"),
        flat_out("50 pairs, one message in flight each", 1.1,
                 *measured(seconds, "pairs", "-q", "0", "--closed-loop", "1")),
        Scenario("one pair, one in flight: latency p50", measured(seconds, "latency"), 1,
                 "latency_us.p50", True, (("latency_us.p99", 1, True),)),
        Scenario("5,000 msg/s, QoS 1, open loop: latency p50",
                 measured(seconds, "latency", "-q", "1", "--rate", "5000"), 1, "latency_us.p50", True,
                 (("latency_us.p99", 1, True), (CPU, 1 / 1.2, True))),
        Scenario("10,000 connections: accepted per second", ["connect", "-n", "10000"], 1,
                 "connections_per_second"),
        Scenario("10,000 idle connections: bytes of RSS each",
                 ["idle", "-n", "10000", "--duration", "3"], None, "broker_rss_per_connection", True,
                 at_most=2048),
    ]


def durable_scenarios(seconds):
    """Mosquitto writes its whole state down now and then and never syncs."""
    def persistent(*arguments):
        return [*measured(seconds, *arguments), "--persistent"]

    def waiting(name, sessions):
        return Scenario(f"1,000 messages for {name}: KiB on the disk", ["offline", "-n", str(sessions)], None, "data_kib",
                        True, (("broker_rss_growth_kib", None, True), (CPU, None, True)))

    every = [
        flat_out("50 pairs, QoS 1, window 100", 6, *persistent("pairs", "-q", "1")),
        flat_out("50 pairs, QoS 2", None, *persistent("pairs", "-q", "2")),
        flat_out("fan-out 1 → 500, QoS 1", None, *persistent("fan-out", "-q", "1")),
        flat_out("50 → shared subscription of 10, QoS 1", None, *persistent("shared", "-q", "1")),
        flat_out("50 pairs, one message in flight each, QoS 1", None,
                 *persistent("pairs", "-q", "1", "--closed-loop", "1")),
        Scenario("one publisher, one message in flight, QoS 1: acknowledged per second",
                 persistent("pairs", "-n", "1", "-q", "1", "--closed-loop", "1", "--window", "1"), None,
                 "acknowledged_per_second", also=(("latency_us.p50", None, True), ("latency_us.p99", None, True))),
        flat_out("100,000 messages to a session that returns, QoS 1", 8, "drain"),
        waiting("one absent session", 1),
        waiting("1,000 absent sessions", 1000),
    ]
    return [dataclasses.replace(one, name=f"durable, {one.name}", durable=True) for one in every]


def figure(result, name):
    for part in name.split("."):
        result = result.get(part) if isinstance(result, dict) else None
    return result


class Broker:
    """How one is started, on which cores, and on which the load generator runs meanwhile.

    `writes_at_end`: what it keeps is on the disk only when it has ended.
    """

    def __init__(self, name, command, cores=BROKER_CORE, load_cores=LOAD_CORE, writes_at_end=False):
        self.name, self.command, self.cores, self.load_cores = name, command, cores, load_cores
        self.writes_at_end = writes_at_end

    @contextlib.contextmanager
    def running(self, port, folder, durable):
        process = subprocess.Popen(["taskset", "-c", self.cores, *self.command(port, folder, durable)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.wait(port, process)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def wait(self, port, process):
        for _ in range(200):
            if process.poll() is not None:
                sys.exit(f"{self.name} did not start")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        sys.exit(f"{self.name} does not listen")


def troupe(workers):
    def command(port, folder, durable):
        return [str(BIN / "troupe"), "--listen", f"tcp://127.0.0.1:{port}", "--log-level", "warn",
                "--set", f"scheduler.workers={workers}", "--set", "session.max-queued-messages=0",
                "--set", "session.max-queued-bytes=0", *(("--data-dir", folder) if durable else ())]
    return command


def mosquitto(port, folder, durable):
    config = pathlib.Path(folder) / "mosquitto.conf"
    # Started by root it would become another user, who may not write into the folder.
    config.write_text(f"""user root
listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
persistence {"true" if durable else "false"}
persistence_location {folder}/
log_type none
set_tcp_nodelay true
""")
    return ["mosquitto", "-c", str(config)]


def bytes_in(folder):
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the broker may be at work
            total += path.stat().st_size
    return total


def run(broker, scenario, port):
    """What the load generator found, and `data_kib`: how much the broker's folder grew. None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        with broker.running(port, folder, scenario.durable) as pid:
            before = bytes_in(folder)
            done = subprocess.run(
                ["taskset", "-c", broker.load_cores, str(BIN / "troupe-bench"), "--port", str(port), "--pid", str(pid),
                 "--json", "--quiet", *scenario.arguments],
                capture_output=True, text=True, timeout=180)
            after = bytes_in(folder)
        if broker.writes_at_end:
            after = bytes_in(folder)
    lines = done.stdout.strip().splitlines()
    if not lines:
        print(f"  {broker.name}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return {**json.loads(lines[-1]), "data_kib": (after - before) / 1024}


def median(results, name):
    values = [value for value in (figure(result, name) for result in results if result) if value is not None]
    return statistics.median(values) if values else None


def shown(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"


def met(scenario, name, goal, ratio, value):
    if name == scenario.figure and scenario.at_most is not None:
        return "" if value is None else "yes" if value <= scenario.at_most else "**no**"
    return "" if goal is None or ratio is None else "yes" if ratio >= goal else "**no**"


def row(scenario, name, goal, lower, ours, theirs):
    a, b = median(ours, name), median(theirs, name)
    ratio = None if not a or not b else (b / a if lower else a / b)
    label = scenario.name if name == scenario.figure else f"… {name}"
    wanted = "" if goal is None else f"{goal:.2g} ×"
    if name == scenario.figure and scenario.at_most is not None:
        wanted = f"≤ {shown(scenario.at_most)}"
    return (f"| {label} | {shown(a)} | {shown(b)} | {shown(ratio)} × | {wanted} | "
            f"{met(scenario, name, goal, ratio, a)} |")


def table(wanted, heads, ours, theirs):
    """Compares the results of two brokers, by scenario."""
    lines = [f"| | {heads[0]} | {heads[1]} | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for one in wanted:
        for name, goal, lower in ((one.figure, one.goal, one.lower_is_better), *one.also):
            lines.append(row(one, name, goal, lower, ours[one.name], theirs[one.name]))
    return "\n".join(lines)


def without_goals(wanted):
    """One worker or two is no contest with fixed goals, but two are not to be slower."""
    return [dataclasses.replace(one, goal=1, also=tuple((name, None, lower) for name, _, lower in one.also))
            for one in wanted if one.figure != "broker_rss_per_connection"]


def commit_latency(given):
    if given.only not in "durable, commit latency":
        return ""
    print("commit latency", file=sys.stderr)
    table = commits.run(BIN / "log_bench", given.rounds, given.seconds)
    return table or "Not measured: `log_bench` is not built (it needs libbenchmark-dev)."


def two_nodes(given):
    """The section of the page; "" if it is not wanted."""
    if given.only not in cluster.TITLE.lower():
        return ""
    made = cluster.run(given.rounds, given.seconds, tls=shutil.which("openssl") is not None,
                       progress=lambda text: print(f"{cluster.TITLE.lower()}: {text}", file=sys.stderr))
    return cluster.section(given.rounds, given.seconds, *made)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=3, help="measured per run")
    options.add_argument("-k", dest="only", default="", help="run scenarios whose name contains this")
    options.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    given = options.parse_args()

    both = f"{BROKER_CORE},{LOAD_CORE}"
    brokers = [Broker("troupe", troupe(1)), Broker("mosquitto", mosquitto, writes_at_end=True),
               Broker("troupe, 1 worker, both cores", troupe(1), both, both),
               Broker("troupe, 2 workers, both cores", troupe(2), both, both)]
    wanted = [one for one in scenarios(given.seconds) if given.only in one.name]
    durable = [one for one in durable_scenarios(given.seconds) if given.only in one.name]
    results = {broker.name: {one.name: [] for one in wanted + durable} for broker in brokers}
    port = 21883
    for number in range(given.rounds):
        for one in wanted + durable:
            for broker in brokers[:2] if one.durable else brokers:
                port += 1
                result = run(broker, one, port)
                results[broker.name][one.name].append(result)
                print(f"round {number + 1}: {one.name}: {broker.name}: "
                      f"{shown(figure(result or {}, one.figure))} {one.figure}", file=sys.stderr)

    ours, theirs, single, double = (results[broker.name] for broker in brokers)
    against = table(wanted, ("Troupe", "mosquitto"), ours, theirs)
    kept = table(durable, ("Troupe", "mosquitto"), ours, theirs)
    workers = table(without_goals(wanted), ("two workers", "one worker"), double, single)
    log = commit_latency(given)
    hop = two_nodes(given)
    print(against, kept, log, workers, hop, sep="\n\n")
    if given.no_page or given.only:
        return
    scale = page.section(SCALE)
    page.PAGE.write_text(f"""# Benchmarks

{page.machine()}; {datetime.date.today()}. Medians of {given.rounds} interleaved rounds of {given.seconds:g} s, 64-byte
payloads over loopback. A ratio above 1 is in the first column's favour.

```
./dev bench --rounds {given.rounds} --seconds {given.seconds:g}
```

## Troupe and Debian's mosquitto

The broker on one core (Troupe with one worker), the load generator on the other.

{against}

## Durable sessions

Persistent sessions on both sides. Troupe syncs before it acknowledges (`durability = "sync"`, the default); mosquitto
(`persistence true`) writes its state down every half an hour and at the end, and syncs nothing. What a broker keeps on
the disk is measured while Troupe runs, and after mosquitto's end; it includes what they know of the sessions. A message
is there once, however many sessions it waits for.

{kept}

A commit of the log, alone on the disk, and a bare `write` and `fdatasync` of the same bytes:

{log}

## Two workers and one

Broker and load generator share {os.cpu_count()} cores: the generator takes what the second worker would need, so this
shows what a second worker costs rather than what it gains.

{workers}

## Micro-benchmarks

`./dev bench micro` runs those of [tests/bench/micro](../tests/bench/micro).
""")
    page.write_section(cluster.TITLE, hop)
    if scale:
        page.write_section(SCALE, scale)


if __name__ == "__main__":
    main()
