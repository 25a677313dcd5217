"""What is published at one node comes to subscribers of each other, as if it were one broker."""

import itertools
import time

import wire
from clients import V5, V311, VERSION_NAMES, VERSIONS
from cluster_case import cluster_test, until


class every_pair(cluster_test):
    """One test per QoS and versions, for all nine pairs of nodes; subscribers of each QoS stand side by side."""

    shared = True

    def check(self, qos, publisher_version, subscriber_version):
        publishers = {node: self.client(node, version=publisher_version) for node in "abc"}
        subscribers = {(node, granted): self.client(node, version=subscriber_version)
                       for node in "abc" for granted in (0, 1, 2)}
        for (_, granted), one in subscribers.items():
            one.subscribe((self.name("#"), granted))
        for node, one in publishers.items():
            one.publish(self.name(node), node, qos)
        for (node, granted), one in subscribers.items():
            got = one.wait_for(3)
            self.assertEqual(sorted((each.topic, each.payload.decode(), each.qos, each.retain, each.dup)
                                    for each in got),
                             [(self.name(source), source, min(qos, granted), False, False) for source in "abc"],
                             f"at {node}, granted QoS {granted}")
        self.quiet(*subscribers.values())


for level, first, second in itertools.product((0, 1, 2), VERSIONS, VERSIONS):
    def each_gets_one(self, level=level, first=first, second=second):
        self.check(level, first, second)
    setattr(every_pair, f"test_qos{level}_from_{VERSION_NAMES[first]}_to_{VERSION_NAMES[second]}_comes_once_to_each",
            each_gets_one)


class filters(cluster_test):
    shared = True

    MATCHES = {
        "sport/+/player": ({"sport/tennis/player", "sport//player"}, {"sport/player", "sport/a/b/player"}),
        "sport/#": ({"sport", "sport/", "sport/a/b"}, {"sports", "a/sport"}),
        "+": ({"sport"}, {"/sport", "sport/"}),
        "/+": ({"/sport", "/"}, {"sport"}),
        "+/+/#": ({"a/b", "a/b/c", "/"}, {"a"}),
        "über/+/日本": ({"über/x/日本"}, {"uber/x/日本"}),
        "exact/topic": ({"exact/topic"}, {"exact/topic/", "exact", "Exact/topic"}),
    }

    def test_wildcards_match_at_the_other_node(self):
        publisher = self.client("b")
        for number, (text, (matching, others)) in enumerate(self.MATCHES.items()):
            subscriber = self.client("a").subscribe(text)
            for topic in sorted(others) + sorted(matching):
                publisher.publish(topic, b"%d" % number, 1)
            subscriber.wait_for(len(matching))
            self.quiet(subscriber, seconds=0.1)
            self.assertEqual({each.topic for each in subscriber.messages}, matching, text)
            subscriber.unsubscribe(text)

    def test_overlapping_filters_of_one_client_bring_as_many_copies_as_at_one_node(self):
        subscriber = self.client("a").subscribe(self.name("#"), self.name("+"), (self.name("t"), 1))
        self.client("a").publish(self.name("t"), b"local", 2)
        subscriber.wait_for(1)
        self.quiet(subscriber)
        local = len(subscriber.messages)
        self.client("c").publish(self.name("t"), b"remote", 2)
        subscriber.wait_for(2 * local)
        self.quiet(subscriber)
        self.assertEqual(subscriber.payloads().count(b"remote"), local)

    def test_dollar_topics_do_not_match_wildcards_of_another_node(self):
        subscriber = self.client("a").subscribe("#", "+/x")
        exact = self.client("a").subscribe("$own/x")
        self.client("b").publish("$own/x", b"1", 1)
        exact.wait_for(1)
        self.quiet(subscriber)

    def test_subscription_identifiers_are_those_of_the_receiving_node(self):
        subscriber = wire.client(0, wire.V5, self.cluster["a"].connect()).connect("identified")
        subscriber.subscribe((self.name("t"), 1), subscription_identifier=7)
        self.client("b").publish(self.name("t"), b"x", 1)
        subscriber.message(topic=self.name("t"), subscription_identifier=[7])
        subscriber.close()

    def test_topic_alias_of_a_publisher_stays_at_its_node(self):
        subscriber = self.client("a").subscribe(self.name("#"))
        publisher = wire.client(0, wire.V5, self.cluster["b"].connect()).connect("aliasing")
        publisher.publish(self.name("t"), b"1", 1, topic_alias=1)
        publisher.publish("", b"2", 1, topic_alias=1)
        publisher.close()
        got = subscriber.wait_for(2)
        self.assertEqual([(each.topic, each.payload) for each in got], [(self.name("t"), b"1"), (self.name("t"), b"2")])
        self.assertFalse(hasattr(got[1].properties, "TopicAlias"))


