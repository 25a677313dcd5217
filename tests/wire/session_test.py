"""Sessions and the QoS exchanges: MQTT 5.0 and 3.1.1 sections 4.1, 4.3, 4.4 and 4.6."""

import time

from case import proves, version_311, version_5, wire_test
from wire import ack, publish


class qos_2_base(wire_test):
    @proves("MQTT5-4.3.3-10", "MQTT311-4.3.3-2")
    def test_repeated_publish_before_pubrel_is_answered_and_not_delivered_twice(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        pub = self.client("p")
        pub.send(publish(self.name("t"), b"once", qos=2, id=4, version=self.version)).expect("pubrec", id=4)
        for _ in range(3):
            pub.send(publish(self.name("t"), b"once", qos=2, id=4, dup=True, version=self.version))
            pub.expect("pubrec", id=4)
        pub.send(ack("pubrel", 4)).expect("pubcomp", id=4, code=0)
        sub.message(payload=b"once")
        sub.expect_nothing()

    @proves("MQTT5-4.3.3-10", "MQTT311-4.3.3-2", "MQTT5-4.4.0-1", "MQTT311-4.4.0-1")
    def test_publish_repeated_on_a_resumed_session_is_not_delivered_twice(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        first = self.durable().send(publish(self.name("t"), b"once", qos=2, id=4, version=self.version))
        first.expect("pubrec", id=4).disconnect()
        again = self.resumed().send(publish(self.name("t"), b"once", qos=2, id=4, dup=True, version=self.version))
        again.expect("pubrec", id=4).send(ack("pubrel", 4)).expect("pubcomp", id=4)
        sub.message(payload=b"once")
        sub.expect_nothing()

    @proves("MQTT5-4.3.3-12", "MQTT311-4.3.3-2")
    def test_packet_identifier_is_free_after_pubcomp(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        pub = self.client("p")
        for payload in (b"1", b"2", b"3"):
            pub.send(publish(self.name("t"), payload, qos=2, id=4, version=self.version)).expect("pubrec", id=4)
            pub.send(ack("pubrel", 4)).expect("pubcomp", id=4)
            sub.message(payload=payload)

    @proves("MQTT5-4.3.3-11", "MQTT311-4.3.3-2", "MQTT5-2.2.1-5", "MQTT311-2.3.1-6")
    def test_pubrel_repeated_is_answered_each_time(self):
        pub = self.client("p")
        pub.send(publish(self.name("t"), qos=2, id=4, version=self.version)).expect("pubrec", id=4)
        pub.send(ack("pubrel", 4)).expect("pubcomp", id=4, code=0)
        pub.send(ack("pubrel", 4)).expect("pubcomp", id=4)

    @proves("MQTT5-4.3.3-11", "MQTT311-4.3.3-2")
    def test_pubrel_on_a_resumed_session_completes_and_delivers(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        first = self.durable().send(publish(self.name("t"), b"once", qos=2, id=4, version=self.version))
        first.expect("pubrec", id=4).disconnect()
        self.resumed().send(ack("pubrel", 4)).expect("pubcomp", id=4, code=0)
        sub.message(payload=b"once")
        sub.expect_nothing()

    @proves("MQTT5-4.3.3-1", "MQTT5-4.3.3-2", "MQTT5-4.3.3-4", "MQTT311-4.3.3-1")
    def test_delivery_goes_publish_pubrec_pubrel_pubcomp(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        id = sub.expect("publish", qos=2, dup=False, payload=b"x").last.id
        sub.send(ack("pubrec", id)).expect("pubrel", id=id, code=0)
        sub.send(ack("pubcomp", id)).expect_nothing()

    @proves("MQTT5-4.3.3-3", "MQTT5-4.4.0-1", "MQTT311-4.3.3-1")
    def test_nothing_is_repeated_while_the_connection_lasts(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"1", qos=1).publish(self.name("t"), b"2", qos=2)
        sub.expect("publish", payload=b"1").expect("publish", payload=b"2")
        sub.expect_nothing(1.5)

    def test_qos_2_messages_are_delivered_in_order_of_publish(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        pub = self.client("p")
        for number in range(20):
            pub.publish(self.name("t"), b"%d" % number, qos=2)
        self.assertEqual([int(one.payload) for one in sub.take(20)], list(range(20)))


class resend_base(wire_test):
    @proves("MQTT5-4.4.0-1", "MQTT5-3.3.1-1", "MQTT5-4.3.2-3", "MQTT5-4.3.3-3", "MQTT311-4.4.0-1", "MQTT311-3.3.1-1",
            "MQTT311-2.3.1-4", "MQTT311-4.3.2-1", "MQTT311-4.3.3-1", "MQTT311-4.6.0-1")
    def test_unacknowledged_messages_are_sent_again_in_order_with_dup_and_their_identifiers(self):
        sub = self.durable().subscribe((self.name("t"), 2))
        pub = self.client("p")
        for number in range(6):
            pub.publish(self.name("t"), b"%d" % number, qos=1 + number % 2)
        first = [sub.expect("publish", payload=b"%d" % number, dup=False).last for number in range(6)]
        sub.disconnect()
        again = self.resumed()
        for one in first:
            again.expect("publish", payload=one.payload, qos=one.qos, id=one.id, dup=True)
        for one in first:
            again.acknowledge(one)
        again.expect_nothing()

    @proves("MQTT5-4.4.0-1", "MQTT311-4.4.0-1")
    def test_resend_after_a_broken_connection(self):
        sub = self.durable().subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), b"x", qos=1)
        first = sub.expect("publish", payload=b"x").last
        sub.close()
        self.resumed().message(payload=b"x", id=first.id, dup=True)

    @proves("MQTT5-4.4.0-1", "MQTT311-4.4.0-1", "MQTT5-3.1.4-3")
    def test_resend_after_take_over(self):
        sub = self.durable().subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), b"x", qos=1)
        first = sub.expect("publish", payload=b"x").last
        self.resumed().message(payload=b"x", id=first.id, dup=True)

    @proves("MQTT5-4.3.3-5", "MQTT5-4.3.3-6", "MQTT5-4.4.0-1", "MQTT311-4.3.3-1", "MQTT311-4.4.0-1")
    def test_pubrel_is_sent_again_and_not_the_publish(self):
        sub = self.durable().subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        id = sub.expect("publish", payload=b"x").last.id
        sub.send(ack("pubrec", id)).expect("pubrel", id=id).disconnect()
        again = self.resumed().expect("pubrel", id=id)
        again.send(ack("pubcomp", id)).expect_nothing()

    @proves("MQTT5-4.4.0-1", "MQTT311-4.4.0-1", "MQTT5-4.3.2-3")
    def test_acknowledged_messages_are_not_sent_again(self):
        sub = self.durable().subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"1", qos=1).publish(self.name("t"), b"2", qos=2)
        sub.message(payload=b"1")
        sub.message(payload=b"2")
        sub.expect_nothing().disconnect()
        self.resumed().expect_nothing()

    @proves("MQTT5-4.6.0-5", "MQTT311-4.6.0-6", "MQTT311-4.6.0-1")
    def test_resent_come_before_queued_before_live(self):
        sub = self.durable().subscribe((self.name("t"), 1))
        pub = self.client("p")
        for number in range(3):
            pub.publish(self.name("t"), b"%d" % number, qos=1)
            sub.expect("publish", payload=b"%d" % number)
        sub.disconnect()
        for number in range(3, 30):
            pub.publish(self.name("t"), b"%d" % number, qos=1)
        again = self.resumed()
        pub.publish(self.name("t"), b"30", qos=1)
        self.assertEqual([(int(one.payload), one.dup) for one in again.take(31)], [(n, n < 3) for n in range(31)])

    @proves("MQTT5-2.2.1-4", "MQTT5-4.3.2-1", "MQTT5-4.3.3-1", "MQTT311-2.3.1-4", "MQTT311-4.3.2-1",
            "MQTT311-4.3.3-1")
    def test_identifiers_in_flight_are_distinct_also_after_a_resume(self):
        sub = self.durable().subscribe((self.name("t"), 2))
        pub = self.client("p")
        for number in range(10):
            pub.publish(self.name("t"), b"%d" % number, qos=1 + number % 2)
        open_ids = [sub.expect("publish").last.id for _ in range(10)]
        self.assertEqual(len(set(open_ids)), 10)
        sub.disconnect()
        again = self.resumed()
        for _ in range(10):
            again.expect("publish", dup=True)
        for number in range(10):
            pub.publish(self.name("t"), b"new", qos=1)
        new = [again.expect("publish", payload=b"new").last.id for _ in range(10)]
        self.assertEqual(len(set(new) | set(open_ids)), 20)

    @proves("MQTT5-4.4.0-1", "MQTT311-4.4.0-1")
    def test_resends_survive_several_broken_connections(self):
        self.durable().subscribe((self.name("t"), 2)).disconnect()
        self.client("p").publish(self.name("t"), b"x", qos=2)
        ids = set()
        for _ in range(4):
            one = self.resumed()
            ids.add(one.expect("publish", payload=b"x").last.id)
            one.close()
        self.assertEqual(len(ids), 1)
        self.resumed().message(payload=b"x", dup=True)

    def test_late_puback_after_take_over_counts(self):
        sub = self.durable().subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), b"x", qos=1)
        id = sub.expect("publish").last.id
        sub.disconnect()
        again = self.resumed().expect("publish", id=id, dup=True)
        again.send(ack("puback", id)).expect_nothing().disconnect()
        self.resumed().expect_nothing()


