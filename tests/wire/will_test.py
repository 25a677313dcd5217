"""Wills: MQTT 5.0 and 3.1.1 sections 3.1.2.5, 3.1.3.2 and 3.14.4."""

import socket
import struct
import time

from case import proves, version_311, version_5, wire_test
from wire import PINGREQ, connect, disconnect, will


class will_base(wire_test):
    def watch(self, qos=2, suffix="will"):
        return self.client("watch").subscribe((self.name(suffix), qos))

    @proves("MQTT5-3.1.2-7", "MQTT5-3.1.2-8", "MQTT311-3.1.2-8")
    def test_will_is_published_when_the_connection_breaks(self):
        watch = self.watch()
        for qos in (0, 1, 2):
            self.client("a", will=will(self.name("will"), b"bye%d" % qos, qos=qos)).close()
            watch.message(topic=self.name("will"), payload=b"bye%d" % qos, qos=qos, retain=False, dup=False)

    @proves("MQTT5-3.1.2-8", "MQTT311-3.1.2-8")
    def test_will_is_published_when_the_connection_is_reset(self):
        watch = self.watch()
        one = self.client("a", will=will(self.name("will"), b"bye"))
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
        watch.message(payload=b"bye")

    @proves("MQTT5-3.1.2-8", "MQTT311-3.1.2-8")
    def test_will_is_published_after_a_protocol_error(self):
        watch = self.watch()
        one = self.client("a", will=will(self.name("will"), b"bye"))
        one.send("36 03 00 01 61")
        watch.message(payload=b"bye")

    @proves("MQTT5-3.1.2-8", "MQTT311-3.1.2-8")
    def test_will_is_published_when_the_connection_ends_right_behind_its_last_packet(self):
        watch = self.watch()
        for number in range(50):
            bye = will(self.name("will"), b"%d" % number, qos=1)
            one = self.open().send(connect(self.name("a"), version=self.version, will=bye)).send(PINGREQ)
            one.socket.shutdown(socket.SHUT_WR)
            one.expect("connack", code=0).expect("pingresp").expect_close()
            watch.message(payload=b"%d" % number)

    @proves("MQTT5-3.14.4-3", "MQTT5-3.1.2-10", "MQTT311-3.14.4-3", "MQTT311-3.1.2-10")
    def test_will_is_discarded_by_disconnect(self):
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"bye")).disconnect()
        watch.expect_nothing()

    @proves("MQTT5-3.14.4-3", "MQTT311-3.14.4-3")
    def test_will_is_discarded_also_when_bytes_follow_disconnect(self):
        watch = self.watch()
        one = self.client("a", will=will(self.name("will"), b"bye"))
        one.send(disconnect(version=self.version), b"\xff" * 100)
        one.close()
        watch.expect_nothing()

    @proves("MQTT5-3.1.2-10", "MQTT311-3.1.2-10")
    def test_will_is_published_once(self):
        watch = self.watch()
        self.durable("a", will=will(self.name("will"), b"bye", qos=1)).close()
        watch.message(payload=b"bye")
        self.durable("a").close()
        self.durable("a").disconnect()
        watch.expect_nothing()

    @proves("MQTT5-3.1.2-14", "MQTT311-3.1.2-16")
    def test_will_without_retain_is_not_retained(self):
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"bye", qos=1)).close()
        watch.message(payload=b"bye", retain=False)
        self.client("late").subscribe(self.name("will")).expect_nothing()

    @proves("MQTT5-3.1.2-15", "MQTT311-3.1.2-17")
    def test_will_with_retain_is_retained(self):
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"bye", qos=1, retain=True)).close()
        watch.message(payload=b"bye", retain=False)
        self.client("late").subscribe(self.name("will")).message(payload=b"bye", retain=True)

    @proves("MQTT5-3.1.2-15", "MQTT311-3.1.2-17")
    def test_empty_retained_will_clears_the_topic(self):
        self.client("p").publish(self.name("will"), b"old", qos=1, retain=True)
        watch = self.watch()
        watch.message(payload=b"old", retain=True)
        self.client("a", will=will(self.name("will"), b"", qos=1, retain=True)).close()
        watch.message(payload=b"")
        self.client("late").subscribe(self.name("will")).expect_nothing()

    @proves("MQTT311-3.1.2-12")
    def test_no_will_no_message(self):
        watch = self.client("watch").subscribe((self.name("#"), 2))
        self.client("a").close()
        watch.expect_nothing()

    @proves("MQTT5-3.1.2-8", "MQTT311-3.1.2-8")
    def test_take_over_publishes_the_will_of_the_old_connection(self):
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"old"))
        self.client("a", will=will(self.name("will"), b"new")).expect_nothing()
        watch.message(payload=b"old")
        watch.expect_nothing()

    @proves("MQTT5-3.1.2-8", "MQTT311-3.1.2-8")
    def test_will_binary_payload_of_64_kib_comes_through(self):
        watch = self.watch()
        payload = bytes(range(256)) * 200
        self.client("a", will=will(self.name("will"), payload)).close()
        watch.message(payload=payload)

    @proves("MQTT5-3.1.4-6", "MQTT311-3.1.4-5")
    def test_refused_connect_has_no_will(self):
        watch = self.watch()
        refused = connect("", version=self.version, clean=False, level=9, will=will(self.name("will"), b"bye"))
        one = self.open().send(refused)
        while one.receive("the end of the connection") is not None:
            pass
        watch.expect_nothing()


