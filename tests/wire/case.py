"""What the wire tests have in common: a broker per class, clients that are closed at the end, tables of cases."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

import broker as brokers
import wire
from runner import proves

__all__ = ["wire_test", "version_5", "version_311", "proves", "table", "brokers"]


class wire_test(unittest.TestCase):
    """Each test has its own topics and client identifiers, so that tests of a class can share a broker."""

    version = wire.V5
    tag_prefix = "MQTT5-"
    settings = {}
    websocket = False

    @classmethod
    def setUpClass(cls):
        if brokers.IS_MOSQUITTO and any(brokers.SETTINGS[name][1] is None for name in cls.settings):
            raise unittest.SkipTest("mosquitto has no such setting")
        brokers.class_broker(cls, cls.websocket, **cls.settings)

    def setUp(self):
        self.clients = []
        if not self.broker.alive():
            self.broker.start()

    def tearDown(self):
        for one in self.clients:
            one.close()
        self.assertTrue(self.broker.alive(), f"the broker died\n{self.broker.log()}")

    def name(self, suffix=""):
        """A client identifier or a topic of this test only."""
        own = self._testMethodName.removeprefix("test_")
        return f"{own}/{suffix}" if suffix else own

    def open(self, version=None):
        """A connection on which nothing has been sent."""
        one = wire.client(self.broker.port, version or self.version)
        self.clients.append(one)
        return one

    def client(self, suffix="client", version=None, **fields):
        """A connection with an accepted CONNECT."""
        return self.open(version).connect(self.name(suffix), **fields)

    def durable(self, suffix="durable", clean=False, version=None, **fields):
        """A client whose session outlives the connection."""
        version = version or self.version
        if version == wire.V5:
            fields.setdefault("session_expiry_interval", 300)
        return self.client(suffix, version=version, clean=clean, **fields)

    def resumed(self, suffix="durable", **fields):
        return self.durable(suffix, session_present=True if self.version != wire.V31 else None, **fields)


class version_5:
    version = wire.V5
    tag_prefix = "MQTT5-"


class version_311:
    version = wire.V311
    tag_prefix = "MQTT311-"


def table(*rows):
    """Class decorator: one test per row (name, tags, *arguments), each calling the class's `check(*arguments)`."""
    def add(test_class):
        for name, tags, *arguments in rows:
            def test(self, arguments=arguments):
                self.check(*arguments)
            assert not hasattr(test_class, f"test_{name}"), name
            setattr(test_class, f"test_{name}", proves(*tags.split())(test))
        return test_class
    return add
