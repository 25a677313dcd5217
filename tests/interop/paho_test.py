"""Eclipse Paho for Python, in MQTT 3.1, 3.1.1 and 5.0."""

import queue
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCodes
from paho.mqtt.subscribeoptions import SubscribeOptions

from case import TIMEOUT, interop_test

QUIET = 0.3


def properties(packet, **values):
    """Paho's properties of one packet: names as in the specification, without blanks."""
    out = Properties(packet)
    for name, value in values.items():
        setattr(out, name, value)
    return out


class paho:
    """A Paho client whose callbacks arrive in queues, so that tests wait for them instead of sleeping."""

    def __init__(self, port, client_id="", version=mqtt.MQTTv5, clean=True, will=None, keep_alive=60, expect=0,
                 connect_properties=None, manual=False):
        self.version = version
        clean_session = None if version == mqtt.MQTTv5 else clean
        self.client = mqtt.Client(client_id, clean_session=clean_session, protocol=version, reconnect_on_failure=False)
        self.messages, self.answers = queue.Queue(), queue.Queue()
        self.connected, self.disconnected = queue.Queue(), queue.Queue()
        # The fourth argument of on_disconnect are the properties, in MQTT 5.0 only.
        self.client.on_connect = lambda *arguments: self.connected.put(arguments[2:])
        self.client.on_disconnect = lambda *arguments: self.disconnected.put(arguments[2:])
        self.client.on_message = lambda _, __, message: self.messages.put(message)
        self.client.on_subscribe = lambda *arguments: self.answers.put(arguments[2:])
        self.client.on_unsubscribe = lambda *arguments: self.answers.put(arguments[2:])
        if will:
            self.client.will_set(*will[:4], properties=will[4] if len(will) > 4 else None)
        self.client.connect("127.0.0.1", port, keep_alive,
                            **({"clean_start": clean, "properties": connect_properties}
                               if version == mqtt.MQTTv5 else {}))
        if not manual:
            self.client.loop_start()
            self.connack = self.connected.get(timeout=TIMEOUT)
            code = self.connack[1]
            assert int(getattr(code, "value", code)) == expect, f"CONNACK {self.connack}"

    @property
    def session_present(self):
        return bool(self.connack[0]["session present"])

    def subscribe(self, *filters, **fields):
        """Each filter is (text, QoS or SubscribeOptions); returns the codes of SUBACK."""
        if self.version == mqtt.MQTTv5:
            filters = [(text, SubscribeOptions(qos=option) if isinstance(option, int) else option)
                       for text, option in filters]
            _, mid = self.client.subscribe(filters, properties=fields.get("properties"))
        else:
            _, mid = self.client.subscribe(list(filters))
        answer = self.answers.get(timeout=TIMEOUT)
        assert answer[0] == mid, (answer, mid)
        return [int(getattr(code, "value", code)) for code in answer[1]]

    def unsubscribe(self, *filters):
        """Returns the codes of UNSUBACK, which MQTT 3 does not have."""
        _, mid = self.client.unsubscribe(list(filters))
        answer = self.answers.get(timeout=TIMEOUT)
        assert answer[0] == mid, (answer, mid)
        if self.version != mqtt.MQTTv5:
            return None
        codes = answer[2] if isinstance(answer[2], list) else [answer[2]]
        return [code.value for code in codes]

    def publish(self, topic, payload=b"", qos=0, retain=False, **fields):
        """Publishes and waits for the end of the exchange."""
        done = self.client.publish(topic, payload, qos, retain, properties=fields.get("properties"))
        done.wait_for_publish(TIMEOUT)
        assert done.is_published(), f"PUBLISH to {topic} at QoS {qos} was not acknowledged"
        return self

    def message(self):
        return self.messages.get(timeout=TIMEOUT)

    def payloads(self, count):
        return [self.message().payload for _ in range(count)]

    def quiet(self, seconds=QUIET):
        """Whether no message comes."""
        try:
            self.messages.get(timeout=seconds)
            return False
        except queue.Empty:
            return True

    def disconnect(self, **fields):
        if self.version == mqtt.MQTTv5:
            self.client.disconnect(**fields)
        else:
            self.client.disconnect()
        self.disconnected.get(timeout=TIMEOUT)
        self.client.loop_stop()

    def abort(self):
        """Ends the TCP connection without DISCONNECT."""
        self.client.socket().shutdown(2)

    def closed_by_broker(self):
        """What on_disconnect got: (code, ...)."""
        return self.disconnected.get(timeout=TIMEOUT)

    def stop(self):
        self.client.on_message = self.client.on_disconnect = None
        if self.client.is_connected():
            self.client.disconnect()
        self.client.loop_stop()


