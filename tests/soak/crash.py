#!/usr/bin/python3
"""Kills the broker under load, again and again, and checks what its clients got; see README.md."""

import argparse
import os
import pathlib
import random
import selectors
import signal
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "wire"), str(TESTS / "interop")]

import wire
from ledger import ledger
from node import node
from publisher import publisher
from subscriber import subscriber, wanderer

SETUP_SECONDS = 10
LOAD_AFTER_KILLS = 2.0
QUIET = 2.0


class soak:
    def __init__(self, arguments, broker):
        self.arguments = arguments
        self.broker = broker
        self.book = ledger()
        self.selector = selectors.DefaultSelector()
        self.chance = random.Random(f"{arguments.seed} blows")
        topics = [f"soak/{number}" for number in range(arguments.topics)]
        self.publishers = [self.publisher(number, topics) for number in range(arguments.publishers)]
        self.subscribers = [self.subscriber(number, topics) for number in range(arguments.subscribers)]
        self.subscribers += self.members()
        self.clients = self.publishers + self.subscribers

    # -- the cast

    def publisher(self, number, topics):
        return publisher(f"publisher-{number}", (wire.V5, wire.V311)[number % 2], *self.surroundings(), topics=topics,
                         window=self.arguments.window, rate=self.arguments.rate / self.arguments.publishers)

    def subscriber(self, number, topics):
        kind, qos, name, filters = (
            (subscriber, 1, "exact", topics), (subscriber, 2, "exact", topics), (subscriber, 2, "wildcard", ["soak/+"]),
            (wanderer, 2, "wanderer", ["soak/#"]))[number % 4]
        # Each kind in both versions, if there are two of it.
        version = (wire.V5, wire.V311)[(number + number // 4) % 2]
        # A short window keeps messages waiting in the broker; those of a wanderer wait anyway.
        return kind(f"{name}-{number}-qos-{qos}", version, *self.surroundings(), filters=filters, qos=qos,
                    receive_maximum=None if kind is wanderer else 10)

    def members(self):
        """Of one share group: what one of them does not take, another has to."""
        both = self.book.account("group-qos-2", 2, ordered=False)
        return [wanderer(f"member-{number}", (wire.V5, wire.V311)[number % 2], *self.surroundings(),
                         filters=["$share/group/soak/#"], qos=2, receive_maximum=(None, 3)[number // 2 % 2], account=both)
                for number in range(self.arguments.members)]

    def surroundings(self):
        return self.broker.port, self.selector, self.book, self.arguments.seed

    # -- the play

    def run(self):
        self.broker.spawn()
        if not self.go_on(SETUP_SECONDS, lambda: all(one.ready for one in self.clients)):
            raise RuntimeError(f"not every client is served after {SETUP_SECONDS} s")
        for one in self.publishers:
            one.publishing = True
        blows = [self.kill] * self.arguments.kills + [self.cut] * self.arguments.cuts
        self.chance.shuffle(blows)
        for blow in blows:
            self.go_on(self.chance.uniform(*self.arguments.between))
            blow()
        self.go_on(LOAD_AFTER_KILLS)
        self.drain()

    def go_on(self, seconds, until=lambda: False):
        """Everybody plays, for this long or until something holds; returns whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            for key, _ in self.selector.select(0.002):
                key.data.readable()
            now = time.monotonic()
            self.broker.watch(now)
            for one in self.clients:
                one.turn(now)
        return until()

    def kill(self):
        self.book.strike("kill")
        self.broker.kill()
        self.broker.spawn()

    def cut(self):
        """The broker goes on, its clients come back at once: half of what they were at is still going on."""
        self.book.strike("cut")
        for one in self.clients:
            if one.socket:
                one.close()

    def drain(self):
        for one in self.publishers:
            one.publishing = False
        for one in self.subscribers:
            one.stays = True
        if not self.go_on(self.arguments.deadline, self.is_drained):
            self.book.complain(f"not quiet {self.arguments.deadline:g} s after the load ended")
        self.complain_of_loose_ends()

    def complain_of_loose_ends(self):
        for one in self.clients:
            if not one.ready:
                one.complain("not served at the end")
        for one in self.publishers:
            if not one.idle():
                one.complain(f"{len(one.sent)} not acknowledged, {len(one.released)} without PUBCOMP")
        for one in self.subscribers:
            if one.half:
                first = next(iter(one.half.values()))
                one.complain(f"{len(one.half)} messages of QoS 2 without PUBREL, the first {first}")

    def is_drained(self):
        return (all(one.ready for one in self.clients) and all(one.idle() for one in self.publishers)
                and time.monotonic() - max(one.news_at for one in self.subscribers) > QUIET)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="0: load only (default: 20)")
    parser.add_argument("--cuts", type=int, default=0, metavar="N",
                        help="times that all connections break and the broker lives, among the kills (default: 0)")
    parser.add_argument("--between", type=float, nargs=2, default=(0.3, 2), metavar=("LEAST", "MOST"),
                        help="seconds between two of these (default: 0.3 2); less than a start takes hits the recovery")
    parser.add_argument("--seed", default=os.environ.get("TROUPE_TEST_SEED") or random.SystemRandom().getrandbits(32),
                        help="of everything that is chosen (default: $TROUPE_TEST_SEED, or another one each time)")
    parser.add_argument("--publishers", type=int, default=4, metavar="N")
    parser.add_argument("--subscribers", type=int, default=4, metavar="N")
    parser.add_argument("--members", type=int, default=3, metavar="N", help="of a share group (default: 3)")
    parser.add_argument("--topics", type=int, default=5, metavar="N")
    parser.add_argument("--window", type=int, default=20, metavar="N",
                        help="messages that a publisher has under way (default: 20)")
    parser.add_argument("--rate", type=float, default=1000, metavar="N",
                        help="messages per second of all publishers at most (default: 1000)")
    parser.add_argument("--deadline", type=float, default=60, metavar="SECONDS",
                        help="for everything to arrive when the load has ended (default: 60)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="an option of the broker")
    parser.add_argument("--keep", action="store_true", help="keep the data directory and the log")
    return parser.parse_args()


def play(one):
    """Runs it to its end, whatever that is; a broker that does not play along is a complaint."""
    try:
        one.run()
        one.broker.stop_in_order()
    except (AssertionError, RuntimeError) as error:
        one.book.abort(str(error))


def report(one):
    """Prints the counts and what is wrong; returns whether anything is."""
    slowest = 1000 * max(one.broker.outages[1:], default=0)
    kills, cuts = (sum(kind == which for _, kind in one.book.blows) for which in ("kill", "cut"))
    print(f"{kills} kills, {cuts} cuts; from a kill until the broker listened again {slowest:.0f} ms at most\n")
    print(one.book.tables() + "\n")
    findings = one.book.findings()
    log = one.broker.log()
    if findings:
        print("\n".join(findings) + "\n" + (f"\nlog of the broker:\n{log}" if log else ""))
    print("FAILED" if findings else "nothing is missing, doubled or out of order")
    return bool(findings)


def main():
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # through the `finally` below
    print(f"seed {arguments.seed}", flush=True)
    broker = node(arguments.set)
    try:
        one = soak(arguments, broker)
        play(one)
        return int(report(one))
    finally:
        broker.end(arguments.keep)
        if arguments.keep:
            print(f"kept: {broker.directory}")


if __name__ == "__main__":
    sys.exit(main())
