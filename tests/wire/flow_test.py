"""Flow control and sizes: MQTT 5.0 sections 3.1.2.11, 3.3.4, 4.9, and the end of connections (3.14, 4.13)."""

from case import brokers, proves, version_5, wire_test
from wire import PINGREQ, ack, disconnect, publish, subscribe, unsubscribe


class receive_maximum_of_the_client(version_5, wire_test):
    @proves("MQTT5-3.3.4-9", "MQTT5-4.9.0-1", "MQTT5-4.9.0-2")
    def test_broker_never_has_more_in_flight_than_the_client_takes(self):
        for maximum in (1, 2, 5):
            topic = self.name(f"t{maximum}")
            sub = self.client(f"s{maximum}", receive_maximum=maximum).subscribe((topic, 2))
            pub = self.client(f"p{maximum}")
            for number in range(12):
                pub.publish(topic, b"%d" % number, qos=1 + number % 2)
            waiting = [sub.expect("publish", payload=b"%d" % number).last for number in range(maximum)]
            sub.expect_nothing()
            for number in range(maximum, 12):
                sub.acknowledge(waiting.pop(0))
                waiting.append(sub.wait_for("publish", payload=b"%d" % number))
                sub.expect_nothing(0.02)

    @proves("MQTT5-4.9.0-2", "MQTT5-3.3.4-9")
    def test_qos_0_is_not_held_back(self):
        sub = self.client("s", receive_maximum=1).subscribe((self.name("t"), 1))
        pub = self.client("p").publish(self.name("t"), b"1", qos=1)
        sub.expect("publish", payload=b"1")
        pub.publish(self.name("t"), b"2", qos=1).publish(self.name("t"), b"0", qos=0)
        sub.expect("publish", payload=b"0", qos=0)
        sub.expect_nothing()

    @proves("MQTT5-3.3.4-10", "MQTT5-4.9.0-3")
    def test_other_packets_are_answered_while_the_quota_is_zero(self):
        sub = self.client("s", receive_maximum=1).subscribe((self.name("t"), 1))
        self.client("p").publish(self.name("t"), b"1", qos=1).publish(self.name("t"), b"2", qos=1)
        first = sub.expect("publish", payload=b"1").last
        sub.send(PINGREQ).expect("pingresp")
        sub.send(subscribe(50, (self.name("u"), 0))).expect("suback", id=50)
        sub.send(publish(self.name("v"), qos=1, id=51)).expect("puback", id=51)
        sub.send(publish(self.name("v"), qos=2, id=52)).expect("pubrec", id=52)
        sub.send(ack("pubrel", 52)).expect("pubcomp", id=52)
        sub.send(unsubscribe(53, self.name("u"))).expect("unsuback", id=53)
        sub.send(ack("puback", first.id))
        sub.message(payload=b"2")

    @proves("MQTT5-4.9.0-2", "MQTT5-3.3.4-9")
    def test_refusing_pubrec_gives_the_quota_back(self):
        sub = self.client("s", receive_maximum=1).subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"1", qos=2).publish(self.name("t"), b"2", qos=2)
        first = sub.expect("publish", payload=b"1").last
        sub.send(ack("pubrec", first.id, 0x80))
        sub.message(payload=b"2")

    @proves("MQTT5-4.9.0-2", "MQTT5-3.3.4-9")
    def test_pubrec_alone_does_not_give_the_quota_back(self):
        sub = self.client("s", receive_maximum=1).subscribe((self.name("t"), 2))
        self.client("p").publish(self.name("t"), b"1", qos=2).publish(self.name("t"), b"2", qos=1)
        first = sub.expect("publish", payload=b"1").last
        sub.send(ack("pubrec", first.id)).expect("pubrel", id=first.id).expect_nothing()
        sub.send(ack("pubcomp", first.id))
        sub.message(payload=b"2")

    @proves("MQTT5-4.9.0-1", "MQTT5-3.3.4-9")
    def test_resends_count_against_the_maximum_of_the_new_connection(self):
        sub = self.durable(receive_maximum=4).subscribe((self.name("t"), 1))
        pub = self.client("p")
        for number in range(6):
            pub.publish(self.name("t"), b"%d" % number, qos=1)
        for number in range(4):
            sub.expect("publish", payload=b"%d" % number)
        sub.disconnect()
        again = self.resumed(receive_maximum=2)
        waiting = [again.expect("publish", payload=b"%d" % number, dup=True).last for number in range(2)]
        again.expect_nothing()
        for number in range(2, 6):
            again.acknowledge(waiting.pop(0))
            waiting.append(again.expect("publish", payload=b"%d" % number, dup=number < 4).last)
            again.expect_nothing(0.05)


