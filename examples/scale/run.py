#!/usr/bin/python3
"""Scale tests of a cluster on this machine: for each scenario a table and a line of JSON.

    examples/scale/run.py                       # everything: 6 nodes, 100,000 clients, 1,000,000 filters
    examples/scale/run.py --quick               # the same with 3 nodes, 600 clients and 10,000 filters
    examples/scale/run.py storm kill --nodes 4 --clients 40000

Exit status: 0; 1 if a scenario failed: a client that was refused, a message lost, repeated or out of order, a node
that logged an error.
"""

import argparse
import datetime
import json
import re
import signal
import sys

import scenarios

import load
import page

FULL = {"nodes": 6, "clients": 100_000, "filters": 1_000_000, "seconds": 5.0}
QUICK = {"nodes": 3, "clients": 600, "filters": 10_000, "seconds": 1.0}
TITLE = "Scale"
ABOUT = """All nodes, all load generators and whoever else has work share the machine: with so many processes on so few cores
these figures say what a cluster costs, not how fast one is on machines of its own. Nodes keep nothing on a disk, log at
the default level and have one worker each. A node that says nothing for two and a half seconds, as it got no processor
or was at other work, is given up by the others, and what was for it at QoS 0 is lost then: the tables count that. How
often it happens with cores for each node was not measured. What the scenarios do is in
[examples/scale](../examples/scale/README.md)."""


def shown(value):
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else value
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(rows):
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    return "\n".join(lines + ["| " + " | ".join(map(shown, row.values())) + " |" for row in rows])


def said(scenario):
    return " ".join(scenario.__doc__.split())


def write_page(name, text):
    """Puts a scenario's subsection into the section of docs/benchmarks.md, and keeps the others."""
    parts = dict(re.findall(r"^### (\S+)\n(.*?)(?=^### |\Z)", page.section(TITLE), re.MULTILINE | re.DOTALL))
    parts[name] = text
    texts = [f"### {name}\n\n{parts[name].strip()}" for name in scenarios.ALL if name in parts]
    page.write_section(TITLE, "\n\n".join([ABOUT, *texts]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n" + "".join(f"  {name:9}{said(each)}\n" for name, each in scenarios.ALL.items())
        + "\nTROUPE_BIN and TROUPE_BENCH name other binaries than those in build/release/bin.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="default: all")
    parser.add_argument("--nodes", type=int, help=f"default: {FULL['nodes']}")
    parser.add_argument("--clients", type=int, help=f"on all nodes together; default: {FULL['clients']:,}")
    parser.add_argument("--filters", type=int, help=f"of routes; default: {FULL['filters']:,}")
    parser.add_argument("--seconds", type=float, help=f"of each measurement; default: {FULL['seconds']:g}")
    parser.add_argument("--workers", type=int, default=1, help="of each node; default: 1")
    parser.add_argument("--quick", action="store_true", help="small, in place of the defaults")
    parser.add_argument("--page", action="store_true", help="write the figures into docs/benchmarks.md")
    given = parser.parse_args()
    unknown = [name for name in given.scenarios if name not in scenarios.ALL]
    if unknown:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    size = {name: getattr(given, name) or value for name, value in (QUICK if given.quick else FULL).items()}
    impossible = scenarios.check(scenarios.scale(**size, workers=given.workers))
    if impossible:
        parser.error(impossible)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is ended and removed
    failures = 0
    for name in given.scenarios or scenarios.ALL:
        wanted = scenarios.scale(**size, workers=given.workers)
        others = load.others(wanted.pids)
        begin = datetime.datetime.now()
        try:
            rows = scenarios.ALL[name](wanted)
        except (load.failed, AssertionError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            failures += 1
            continue
        share = others.share()
        text = f"{table(rows)}\n\n{load.said_of_others(share)}"
        print(f"\n{name}: {said(scenarios.ALL[name])}\n\n{text}\n")
        print(json.dumps({"scenario": name, **size, "workers": given.workers, "machine": page.machine(),
                          "at": begin.isoformat(timespec="seconds"), "others": round(share, 3), "rows": rows}), flush=True)
        if given.page:
            command = f"examples/scale/run.py {name} --nodes {size['nodes']} --clients {size['clients']}"
            if name == "routes":
                command += f" --filters {size['filters']}"
            write_page(name, f"`{command}`, {begin.date()}, {page.machine()}.\n\n{text}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