class content(cluster_test):
    shared = True

    EVERYTHING = dict(UserProperty=[("a", "1"), ("b", ""), ("a", "2"), ("ü", "日本")], ContentType="text/plain",
                      CorrelationData=bytes(range(256)), ResponseTopic="answers/here", PayloadFormatIndicator=1,
                      MessageExpiryInterval=1000)

    def test_properties_arrive_as_they_were(self):
        subscriber = self.client("c").subscribe(self.name("#"))
        for qos in (0, 1, 2):
            self.client("a").publish(self.name(f"{qos}"), "text ü", qos, **self.EVERYTHING)
        for message in subscriber.wait_for(3):
            got = message.properties
            for name, value in self.EVERYTHING.items():
                if name != "MessageExpiryInterval":
                    self.assertEqual(getattr(got, name), value, name)
            self.assertIn(got.MessageExpiryInterval, range(990, 1001))

    def test_properties_are_left_out_for_a_311_subscriber(self):
        subscriber = self.client("c", version=V311).subscribe(self.name("t"))
        self.client("a").publish(self.name("t"), "text", 1, **self.EVERYTHING)
        self.assertEqual(subscriber.wait_for(1)[0].payload, b"text")

    def test_message_of_a_311_publisher_has_no_properties(self):
        subscriber = self.client("c").subscribe(self.name("t"))
        self.client("a", version=V311).publish(self.name("t"), "text", 1)
        self.assertTrue(subscriber.wait_for(1)[0].properties.isEmpty())

    def test_expiry_is_counted_down_while_a_session_at_another_node_is_away(self):
        self.client("b", "absent", session_expiry=300).subscribe(self.name("#")).disconnect()
        publisher = self.client("a")
        publisher.publish(self.name("long"), b"x", 1, MessageExpiryInterval=100)
        publisher.publish(self.name("short"), b"x", 1, MessageExpiryInterval=1)
        publisher.publish(self.name("never"), b"x", 1)
        time.sleep(2.1)  # time has to go by
        back = self.client("b", "absent", clean=False, session_expiry=300)
        back.wait_for_topic(self.name("never"))
        self.assertEqual([each.topic for each in back.messages], [self.name("long"), self.name("never")])
        self.assertIn(back.messages[0].properties.MessageExpiryInterval, range(90, 99))

    def test_payloads_of_all_sizes_arrive_whole(self):
        subscriber = self.client("c").subscribe(self.name("#"))
        publisher = self.client("a", window=20)
        sizes = (0, 1, 127, 128, 16383, 16384, 65535, 65536, 1 << 20, (4 << 20) + 1)
        count = 0
        for qos in (0, 1, 2):
            for size in sizes:
                publisher.publish(self.name(f"{qos}"), bytes([size % 251]) * size, qos)
                count += 1
                if qos == 0:
                    subscriber.wait_for(count)  # many at once may be dropped, by limits.output-buffer
        got = subscriber.wait_for(count, 60)
        for qos in (0, 1, 2):
            self.assertEqual([len(one.payload) for one in got if one.topic == self.name(f"{qos}")], list(sizes))
        self.assertTrue(all(set(one.payload) <= {len(one.payload) % 251} for one in got))

    def test_message_of_the_largest_size_passes_and_others_after_it(self):
        subscriber = self.client("c").subscribe(self.name("t"))
        publisher = self.client("a")
        for _ in range(2):
            publisher.publish(self.name("t"), bytes((16 << 20) - 1000), 1)
        publisher.publish(self.name("t"), b"after", 1)
        self.assertEqual([len(one.payload) for one in subscriber.wait_for(3, 60)], [(16 << 20) - 1000] * 2 + [5])

    def test_session_that_is_away_gets_later_what_was_published_at_another_node(self):
        for version in VERSIONS:
            name = VERSION_NAMES[version]
            settings = dict(version=version, clean=False, session_expiry=300 if version == V5 else None)
            first = self.client("b", f"away-{name}", **settings)
            first.subscribe((self.name(name), 1))
            first.disconnect()
            publisher = self.client("a")
            publisher.finish(publisher.publish_numbers(self.name(name), range(200), 1))
            self.check_numbers(self.client("b", f"away-{name}", **settings), self.name(name), 200)

    def test_will_comes_to_other_nodes(self):
        subscriber = self.client("c").subscribe(self.name("t"))
        dying = wire.client(0, wire.V5, self.cluster["a"].connect())
        dying.connect("dying", will=wire.will(self.name("t"), b"gone", qos=1)).close()
        self.assertEqual(subscriber.wait_for(1)[0].payload, b"gone")