class receive_maximum_of_the_broker(version_5, wire_test):
    settings = {"receive_maximum": 5}

    @proves("MQTT5-3.3.4-7")
    def test_more_unfinished_publishes_than_the_broker_takes(self):
        one = self.client()
        maximum = one.connack.receive_maximum
        self.assertEqual(maximum, 5)
        for id in range(1, maximum + 1):
            one.send(publish(self.name("t"), qos=2, id=id)).expect("pubrec", id=id)
        one.send(publish(self.name("t"), qos=2, id=maximum + 1))
        one.expect_close(0x93)

    @proves("MQTT5-4.9.0-1", "MQTT5-3.3.4-7")
    def test_finished_publishes_do_not_count(self):
        one = self.client()
        for _ in range(20):
            one.publish(self.name("t"), qos=2).publish(self.name("t"), qos=1)
        for id in range(1, 6):
            one.send(publish(self.name("t"), qos=2, id=id)).expect("pubrec", id=id)
        one.send(publish(self.name("t")), publish(self.name("t"))).expect_nothing()

    @proves("MQTT5-3.3.4-7")
    def test_maximum_is_announced(self):
        self.assertEqual(self.client().connack.receive_maximum, 5)


class maximum_packet_size_of_the_client(version_5, wire_test):
    @proves("MQTT5-3.1.2-24", "MQTT5-3.1.2-25")
    def test_message_that_is_too_large_is_skipped_and_the_next_one_comes(self):
        for qos in (0, 1, 2):
            topic = self.name(f"t{qos}")
            sub = self.client(f"s{qos}", maximum_packet_size=200).subscribe((topic, qos))
            other = self.client(f"o{qos}").subscribe((topic, qos))
            pub = self.client(f"p{qos}").publish(topic, bytes(300), qos=qos)
            other.message(payload=bytes(300))
            pub.publish(topic, b"small", qos=qos)
            sub.message(payload=b"small")
            other.message(payload=b"small")
            sub.expect_nothing(0.05)

    @proves("MQTT5-3.1.2-24")
    def test_packet_of_exactly_the_maximum_is_sent(self):
        topic = self.name("t")
        sub = self.client("s", maximum_packet_size=120).subscribe((topic, 0))
        pub = self.client("p")
        payload = bytes(120 - len(publish(topic)))
        pub.publish(topic, payload + b"!", qos=1).publish(topic, payload, qos=1)
        sub.message(payload=payload)
        self.assertEqual(sub.last.size, 120)
        sub.expect_nothing()

    @proves("MQTT5-3.1.2-25")
    def test_skipped_messages_do_not_use_up_the_window(self):
        topic = self.name("t")
        sub = self.client("s", maximum_packet_size=200, receive_maximum=2).subscribe((topic, 2))
        pub = self.client("p")
        for number in range(20):
            pub.publish(topic, bytes(300), qos=1 + number % 2)
        pub.publish(topic, b"1", qos=1).publish(topic, b"2", qos=2)
        self.assertEqual([one.payload for one in sub.take(2)], [b"1", b"2"])

    @proves("MQTT5-3.1.2-25")
    def test_skipped_retained_and_queued_messages_are_not_sent_later(self):
        topic = self.name("t")
        self.durable(maximum_packet_size=200).subscribe((topic, 1)).disconnect()
        pub = self.client("p").publish(topic, bytes(300), qos=1, retain=True).publish(topic, b"small", qos=1)
        again = self.resumed(maximum_packet_size=200)
        again.message(payload=b"small")
        again.subscribe((topic, 1)).expect_nothing()
        again.disconnect()
        pub.publish(topic, b"later", qos=1)
        self.resumed().message(payload=b"later")

    @proves("MQTT5-3.4.2-2", "MQTT5-3.4.2-3", "MQTT5-3.5.2-2", "MQTT5-3.5.2-3", "MQTT5-3.6.2-2", "MQTT5-3.6.2-3",
            "MQTT5-3.7.2-2", "MQTT5-3.7.2-3", "MQTT5-3.9.2-1", "MQTT5-3.9.2-2", "MQTT5-3.11.2-1", "MQTT5-3.11.2-2",
            "MQTT5-3.14.2-3", "MQTT5-3.14.2-4")
    def test_reasons_are_left_out_where_they_do_not_fit(self):
        # CONNACK needs more than the other answers do, so the limit is just what CONNACK takes.
        size = self.client("probe").connack.size
        one = self.client("s", maximum_packet_size=size)
        self.assertLessEqual(size, 80)
        one.send(ack("pubrel", 9)).expect("pubcomp", id=9, code=0x92)
        one.send(ack("pubrec", 9)).expect("pubrel", id=9, code=0x92)
        one.send(publish("nobody/listens", qos=1, id=9)).expect("puback", id=9)
        one.send(publish("nobody/listens", qos=2, id=9)).expect("pubrec", id=9)
        one.send(unsubscribe(3, "nothing")).expect("unsuback", id=3)
        one.send(subscribe(4, (self.name("t"), 0))).expect("suback", id=4)
        one.send(publish("", topic_alias=0)).expect_close(0x94, 0x82)