class will_5(version_5, will_base):
    @proves("MQTT5-3.1.2-8")
    def test_disconnect_0x04_asks_for_the_will(self):
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"bye")).disconnect(0x04)
        watch.message(payload=b"bye")

    @proves("MQTT5-3.1.2-8")
    def test_disconnect_with_an_error_publishes_the_will(self):
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"bye")).disconnect(0x81)
        watch.message(payload=b"bye")

    @proves("MQTT5-3.1.3-10", "MQTT5-3.1.3-1")
    def test_will_properties_are_published_with_it(self):
        said = {"payload_format_indicator": 1, "content_type": "c", "response_topic": "r", "correlation_data": b"d",
                "user_property": [("z", "1"), ("a", "2"), ("z", "0")]}
        watch = self.watch()
        self.client("a", will=will(self.name("will"), b"bye", message_expiry_interval=100, **said)).close()
        got = watch.message(payload=b"bye", **said)
        self.assertIn(got.message_expiry_interval, (99, 100))

    @proves("MQTT5-3.8.3-3")
    def test_will_goes_to_no_local_subscribers_that_are_others(self):
        watch = self.client("watch").subscribe((self.name("will"), 4))
        self.client("a", will=will(self.name("will"), b"bye")).close()
        watch.message(payload=b"bye")


class will_delay(version_5, wire_test):
    seconds = 10

    def watch(self):
        return self.client("watch").subscribe((self.name("will"), 1))

    def delayed(self, seconds, **fields):
        return self.client("a", will=will(self.name("will"), b"bye", will_delay_interval=seconds), **fields)

    @proves("MQTT5-3.1.2-8")
    def test_will_comes_after_its_delay(self):
        watch = self.watch()
        self.delayed(2, session_expiry_interval=60).close()
        begin = time.monotonic()
        watch.message(payload=b"bye")
        self.assertGreater(time.monotonic() - begin, 1.0)
        self.assertLess(time.monotonic() - begin, 4.0)

    @proves("MQTT5-3.1.3-9", "MQTT5-3.1.2-8")
    def test_reconnecting_within_the_delay_cancels_the_will(self):
        watch = self.watch()
        self.delayed(2, session_expiry_interval=60).close()
        self.client("a", clean=False, session_expiry_interval=60, session_present=True)
        watch.expect_nothing(3)

    @proves("MQTT5-3.1.2-8")
    def test_end_of_the_session_ends_the_delay(self):
        watch = self.watch()
        self.delayed(300, session_expiry_interval=1).close()
        begin = time.monotonic()
        watch.message(payload=b"bye")
        self.assertLess(time.monotonic() - begin, 4)

    @proves("MQTT5-3.1.2-8")
    def test_session_that_ends_with_the_connection_publishes_at_once(self):
        watch = self.watch()
        self.delayed(300, session_expiry_interval=0).close()
        watch.message(payload=b"bye")

    @proves("MQTT5-3.1.2-8")
    def test_clean_start_within_the_delay_ends_the_session_and_publishes(self):
        watch = self.watch()
        self.delayed(300, session_expiry_interval=600).close()
        self.client("a", clean=True, session_present=False)
        watch.message(payload=b"bye")

    @proves("MQTT5-3.1.2-8")
    def test_take_over_of_the_session_within_the_delay_cancels_the_will(self):
        watch = self.watch()
        self.delayed(2, session_expiry_interval=60)
        self.client("a", clean=False, session_expiry_interval=60, session_present=True)
        watch.expect_nothing(3)

    @proves("MQTT5-3.14.4-3")
    def test_disconnect_discards_a_delayed_will(self):
        watch = self.watch()
        self.delayed(1, session_expiry_interval=60).disconnect()
        watch.expect_nothing(2)


class will_311(version_311, will_base):
    pass
