"""What a commit of the durable log takes, beside a bare write and fdatasync of the same bytes: runs two benchmarks of
micro/log_bench.cpp in random turns and makes a table of their medians."""

import json
import os
import statistics
import subprocess
import tempfile

GOAL = 1.5
TURNS = 5  # of each benchmark in a round: many short ones, so that what else the disk does meets both
COMMIT, BARE = "append_and_sync", "write_and_fdatasync"


def run(binary, rounds, seconds):
    """The table as Markdown; None if `binary` was not built (it needs libbenchmark-dev)."""
    if not binary.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(binary), f"--benchmark_filter={COMMIT}|{BARE}", "--benchmark_format=json",
             f"--benchmark_repetitions={rounds * TURNS}", "--benchmark_enable_random_interleaving=true",
             f"--benchmark_min_time={min(seconds, 1) / TURNS}"],
            capture_output=True, text=True, check=True, env={**os.environ, "LOG_BENCH_DIR": folder})
    return table(json.loads(done.stdout)["benchmarks"])


def table(results):
    """`results`: the list `benchmarks` of Google Benchmark's JSON."""
    times, sizes = {}, {}
    for one in results:
        if one["run_type"] != "iteration":
            continue
        if one.get("error_occurred"):
            raise RuntimeError(f"{one['name']}: {one['error_message']}")
        name, blocks, messages = one["run_name"].split("/")[:3]
        size = int(blocks), int(messages)
        times.setdefault((name, size), []).append(one["real_time"] / 1000)
        if name == BARE:
            sizes[size] = int(one["bytes"])
    lines = ["| one commit | bytes | µs | write and fdatasync, µs | ratio | goal | met |", "|---|---|---|---|---|---|---|"]
    for size, count in sorted(sizes.items(), key=lambda item: item[1]):
        commit, bare = (statistics.median(times[name, size]) for name in (COMMIT, BARE))
        lines.append(f"| {in_words(*size)} | {count:,} | {commit:,.0f} | {bare:,.0f} | {commit / bare:.2f} | ≤ {GOAL} | "
                     f"{'yes' if commit / bare <= GOAL else '**no**'} |")
    return "\n".join(lines)


def in_words(blocks, messages):
    each = "one message" if messages == 1 else f"{messages} messages"
    return each if blocks == 1 else f"{each} of each of {blocks} publishers"
