"""MQTT on the wire, written from the specification and sharing no code with the broker.

Builders return the bytes of one packet. `client` is a connection that reads as a script:

    client(port).connect("a").send(subscribe(7, ("t", 1))).expect("suback", id=7, codes=[1])

Every packet from the broker is checked as it is read: flags, minimal lengths, UTF-8, properties and reason codes
allowed in that packet, the limits this client announced. So each test also proves how a server has to write.
"""

import os
import socket
import struct
import time

V31, V311, V5 = 3, 4, 5
TIMEOUT = float(os.environ.get("WIRE_TIMEOUT", "5"))
QUIET = 0.15

KINDS = {
    1: "connect", 2: "connack", 3: "publish", 4: "puback", 5: "pubrec", 6: "pubrel", 7: "pubcomp", 8: "subscribe",
    9: "suback", 10: "unsubscribe", 11: "unsuback", 12: "pingreq", 13: "pingresp", 14: "disconnect", 15: "auth",
}
TYPES = {name: number for number, name in KINDS.items()}

ACKS = ("puback", "pubrec", "pubrel", "pubcomp")
REASONED = ACKS + ("connack", "suback", "unsuback", "disconnect", "auth")

# identifier: (name, data type, packets of a server that may carry it); MQTT5 §2.2.2.2
PROPERTIES = {
    0x01: ("payload_format_indicator", "byte", ("publish",)),
    0x02: ("message_expiry_interval", "u32", ("publish",)),
    0x03: ("content_type", "string", ("publish",)),
    0x08: ("response_topic", "string", ("publish",)),
    0x09: ("correlation_data", "binary", ("publish",)),
    0x0B: ("subscription_identifier", "vbi", ("publish",)),
    0x11: ("session_expiry_interval", "u32", ("connack",)),
    0x12: ("assigned_client_identifier", "string", ("connack",)),
    0x13: ("server_keep_alive", "u16", ("connack",)),
    0x15: ("authentication_method", "string", ("connack", "auth")),
    0x16: ("authentication_data", "binary", ("connack", "auth")),
    0x17: ("request_problem_information", "byte", ()),
    0x18: ("will_delay_interval", "u32", ()),
    0x19: ("request_response_information", "byte", ()),
    0x1A: ("response_information", "string", ("connack",)),
    0x1C: ("server_reference", "string", ("connack", "disconnect")),
    0x1F: ("reason_string", "string", REASONED),
    0x21: ("receive_maximum", "u16", ("connack",)),
    0x22: ("topic_alias_maximum", "u16", ("connack",)),
    0x23: ("topic_alias", "u16", ("publish",)),
    0x24: ("maximum_qos", "byte", ("connack",)),
    0x25: ("retain_available", "byte", ("connack",)),
    0x26: ("user_property", "pair", REASONED + ("publish",)),
    0x27: ("maximum_packet_size", "u32", ("connack",)),
    0x28: ("wildcard_subscription_available", "byte", ("connack",)),
    0x29: ("subscription_identifier_available", "byte", ("connack",)),
    0x2A: ("shared_subscription_available", "byte", ("connack",)),
}
PROPERTY_IDS = {name: (number, kind) for number, (name, kind, _) in PROPERTIES.items()}
REPEATABLE = ("user_property", "subscription_identifier")