class qos_2_5(version_5, qos_2_base):
    @proves("MQTT5-3.7.2-1", "MQTT5-4.3.3-11")
    def test_pubrel_for_an_unknown_identifier_is_answered_0x92(self):
        self.client().send(ack("pubrel", 77)).expect("pubcomp", id=77, code=0x92)

    @proves("MQTT5-3.6.2-1")
    def test_pubrec_for_an_unknown_identifier_is_answered_0x92(self):
        self.client().send(ack("pubrec", 77)).expect("pubrel", id=77, code=0x92)

    def test_puback_and_pubcomp_for_unknown_identifiers_are_ignored(self):
        self.client().send(ack("puback", 77), ack("pubcomp", 78)).expect_nothing()

    @proves("MQTT5-4.4.0-2", "MQTT5-4.3.3-4")
    def test_refusing_pubrec_ends_the_exchange(self):
        sub = self.durable().subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        id = sub.expect("publish").last.id
        sub.send(ack("pubrec", id, 0x83)).expect_nothing().disconnect()
        self.resumed().expect_nothing()

    @proves("MQTT5-4.4.0-2")
    def test_refusing_puback_ends_the_exchange(self):
        sub = self.durable().subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), b"x", qos=1)
        id = sub.expect("publish").last.id
        sub.send(ack("puback", id, 0x80)).expect_nothing().disconnect()
        self.resumed().expect_nothing()

    @proves("MQTT5-4.3.3-4")
    def test_pubrec_0x10_is_no_refusal(self):
        sub = self.client("s").subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"x", qos=2)
        id = sub.expect("publish").last.id
        sub.send(ack("pubrec", id, 0x10)).expect("pubrel", id=id, code=0)
        sub.send(ack("pubcomp", id)).expect_nothing()

    def test_acknowledgements_may_come_in_any_form_and_order(self):
        sub = self.client("s").subscribe((self.name("t"), 1))
        pub = self.client("p")
        for number in range(4):
            pub.publish(self.name("t"), qos=1)
        ids = [sub.expect("publish").last.id for _ in range(4)]
        sub.send(ack("puback", ids[3]), ack("puback", ids[0], 0), ack("puback", ids[2], 0x10),
                 ack("puback", ids[1], 0, reason_string="fine", user_property=[("a", "b")]))
        sub.expect_nothing()