class flags(cluster_test):
    shared = True

    def test_retain_is_cleared_for_an_existing_subscription(self):
        subscribers = [self.client(node, version=version).subscribe(self.name("t"))
                       for node in "abc" for version in VERSIONS]
        self.client("a").publish(self.name("t"), b"x", 1, True)
        for one in subscribers:
            self.assertEqual([(each.payload, each.retain) for each in one.wait_for(1)], [(b"x", False)], one.node.name)
        self.quiet(*subscribers)

    def test_retain_is_kept_for_a_subscription_that_wants_it_as_published(self):
        subscribers = [self.client(node).subscribe(self.name("#"), retainAsPublished=True) for node in "abc"]
        publisher = self.client("a")
        publisher.publish(self.name("with"), b"x", 1, True).publish(self.name("without"), b"x", 1)
        for one in subscribers:
            self.assertEqual({each.topic: each.retain for each in one.wait_for(2)},
                             {self.name("with"): True, self.name("without"): False}, one.node.name)

    def late_subscriber(self, node, topic, version=V5):
        """What a new subscription brings at once."""
        one = self.client(node, version=version).subscribe(topic, topic + "/end")
        self.client(node).publish(topic + "/end", b"end")
        one.wait_for_topic(topic + "/end")
        return [(each.payload, each.retain, each.qos) for each in one.messages if each.topic == topic]

    def test_retained_message_is_at_every_node_and_goes_from_every_node(self):
        topic = self.name("t")
        for source, text in (("a", b"first"), ("b", b"second"), ("c", b"third")):
            self.client(source, version=V311).publish(topic, text, 1, True)
            for node in "abc":
                until(lambda: self.late_subscriber(node, topic) == [(text, True, 1)], 10,
                      f"{text} of {source} is retained at {node}")
        self.client("b").publish(topic, b"", 1, True)
        for node in "abc":
            until(lambda: self.late_subscriber(node, topic) == [], 10, f"{topic} is cleared at {node}")

    def test_retained_message_of_qos0_is_at_every_node(self):
        self.client("a").publish(self.name("t"), b"x", 0, True)
        for node in "abc":
            until(lambda: self.late_subscriber(node, self.name("t")) == [(b"x", True, 0)], 10, f"it is at {node}")

    def test_expiry_of_a_retained_message_is_counted_down_at_every_node(self):
        self.client("a").publish(self.name("t"), b"x", 1, True, MessageExpiryInterval=100)
        self.client("a").publish(self.name("short"), b"x", 1, True, MessageExpiryInterval=1)
        time.sleep(2.1)  # time has to go by
        for node in "abc":
            got = self.client(node).subscribe(self.name("#")).wait_for(1)
            self.assertEqual([each.topic for each in got], [self.name("t")], node)
            self.assertIn(got[0].properties.MessageExpiryInterval, range(90, 99), node)

    def test_retained_messages_of_one_topic_end_alike_at_every_node_when_published_one_after_another(self):
        publisher = self.client("a")
        for number in range(300):
            publisher.paho.publish(self.name("t"), b"%d" % number, 1, True)
        publisher.publish(self.name("t"), b"last", 1, True)
        for node in "abc":
            until(lambda: self.late_subscriber(node, self.name("t")) == [(b"last", True, 1)], 10, f"at {node}")

    def test_subscription_meanwhile_misses_no_retained_update(self):
        """Subscribers come at c while a retained topic changes at a: each sees the numbers go up to the last."""
        publisher, last = self.client("a"), 400
        topic = self.name("t")
        publisher.publish(topic, b"0", 1, True)
        subscribers = []
        for number in range(1, last + 1):
            publisher.publish(topic, b"%d" % number, 1, True)
            if number % 40 == 0:
                subscribers.append(self.client("c").subscribe(topic, retainAsPublished=True))
        for one in subscribers:
            until(lambda: last in one.numbers(topic), 10, lambda: f"{last} at c, {one.numbers(topic)[-3:]} came")
            got = one.numbers(topic)
            self.assertEqual(sorted(set(range(got[0], last + 1)) - set(got)), [], "gaps")
            self.assertEqual(got, sorted(got))

    def test_no_local_holds_back_only_what_the_client_itself_published(self):
        one = self.client("a").subscribe(self.name("t"), noLocal=True)
        other = self.client("b").subscribe(self.name("t"), noLocal=True)
        one.publish(self.name("t"), b"of a", 1)
        other.publish(self.name("t"), b"of b", 1)
        self.assertEqual([each.payload for each in one.wait_for(1)], [b"of b"])
        self.assertEqual([each.payload for each in other.wait_for(1)], [b"of a"])
        self.quiet(one, other)


class sys_topics(cluster_test):
    def test_each_node_says_them_only_to_its_own_clients(self):
        self.make("ab", start=False)
        self.cluster["a"].options.append("sys.interval=1s")
        self.cluster["b"].options.append("sys.interval=0s")
        self.cluster.start()
        at_a, at_b = (self.client(node).subscribe("$SYS/#") for node in "ab")
        at_a.wait_for_topic("$SYS/broker/uptime")
        at_a.forget()
        at_a.wait_for_topic("$SYS/broker/uptime")
        self.assertEqual(at_b.messages, [])
