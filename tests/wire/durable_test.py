"""What outlives the process: a data directory, kill -9 and a restart."""

import os
import socket
import subprocess
import time
import unittest

from case import brokers
from process_test import process_base
from wire import PINGREQ, V5, V311, ack, options, publish, will


class durable_base(process_base):
    def start(self, **settings):
        return super().start(data_dir="data", **settings)

    def crash(self, broker):
        """kill -9, and up again."""
        broker.kill()
        return broker.start()

    def lose(self, one):
        """Ends a connection without DISCONNECT, and waits until the broker has noticed."""
        one.socket.shutdown(socket.SHUT_WR)
        one.expect_close()

    def settle(self, broker):
        """Waits until all that the broker has to write is on the disk: it writes in order."""
        self.client(broker, "settler").publish("settled", b"", qos=1, retain=True).disconnect()

    def retained(self, broker, count, version=V5):
        """The retained messages that a new subscriber to all of them is sent: topic to packet."""
        wanted = options(0, retain_as_published=True) if version == V5 else 0  # some may be published only now
        one = self.client(broker, "reader", version=version).subscribe(("#", wanted))
        found = {packet.topic: packet for packet in one.take(count)}
        one.expect_nothing().close()
        self.assertTrue(all(packet.retain for packet in found.values()))
        return found

    def payloads(self, broker, count):
        return {topic: packet.payload for topic, packet in self.retained(broker, count).items()}


class retained_messages(durable_base):
    def test_what_was_acknowledged_survives_a_crash(self):
        broker = self.start()
        one = self.client(broker, "publisher")
        for number in range(50):
            one.publish(f"t/{number}", b"%d" % number, qos=1 + number % 2, retain=True)
        broker = self.crash(broker)
        self.assertEqual(self.payloads(broker, 50), {f"t/{number}": b"%d" % number for number in range(50)})

    def test_the_last_one_of_a_topic_counts_and_an_empty_one_clears(self):
        broker = self.start()
        one = self.client(broker, "publisher")
        for topic in ("replaced", "cleared"):
            one.publish(topic, b"1", qos=1, retain=True)
        broker = self.crash(broker)
        one = self.client(broker, "publisher")
        one.publish("replaced", b"2", qos=1, retain=True).publish("cleared", b"", qos=1, retain=True)
        broker = self.crash(broker)
        self.assertEqual(self.payloads(broker, 1), {"replaced": b"2"})

    def test_qos_0_is_written_by_an_orderly_end(self):
        broker = self.start()
        one = self.client(broker, "publisher")
        for number in range(100):
            one.send(publish(f"t/{number}", b"x", retain=True))
        one.send(PINGREQ).wait_for("pingresp")
        code, _ = broker.terminate()
        self.assertEqual(code, 0)
        self.assertEqual(len(self.retained(broker.start(), 100)), 100)

    def test_properties_survive_and_expiry_goes_on(self):
        broker = self.start()
        one = self.client(broker, "publisher")
        one.publish("stays", b"x", qos=1, retain=True, content_type="text/plain", message_expiry_interval=100,
                    user_property=[("a", "1"), ("a", "2")])
        one.publish("goes", b"x", qos=1, retain=True, message_expiry_interval=1)
        broker.kill()
        time.sleep(1.2)
        found = self.retained(broker.start(), 1)["stays"].properties
        self.assertEqual(found["content_type"], "text/plain")
        self.assertEqual(found["user_property"], [("a", "1"), ("a", "2")])
        self.assertIn(found["message_expiry_interval"], (98, 99))

    def test_large_ones_and_both_versions(self):
        broker = self.start()
        self.client(broker, "publisher").publish("large", bytes(1 << 20), qos=1, retain=True)
        self.client(broker, "old", version=V311).publish("old", b"x", qos=2, retain=True)
        self.crash(broker)
        for version in (V311, V5):
            found = self.retained(broker, 2, version)
            self.assertEqual(found["large"].payload, bytes(1 << 20))
            self.assertEqual(found["old"].payload, b"x")