class qos_2_311(version_311, qos_2_base):
    def test_pubrel_for_an_unknown_identifier_is_answered(self):
        self.client().send(ack("pubrel", 77)).expect("pubcomp", id=77)

    def test_puback_for_an_unknown_identifier_is_ignored(self):
        self.client().send(ack("puback", 77)).expect_nothing()


class resend_5(version_5, resend_base):
    pass


class resend_311(version_311, resend_base):
    pass


class session_expiry(version_5, wire_test):
    seconds = 12

    @proves("MQTT5-3.1.2-23", "MQTT5-4.1.0-2")
    def test_session_is_kept_for_its_interval_and_no_longer(self):
        self.client("a", session_expiry_interval=2).subscribe((self.name("t"), 1)).disconnect()
        begin = time.monotonic()
        self.client("a", clean=False, session_expiry_interval=2, session_present=True).disconnect()
        self.assertLess(time.monotonic() - begin, 2)
        time.sleep(3.2)
        self.client("a", clean=False, session_present=False)

    @proves("MQTT5-4.1.0-1")
    def test_interval_does_not_run_while_connected(self):
        one = self.client("a", session_expiry_interval=1).subscribe((self.name("t"), 1))
        time.sleep(2.1)
        self.client("p").publish(self.name("t"), b"x", qos=1)
        one.message(payload=b"x")
        one.disconnect()
        self.client("a", clean=False, session_expiry_interval=1, session_present=True)

    @proves("MQTT5-4.1.0-2")
    def test_disconnect_can_shorten_the_interval(self):
        self.client("a", session_expiry_interval=300).disconnect(0, session_expiry_interval=0)
        self.client("a", clean=False, session_present=False)

    @proves("MQTT5-4.1.0-2", "MQTT5-3.1.2-23")
    def test_disconnect_can_lengthen_the_interval(self):
        self.client("a", session_expiry_interval=1).disconnect(0, session_expiry_interval=100)
        time.sleep(2.1)
        self.client("a", clean=False, session_present=True)

    @proves("MQTT5-3.1.2-23")
    def test_interval_of_the_last_connect_counts(self):
        self.client("a", session_expiry_interval=300).disconnect()
        self.client("a", clean=False, session_expiry_interval=0, session_present=True).disconnect()
        self.client("a", clean=False, session_present=False)

    @proves("MQTT5-3.1.2-23")
    def test_interval_of_all_ones_never_ends(self):
        self.client("a", session_expiry_interval=0xFFFFFFFF).disconnect()
        time.sleep(1.1)
        self.client("a", clean=False, session_present=True)

    @proves("MQTT5-3.14.2-2")
    def test_disconnect_of_the_broker_has_no_expiry(self):
        one = self.client("a", session_expiry_interval=60)
        self.client("a", session_expiry_interval=60)
        one.expect("disconnect", code=0x8E, session_expiry_interval=None)

    @proves("MQTT5-4.1.0-2", "MQTT5-3.1.2-4")
    def test_expired_session_keeps_no_messages(self):
        self.client("a", session_expiry_interval=1).subscribe((self.name("t"), 1)).disconnect()
        self.client("p").publish(self.name("t"), b"x", qos=1)
        time.sleep(2.2)
        self.client("a", clean=False, session_expiry_interval=1, session_present=False).expect_nothing()
