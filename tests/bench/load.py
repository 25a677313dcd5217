"""Runs `troupe-bench`, and says how busy the machine was with anything else meanwhile.

TROUPE_BENCH    the binary (default: beside TROUPE_BIN, or in build/release/bin)
"""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import threading
import time

import paths
import nodes
import wires

BIN = pathlib.Path(os.environ.get("TROUPE_BIN", nodes.ROOT / "build/release/bin/troupe")).parent
TICKS = os.sysconf("SC_CLK_TCK")
BUSY = 0.1  # of the machine: if others have more than that, it shows in the figures


class failed(Exception):
    """A run that measured nothing: the load generator says why."""


class load:
    """A `troupe-bench` that runs. `launcher`: what stands before the command."""

    def __init__(self, *arguments, launcher=()):
        command = [*launcher, os.environ.get("TROUPE_BENCH", str(BIN / "troupe-bench")), "--json", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=wires.die_with_parent)
        self.connected = 0
        self.said = []
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self):
        for line in self.process.stderr:
            progress = re.match(r"\d+ s: (\d+) connected", line)
            if progress:
                self.connected = int(progress[1])
            else:
                self.said.append(line.strip())

    def alive(self):
        return self.process.poll() is None

    def end(self):
        """Has it report early; `result` returns that."""
        self.process.send_signal(signal.SIGTERM)
        return self

    def kill(self):
        """As a crash: the connections are gone without DISCONNECT."""
        self.process.kill()
        self._ended()

    def _ended(self):
        """Returns the exit code and the report."""
        report = self.process.stdout.read()
        code = self.process.wait()
        self.listener.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, report

    def result(self, complete=True):
        """Waits for its end. `complete`: messages that were lost, repeated or out of order are a failure."""
        code, report = self._ended()
        if code != 0 or not report:
            raise failed(f"troupe-bench ended with {code}: {' '.join(self.said)}")
        found = json.loads(report)
        if complete and (found["lost"] or found["duplicates"] or found["out_of_order"]):
            raise failed("lost {lost}, duplicates {duplicates}, out of order {out_of_order}".format(**found))
        return found


def run(*arguments, launcher=(), complete=True):
    return load(*arguments, launcher=launcher).result(complete)


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


class others:
    """How much of the machine went to other than this process and what it has started, since this was made.

    `running`: pids of what was started and is not waited for yet.
    """

    def __init__(self, running=lambda: ()):
        self.running = running
        self.begin, self.busy, self.own = time.monotonic(), *self._now()

    def _now(self):
        with open("/proc/stat") as stat:
            user, nice, system, _, _, hard, soft, steal = map(int, stat.readline().split()[1:9])
        spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        own = sum(each.ru_utime + each.ru_stime for each in spent) + sum(map(cpu_seconds, self.running()))
        return (user + nice + system + hard + soft + steal) / TICKS, own

    def share(self):
        busy, own = self._now()
        passed = time.monotonic() - self.begin
        return max(0.0, (busy - self.busy) - (own - self.own)) / (passed * os.cpu_count()) if passed else 0.0


def said_of_others(share):
    """For a page: how far its figures are those of a machine that does nothing else."""
    if share > BUSY:
        return f"**Taken on a loaded machine**: other work had {share:.0%} of it meanwhile."
    return f"Other work had {share:.0%} of the machine meanwhile."
