"""A publisher of QoS 1 and 2 that loses nothing: what was not acknowledged is sent again on the next connection."""

import time

import wire
from client import client


class publisher(client):
    """Keeps a window of messages under way, at QoS 1 or 2 as chance has it."""

    def __init__(self, *arguments, topics, window, rate):
        super().__init__(*arguments)
        self.topics = topics
        self.rate = rate
        self.window = self.quota = window
        # The identifier that was freed last is taken first: a broker that takes a new message for a repeat loses it.
        self.free = list(range(window, 0, -1))
        self.sent = {}      # identifier: message that waits for PUBACK or PUBREC, in the order of sending
        self.released = {}  # identifier: message that waits for PUBCOMP, in the order of the PUBRECs
        self.repeated = set()  # identifiers whose PUBREL was sent on an earlier connection as well
        self.publishing = False
        self.due = 0.0
        self.last_turn = time.monotonic()

    def idle(self):
        return not self.sent and not self.released

    def turn(self, now):
        self.due = min(self.due + (now - self.last_turn) * self.rate, self.window)
        self.last_turn = now
        if self.publishing and self.ready:
            while self.due >= 1 and self.free and len(self.sent) + len(self.released) < self.quota:
                self.due -= 1
                self.publish()
        super().turn(now)

    def publish(self):
        one = self.book.publish(self.name, self.content.choice(self.topics), self.content.choice((1, 2)),
                                self.content.choice((0, 20, 20, 200, 200, 4000)))
        id = self.free.pop()
        self.sent[id] = one
        self._send(id, one)

    def _send(self, id, one, dup=False):
        self.send(wire.publish(one.topic, one.payload, one.qos, id, dup=dup, version=self.version))

    def resume(self, connack):
        """Sends again what is under way, each kind in its order; MQTT5 §4.4, §4.6."""
        self.quota = connack.receive_maximum or self.window
        self.repeated = set(self.released)
        for id in self.released:
            self.send(wire.ack("pubrel", id))
        for id, one in self.sent.items():
            self._send(id, one, dup=True)
        self.ready = True

    def _accepted(self, packet, qos):
        """Takes the message off what waits; None: it is not what the broker answers."""
        one = self.sent.get(packet.id)
        if one is None or one.qos != qos:
            self.complain(f"{packet} answers nothing")
            return None
        del self.sent[packet.id]
        if packet.code >= 0x80:
            self.complain(f"{one} was refused with {packet}")
        else:
            self.book.accept(one)
        return one

    def on_puback(self, packet):
        if self._accepted(packet, 1):
            self.free.append(packet.id)

    def on_pubrec(self, packet):
        # The answer to a PUBLISH of the connection before may come beside the one to its repeat.
        if packet.id in self.released:
            return
        one = self._accepted(packet, 2)
        if one is None:
            return
        if one.accepted_at is None:
            self.free.append(packet.id)
        else:
            self.released[packet.id] = one
            self.send(wire.ack("pubrel", packet.id))

    def on_pubcomp(self, packet):
        one = self.released.pop(packet.id, None)
        if one is None:
            self.complain(f"{packet} answers nothing")
            return
        # A broker may have answered the first PUBREL just before it died, and then it does not know the identifier.
        if packet.code and packet.id not in self.repeated:
            self.complain(f"{one}: its only PUBREL was answered {packet}")
        self.repeated.discard(packet.id)
        self.free.append(packet.id)
