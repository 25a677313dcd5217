#!/usr/bin/env python3
"""Compares Troupe with Debian's mosquitto and writes docs/benchmarks.md.

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
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build" / "release" / "bin"
PAGE = ROOT / "docs" / "benchmarks.md"
BROKER_CORE, LOAD_CORE = "0", "1"


@dataclasses.dataclass
class Scenario:
    """What is run, which figure counts, and how many times mosquitto's it is to be."""

    name: str
    arguments: list
    goal: float  # ratio troupe / mosquitto; for latencies mosquitto / troupe
    figure: str = "delivered_per_second"
    lower_is_better: bool = False
    also: tuple = ()  # further figures to show: (name, goal ratio, lower is better)


def measured(seconds, *arguments):
    return [*arguments, "--duration", str(seconds), "--warmup", "1"]


def scenarios(seconds):
    cpu = (("broker_cpu_us_per_unit", None, True),)
    return [
        Scenario("50 pairs, QoS 0, flat out", measured(seconds, "pairs", "-q", "0"), 40, also=cpu),
        Scenario("50 pairs, QoS 1, window 100", measured(seconds, "pairs", "-q", "1"), 35, also=cpu),
        Scenario("50 pairs, QoS 2", measured(seconds, "pairs", "-q", "2"), 40, also=cpu),
        Scenario("fan-out 1 → 500, QoS 0", measured(seconds, "fan-out", "-q", "0"), 50, also=cpu),
        Scenario("fan-in 500 → 1, QoS 1", measured(seconds, "fan-in", "-q", "1"), 25, also=cpu),
        Scenario("1,000 wildcard + 10 `#`, QoS 0", measured(seconds, "wildcard", "-q", "0"), 55, also=cpu),
        Scenario("100,000 retained to one subscriber", ["retained"], 10),
        Scenario("50 pairs, one message in flight each",
                 measured(seconds, "pairs", "-q", "0", "--closed-loop", "1"), 1.1, also=cpu),
        Scenario("one pair, one in flight, QoS 0: latency p50", measured(seconds, "latency"), 1,
                 "latency_us.p50", True, (("latency_us.p99", 1, True),)),
        Scenario("5,000 msg/s, QoS 1, open loop: latency p50",
                 measured(seconds, "latency", "-q", "1", "--rate", "5000"), 1, "latency_us.p50", True,
                 (("latency_us.p99", 1, True), ("broker_cpu_us_per_unit", 1 / 1.2, True))),
        Scenario("10,000 connections: accepted per second", ["connect", "-n", "10000"], 1,
                 "connections_per_second"),
        Scenario("10,000 idle connections: bytes of RSS each",
                 ["idle", "-n", "10000", "--duration", "3"], None, "broker_rss_per_connection", True),
    ]


def figure(result, name):
    for part in name.split("."):
        result = result.get(part) if isinstance(result, dict) else None
    return result


class Broker:
    def __init__(self, name, command):
        self.name, self.command = name, command

    @contextlib.contextmanager
    def running(self, port):
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(["taskset", "-c", self.cores, *self.command(port, folder)],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.wait(port, process)
                yield process.pid
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    cores = BROKER_CORE

    def wait(self, port, process):
        for _ in range(200):
            if process.poll() is not None:
                sys.exit(f"{self.name} did not start")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        sys.exit(f"{self.name} does not listen")


def troupe(workers):
    def command(port, _):
        return [str(BIN / "troupe"), "--listen", f"tcp://127.0.0.1:{port}", "--log-level", "warn",
                "--set", f"scheduler.workers={workers}", "--set", "session.max-queued-messages=0",
                "--set", "session.max-queued-bytes=0"]
    return command


def mosquitto(port, folder):
    config = pathlib.Path(folder) / "mosquitto.conf"
    config.write_text(f"""listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
max_inflight_messages 0
persistence false
log_type none
set_tcp_nodelay true
""")
    return ["mosquitto", "-c", str(config)]


def run(broker, scenario, port):
    with broker.running(port) as pid:
        done = subprocess.run(
            ["taskset", "-c", LOAD_CORE, str(BIN / "troupe-bench"), "--port", str(port), "--pid", str(pid),
             "--json", "--quiet", *scenario.arguments],
            capture_output=True, text=True, timeout=180)
    lines = done.stdout.strip().splitlines()
    if not lines:
        print(f"  {broker.name}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return json.loads(lines[-1])


def median(results, name):
    values = [value for value in (figure(result, name) for result in results if result) if value is not None]
    return statistics.median(values) if values else None


def shown(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"


def row(scenario, name, goal, lower, ours, theirs):
    a, b = median(ours, name), median(theirs, name)
    ratio = None if not a or not b else (b / a if lower else a / b)
    verdict = "" if goal is None or ratio is None else "yes" if ratio >= goal else "**no**"
    label = scenario.name if name == scenario.figure else f"… {name}"
    return (f"| {label} | {shown(a)} | {shown(b)} | {shown(ratio)} × | "
            f"{'' if goal is None else f'{goal:.2g} ×'} | {verdict} |")


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
                 platform.processor())
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=3, help="measured per run")
    options.add_argument("-k", dest="only", default="", help="run scenarios whose name contains this")
    options.add_argument("--workers", type=int, default=1, help="of troupe; 2 gets both cores")
    options.add_argument("--no-page", action="store_true", help="do not write docs/benchmarks.md")
    given = options.parse_args()

    ours, theirs = Broker("troupe", troupe(given.workers)), Broker("mosquitto", mosquitto)
    if given.workers > 1:
        ours.cores = f"{BROKER_CORE},{LOAD_CORE}"
    wanted = [one for one in scenarios(given.seconds) if given.only in one.name]
    results = {one.name: ([], []) for one in wanted}
    port = 21883
    for number in range(given.rounds):
        for one in wanted:
            for broker, kept in zip((ours, theirs), results[one.name]):
                port += 1
                kept.append(run(broker, one, port))
                print(f"round {number + 1}: {one.name}: {broker.name}: "
                      f"{shown(figure(kept[-1] or {}, one.figure))} {one.figure}", file=sys.stderr)

    table = ["| | Troupe | mosquitto | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for one in wanted:
        for name, goal, lower in ((one.figure, one.goal, one.lower_is_better), *one.also):
            table.append(row(one, name, goal, lower, *results[one.name]))
    text = "\n".join(table)
    print(text)
    if given.no_page or given.only:
        return
    PAGE.write_text(f"""# Benchmarks

{machine()}; {datetime.date.today()}. Medians of {given.rounds} interleaved rounds of {given.seconds:g} s; broker on one
core ({given.workers} worker), load generator on the other; 64-byte payloads over loopback. A ratio above 1 is in
Troupe's favour.

```
./dev bench --rounds {given.rounds} --seconds {given.seconds:g}
```

{text}
""")


if __name__ == "__main__":
    main()
