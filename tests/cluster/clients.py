"""Paho clients whose messages can be waited for, and numbered messages to check them by."""

import itertools
import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

V311, V5 = mqtt.MQTTv311, mqtt.MQTTv5
VERSIONS = (V311, V5)
VERSION_NAMES = {V311: "v311", V5: "v5"}
TIMEOUT = 20

serial_numbers = itertools.count(1)


def properties(packet, **values):
    """Paho's properties of one packet: names as in the specification, without blanks."""
    out = Properties(packet)
    for name, value in values.items():
        setattr(out, name, value)
    return out


def publish_properties(**values):
    return properties(PacketTypes.PUBLISH, **values)


class through_node(mqtt.Client):
    """Goes where the node says, which may be a UNIX socket."""

    node = None

    def _create_socket_connection(self):
        return self.node.connect()


class client:
    """Connected when made. All methods may be called from any thread."""

    def __init__(self, node, client_id=None, version=V5, clean=True, session_expiry=None, window=100):
        self.version = version
        self.node = node
        client_id = client_id or f"c{next(serial_numbers)}"
        self.paho = through_node(client_id, clean_session=clean if version != V5 else None, protocol=version,
                                 reconnect_on_failure=False)
        self.paho.node = node
        self.paho.max_inflight_messages_set(window)
        self.changed = threading.Condition()
        self.messages = []
        self.arrivals = []  # when each of them came
        self.connack = None
        self.answers = {}
        self.is_lost = False
        self.paho.on_connect = lambda _, __, flags, code, *___: self._note("connack", (flags, code))
        self.paho.on_disconnect = lambda *_: self._note("is_lost", True)
        self.paho.on_message = self._take
        self.paho.on_subscribe = lambda _, __, mid, codes, *___: self._answer(mid, codes)
        self.paho.on_unsubscribe = lambda _, __, mid, *___: self._answer(mid, [])
        settings = {}
        if version == V5:
            settings = {"clean_start": clean}
            if session_expiry is not None:
                settings["properties"] = properties(PacketTypes.CONNECT, SessionExpiryInterval=session_expiry)
        self.paho.connect("node", 1883, 60, **settings)
        self.paho.loop_start()
        self._wait(lambda: self.connack or self.is_lost, "CONNACK")
        code = self.connack[1]
        assert int(getattr(code, "value", code)) == 0, f"CONNACK {self.connack}"

    def _note(self, name, value):
        with self.changed:
            setattr(self, name, value)
            self.changed.notify_all()

    def _take(self, _, __, message):
        with self.changed:
            self.messages.append(message)
            self.arrivals.append(time.monotonic())
            self.changed.notify_all()

    def _answer(self, mid, codes):
        with self.changed:
            self.answers[mid] = [int(getattr(code, "value", code)) for code in codes]
            self.changed.notify_all()

    def _wait(self, holds, what, timeout=TIMEOUT):
        with self.changed:
            if not self.changed.wait_for(holds, timeout):
                raise AssertionError(f"not within {timeout:g} s: {what if isinstance(what, str) else what()}")

    # -- subscriptions

    def subscribe(self, *filters, **options):
        """Waits for SUBACK. A filter is text (QoS 2) or (text, QoS); `options` are those of MQTT 5."""
        filters = [(one, 2) if isinstance(one, str) else one for one in filters]
        asked = filters
        if self.version == V5:
            asked = [(text, SubscribeOptions(qos=qos, **options)) for text, qos in filters]
        _, mid = self.paho.subscribe(asked)
        self._wait(lambda: mid in self.answers, f"SUBACK for {filters}")
        assert self.answers[mid] == [qos for _, qos in filters], f"SUBACK {self.answers[mid]} for {filters}"
        return self

    def unsubscribe(self, *filters):
        _, mid = self.paho.unsubscribe(list(filters))
        self._wait(lambda: mid in self.answers, f"UNSUBACK for {filters}")
        return self

    # -- publishing

    def publish(self, topic, payload=b"", qos=0, retain=False, **values):
        """Waits until it is acknowledged, or sent if it is of QoS 0."""
        about = publish_properties(**values) if values else None
        done = self.paho.publish(topic, payload, qos, retain, properties=about)
        done.wait_for_publish(TIMEOUT)
        assert done.is_published(), f"PUBLISH to {topic} at QoS {qos} was not acknowledged"
        return self

    def publish_numbers(self, topic, numbers, qos=0, filling=0):
        """Does not wait; returns what `finish` takes."""
        return [self.paho.publish(topic, b"%d " % number + b"." * filling, qos) for number in numbers]

    @staticmethod
    def finish(under_way, timeout=60):
        """Waits until all are acknowledged."""
        deadline = time.monotonic() + timeout
        for one in under_way:
            one.wait_for_publish(max(deadline - time.monotonic(), 0.001))
        missing = sum(not one.is_published() for one in under_way)
        assert not missing, f"{missing} of {len(under_way)} PUBLISH were not acknowledged within {timeout} s"

    # -- what came

    def wait_for(self, count, timeout=TIMEOUT):
        """The messages so far, at least so many."""
        self._wait(lambda: len(self.messages) >= count,
                   lambda: f"{count} messages at {self.node.name}, only {len(self.messages)} came, the last "
                           f"{[(one.topic, one.payload[:20]) for one in self.messages[-3:]]}", timeout)
        return list(self.messages)

    def wait_for_topic(self, topic, timeout=TIMEOUT):
        self._wait(lambda: any(one.topic == topic for one in self.messages), f"a message to {topic}", timeout)

    def numbers(self, topic):
        """Those that came to the topic, in order."""
        with self.changed:
            return [int(one.payload.split()[0]) for one in self.messages if one.topic == topic]

    def wait_for_numbers(self, topic, count, timeout=TIMEOUT):
        self._wait(lambda: sum(one.topic == topic for one in self.messages) >= count,
                   lambda: f"{count} messages to {topic} at {self.node.name}, {len(self.numbers(topic))} came", timeout)
        return self.numbers(topic)

    def payloads(self):
        with self.changed:
            return [one.payload for one in self.messages]

    def forget(self):
        with self.changed:
            self.messages.clear()
            self.arrivals.clear()

    # -- the end

    def disconnect(self):
        self.paho.disconnect()
        self._wait(lambda: self.is_lost, "the end of the connection")
        self.paho.loop_stop()

    def close(self):
        self.paho.on_disconnect = self.paho.on_message = None
        if self.paho.is_connected():
            self.paho.disconnect()
        self.paho.loop_stop()


class traffic:
    """Publishes numbers to a topic, at a steady pace and from a thread of its own, until told to end."""

    def __init__(self, publisher, topic, qos, per_second=200, filling=0):
        self.publisher, self.topic, self.qos, self.filling = publisher, topic, qos, filling
        self.pause = 1 / per_second
        self.under_way = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ending.wait(self.pause):
            self.under_way += self.publisher.publish_numbers(self.topic, [len(self.under_way)], self.qos, self.filling)

    @property
    def count(self):
        return len(self.under_way)

    def end(self, acknowledged=True):
        """Returns how many there were."""
        self.ending.set()
        self.thread.join()
        if acknowledged:
            client.finish(self.under_way)
        return self.count