class paho_base(interop_test):
    version = None

    def setUp(self):
        self.clients = []

    def tearDown(self):
        for one in self.clients:
            one.stop()
        super().tearDown()

    def client(self, client_id=None, **fields):
        if client_id is not None:
            # MQTT 3.1 allows 23 characters.
            client_id = f"{client_id}{hash(self.id()) % 10 ** 9}"
        elif self.version == mqtt.MQTTv31:
            client_id = f"c{time.monotonic_ns() % 10 ** 15}"
        one = paho(self.broker.port, client_id or "", fields.pop("version", self.version), **fields)
        self.clients.append(one)
        return one

    def durable(self, client_id="durable", **fields):
        """A client whose session stays."""
        if self.version == mqtt.MQTTv5:
            fields.setdefault("connect_properties", properties(PacketTypes.CONNECT, SessionExpiryInterval=300))
        return self.client(client_id, clean=False, **fields)


class common_base(paho_base):
    def test_each_qos_both_ways(self):
        one = self.client()
        for granted in (0, 1, 2):
            topic = self.name(f"t{granted}")
            self.assertEqual(one.subscribe((topic, granted)), [granted])
            for published in (0, 1, 2):
                one.publish(topic, f"{published}", published)
                got = one.message()
                self.assertEqual((got.topic, got.payload, got.qos, got.retain, got.dup),
                                 (topic, b"%d" % published, min(granted, published), False, False))

    def test_retained_message_is_set_replaced_and_cleared(self):
        topic = self.name("t")
        pub = self.client()
        for text in (b"one", b"two"):
            pub.publish(topic, text, 1, True)
            late = self.client()
            late.subscribe((topic, 1))
            got = late.message()
            self.assertEqual((got.payload, got.retain, got.qos), (text, True, 1))
        pub.publish(topic, b"", 1, True)
        late = self.client()
        late.subscribe((topic, 1))
        self.assertTrue(late.quiet())

    def test_will_after_a_broken_connection(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 2))
        for qos in (0, 1, 2):
            one = self.client(f"w{qos}", will=(self.name("will"), f"gone {qos}", qos, False))
            one.abort()
            got = watch.message()
            self.assertEqual((got.payload, got.qos, got.retain), (b"gone %d" % qos, qos, False))

    def test_no_will_after_disconnect(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 2))
        self.client("w", will=(self.name("will"), "gone", 1, False)).disconnect()
        self.assertTrue(watch.quiet())

    def test_retained_will(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 1))
        self.client("w", will=(self.name("will"), "gone", 1, True)).abort()
        watch.message()
        late = self.client()
        late.subscribe((self.name("will"), 1))
        self.assertTrue(late.message().retain)

    def test_session_is_resumed_with_queued_messages_in_order(self):
        first = self.durable()
        if self.version != mqtt.MQTTv31:
            self.assertFalse(first.session_present)
        first.subscribe((self.name("t"), 2))
        first.disconnect()
        pub = self.client()
        for number in range(50):
            pub.publish(self.name("t"), b"%d" % number, 1 + number % 2)
        again = self.durable()
        if self.version != mqtt.MQTTv31:
            self.assertTrue(again.session_present)
        got = [again.message() for _ in range(50)]
        for qos in (1, 2):  # Paho hands a QoS 2 message over at PUBREL, so only each QoS has an order
            self.assertEqual([int(one.payload) for one in got if one.qos == qos], list(range(qos - 1, 50, 2)))
        self.assertTrue(again.quiet())

    def test_clean_session_forgets(self):
        first = self.durable()
        first.subscribe((self.name("t"), 1))
        first.disconnect()
        self.client("durable", clean=True).disconnect()
        self.client().publish(self.name("t"), b"x", 1)
        again = self.durable()
        if self.version != mqtt.MQTTv31:
            self.assertFalse(again.session_present)
        self.assertTrue(again.quiet())

    def test_payload_of_1_mib(self):
        one = self.client()
        payload = bytes(range(256)) * 4096
        for qos in (0, 1, 2):
            one.subscribe((self.name(f"t{qos}"), qos))
            one.publish(self.name(f"t{qos}"), payload, qos)
            self.assertEqual(one.message().payload, payload)

    def test_take_over_of_a_client_identifier(self):
        first = self.client("same")
        second = self.client("same")
        reason = first.closed_by_broker()
        if self.version == mqtt.MQTTv5:
            # Paho 1.6.1 reads the reason only when properties follow it; the wire tests prove 0x8E.
            self.assertIn(getattr(reason[0], "value", reason[0]), (0x8E, mqtt.MQTT_ERR_CONN_LOST))
        second.subscribe((self.name("t"), 1))
        second.publish(self.name("t"), b"x", 1)
        self.assertEqual(second.message().payload, b"x")

    def test_keep_alive_is_kept_by_pings(self):
        one = self.client("alive", keep_alive=1)
        with self.assertRaises(queue.Empty):
            one.disconnected.get(timeout=3)
        one.subscribe((self.name("t"), 1))

    def test_silence_ends_the_connection(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 1))
        # A client that is never served by its loop after CONNECT sends no PINGREQ.
        one = self.client("silent", keep_alive=1, will=(self.name("will"), "silent", 1, False), manual=True)
        begin = time.monotonic()
        self.assertEqual(watch.message().payload, b"silent")
        self.assertGreater(time.monotonic() - begin, 1.2)
        one.client.socket().close()

    def test_wildcards_do_not_match_dollar_topics(self):
        one = self.client()
        one.subscribe(("#", 0), ("+/+", 0))
        one.publish(self.name("t"), b"x", 1)
        topics = {one.message().topic}
        while not one.quiet():
            pass
        self.assertFalse([topic for topic in topics if topic.startswith("$")])

    def test_subscribe_and_unsubscribe_to_several_filters(self):
        one = self.client()
        self.assertEqual(one.subscribe((self.name("a"), 2), (self.name("b"), 0), (self.name("c/#"), 1)), [2, 0, 1])
        one.unsubscribe(self.name("a"), self.name("c/#"))
        for topic in ("a", "b", "c/d"):
            one.publish(self.name(topic), topic, 1)
        self.assertEqual(one.message().payload, b"b")
        self.assertTrue(one.quiet())

    def test_order_of_many_messages(self):
        sub, pub = self.client(), self.client()
        sub.subscribe((self.name("t"), 2))
        for qos in (0, 1, 2):
            last = None
            for number in range(500):
                last = pub.client.publish(self.name("t"), b"%d" % number, qos)
            last.wait_for_publish(TIMEOUT)
            self.assertEqual([int(payload) for payload in sub.payloads(500)], list(range(500)))

    def test_unicode_topics(self):
        one = self.client()
        topic = self.name("температура/東京/🌡")
        one.subscribe((topic, 1))
        one.publish(topic, "21 °C", 1)
        got = one.message()
        self.assertEqual((got.topic, got.payload.decode()), (topic, "21 °C"))

    def test_every_version_reaches_every_other(self):
        one = self.client()
        one.subscribe((self.name("t"), 1))
        for version in (mqtt.MQTTv31, mqtt.MQTTv311, mqtt.MQTTv5):
            other = self.client(f"o{version}", version=version)
            other.publish(self.name("t"), b"%d" % version, 1)
            self.assertEqual(one.message().payload, b"%d" % version)


