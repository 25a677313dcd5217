#!/usr/bin/env python3
"""What a hop between two nodes gives and costs: `troupe-bench` with its subscribers at the publishers' node and at
another one, in turns; beside it two processes that send each other a CAF message for each publish; how soon many filters
of one node are known at the other; and what two nodes give to clients of their own, beside one node with as many workers.
Prints a table of medians.

    tests/bench/cluster.py [--rounds 3] [--seconds 3] [--filters 100000] [--tls] [--page]

With --tls a second pair, which has certificates, takes its turn. --page writes the section of docs/benchmarks.md, as
./dev bench does. TROUPE_BIN and TROUPE_BENCH name other binaries; `caf_per_publish` is beside TROUPE_BIN.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
import time

import filters as many
import load
import page
import paths
import certificates
import nodes
import wires

ONE, TWO, TLS = "one node", "two nodes", "two nodes, TLS"
TITLE = "Two nodes"
CAF_GOAL = 5  # times as many messages as with a CAF message for each


@dataclasses.dataclass
class row:
    """A figure of runs of the load generator."""

    name: str
    arguments: tuple  # None: of the same run as the row before
    figure: str = "delivered_per_second"
    goal: str = ""
    is_met: callable = None  # given the medians with one node and with two
    local: bool = False  # each client's messages stay at its node


def at_least(goal):
    return {"goal": f"≥ {goal:,}", "is_met": lambda _, two: two >= goal}


def hop_at_most(goal):
    return {"goal": f"hop ≤ {goal}", "is_met": lambda one, two: two - one <= goal}


FORWARDING = "50 pairs, QoS 0, messages/s"
ROWS = [
    row(FORWARDING, ("pairs", "-q", "0"), **at_least(1_000_000)),
    row("50 pairs, QoS 1, messages/s", ("pairs", "-q", "1"), **at_least(300_000)),
    row("50 pairs, QoS 2, messages/s", ("pairs", "-q", "2")),
    row("5,000 msg/s, QoS 0: latency p50, µs", ("latency", "--rate", "5000"), "latency_us.p50", **hop_at_most(500)),
    row("… p99, µs", None, "latency_us.p99"),
    row("50 pairs, QoS 0, each at one of the nodes, messages/s", ("pairs", "-q", "0", "--threads", "2"), local=True,
        goal="≥ one node", is_met=lambda one, two: two >= one),
]


def figure(result, name):
    for part in name.split("."):
        result = result[part]
    return result


def pin(node, cores):
    subprocess.run(["taskset", "-a", "-p", "-c", cores, str(node.process.pid)], check=True, capture_output=True)


def pair(ending, authority=None):
    """Two linked nodes with one worker each; they end with `ending`. `authority`: of their certificates; None: plain TCP."""
    made = ending.enter_context(started("ab", workers=1, authority=authority))
    return made["a"], made["b"]


@contextlib.contextmanager
def started(names, workers, authority=None):
    made = nodes.cluster(names, log_level="info", options=(
        f"scheduler.workers={workers}", "limits.max-subscriptions-per-session=0"))
    try:
        for each in made:
            each.options += authority.options(each.name) if authority else []
        yield made.start()
    finally:
        wrong = made.stop()
    if wrong:
        raise load.failed("; ".join(wrong))


def measure(one, seconds, publishers, subscribers):
    """Nodes: a on core 0, b on both cores, the load generator on core 1; with local traffic all have both."""
    both = "0,1"
    cores = both if one.local else "1"
    for node in {*publishers, *subscribers}:
        pin(node, "0" if node is publishers[0] and not one.local else both)
    return load.run(*one.arguments, "--duration", seconds, "--quiet",
                    "--port", ports(publishers), "--subscriber-port", ports(subscribers), launcher=("taskset", "-c", cores))


def caf_per_publish(seconds):
    """Messages a second that one process sends and another one takes, on the cores of two nodes."""
    binary = str(load.BIN / "caf_per_publish")
    with subprocess.Popen(["taskset", "-c", "0,1", binary, "receive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, preexec_fn=wires.die_with_parent) as receiver:
        port = receiver.stdout.readline().strip()
        done = subprocess.run(["taskset", "-c", "0", binary, "send", port, str(seconds)], capture_output=True, text=True,
                              timeout=seconds + 30, preexec_fn=wires.die_with_parent)
        receiver.stdin.close()
    if done.returncode != 0:
        raise load.failed(f"caf_per_publish ended with {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)["messages_per_second"]


def ports(those):
    return ",".join(str(each.tcp_port) for each in those)


def time_of_filters(a, b, count):
    """Seconds from the first SUBSCRIBE at a until all are acknowledged and a message from b to each is here."""
    for node, cores in ((a, "0"), (b, "0,1")):
        pin(node, cores)
    with many.many_filters(a.tcp_port, "subscriber", many.topics(count)) as subscriber:
        begin = time.monotonic()
        subscriber.subscribe().gets(b.tcp_port)
        passed = time.monotonic() - begin
        subscriber.unsubscribe()
    many.settle(a.tcp_port, b.tcp_port)
    return passed


def run(rounds, seconds, count=100_000, tls=False, progress=lambda text: None):
    """The table as Markdown, and how much of the machine others had meanwhile."""
    with contextlib.ExitStack() as ending:
        a, b = pair(ending)
        single = ending.enter_context(started("s", workers=2))["s"]
        running = [a, b, single]
        ways = {ONE: ((a,), (a,)), TWO: ((a,), (b,))}
        if tls:
            authority = certificates.authority(ending.enter_context(tempfile.TemporaryDirectory()))
            c, d = pair(ending, authority)
            running += [c, d]
            ways[TLS] = ((c,), (d,))
        figures = {(one.name, way): [] for one in ROWS for way in ways}
        known, caf = [], []
        others = load.others(lambda: [node.process.pid for node in running])
        for turn in range(rounds):
            for way, where in ways.items():
                for one in ROWS:
                    if one.local and way == TLS:
                        continue
                    if one.local:
                        done = measure(one, seconds, *(((single,), (single,)) if way == ONE else ((a, b), (a, b))))
                    elif one.arguments is not None:
                        done = measure(one, seconds, *where)
                    value = figure(done, one.figure)
                    figures[one.name, way].append(value)
                    progress(f"round {turn + 1}: {way}: {one.name}: {value:,.0f}")
                    if (one.name, way) == (FORWARDING, TWO):
                        caf.append(caf_per_publish(seconds))
                        progress(f"round {turn + 1}: a CAF message for each: {caf[-1]:,.0f}")
            known.append(time_of_filters(a, b, count))
            progress(f"round {turn + 1}: {count:,} filters: {known[-1]:.2f} s")
        return table(list(ways), figures, caf, count, known), others.share()


def table(ways, figures, caf, count, known):
    medians = {key: statistics.median(values) for key, values in figures.items() if values}
    lines = ["| | " + " | ".join((ONE, TWO)) + " | goal | met |" + "".join(f" {way} |" for way in ways[2:]),
             "|---|---|---|---|---|" + "---|" * len(ways[2:])]
    for one in ROWS:
        first, second = medians[one.name, ONE], medians[one.name, TWO]
        met = "" if one.is_met is None else "yes" if one.is_met(first, second) else "**no**"
        rest = "".join(f" {medians[one.name, way]:,.0f} |" if (one.name, way) in medians else " |" for way in ways[2:])
        lines.append(f"| {one.name} | {first:,.0f} | {second:,.0f} | {one.goal} | {met} |{rest}")
        if one.name == FORWARDING:
            lines.append(beside_caf(second, statistics.median(caf)) + " |" * len(ways[2:]))
    seconds = statistics.median(known)
    lines.append(f"| {count:,} filters subscribed at a, until messages from b to each are there, s | | {seconds:.2f} | "
                 f"≤ 2 | {'yes' if seconds <= 2 else '**no**'} |" + " |" * len(ways[2:]))
    return "\n".join(lines)


def beside_caf(ours, caf):
    ratio = ours / caf
    return (f"| … times as many as with a CAF message for each, {caf:,.0f}/s | | {ratio:.1f} | ≥ {CAF_GOAL} | "
            f"{'yes' if ratio >= CAF_GOAL else '**no**'} |")


def section(rounds, seconds, made, share):
    """For docs/benchmarks.md."""
    tls = " --tls" if TLS in made else ""
    return f"""{page.machine()}; {datetime.date.today()}. Medians of {rounds} interleaved rounds of {seconds:g} s, all nodes with
one worker, node a on core 0, b on both, the load generator on core 1. The second row has a process in place of each node
and none for the load: an actor on core 0 sends one on both cores a CAF message of the same topics and payloads for each
publish ([caf_per_publish.cpp](../tests/bench/caf_per_publish.cpp)). QoS 1 and 2 without data directories. The last
row but one has clients of both nodes, or of one with two workers; there everything has both cores. With three
processes on two cores latencies say little.

```
tests/bench/cluster.py --rounds {rounds} --seconds {seconds:g}{tls}
```

{made}

{load.said_of_others(share)}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--filters", type=int, default=100_000)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--page", action="store_true")
    wanted = parser.parse_args()
    made, share = run(wanted.rounds, wanted.seconds, wanted.filters, wanted.tls,
                      lambda text: print(text, file=sys.stderr))
    text = section(wanted.rounds, wanted.seconds, made, share)
    print(text)
    if wanted.page:
        page.write_section(TITLE, text)


if __name__ == "__main__":
    main()