# What a server may say in each packet; MQTT5 §2.4 and the table of each packet.
_PUBACK = {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
REASONS = {
    "connack": {0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
                0x9A, 0x9B, 0x9C, 0x9D, 0x9F},
    "puback": _PUBACK,
    "pubrec": _PUBACK,
    "pubrel": {0x00, 0x92},
    "pubcomp": {0x00, 0x92},
    "suback": {0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2},
    "unsuback": {0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91},
    "disconnect": {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94, 0x95, 0x96,
                   0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2},
    "auth": {0x00, 0x18},
}


class violation(AssertionError):
    """The broker sent something that the specification forbids."""


# ---- building -------------------------------------------------------------------------------------------------------


def vbi(value):
    """A Variable Byte Integer in its shortest form."""
    out = bytearray()
    while True:
        value, digit = divmod(value, 128)
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def binary(data):
    """Binary Data or, given text, a UTF-8 Encoded String. Bytes are taken as they are, so they may be ill-formed."""
    data = data.encode() if isinstance(data, str) else data
    return struct.pack("!H", len(data)) + data


def encode_property(name, value):
    number, kind = PROPERTY_IDS[name]
    body = {
        "byte": lambda v: bytes([v]),
        "u16": lambda v: struct.pack("!H", v),
        "u32": lambda v: struct.pack("!I", v),
        "vbi": vbi,
        "string": binary,
        "binary": binary,
        "pair": lambda v: binary(v[0]) + binary(v[1]),
    }[kind](value)
    return bytes([number]) + body


def properties(values):
    """The property section with its length. A list as value repeats the property; `raw` is taken as it is."""
    out = b""
    for name, value in values.items():
        if name == "raw":
            out += value
        else:
            for one in value if isinstance(value, list) else [value]:
                out += encode_property(name, one)
    return vbi(len(out)) + out


def packet(first_byte, body=b""):
    """Any packet, right or wrong, with a correct Remaining Length."""
    return bytes([first_byte]) + vbi(len(body)) + body


def _section(version, values):
    assert version == V5 or not values, "properties exist in MQTT 5.0 only"
    return properties(values) if version == V5 else b""


def will(topic, payload=b"", qos=0, retain=False, **props):
    return {"topic": topic, "payload": payload, "qos": qos, "retain": retain, "properties": props}


def connect(client_id="", version=V5, clean=True, keep_alive=60, will=None, user_name=None, password=None, flags=None,
            name=None, level=None, **props):
    """CONNECT. `flags`, `name` and `level` override what the other arguments would give."""
    bits = 0x02 if clean else 0
    payload = binary(client_id)
    if will:
        bits |= 0x04 | will["qos"] << 3 | (0x20 if will["retain"] else 0)
        payload += _section(version, will["properties"]) + binary(will["topic"]) + binary(will["payload"])
    if user_name is not None:
        bits |= 0x80
        payload += binary(user_name)
    if password is not None:
        bits |= 0x40
        payload += binary(password)
    head = binary(name if name is not None else ("MQIsdp" if version == V31 else "MQTT"))
    head += bytes([version if level is None else level, bits if flags is None else flags])
    return packet(0x10, head + struct.pack("!H", keep_alive) + _section(version, props) + payload)


def publish(topic, payload=b"", qos=0, id=None, retain=False, dup=False, version=V5, **props):
    head = binary(topic) + (struct.pack("!H", id) if id is not None else b"")
    payload = payload.encode() if isinstance(payload, str) else payload
    return packet(0x30 | dup << 3 | qos << 1 | retain, head + _section(version, props) + payload)


def ack(kind, id, code=None, version=V5, **props):
    """PUBACK, PUBREC, PUBREL or PUBCOMP, in the short form when there is nothing to say."""
    body = struct.pack("!H", id)
    if code is not None or props:
        body += bytes([code or 0]) + (properties(props) if props else b"")
    return packet(TYPES[kind] << 4 | (2 if kind == "pubrel" else 0), body)


def options(qos=0, no_local=False, retain_as_published=False, retain_handling=0):
    """The Subscription Options byte."""
    return qos | no_local << 2 | retain_as_published << 3 | retain_handling << 4


def subscribe(id, *filters, version=V5, **props):
    """SUBSCRIBE; each filter is (filter, options byte)."""
    body = struct.pack("!H", id) + _section(version, props)
    return packet(0x82, body + b"".join(binary(name) + bytes([option]) for name, option in filters))


def unsubscribe(id, *filters, version=V5, **props):
    return packet(0xA2, struct.pack("!H", id) + _section(version, props) + b"".join(map(binary, filters)))


def disconnect(code=None, version=V5, **props):
    body = b"" if code is None and not props else bytes([code or 0]) + (properties(props) if props else b"")
    return packet(0xE0, body)


def auth(code=None, **props):
    return packet(0xF0, b"" if code is None else bytes([code]) + properties(props))


PINGREQ = packet(0xC0)


# ---- reading --------------------------------------------------------------------------------------------------------


class reader:
    """Takes fields off the front of a packet's body."""

    def __init__(self, body):
        self.body = body

    def take(self, count):
        if len(self.body) < count:
            raise violation(f"packet ends {count - len(self.body)} bytes too early")
        head, self.body = self.body[:count], self.body[count:]
        return head

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return struct.unpack("!H", self.take(2))[0]

    def u32(self):
        return struct.unpack("!I", self.take(4))[0]

    def binary(self):
        return self.take(self.u16())

    def string(self):
        raw = self.binary()
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise violation(f"ill-formed UTF-8 {raw!r} [MQTT5-1.5.4-1]") from None
        if "\0" in text:
            raise violation("U+0000 in a string [MQTT5-1.5.4-2]")
        return text

    def vbi(self):
        value = shift = 0
        while True:
            digit = self.u8()
            value |= (digit & 0x7F) << shift
            if not digit & 0x80:
                if digit == 0 and shift:
                    raise violation("Variable Byte Integer longer than needed [MQTT5-1.5.5-1]")
                return value
            shift += 7
            if shift > 21:
                raise violation("Variable Byte Integer of more than four bytes")

    def properties(self, kind):
        section = reader(self.take(self.vbi()))
        out = {}
        while section.body:
            number = section.vbi()
            if number not in PROPERTIES:
                raise violation(f"unknown property 0x{number:02X} in {kind}")
            name, data_type, allowed = PROPERTIES[number]
            if kind not in allowed:
                raise violation(f"{name} is not allowed in {kind} of a server")
            value = {
                "byte": section.u8, "u16": section.u16, "u32": section.u32, "vbi": section.vbi,
                "string": section.string, "binary": section.binary,
                "pair": lambda: (section.string(), section.string()),
            }[data_type]()
            if name in REPEATABLE:
                out.setdefault(name, []).append(value)
            elif name in out:
                raise violation(f"{name} twice in one {kind}")
            else:
                out[name] = value
        return out


class received:
    """One packet of the broker. Fields that a kind of packet does not have are None; properties read as fields."""

    def __init__(self, kind, size):
        self.kind = kind
        self.size = size
        self.properties = {}

    def __getattr__(self, name):
        if name in ("topic", "payload", "qos", "retain", "dup", "id", "code", "codes", "session_present"):
            return None
        if name in PROPERTY_IDS:
            return self.__dict__["properties"].get(name)
        raise AttributeError(name)

    def __repr__(self):
        def show(value):
            return repr(value) if not isinstance(value, bytes) or len(value) < 60 else f"<{len(value)} bytes>"
        fields = {**self.__dict__, **self.properties}
        shown = (f"{name}={show(value)}" for name, value in fields.items() if name not in ("kind", "properties"))
        return f"{self.kind}({', '.join(shown)})"


def parse(first_byte, body, version, size):
    """Checks one packet of a server against the specification and returns it as `received`."""
    kind = KINDS.get(first_byte >> 4)
    if kind in (None, "connect", "subscribe", "unsubscribe", "pingreq"):
        raise violation(f"a server does not send packet type {first_byte >> 4}")
    if kind != "publish" and first_byte & 0x0F != (2 if kind == "pubrel" else 0):
        raise violation(f"reserved flags 0x{first_byte & 0x0F:X} in {kind} [MQTT5-2.1.3-1]")
    out = received(kind, size)
    rest = reader(body)
    v5 = version == V5
    if kind == "publish":
        out.dup, out.qos, out.retain = bool(first_byte & 8), first_byte >> 1 & 3, bool(first_byte & 1)
        out.topic = rest.string()
        if out.qos == 3:
            raise violation("PUBLISH with QoS 3 [MQTT5-3.3.1-4]")
        if out.qos == 0 and out.dup:
            raise violation("DUP in a QoS 0 PUBLISH [MQTT5-3.3.1-2]")
        if out.qos:
            out.id = rest.u16()
            if out.id == 0:
                raise violation("Packet Identifier 0 [MQTT5-2.2.1-4]")
        if v5:
            out.properties = rest.properties(kind)
        if any(wildcard in out.topic for wildcard in "#+"):
            raise violation(f"wildcard in Topic Name {out.topic!r} [MQTT5-3.3.2-2]")
        if out.topic_alias == 0:
            raise violation("Topic Alias 0 [MQTT5-3.3.2-8]")
        if not out.topic and out.topic_alias is None:
            raise violation("empty Topic Name [MQTT5-4.7.3-1]")
        out.payload, rest.body = rest.body, b""
    elif kind == "connack":
        flags = rest.u8()
        if flags & 0xFE:
            raise violation(f"connect acknowledge flags 0x{flags:02X} [MQTT5-3.2.2-1]")
        out.session_present, out.code = bool(flags), rest.u8()
        if v5 and not (len(body) == 2 and out.code == 1):
            out.properties = rest.properties(kind)
        if out.code and out.session_present:
            raise violation("Session Present in a refusing CONNACK [MQTT5-3.2.2-6]")
        if not v5 and out.code > 5 and out.code != 0x84:
            raise violation(f"CONNACK return code {out.code} in MQTT 3")
    elif kind in ACKS:
        out.id, out.code = rest.u16(), 0
        if not v5 and rest.body:
            raise violation(f"{kind} of {len(body)} bytes in MQTT 3")
        if rest.body:
            out.code = rest.u8()
        if rest.body:
            out.properties = rest.properties(kind)
    elif kind in ("suback", "unsuback"):
        out.id = rest.u16()
        if v5:
            out.properties = rest.properties(kind)
        if kind == "suback" or v5:
            out.codes, rest.body = list(rest.body), b""
            if not out.codes:
                raise violation(f"{kind} without a code")
        if not v5 and kind == "suback" and not set(out.codes) <= {0, 1, 2, 0x80}:
            raise violation(f"SUBACK return codes {out.codes} [MQTT311-3.9.3-2]")
    elif kind in ("disconnect", "auth"):
        if not v5:
            raise violation(f"{kind} from a server in MQTT 3")
        out.code = rest.u8() if rest.body else 0
        if rest.body:
            out.properties = rest.properties(kind)
    if rest.body:
        raise violation(f"{len(rest.body)} bytes too many in {kind}")
    if v5 and kind in REASONS:
        for code in out.codes if out.codes is not None else [out.code]:
            if code not in REASONS[kind] and not (kind == "connack" and code == 1):
                raise violation(f"reason code 0x{code:02X} in {kind}")
    return out


class client:
    """A connection to the broker as a script. What does not come as expected raises AssertionError."""

    def __init__(self, port, version=V5, sock=None):
        self.version = version
        self.socket = sock or socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.inbox = []
        self.closed = False
        self.connack = None
        self.last = None
        self.maximum_packet_size = None
        self.problem_information = True
        self.next_id = 0

    # -- sending

    def send(self, *parts):
        """Sends packets (bytes) or hex text as one segment. A broker that has closed already is no error here."""
        data = b"".join(bytes.fromhex(part) if isinstance(part, str) else part for part in parts)
        try:
            self.socket.settimeout(TIMEOUT)
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def close(self):
        """Ends the connection without DISCONNECT."""
        self.socket.close()
        self.closed = True

    # -- receiving

    def read(self, timeout=None):
        """The next packet; None when the broker closed the connection; TimeoutError when nothing came."""
        deadline = time.monotonic() + (TIMEOUT if timeout is None else timeout)
        while True:
            frame = self._frame()
            if frame:
                return self._check(*frame)
            self.socket.settimeout(max(deadline - time.monotonic(), 0.0001))
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                self.closed = True
                if self.buffer:
                    raise violation(f"the broker closed in the middle of a packet: {self.buffer[:40].hex(' ')}")
                return None
            self.buffer += data

    def _frame(self):
        length = shift = 0
        for position, digit in enumerate(self.buffer[1:5], 2):
            length |= (digit & 0x7F) << shift
            shift += 7
            if not digit & 0x80:
                if digit == 0 and position > 2:
                    raise violation("Remaining Length longer than needed [MQTT5-1.5.5-1]")
                end = position + length
                if len(self.buffer) < end:
                    return None
                frame = self.buffer[0], self.buffer[position:end], end
                self.buffer = self.buffer[end:]
                return frame
        return None

    def _check(self, first_byte, body, size):
        if self.maximum_packet_size and size > self.maximum_packet_size:
            limit = self.maximum_packet_size
            raise violation(f"packet of {size} bytes to a client that takes {limit} [MQTT5-3.1.2-24]")
        out = parse(first_byte, body, self.version, size)
        if not self.problem_information and out.kind not in ("publish", "connack", "disconnect"):
            if out.reason_string is not None or out.user_property is not None:
                raise violation(f"problem information in {out} [MQTT5-3.1.2-29]")
        return out

    def receive(self, expected="a packet", timeout=None):
        """The next packet, or None at the end of the connection."""
        try:
            self.last = self.inbox.pop(0) if self.inbox else self.read(timeout)
        except TimeoutError:
            raise AssertionError(f"expected {expected}, but nothing came") from None
        return self.last

    def wait_for(self, kind, **fields):
        """Reads until this packet comes; what comes before it is kept for later."""
        later = []
        while True:
            try:
                got = self.receive()
            except AssertionError as error:
                if isinstance(error, violation):
                    raise
                raise AssertionError(f"expected {kind} {fields}, but nothing came after {later[-5:]}") from None
            if got is None:
                raise AssertionError(f"expected {kind} {fields}, but the broker closed after {later[-5:]}")
            if got.kind == kind and all(_same(got, name, value) for name, value in fields.items()):
                self.inbox[:0] = later
                return got
            later.append(got)

    # -- scripts

    def expect(self, kind, **fields):
        """The next packet is of this kind with these fields or properties (None: absent). It stays in `last`."""
        got = self.receive(f"{kind} {fields}")
        if got is None:
            raise AssertionError(f"expected {kind} {fields}, but the broker closed the connection")
        wrong = [name for name, value in fields.items() if not _same(got, name, value)]
        if got.kind != kind or wrong:
            raise AssertionError(f"expected {kind} {fields}, got {got}")
        return self

    def expect_close(self, *codes, within=None):
        """The broker closes the connection; given codes, it says one of them in a DISCONNECT before."""
        got = self.receive(f"DISCONNECT {_hex(codes)}" if codes else "the end of the connection", within)
        if codes and self.version == V5:
            if got is None:
                raise AssertionError(f"closed without the expected DISCONNECT {_hex(codes)}")
            if got.kind != "disconnect" or got.code not in codes:
                raise AssertionError(f"expected DISCONNECT {_hex(codes)}, got {got}")
            said, got = got, self.receive("the end of the connection")
            self.last = said
        if got is not None:
            raise AssertionError(f"expected the broker to close, got {got}")
        return self

    def expect_refusal(self, *codes):
        """The broker refuses the CONNECT: CONNACK with one of the codes, then close."""
        self.expect("connack")
        if self.last.code not in codes:
            raise AssertionError(f"expected CONNACK {_hex(codes)}, got {self.last}")
        refusal = self.last
        if self.receive("the end of the connection") is not None:
            raise AssertionError(f"still open after {refusal}: {self.last}")
        self.last = refusal
        return self

    def expect_nothing(self, quiet=QUIET):
        """The connection is alive, and nothing but the PINGRESP comes."""
        self.send(PINGREQ).expect("pingresp")
        try:
            got = self.inbox.pop(0) if self.inbox else self.read(quiet)
        except TimeoutError:
            return self
        raise AssertionError(f"expected nothing, got {got or 'the end of the connection'}")

    def connect(self, client_id="", session_present=None, **fields):
        """CONNECT that the broker accepts."""
        self.maximum_packet_size = fields.get("maximum_packet_size")
        self.problem_information = fields.get("request_problem_information", 1) != 0
        self.send(connect(client_id, version=self.version, **fields))
        self.expect("connack", code=0)
        self.connack = self.last
        if session_present is not None and self.connack.session_present != session_present:
            raise AssertionError(f"expected session_present={session_present}, got {self.connack}")
        return self

    def fresh_id(self):
        self.next_id += 1
        return self.next_id

    def subscribe(self, *filters, **props):
        """SUBSCRIBE that is granted as asked; a filter is text (QoS 0) or (text, options byte)."""
        filters = [(f, 0) if isinstance(f, (str, bytes)) else f for f in filters]
        id = self.fresh_id()
        self.send(subscribe(id, *filters, version=self.version, **props))
        got = self.wait_for("suback")
        if got.id != id or got.codes != [option & 3 for _, option in filters]:
            raise AssertionError(f"SUBSCRIBE {id} {filters} was answered {got}")
        return self

    def unsubscribe(self, *filters):
        id = self.fresh_id()
        self.send(unsubscribe(id, *filters, version=self.version))
        self.wait_for("unsuback", id=id)
        return self

    def publish(self, topic, payload=b"", qos=0, **fields):
        """PUBLISH with the whole exchange that its QoS asks for."""
        id = self.fresh_id() if qos else None
        self.send(publish(topic, payload, qos=qos, id=id, version=self.version, **fields))
        if qos == 1:
            self._accepted(self.wait_for("puback", id=id))
        elif qos == 2:
            self._accepted(self.wait_for("pubrec", id=id))
            self.send(ack("pubrel", id))
            self._accepted(self.wait_for("pubcomp", id=id))
        return self

    @staticmethod
    def _accepted(got):
        if got.code >= 0x80:
            raise AssertionError(f"PUBLISH was refused: {got}")

    def acknowledge(self, message):
        """The receiver's side of a QoS 1 or 2 exchange, to its end."""
        if message.qos == 1:
            self.send(ack("puback", message.id))
        elif message.qos == 2:
            self.send(ack("pubrec", message.id))
            self.wait_for("pubrel", id=message.id, code=0 if self.version == V5 else None)
            self.send(ack("pubcomp", message.id))

    def take(self, count=1):
        """The next `count` messages, acknowledged."""
        out = []
        for _ in range(count):
            got = self.wait_for("publish")
            self.acknowledge(got)
            out.append(got)
        return out

    def message(self, **fields):
        """The next packet is this message; it is acknowledged and returned."""
        got = self.expect("publish", **fields).last
        self.acknowledge(got)
        return got

    def disconnect(self, code=None, **props):
        """DISCONNECT, and wait until the broker has closed: then it has dealt with it."""
        self.send(disconnect(code, **props))
        while self.receive() is not None:
            pass
        self.close()
        return self


def _same(got, name, value):
    if name == "code" and value is None:
        return True
    actual = getattr(got, name)
    if isinstance(value, str) and isinstance(actual, bytes):
        value = value.encode()
    return actual == value


def _hex(codes):
    return " or ".join(f"0x{code:02X}" for code in codes)