class paho_3_1(common_base):
    version = mqtt.MQTTv31
    seconds = 8


class paho_3_1_1(common_base):
    version = mqtt.MQTTv311
    seconds = 8

    def test_empty_client_identifier_without_clean_session_is_refused(self):
        # Paho answers return code 2 by connecting again with an identifier of its own.
        one = mqtt.Client("", clean_session=True, protocol=mqtt.MQTTv311)
        one._clean_session = False
        reports, codes = [], queue.Queue()
        one.on_log = lambda _, __, ___, text: reports.append(text)
        one.on_connect = lambda *arguments: codes.put(arguments[3])
        one.connect("127.0.0.1", self.broker.port)
        one.loop_start()
        self.assertEqual(codes.get(timeout=TIMEOUT), 0)
        one.disconnect()
        one.loop_stop()
        self.assertIn("Received CONNACK (0, 2), attempting to use non-empty CID", reports)

    def test_subscription_to_a_bad_filter_is_refused_alone(self):
        one = self.client()
        codes = queue.Queue()
        one.client._filter_wildcard_len_check = staticmethod(lambda _: mqtt.MQTT_ERR_SUCCESS)
        one.client.on_subscribe = lambda *arguments: codes.put(arguments[3])
        one.client.on_disconnect = lambda *_: codes.put(None)
        one.client.subscribe([(self.name("ok"), 1), (self.name("bad/#/x"), 1)])
        self.assertIn(codes.get(timeout=TIMEOUT), ((1, 0x80), None))


