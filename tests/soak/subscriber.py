"""Subscribers that acknowledge everything and are the receiver of QoS 2 across connections."""

import time

import wire
from client import client


class subscriber(client):
    """Takes and acknowledges everything; knows what it has half received across connections."""

    def __init__(self, *arguments, filters, qos, receive_maximum=None, account=None):
        super().__init__(*arguments)
        self.filters = [(one, qos) for one in filters]
        self.account = account or self.book.account(self.name, qos)
        self.half = {}  # identifier: message of QoS 2 whose PUBREL has not come
        self.news_at = 0
        if receive_maximum and self.version == wire.V5:
            self.connect_fields["receive_maximum"] = receive_maximum

    def handle(self, packet):
        self.news_at = time.monotonic()
        super().handle(packet)

    def resume(self, connack):
        self.ready = connack.session_present
        if not connack.session_present:
            self.half.clear()
            self.send(wire.subscribe(1, *self.filters, version=self.version))

    def on_suback(self, packet):
        if packet.codes != [qos for _, qos in self.filters]:
            self.complain(f"SUBSCRIBE was answered {packet}")
        self.ready = True

    def on_publish(self, packet):
        one = self.book.find(packet.topic, packet.payload)
        if one is None:
            self.complain(f"nobody published {packet}")
        elif packet.qos != min(one.qos, self.account.qos):
            self.complain(f"{one} came at QoS {packet.qos}")
        if packet.qos == 1:
            self._arrived(one)
            self.send(wire.ack("puback", packet.id))
        elif packet.qos == 2:
            self._received(packet, one)
            self.send(wire.ack("pubrec", packet.id))

    def _arrived(self, one):
        if one:
            self.account.arrived(one)

    def _received(self, packet, one):
        if packet.id not in self.half:
            self.half[packet.id] = one
            self._arrived(one)
        elif self.half[packet.id] is not one:
            self.complain(f"{one} has identifier {packet.id}, which {self.half[packet.id]} has until PUBREL")
        elif not packet.dup:
            self.complain(f"{one} came again without DUP")

    def on_pubrel(self, packet):
        # Unknown when the broker died with our PUBCOMP on its way.
        unknown = packet.id not in self.half
        self.half.pop(packet.id, None)
        self.send(wire.ack("pubcomp", packet.id, 0x92 if unknown and self.version == wire.V5 else None))


class wanderer(subscriber):
    """A subscriber that leaves and comes back, with and without saying so."""

    def __init__(self, *arguments, **fields):
        super().__init__(*arguments, **fields)
        self.leave_at = None
        self.stays = False

    def resume(self, connack):
        super().resume(connack)
        self.leave_at = time.monotonic() + self.pace.uniform(0.05, 1)

    def turn(self, now):
        if self.ready and not self.stays and now >= self.leave_at:
            self._leave()
        super().turn(now)

    def _leave(self):
        if self.pace.random() < 0.5:
            self.send(wire.disconnect())
            self._flush()
        if self.socket:
            self.close(away=self.pace.uniform(0.05, 1.5))
