"""A client whose session outlives its connections: what publishers and subscribers have in common.

Each is a part of one loop: `readable()` when its socket has input, `turn()` now and then. Nothing here waits.
"""

import random
import selectors
import socket
import time

import wire

EXPIRY = 86400
RETRY = 0.02
# Now and then a client holds back what it has to say, so that a kill meets exchanges in each of their states.
HOLD_CHANCE = 0.05
HOLD_SECONDS = 0.1


def split(buffer):
    """Takes the whole packets off the front of the buffer: [(first byte, body, size)]."""
    packets = []
    start = 0
    while True:
        length = shift = 0
        for position in range(start + 1, min(start + 5, len(buffer))):
            length |= (buffer[position] & 0x7F) << shift
            shift += 7
            if not buffer[position] & 0x80:
                break
        else:
            break
        end = position + 1 + length
        if end > len(buffer):
            break
        packets.append((buffer[start], bytes(buffer[position + 1:end]), end - start))
        start = end
    del buffer[:start]
    return packets


class client:
    """A connection that comes back, and the session that is to be there each time."""

    def __init__(self, name, version, port, selector, book, seed):
        self.name = name
        self.version = version
        self.port = port
        self.selector = selector
        self.book = book
        self.content = random.Random(f"{seed} {name} content")
        self.pace = random.Random(f"{seed} {name} pace")  # drawn from as time goes by, so apart
        self.connect_fields = {"session_expiry_interval": EXPIRY} if version == wire.V5 else {}
        self.socket = None
        self.known = False  # the broker has accepted this client before
        self.ready = False  # it has on this connection, and whatever follows that is done
        self.blows = 0      # how many kills and cuts there had been when the connection began
        self.retry_at = self.hold_until = 0
        self.input = bytearray()
        self.output = bytearray()

    # -- the connection

    def turn(self, now):
        if self.socket is None:
            if now >= self.retry_at:
                self._open(now)
        elif self.output and now >= self.hold_until:
            self._flush()
            if self.pace.random() < HOLD_CHANCE:
                self.hold_until = now + self.pace.uniform(0, HOLD_SECONDS)

    def _open(self, now):
        try:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=1)
        except OSError:
            self.retry_at = now + self.pace.uniform(0, RETRY)
            return
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(self.socket, selectors.EVENT_READ, self)
        self.blows = len(self.book.blows)
        self.send(wire.connect(self.name, version=self.version, clean=False, keep_alive=0, **self.connect_fields))

    def close(self, away=0.0):
        """Ends the connection. What was not sent belongs to it: the session goes on with the next one's exchanges."""
        self.selector.unregister(self.socket)
        self.socket.close()
        self.socket = None
        self.ready = False
        self.input.clear()
        self.output.clear()
        self.retry_at = time.monotonic() + away

    def _lost(self):
        if self.blows == len(self.book.blows):
            self.complain("the broker closed the connection")
        self.close(away=self.pace.uniform(0, RETRY))

    def send(self, data):
        self.output += data

    def _flush(self):
        try:
            del self.output[:self.socket.send(self.output)]
        except BlockingIOError:
            pass
        except OSError:
            self._lost()

    def readable(self):
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.input += data
        for first_byte, body, size in split(self.input):
            self.handle(wire.parse(first_byte, body, self.version, size))
            if self.socket is None:
                return
        if not data:
            self._lost()

    # -- packets

    def complain(self, text):
        self.book.complain(f"{self.name}: {text}")

    def handle(self, packet):
        """Each kind has its `on_…`; what has none does not belong here."""
        handler = getattr(self, f"on_{packet.kind}", None)
        if handler:
            handler(packet)
        else:
            self.complain(f"unexpected {packet}")

    def on_connack(self, packet):
        if packet.code:
            self.complain(f"refused with {packet}")
            self.close(away=RETRY)
            return
        if packet.session_present != self.known:
            self.complain(f"Session Present is {int(packet.session_present)}")
        self.known = True
        self.resume(packet)

    def on_disconnect(self, packet):
        self.complain(f"the broker says {packet}")
