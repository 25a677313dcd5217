"""Traffic while nodes come and go, with the clients of tests/soak: these are what MQTT asks a client to be.

What they publish and when they hesitate depends on a seed, LOAD_SEED or chance, which is printed.
"""

import os
import random
import selectors
import time

import publisher
import subscriber
import wire
from cluster_case import TIMEOUT
from ledger import ledger

SHUTTING_DOWN = 0x8B
USE_ANOTHER_SERVER = 0x9C
SERVER_MOVED = 0x9D
# A node that is drained or ending says one of these, in CONNACK also that it is not available.
ENDINGS = (SHUTTING_DOWN, USE_ANOTHER_SERVER, SERVER_MOVED)
UNAVAILABLE = (*ENDINGS, 0x88, 3)
QUIET_SECONDS = 1
AWAY_SECONDS = 0.02


class staying:
    """A client of one node, which may end in order."""

    def on_disconnect(self, packet):
        if packet.code != SHUTTING_DOWN:
            super().on_disconnect(packet)


class roaming:
    """Goes where the node sends it that is drained; one of 3.1.1 is told nothing, and goes to the next of `ports`."""

    ports = ()
    moves = 0

    def on_disconnect(self, packet):
        if packet.code in ENDINGS:
            self._go(packet)
        else:
            super().on_disconnect(packet)

    def on_connack(self, packet):
        if packet.code in UNAVAILABLE:
            self._go(packet)
            self.close(away=AWAY_SECONDS)
        else:
            super().on_connack(packet)

    def _lost(self):
        super()._lost()
        if self.version == wire.V311:
            self._go(None)

    def _go(self, packet):
        self.moves += 1
        servers = ((packet and packet.server_reference) or "").split()
        if servers:
            self.port = int(servers[0].rsplit(":", 1)[1])
        else:
            self.port = self.ports[(self.ports.index(self.port) + 1) % len(self.ports)]


class staying_publisher(staying, publisher.publisher):
    pass


class staying_subscriber(staying, subscriber.subscriber):
    pass


class roaming_publisher(roaming, publisher.publisher):
    pass


class roaming_subscriber(roaming, subscriber.subscriber):
    pass


class load:
    """At each node a publisher and a subscriber, of all that is published; their sessions last. `roams`: they go to
    other nodes, else they stay."""

    def __init__(self, nodes, roams=False):
        publishes, subscribes = (roaming_publisher, roaming_subscriber) if roams else (staying_publisher, staying_subscriber)
        self.seed = int(os.environ.get("LOAD_SEED") or random.getrandbits(32))
        print(f"LOAD_SEED={self.seed}")
        self.book = ledger()
        self.selector = selectors.DefaultSelector()
        topics = [f"load/{number}" for number in range(3)]
        self.publishers, self.subscribers = [], []
        for number, node in enumerate(nodes):
            version = (wire.V5, wire.V311)[number % 2]
            common = version, node.tcp_port, self.selector, self.book, self.seed
            self.publishers.append(publishes(f"publisher-{node.name}", *common, topics=topics, window=20, rate=200))
            self.subscribers.append(subscribes(f"subscriber-{node.name}", *common, filters=["load/#"], qos=2))
        self.clients = self.publishers + self.subscribers
        for one in self.clients if roams else ():
            one.ports = [node.tcp_port for node in nodes]

    def go_on(self, seconds, holds=lambda: False):
        """Everybody plays, until something holds; returns whether it does."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not holds():
            for key, _ in self.selector.select(0.002):
                key.data.readable()
            now = time.monotonic()
            for one in self.clients:
                one.turn(now)
        return holds()

    def start(self):
        assert self.go_on(TIMEOUT, lambda: all(one.ready for one in self.clients)), "all are served"
        for one in self.publishers:
            one.publishing = True

    def start_again(self, cluster, node):
        """It ends in order, is started, and has its links again."""
        self.book.strike("end")
        node.process.terminate()
        self.go_on(TIMEOUT, lambda: not node.alive())
        assert node.process.returncode == 0, f"{node.name} ends in order"
        node.spawn()
        linked = set(cluster.nodes)
        assert self.go_on(TIMEOUT, lambda: all(linked - {one.name} <= one.links() for one in cluster)), "links are there"

    def end(self):
        for one in self.publishers:
            one.publishing = False

        def is_over():
            return (all(one.ready for one in self.clients) and all(one.idle() for one in self.publishers)
                    and not any(self.book.missing(one.account) for one in self.subscribers)
                    and time.monotonic() - max(one.news_at for one in self.subscribers) > QUIET_SECONDS)
        if not self.go_on(TIMEOUT, is_over):
            waiting = [one.name for one in self.publishers if not one.idle()]
            self.book.complain(f"not over within {TIMEOUT} s; publishers without an answer: {waiting}")
        for one in self.clients:
            if one.socket:
                one.close()

    def doubled(self):
        return sum(len(one.account.doubled()) for one in self.subscribers)

    def summary(self):
        accounts = [one.account for one in self.subscribers]
        return (f"{len(self.book.messages())} messages to each of {len(accounts)} subscribers: "
                f"{sum(len(self.book.missing(one)) for one in accounts)} lost, {self.doubled()} doubled at QoS 2, "
                f"{sum(len(one.overtaken) for one in accounts)} out of order, "
                f"{sum(len(one.again) for one in accounts) - self.doubled()} again at QoS 1")