class sessions(durable_base):
    def lasting(self, broker, client_id="lasting", version=V5, **fields):
        if version == V5:
            fields.setdefault("session_expiry_interval", 100)
        return self.client(broker, client_id, version=version, clean=False, **fields)

    def test_subscriptions_survive_a_crash(self):
        broker = self.start()
        for version in (V5, V311):
            self.lasting(broker, f"v{version}", version, session_present=False).subscribe(("a/+", 1), ("gone", 0))
        self.lasting(broker, "v5", session_present=True).unsubscribe("gone")
        broker = self.crash(broker)
        new = self.lasting(broker, "v5", session_present=True)
        old = self.lasting(broker, "v4", V311, session_present=True)
        self.client(broker, "publisher").publish("gone", b"0").publish("a/b", b"1", qos=1)
        new.message(topic="a/b", payload=b"1", qos=1)
        new.expect_nothing()
        self.assertEqual({one.topic for one in old.take(2)}, {"gone", "a/b"})

    def test_subscription_identifiers_and_options_survive_a_crash(self):
        broker = self.start()
        self.lasting(broker).subscribe(("a", options(1, no_local=True, retain_as_published=True)),
                                       subscription_identifier=1234)
        broker = self.crash(broker)
        one = self.lasting(broker, session_present=True)
        one.publish("a", b"own", qos=1)
        self.client(broker, "publisher").publish("a", b"1", qos=1, retain=True)
        got = one.message(topic="a", payload=b"1", retain=True)
        self.assertEqual(got.properties["subscription_identifier"], [1234])

    def test_qos_2_is_exactly_once_across_a_crash(self):
        broker = self.start()
        one = self.lasting(broker)
        one.send(publish("t", b"1", qos=2, id=7)).expect("pubrec", id=7)
        one.send(publish("t", b"2", qos=2, id=8)).expect("pubrec", id=8)
        one.send(ack("pubrel", 8)).expect("pubcomp", id=8)
        broker = self.crash(broker)
        reader = self.client(broker, "reader").subscribe(("t", 2))
        one = self.lasting(broker, session_present=True)
        one.send(publish("t", b"1", qos=2, id=7, dup=True)).expect("pubrec", id=7)
        reader.expect_nothing()
        one.send(ack("pubrel", 7)).expect("pubcomp", id=7, code=0)
        one.send(ack("pubrel", 8)).expect("pubcomp", id=8, code=0x92)

    def test_will_of_a_client_that_was_connected_is_published_after_a_crash(self):
        broker = self.start()
        for client_id, fields in (("lasting", {"session_expiry_interval": 100}), ("passing", {})):
            self.client(broker, client_id, will=will(f"will/{client_id}", b"gone", qos=1, retain=True,
                                                     content_type="text/plain"), **fields)
        leaving = self.client(broker, "leaving", will=will("will/leaving", b"not gone", retain=True))
        leaving.disconnect()
        self.settle(broker)
        broker = self.crash(broker)
        found = self.retained(broker, 2)
        self.assertEqual(set(found), {"will/lasting", "will/passing"})
        self.assertEqual(found["will/lasting"].properties["content_type"], "text/plain")
        self.lasting(broker, "lasting", session_present=True)
        self.lasting(broker, "passing", session_present=False)

    def test_will_delay_goes_on_while_the_broker_is_down(self):
        broker = self.start()
        for client_id, delay in (("soon", 1), ("late", 30)):
            one = self.lasting(broker, client_id,
                               will=will(f"will/{client_id}", b"x", retain=True, will_delay_interval=delay))
            self.lose(one)
        self.settle(broker)
        broker.kill()
        time.sleep(1)
        self.assertEqual(list(self.retained(broker.start(), 1)), ["will/soon"])

    def test_session_expires_while_the_broker_is_down(self):
        broker = self.start()
        for client_id, expiry in (("soon", 1), ("late", 30)):
            self.lose(self.lasting(broker, client_id, session_expiry_interval=expiry))
        self.settle(broker)
        broker.kill()
        time.sleep(1)
        broker.start()
        self.lasting(broker, "soon", session_present=False)
        self.lasting(broker, "late", session_present=True)

    def test_sessions_that_ended_do_not_come_back(self):
        broker = self.start()
        self.lasting(broker, "cleaned").subscribe(("t", 1)).disconnect()
        self.client(broker, "cleaned", clean=True, session_expiry_interval=100, session_present=False)
        self.lasting(broker, "shortened").subscribe(("t", 1)).disconnect(0, session_expiry_interval=0)
        self.client(broker, "passing").subscribe(("t", 1))
        self.settle(broker)
        broker = self.crash(broker)
        one = self.lasting(broker, "cleaned", session_present=True)
        self.lasting(broker, "shortened", session_present=False)
        self.lasting(broker, "passing", session_present=False)
        self.client(broker, "publisher").publish("t", b"x", qos=1)
        one.expect_nothing()

    def test_orderly_end_keeps_sessions_and_publishes_wills(self):
        broker = self.start()
        self.lasting(broker, will=will("will", b"x", retain=True)).subscribe(("t", 1))
        code, _ = broker.terminate()
        self.assertEqual(code, 0)
        broker.start()
        self.assertEqual(list(self.retained(broker, 1)), ["will"])
        self.lasting(broker, session_present=True)


class data_directory(durable_base):
    def test_it_belongs_to_one_process(self):
        broker = self.start()
        second = subprocess.run([broker._command()[0], "--listen", "tcp://127.0.0.1:0", "--data-dir", "data"],
                                cwd=broker.directory, capture_output=True, text=True, timeout=10)
        self.assertNotEqual(second.returncode, 0)
        self.assertEqual(len(second.stderr.splitlines()), 1, second.stderr)
        self.assertIn("another process uses the data directory data", second.stderr)

    def test_one_that_cannot_be_made_is_a_clear_error(self):
        broker = self.start()
        with open(os.path.join(broker.directory, "file"), "w") as file:
            file.write("x")
        second = subprocess.run([broker._command()[0], "--listen", "tcp://127.0.0.1:0", "--data-dir", "file/data"],
                                cwd=broker.directory, capture_output=True, text=True, timeout=10)
        self.assertNotEqual(second.returncode, 0)
        self.assertEqual(len(second.stderr.splitlines()), 1, second.stderr)

    def test_damage_does_not_keep_the_broker_from_starting(self):
        broker = self.start()
        self.client(broker, "publisher").publish("t", b"x", qos=1, retain=True)
        broker.kill()
        store = os.path.join(broker.directory, "data", "store")
        os.remove(os.path.join(store, "CURRENT"))
        broker.start()
        self.assertEqual(list(self.retained(broker, 1)), ["t"])
        self.assertIn("event=store_damaged", broker.log())


if __name__ == "__main__":
    unittest.main()
