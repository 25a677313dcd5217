"""MQTT over WebSocket: section 6 of MQTT 5.0 and 3.1.1, with RFC 6455 spoken by hand."""

import base64
import os
import socket
import struct
import unittest

from case import proves, version_5, wire_test
from wire import PINGREQ, connect, parse, publish, reader, subscribe

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class websocket:
    def __init__(self, port, protocols="mqtt"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: {protocols}\r\n\r\n".encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        fields = (line.split(":", 1) for line in lines[1:])
        self.headers = {name.strip().lower(): value.strip() for name, value in fields}
        self.stream = b""

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.buffer += data

    def send(self, data, opcode=BINARY, final=True):
        mask = os.urandom(4)
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack("!H", len(data))
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
        self.socket.sendall(bytes([(0x80 if final else 0) | opcode]) + length + mask + body)
        return self

    def _take(self, count):
        while len(self.buffer) < count:
            self._more()
        head, self.buffer = self.buffer[:count], self.buffer[count:]
        return head

    def frame(self):
        first, second = self._take(2)
        assert not second & 0x80, "a server does not mask"
        length = second & 0x7F
        if length >= 126:
            length = struct.unpack("!H", self._take(2))[0] if length == 126 else struct.unpack("!Q", self._take(8))[0]
        return first & 0x0F, self._take(length)

    def packet(self):
        """The next MQTT packet, wherever the frames are cut."""
        while True:
            if len(self.stream) >= 2:
                rest = reader(self.stream[1:])
                try:
                    length = rest.vbi()
                    body = rest.take(length)
                except AssertionError:
                    pass
                else:
                    size = len(self.stream) - len(rest.body)
                    first, self.stream = self.stream[0], rest.body
                    return parse(first, body, 5, size)
            opcode, data = self.frame()
            assert opcode in (BINARY, 0), f"opcode {opcode} [MQTT5-6.0.0-1]"
            self.stream += data

    def closed(self):
        """Whether the broker ends the connection, with or without a Close frame."""
        try:
            while True:
                opcode, _ = self.frame()
                if opcode == CLOSE:
                    return True
        except (ConnectionError, OSError) as error:
            return not isinstance(error, TimeoutError)


class websocket_transport(version_5, wire_test):
    tag_prefix = "MQTT"  # the transport is the same for both versions
    websocket = True

    @classmethod
    def setUpClass(cls):
        try:
            super().setUpClass()
        except RuntimeError as error:
            raise unittest.SkipTest("the broker has no WebSocket listener") from error

    def ws(self, **fields):
        return websocket(self.broker.websocket_port, **fields)

    @proves("MQTT5-6.0.0-4", "MQTT311-6.0.0-4")
    def test_subprotocol_mqtt_is_selected(self):
        one = self.ws(protocols="other, mqtt")
        self.assertEqual((one.status, one.headers.get("sec-websocket-protocol")), (101, "mqtt"))

    @proves("MQTT5-6.0.0-1")
    def test_packets_come_in_binary_frames(self):
        one = self.ws().send(connect(self.name("a")))
        self.assertEqual(one.packet().kind, "connack")

    @proves("MQTT5-6.0.0-1", "MQTT311-6.0.0-1")
    def test_text_frame_closes_the_connection(self):
        one = self.ws().send(connect(self.name("a")))
        one.packet()
        self.assertTrue(one.send(PINGREQ, opcode=TEXT).closed())

    @proves("MQTT5-6.0.0-2", "MQTT311-6.0.0-2")
    def test_frames_and_packets_need_not_be_aligned(self):
        one, topic = self.ws(), self.name("t")
        data = connect(self.name("a")) + subscribe(1, (topic, 0)) + publish(self.name("u"), bytes(50)) + PINGREQ
        for start in range(0, len(data), 7):
            one.send(data[start:start + 7])
        kinds = sorted(one.packet().kind for _ in range(3))
        self.assertEqual(kinds, ["connack", "pingresp", "suback"])

    @proves("MQTT5-6.0.0-2")
    def test_fragmented_message(self):
        data = connect(self.name("a"))
        one = self.ws().send(data[:5], final=False).send(data[5:9], opcode=0, final=False).send(data[9:], opcode=0)
        self.assertEqual(one.packet().kind, "connack")

    def test_ping_frame_is_answered(self):
        one = self.ws().send(b"hello", opcode=PING)
        self.assertEqual(one.frame(), (PONG, b"hello"))

    def test_websocket_and_tcp_share_topics(self):
        one = self.ws().send(connect(self.name("a")) + subscribe(1, (self.name("t"), 0)))
        self.assertEqual([one.packet().kind for _ in range(2)], ["connack", "suback"])
        self.client("p").publish(self.name("t"), b"x", qos=1)
        self.assertEqual(one.packet().payload, b"x")
