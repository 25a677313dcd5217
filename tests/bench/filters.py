"""Many filters of one client, and the proof that another node knows them: a message from there to each.

All packets are made beforehand, so that what is timed is the brokers' work, as far as Python lets it be.
"""

import contextlib
import time

import paths
import wire

AT_ONCE = 1000  # filters of one packet, messages of one turn
UNDER_WAY = 16  # packets
PATIENCE = 60   # seconds


class many_filters:
    """A client at the node with this port. `filters` and `topics`: the topic at a position is matched by the filter
    there and by no other; all topics are equally long."""

    def __init__(self, port, client_id, filters, topics=None):
        self.topics = topics or filters
        chunks = list(enumerate(in_chunks(filters), 1))
        self.subscribes = [wire.subscribe(number, *((each, 0) for each in chunk), version=wire.V311)
                           for number, chunk in chunks]
        self.unsubscribes = [wire.unsubscribe(number, *chunk, version=wire.V311) for number, chunk in chunks]
        self.messages = messages(self.topics)
        self.client = wire.client(port, version=wire.V311).connect(client_id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def _ask(self, packets, answer):
        """Sends the packets, some of them ahead of the answers; returns the answers."""
        answers = []
        for number in range(len(packets) + UNDER_WAY):
            if number < len(packets):
                self.client.send(packets[number])
            if number >= UNDER_WAY:
                answers.append(self.client.wait_for(answer, id=number - UNDER_WAY + 1))
        return answers

    def subscribe(self):
        """At QoS 0. Returns when all are acknowledged."""
        for answer in self._ask(self.subscribes, "suback"):
            assert set(answer.codes) == {0}, f"a filter was refused: {set(answer.codes)}"
        return self

    def unsubscribe(self):
        self._ask(self.unsubscribes, "unsuback")

    def gets(self, port, wanted=None):
        """Publishes to each topic at the node with this port; an AssertionError if one does not come. `wanted`: what
        `messages` has made of some topics."""
        received = []
        wanted = wanted or self.messages
        with contextlib.closing(wire.client(port, version=wire.V311).connect()) as publisher:
            for chunk in wanted:
                publisher.send(chunk)
                received.append(self._read(len(chunk)))
        size = len(wire.publish(self.topics[0], b"x", version=wire.V311))
        for sent, got in zip(wanted, received):
            assert set(in_packets(sent, size)) == set(in_packets(got, size)), "something else came"
        return self

    def _read(self, size):
        got = bytearray()
        self.client.socket.settimeout(PATIENCE)
        while len(got) < size:
            try:
                some = self.client.socket.recv(size - len(got))
            except TimeoutError:
                some = b""
            assert some, f"{len(got)} of {size} bytes came"
            got += some
        return bytes(got)


def topics(count, name="filter"):
    return [f"{name}/{number:07d}/x" for number in range(count)]


def messages(topics):
    """One to each, some of them in one piece."""
    return [b"".join(wire.publish(topic, b"x", version=wire.V311) for topic in chunk) for chunk in in_chunks(topics)]


def in_chunks(items):
    return [items[first:first + AT_ONCE] for first in range(0, len(items), AT_ONCE)]


def in_packets(data, size):
    return [data[at:at + size] for at in range(0, len(data), size)]


def wait_until_known(subscriber, topic, port):
    """Publishes at the node with this port again and again until the client has one."""
    deadline = time.monotonic() + PATIENCE
    with contextlib.closing(wire.client(port, version=wire.V311).connect()) as publisher:
        while time.monotonic() < deadline:
            publisher.send(wire.publish(topic, b"x", version=wire.V311))
            with contextlib.suppress(TimeoutError):
                assert subscriber.read(timeout=0.01), "the broker closed the connection"
                return
    raise AssertionError(f"{topic} is not known within {PATIENCE} s")


def settle(port, other_port):
    """Waits until the node with `other_port` has handled what the one with `port` has said of its filters so far: that
    comes in order."""
    with contextlib.closing(wire.client(port, version=wire.V311).connect()) as last:
        wait_until_known(last.subscribe("settled"), "settled", other_port)