class maximum_packet_size_of_the_broker(version_5, wire_test):
    settings = {"maximum_packet_size": 2000}

    @proves("MQTT5-3.2.2-15")
    def test_packet_above_the_brokers_maximum(self):
        one = self.client()
        self.assertEqual(one.connack.maximum_packet_size, 2000)
        one.send(publish(self.name("t"), bytes(2000))).expect_close(0x95)

    @proves("MQTT5-3.2.2-15")
    def test_packet_of_exactly_the_maximum_is_taken(self):
        sub = self.client("s").subscribe(self.name("t"))
        payload = bytes(2000 - len(publish(self.name("t"))) - 1)  # the remaining length takes two bytes then
        self.client("p").send(publish(self.name("t"), payload))
        sub.message(payload=payload)

    @proves("MQTT5-3.2.2-15")
    def test_announced_length_is_enough_to_refuse(self):
        self.client().send("30 80 80 80 01").expect_close(0x95)

    def test_too_large_connect_is_refused(self):
        one = self.open().send("10 80 80 80 01 00 04 4D 51 54 54 05")
        got = one.receive("CONNACK or the end of the connection")
        if got is not None:
            self.assertEqual((got.kind, got.code), ("connack", 0x95))
            one.expect_close()

    def test_3_1_1_client_is_just_closed(self):
        self.client("a", version=4).send(publish(self.name("t"), bytes(3000), version=4)).expect_close()


class ends_of_connections(version_5, wire_test):
    @proves("MQTT5-3.14.2-1", "MQTT5-3.14.4-1", "MQTT5-3.14.4-2", "MQTT5-4.13.2-1")
    def test_disconnect_of_the_broker_is_the_last_packet(self):
        one = self.client().subscribe((self.name("t"), 0))
        one.send(subscribe(1, (self.name("a"), 0x40)), publish(self.name("t"), b"x"), PINGREQ, PINGREQ)
        one.expect_close(0x81)

    @proves("MQTT5-4.13.1-1", "MQTT5-4.13.2-1")
    def test_what_follows_a_malformed_packet_is_not_processed(self):
        watch = self.client("w").subscribe((self.name("t"), 0))
        self.client("a").send("36 03 00 01 61", publish(self.name("t"), b"x")).expect_close(0x81)
        watch.expect_nothing()

    def test_what_precedes_a_malformed_packet_is_processed(self):
        watch = self.client("w").subscribe((self.name("t"), 0))
        self.client("a").send(publish(self.name("t"), b"x"), "36 03 00 01 61").expect_close(0x81)
        watch.message(payload=b"x")

    @proves("MQTT5-3.14.4-2")
    def test_disconnect_codes_of_a_client_are_taken(self):
        for code in (None, 0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99):
            self.client(f"c{code}").send(disconnect(code)).expect_close()
        self.client("text").send(disconnect(0x80, reason_string="why", user_property=[("a", "b")])).expect_close()


class shutdown(version_5, wire_test):
    """The broker's own end: DISCONNECT 0x8B to MQTT 5.0 clients, exit code 0."""

    def test_clients_are_told_and_the_broker_ends_with_0(self):
        five = self.client("five")
        three = self.client("three", version=4)
        code, seconds = self.broker.terminate()
        self.assertEqual(code, 0, self.broker.log())
        self.assertLess(seconds, 5)
        three.expect_close()
        if brokers.IS_MOSQUITTO:
            five.receive()
        else:
            five.expect_close(0x8B)
        self.broker.start()