class paho_5(common_base):
    version = mqtt.MQTTv5
    seconds = 12

    def test_retain_handling(self):
        self.client().publish(self.name("t"), b"kept", 1, True)
        for handling, expected in ((0, (True, True)), (1, (True, False)), (2, (False, False))):
            one = self.client()
            for first in expected:
                one.subscribe((self.name("t"), SubscribeOptions(qos=1, retainHandling=handling)))
                self.assertEqual(not one.quiet(), first, handling)

    def test_retain_as_published(self):
        one = self.client()
        one.subscribe((self.name("kept"), SubscribeOptions(qos=1, retainAsPublished=True)),
                      (self.name("plain"), SubscribeOptions(qos=1)))
        for topic, retain in (("kept", True), ("kept", False), ("plain", True)):
            one.publish(self.name(topic), b"x", 1, retain)
            self.assertEqual(one.message().retain, topic == "kept" and retain)

    def test_no_local(self):
        one, other = self.client(), self.client()
        one.subscribe((self.name("t"), SubscribeOptions(qos=1, noLocal=True)))
        one.publish(self.name("t"), b"own", 1)
        other.publish(self.name("t"), b"other", 1)
        self.assertEqual(one.message().payload, b"other")

    def test_will_delay(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 1))
        connect = properties(PacketTypes.CONNECT, SessionExpiryInterval=60)
        will = (self.name("will"), "late", 1, False, properties(PacketTypes.WILLMESSAGE, WillDelayInterval=2))
        self.client("w", clean=False, will=will, connect_properties=connect).abort()
        begin = time.monotonic()
        self.assertEqual(watch.message().payload, b"late")
        self.assertGreater(time.monotonic() - begin, 1)
        self.client("w", clean=False, will=will, connect_properties=connect).abort()
        self.client("w", clean=False, connect_properties=connect)
        self.assertTrue(watch.quiet(3))

    def test_shared_subscription_gives_each_message_to_one_member(self):
        members = [self.client() for _ in range(4)]
        for one in members:
            one.subscribe((f"$share/group/{self.name('t')}", 2))
        pub = self.client()
        for number in range(200):
            pub.publish(self.name("t"), b"%d" % number, number % 3)
        got = []
        for one in members:
            while True:
                try:
                    got.append(int(one.messages.get(timeout=QUIET).payload))
                except queue.Empty:
                    break
        self.assertEqual(sorted(got), list(range(200)))

    def test_topic_alias_of_the_client(self):
        one = self.client()
        one.subscribe((self.name("t"), 1))
        alias = properties(PacketTypes.PUBLISH, TopicAlias=1)
        one.publish(self.name("t"), b"1", 1, properties=alias)
        one.publish("", b"2", 1, properties=alias)
        self.assertEqual([(m.topic, m.payload) for m in (one.message(), one.message())],
                         [(self.name("t"), b"1"), (self.name("t"), b"2")])

    def test_topic_aliases_of_the_broker(self):
        connect = properties(PacketTypes.CONNECT, TopicAliasMaximum=5)
        one = self.client("alias", connect_properties=connect)
        one.subscribe((self.name("#"), 1))
        known = {}
        for number in range(20):
            topic = self.name(f"t{number % 3}")
            one.publish(topic, topic, 1)
            got = one.message()
            alias = getattr(got.properties, "TopicAlias", None)
            name = got.topic or known[alias]
            if alias:
                known[alias] = name
            self.assertEqual((name, got.payload.decode()), (topic, topic))

    def test_subscription_identifiers(self):
        one = self.client()
        one.subscribe((self.name("t"), 1), properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=7))
        one.subscribe((self.name("+"), 2), properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=200000))
        one.publish(self.name("t"), b"x", 2)
        got = one.message()
        self.assertEqual((sorted(got.properties.SubscriptionIdentifier), got.qos), ([7, 200000], 2))
        self.assertTrue(one.quiet())

    def test_properties_and_their_order(self):
        one = self.client()
        one.subscribe((self.name("t"), 2))
        pairs = [("z", "1"), ("a", "2"), ("z", "3"), ("empty", "")]
        said = properties(PacketTypes.PUBLISH, UserProperty=pairs, ContentType="text/plain", ResponseTopic="answer",
                          CorrelationData=b"\0\1", PayloadFormatIndicator=1, MessageExpiryInterval=100)
        one.publish(self.name("t"), b"x", 2, properties=said)
        got = one.message().properties
        self.assertEqual(got.UserProperty, pairs)
        self.assertEqual((got.ContentType, got.ResponseTopic, got.CorrelationData, got.PayloadFormatIndicator),
                         ("text/plain", "answer", b"\0\1", 1))
        self.assertIn(got.MessageExpiryInterval, (99, 100))

    def test_assigned_client_identifier(self):
        names = {self.client().connack[2].AssignedClientIdentifier for _ in range(5)}
        self.assertEqual(len(names), 5)

    def test_session_expiry(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 1))
        connect = properties(PacketTypes.CONNECT, SessionExpiryInterval=1)
        # The end of the session publishes the will before its delay is over.
        delay = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=100)
        self.client("expires", clean=False, connect_properties=connect,
                    will=(self.name("will"), "expired", 1, False, delay)).abort()
        self.assertEqual(watch.message().payload, b"expired")
        self.assertFalse(self.client("expires", clean=False, connect_properties=connect).session_present)

    def test_maximum_packet_size_of_the_client(self):
        connect = properties(PacketTypes.CONNECT, MaximumPacketSize=1000)
        one = self.client("small", connect_properties=connect)
        one.subscribe((self.name("t"), 1))
        other = self.client()
        other.publish(self.name("t"), bytes(2000), 1)
        other.publish(self.name("t"), b"small", 1)
        self.assertEqual(one.message().payload, b"small")

    def test_receive_maximum_of_the_client(self):
        connect = properties(PacketTypes.CONNECT, ReceiveMaximum=3)
        one = self.client("window", connect_properties=connect)
        one.subscribe((self.name("t"), 2))
        pub = self.client()
        for number in range(50):
            pub.publish(self.name("t"), b"%d" % number, 1 + number % 2)
        got = [int(payload) for payload in one.payloads(50)]
        self.assertEqual([n for n in got if n % 2 == 0], list(range(0, 50, 2)))
        self.assertEqual([n for n in got if n % 2 == 1], list(range(1, 50, 2)))

    def test_unsubscribe_codes(self):
        one = self.client()
        one.subscribe((self.name("a"), 1))
        self.assertEqual(one.unsubscribe(self.name("a"), self.name("b")), [0x00, 0x11])

    def test_request_and_response(self):
        requester, responder = self.client(), self.client()
        responder.subscribe((self.name("request"), 1))
        requester.subscribe((self.name("answer"), 1))
        requester.publish(self.name("request"), b"question", 1, properties=properties(
            PacketTypes.PUBLISH, ResponseTopic=self.name("answer"), CorrelationData=b"17"))
        asked = responder.message()
        responder.publish(asked.properties.ResponseTopic, asked.payload[::-1], 1, properties=properties(
            PacketTypes.PUBLISH, CorrelationData=asked.properties.CorrelationData))
        got = requester.message()
        self.assertEqual((got.payload, got.properties.CorrelationData), (b"noitseuq", b"17"))

    def test_disconnect_with_will(self):
        watch = self.client()
        watch.subscribe((self.name("will"), 1))
        one = self.client("w", will=(self.name("will"), "asked for", 1, False))
        one.disconnect(reasoncode=ReasonCodes(PacketTypes.DISCONNECT, identifier=0x04))
        self.assertEqual(watch.message().payload, b"asked for")


class server_keep_alive(paho_base):
    version = mqtt.MQTTv5
    settings = {"maximum_keep_alive": 10}

    def test_server_keep_alive_is_announced(self):
        one = self.client("k", keep_alive=600)
        self.assertEqual(one.connack[2].ServerKeepAlive, 10)
